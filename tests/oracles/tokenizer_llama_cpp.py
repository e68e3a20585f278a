"""llama.cpp's tokenizer through the C library inside the PyPI package xllamacpp."""

import ctypes
import importlib.util
import pathlib


class _Params(ctypes.Structure):
    # llama_model_params by value, as of the version that requirements.txt pins. Only `vocab_only` is set; it is the
    # first of the booleans, after two pointers, five 32-bit numbers with padding and four pointers. The declared size
    # is more than the real one.
    _fields_ = [("head", ctypes.c_ubyte * 72), ("vocab_only", ctypes.c_bool), ("rest", ctypes.c_ubyte * 183)]


class LlamaCpp:
    def __init__(self):
        spec = importlib.util.find_spec("xllamacpp")
        if spec is None:
            raise FileNotFoundError("the Python package xllamacpp")
        library = next(pathlib.Path(spec.origin).parent.glob("xllamacpp*.so"))
        self.lib = ctypes.CDLL(str(library))
        self.lib.llama_model_default_params.restype = _Params
        self.lib.llama_model_load_from_file.argtypes = [ctypes.c_char_p, _Params]
        self.lib.llama_model_load_from_file.restype = ctypes.c_void_p
        self.lib.llama_model_get_vocab.argtypes = [ctypes.c_void_p]
        self.lib.llama_model_get_vocab.restype = ctypes.c_void_p
        self.lib.llama_model_free.argtypes = [ctypes.c_void_p]
        self.lib.llama_tokenize.argtypes = [
            ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.POINTER(ctypes.c_int32), ctypes.c_int32,
            ctypes.c_bool, ctypes.c_bool,
        ]  # fmt: skip
        self._log = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
        self.lib.llama_log_set(self._log, None)
        self.lib.llama_backend_init()

    def load(self, path):
        params = self.lib.llama_model_default_params()
        params.vocab_only = True
        model = self.lib.llama_model_load_from_file(str(path).encode(), params)
        if not model:
            raise RuntimeError(f"llama.cpp cannot load {path}")
        return Vocabulary(self.lib, model)


class Vocabulary:
    def __init__(self, lib, model):
        self.lib, self.model = lib, model
        self.vocab = lib.llama_model_get_vocab(model)

    def encode(self, text, parse_special=False, add_special=False):
        raw = text.encode("utf-8")
        capacity = len(raw) + 16
        ids = (ctypes.c_int32 * capacity)()
        n = self.lib.llama_tokenize(self.vocab, raw, len(raw), ids, capacity, add_special, parse_special)
        if n < 0:
            raise RuntimeError("llama_tokenize failed")
        return list(ids[:n])

    def close(self):
        self.lib.llama_model_free(self.model)
