"""llama.cpp's logits of a GGUF file through the C library inside the PyPI package xllamacpp."""

import ctypes

from tokenizer_llama_cpp import LlamaCpp as Library


class _ContextParams(ctypes.Structure):
    # llama_context_params by value, as of the version that requirements.txt pins: 32-bit numbers, of which the ones at
    # the places below are set. The declared size is more than the real one.
    _fields_ = [("words", ctypes.c_int32 * 80)]
    CONTEXT, BATCH, MICRO_BATCH, THREADS, THREADS_BATCH, FLASH, KEY_TYPE, VALUE_TYPE = 0, 1, 2, 7, 8, 13, 26, 27
    EXPECTED_DEFAULTS = {0: 512, 1: 2048, 2: 512, 3: 1, 13: -1, 26: 1, 27: 1}


class _Batch(ctypes.Structure):
    _fields_ = [
        ("n_tokens", ctypes.c_int32), ("token", ctypes.POINTER(ctypes.c_int32)), ("embd", ctypes.c_void_p),
        ("pos", ctypes.POINTER(ctypes.c_int32)), ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))), ("logits", ctypes.POINTER(ctypes.c_int8)),
    ]  # fmt: skip


class LlamaCpp(Library):
    def __init__(self):
        super().__init__()
        lib = self.lib
        lib.llama_context_default_params.restype = _ContextParams
        lib.llama_init_from_model.argtypes = [ctypes.c_void_p, _ContextParams]
        lib.llama_init_from_model.restype = ctypes.c_void_p
        lib.llama_batch_init.argtypes = [ctypes.c_int32, ctypes.c_int32, ctypes.c_int32]
        lib.llama_batch_init.restype = _Batch
        lib.llama_batch_free.argtypes = [_Batch]
        lib.llama_decode.argtypes = [ctypes.c_void_p, _Batch]
        lib.llama_get_logits_ith.argtypes = [ctypes.c_void_p, ctypes.c_int32]
        lib.llama_get_logits_ith.restype = ctypes.POINTER(ctypes.c_float)
        lib.llama_free.argtypes = [ctypes.c_void_p]
        lib.llama_model_free.argtypes = [ctypes.c_void_p]

    def logits(self, path, tokens, vocab):
        """float32 [tokens][vocab], keys and values in F32."""
        import numpy as np

        lib = self.lib
        model = lib.llama_model_load_from_file(str(path).encode(), lib.llama_model_default_params())
        if not model:
            raise RuntimeError(f"llama.cpp cannot load {path}")
        params = lib.llama_context_default_params()
        for place, value in _ContextParams.EXPECTED_DEFAULTS.items():
            if params.words[place] != value:
                raise RuntimeError("llama_context_params has another layout")
        n = len(tokens)
        for place in (params.CONTEXT, params.BATCH, params.MICRO_BATCH):
            params.words[place] = n
        for place in (params.THREADS, params.THREADS_BATCH):
            params.words[place] = 1
        for place in (params.FLASH, params.KEY_TYPE, params.VALUE_TYPE):
            params.words[place] = 0
        context = lib.llama_init_from_model(model, params)
        batch = lib.llama_batch_init(n, 0, 1)
        batch.n_tokens = n
        for i, token in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = int(token), i, 1
            batch.seq_id[i][0], batch.logits[i] = 0, 1
        if lib.llama_decode(context, batch) != 0:
            raise RuntimeError("llama_decode failed")
        out = np.stack([np.ctypeslib.as_array(lib.llama_get_logits_ith(context, i), (vocab,)).copy() for i in range(n)])
        lib.llama_batch_free(batch)
        lib.llama_free(context)
        lib.llama_model_free(model)
        return out
