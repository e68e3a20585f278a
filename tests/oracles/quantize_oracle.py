#!/usr/bin/env python3
"""Method `search` against llama.cpp's encoders (the C library inside the PyPI package xllamacpp).

For every block type, on random matrices and on tensors of the real model: both encode the same floats, the Python
package gguf decodes both, and mote's squared error must not exceed the reference's, neither plain nor with the
weights that the reference's encoder implies. Also: the same bytes on every instruction set.
"""
import argparse
import ctypes
import pathlib
import subprocess
import sys


def skip(reason):
    print("skip: " + reason)
    sys.exit(77)


try:
    import gguf
    import numpy as np
    import xllamacpp
except ImportError as e:
    skip(str(e))

BLOCK_TYPES = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS",
               "IQ2_S", "IQ3_S"]
# Under the importance of the columns, which five of these need.
PATTERN_TYPES = ["IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S"]
COLS = 512


def reference_library():
    folder = pathlib.Path(xllamacpp.__file__).parent
    for path in sorted(folder.rglob("*.so*")):
        library = ctypes.CDLL(str(path))
        if hasattr(library, "ggml_quantize_chunk"):
            f = library.ggml_quantize_chunk
            f.restype = ctypes.c_size_t
            f.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + 3 * [ctypes.c_int64] + [ctypes.c_void_p]
            return f
    skip("xllamacpp exports no ggml_quantize_chunk")


def reference(encode, kind, x, importance=None):
    block, size = gguf.GGML_QUANT_SIZES[kind]
    out = np.empty(x.size // block * size, np.uint8)
    encode(int(kind), x.ctypes.data, out.ctypes.data, 0, x.size // COLS, COLS,
           None if importance is None else importance.ctypes.data)
    return out


def ours(probe, name, isa, x, importance=None):
    method = "search" if importance is None else "search-importance"
    more = b"" if importance is None else importance.tobytes()
    done = subprocess.run([probe, "encode", method, name, isa, str(x.size // COLS), str(COLS)],
                          input=x.tobytes() + more, capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.uint8)


def implied_weights(name, x):
    b = x.reshape(-1, 16 if name in ("Q2_K", "Q3_K", "Q6_K") else 32).astype(np.float64)
    if name == "IQ2_S":
        b = x.reshape(-1, 256).astype(np.float64)
        w = 0.5 * (b * b).mean(1, keepdims=True) + b * b
    elif name == "Q2_K":
        w = np.abs(b)
    elif name in ("Q4_K", "Q5_K"):
        w = np.abs(b) + np.sqrt((b * b).mean(1, keepdims=True))
    elif name in ("Q3_K", "Q6_K", "IQ4_NL", "IQ4_XS", "IQ3_S"):
        w = b * b
    else:
        w = np.ones_like(b)
    return w.reshape(-1)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--probe", required=True)
    ap.add_argument("--shared", required=True)
    ap.add_argument("--models", required=True)
    args = ap.parse_args()
    encode = reference_library()
    rng = np.random.default_rng(11)
    data = {"normal": rng.normal(0, 0.05, 256 * COLS), "laplace": rng.laplace(0, 0.02, 256 * COLS),
            "student": rng.standard_t(4, 256 * COLS) * 0.03}
    base = pathlib.Path(args.models) / "base/base-f16.gguf"
    if base.exists():
        wanted = {"blk.0.attn_k.weight", "blk.10.ffn_down.weight", "blk.29.ffn_up.weight"}
        for t in gguf.GGUFReader(str(base)).tensors:
            if t.name in wanted:
                data[t.name] = t.data.reshape(-1)[:t.data.size // COLS * COLS]
    checks, failures = 0, []
    for source, values in data.items():
        x = np.ascontiguousarray(values, np.float32)
        for name in BLOCK_TYPES:
            kind = gguf.GGMLQuantizationType[name]
            blocks = ours(args.probe, name, "avx512", x)
            mine = gguf.dequantize(blocks, kind).reshape(-1).astype(np.float64)
            theirs = gguf.dequantize(reference(encode, kind, x), kind).reshape(-1).astype(np.float64)
            for measure, w in (("plain", 1.0), ("weighted", implied_weights(name, x))):
                a, b = (w * (x - mine) ** 2).sum(), (w * (x - theirs) ** 2).sum()
                checks += 1
                if not a <= b:
                    failures.append(f"{name} on {source}: {measure} error {a / b:.4f} of the reference's")
            if source == "normal":
                for isa in ("reference", "avx2"):
                    checks += 1
                    if not np.array_equal(blocks, ours(args.probe, name, isa, x)):
                        failures.append(f"{name}: other bytes with {isa}")
        # Inputs as layers have them: a few matter far more than the rest.
        importance = np.ascontiguousarray(np.exp(1.2 * rng.normal(0, 1, COLS)), np.float32)
        w = np.tile(importance.astype(np.float64), x.size // COLS)
        for name in PATTERN_TYPES:
            kind = gguf.GGMLQuantizationType[name]
            blocks = ours(args.probe, name, "avx512", x, importance)
            mine = gguf.dequantize(blocks, kind).reshape(-1).astype(np.float64)
            theirs = gguf.dequantize(reference(encode, kind, x, importance), kind).reshape(-1).astype(np.float64)
            a, b = (w * (x - mine) ** 2).sum(), (w * (x - theirs) ** 2).sum()
            checks += 1
            if not a <= b:
                failures.append(f"{name} on {source}: error under importance {a / b:.4f} of the reference's")
    for f in failures:
        print(f)
    print(f"quantize: {checks} checks on {len(data)} matrices, {len(failures)} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
