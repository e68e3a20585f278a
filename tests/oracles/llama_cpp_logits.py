"""llama.cpp's logits and embeddings of a GGUF file through the C library inside the PyPI package xllamacpp."""

import contextlib
import ctypes

from tokenizer_llama_cpp import LlamaCpp as Library


class _ContextParams(ctypes.Structure):
    # llama_context_params by value, as of the version that requirements.txt pins: 32-bit numbers, of which the ones at
    # the places below are set. The declared size is more than the real one.
    _fields_ = [("words", ctypes.c_int32 * 80)]
    CONTEXT, BATCH, MICRO_BATCH, THREADS, THREADS_BATCH, FLASH, KEY_TYPE, VALUE_TYPE = 0, 1, 2, 7, 8, 13, 26, 27
    FLAGS = 34  # the first four booleans: embeddings, offload_kqv, no_perf, op_offload
    EXPECTED_DEFAULTS = {0: 512, 1: 2048, 2: 512, 3: 1, 13: -1, 26: 1, 27: 1, 34: 0x01010100}


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
        for step in (lib.llama_decode, lib.llama_encode):
            step.argtypes = [ctypes.c_void_p, _Batch]
        lib.llama_get_embeddings_seq.argtypes = [ctypes.c_void_p, ctypes.c_int32]
        lib.llama_get_embeddings_seq.restype = ctypes.POINTER(ctypes.c_float)
        lib.llama_model_n_embd.argtypes = [ctypes.c_void_p]
        lib.llama_get_logits_ith.argtypes = [ctypes.c_void_p, ctypes.c_int32]
        lib.llama_get_logits_ith.restype = ctypes.POINTER(ctypes.c_float)
        lib.llama_free.argtypes = [ctypes.c_void_p]
        lib.llama_model_free.argtypes = [ctypes.c_void_p]

    def logits(self, path, tokens, vocab):
        """float32 [tokens][vocab], keys and values in F32."""
        import numpy as np

        with self._context(path, len(tokens)) as (context, _):
            self._run(context, tokens, self.lib.llama_decode)
            rows = [self.lib.llama_get_logits_ith(context, i) for i in range(len(tokens))]
            return np.stack([np.ctypeslib.as_array(row, (vocab,)).copy() for row in rows])

    def embedding(self, path, tokens):
        """float32, what the encoder in the file makes of one text, pooled as the file says; not normalized."""
        import numpy as np

        with self._context(path, len(tokens), embeddings=True) as (context, model):
            self._run(context, tokens, self.lib.llama_encode)
            row = self.lib.llama_get_embeddings_seq(context, 0)
            if not row:
                raise RuntimeError("llama.cpp gives no embedding: the file names no pooling")
            return np.ctypeslib.as_array(row, (self.lib.llama_model_n_embd(model),)).copy()

    @contextlib.contextmanager
    def _context(self, path, n, embeddings=False):
        """A context for n tokens at once, and its model."""
        lib = self.lib
        model = lib.llama_model_load_from_file(str(path).encode(), lib.llama_model_default_params())
        if not model:
            raise RuntimeError(f"llama.cpp cannot load {path}")
        params = lib.llama_context_default_params()
        for place, value in _ContextParams.EXPECTED_DEFAULTS.items():
            if params.words[place] != value:
                raise RuntimeError("llama_context_params has another layout")
        for place in (params.CONTEXT, params.BATCH, params.MICRO_BATCH):
            params.words[place] = n
        for place in (params.THREADS, params.THREADS_BATCH):
            params.words[place] = 1
        for place in (params.FLASH, params.KEY_TYPE, params.VALUE_TYPE):
            params.words[place] = 0
        if embeddings:
            params.words[params.FLAGS] |= 1
        context = lib.llama_init_from_model(model, params)
        if not context:
            lib.llama_model_free(model)
            raise RuntimeError(f"llama.cpp makes no context of {path}")
        try:
            yield context, model
        finally:
            lib.llama_free(context)
            lib.llama_model_free(model)

    def _run(self, context, tokens, step):
        batch = self.lib.llama_batch_init(len(tokens), 0, 1)
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = int(token), i, 1
            batch.seq_id[i][0], batch.logits[i] = 0, 1
        status = step(context, batch)
        self.lib.llama_batch_free(batch)
        if status != 0:
            raise RuntimeError(f"llama.cpp fails on {len(tokens)} tokens")
