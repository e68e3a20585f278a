"""Logits of llama.cpp through the C library inside the PyPI package xllamacpp."""

import ctypes
import importlib.util
import pathlib

import numpy as np


class _ModelParams(ctypes.Structure):
    # llama_model_params by value; no field is changed. Declared larger than it is.
    _fields_ = [("all", ctypes.c_ubyte * 256)]


class _ContextParams(ctypes.Structure):
    # llama_context_params by value, as of the version that requirements.txt pins. Declared larger than it is.
    _fields_ = [
        ("n_ctx", ctypes.c_uint32), ("n_batch", ctypes.c_uint32), ("n_ubatch", ctypes.c_uint32),
        ("counts", ctypes.c_uint32 * 4), ("n_threads", ctypes.c_int32), ("n_threads_batch", ctypes.c_int32),
        ("kinds", ctypes.c_int32 * 4), ("flash_attention", ctypes.c_int32), ("rope", ctypes.c_float * 8),
        ("callback", ctypes.c_void_p * 2), ("type_k", ctypes.c_int32), ("type_v", ctypes.c_int32),
        ("rest", ctypes.c_ubyte * 256),
    ]  # fmt: skip


class _Batch(ctypes.Structure):
    _fields_ = [
        ("n_tokens", ctypes.c_int32), ("token", ctypes.POINTER(ctypes.c_int32)), ("embd", ctypes.c_void_p),
        ("pos", ctypes.c_void_p), ("n_seq_id", ctypes.c_void_p), ("seq_id", ctypes.c_void_p),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    ]  # fmt: skip


class LlamaCppLogits:
    def __init__(self):
        spec = importlib.util.find_spec("xllamacpp")
        if spec is None:
            raise FileNotFoundError("the Python package xllamacpp")
        self.lib = lib = ctypes.CDLL(str(next(pathlib.Path(spec.origin).parent.glob("xllamacpp*.so"))))
        lib.llama_model_default_params.restype = _ModelParams
        lib.llama_model_load_from_file.argtypes = [ctypes.c_char_p, _ModelParams]
        lib.llama_model_load_from_file.restype = ctypes.c_void_p
        lib.llama_model_free.argtypes = [ctypes.c_void_p]
        lib.llama_context_default_params.restype = _ContextParams
        lib.llama_init_from_model.argtypes = [ctypes.c_void_p, _ContextParams]
        lib.llama_init_from_model.restype = ctypes.c_void_p
        lib.llama_free.argtypes = [ctypes.c_void_p]
        lib.llama_decode.argtypes = [ctypes.c_void_p, _Batch]
        lib.llama_get_logits.argtypes = [ctypes.c_void_p]
        lib.llama_get_logits.restype = ctypes.POINTER(ctypes.c_float)
        self.messages = []
        self._log = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(
            lambda level, text, _: self.messages.append(text.decode(errors="replace")) if level >= 4 else None)
        lib.llama_log_set(self._log, None)
        lib.llama_backend_init()

    def logits(self, path, tokens, vocabulary, threads=1):
        """float32 [tokens, vocabulary], with a float32 KV cache and without flash attention."""
        self.messages.clear()
        model = self.lib.llama_model_load_from_file(str(path).encode(), self.lib.llama_model_default_params())
        if not model:
            raise RuntimeError("llama.cpp cannot load it: " + "".join(self.messages).strip())
        params = self.lib.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = max(64, len(tokens))
        params.n_threads = params.n_threads_batch = threads
        params.flash_attention = 0
        params.type_k = params.type_v = 0  # F32
        context = self.lib.llama_init_from_model(model, params)
        if not context:
            raise RuntimeError("llama.cpp makes no context: " + "".join(self.messages).strip())
        ids = (ctypes.c_int32 * len(tokens))(*map(int, tokens))
        wanted = (ctypes.c_int8 * len(tokens))(*([1] * len(tokens)))
        if self.lib.llama_decode(context, _Batch(len(tokens), ids, None, None, None, None, wanted)) != 0:
            raise RuntimeError("llama_decode failed: " + "".join(self.messages).strip())
        out = np.ctypeslib.as_array(self.lib.llama_get_logits(context), (len(tokens), vocabulary)).copy()
        self.lib.llama_free(context)
        self.lib.llama_model_free(model)
        return out
