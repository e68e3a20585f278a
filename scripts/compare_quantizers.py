#!/usr/bin/env python3
"""Compare mote quantize with llama-quantize, type by type: weight errors, KLD, speed.

Both programs quantize the same 16-bit GGUF. Errors: squared error over squared norm of all block-quantized tensors,
decoded by the Python package gguf; plain, and with the weights that llama.cpp's encoder of each tensor's type
implies (no importance matrix). KLD: `mote compare` judges both files against the 16-bit one on the same positions, so
that the difference has a standard error of its own (bootstrap over windows); `compare_llama_cpp.py kld` holds it to
llama-perplexity. Prints the tables of docs/results.md.

usage: MOTE_LLAMA_CPP=DIR scripts/compare_quantizers.py [--mote build/release/bin/mote] [--base BASE.gguf]
           [--text wiki.test.raw] [--chunks 20] [--types Q4_0,Q4_K_M] [--no-kld]
DIR: a built llama.cpp (llama-quantize). needs: numpy, gguf
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import gguf
import numpy as np

TYPES = "Q8_0,Q6_K,Q5_K_M,Q5_K_S,Q5_1,Q5_0,Q4_K_M,Q4_K_S,Q4_1,Q4_0,IQ4_NL,IQ4_XS,Q3_K_L,Q3_K_M,Q3_K_S,IQ3_M,IQ3_S,Q2_K"


def run(command):
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    return done.stdout + done.stderr, time.monotonic() - start


def implied_weights(kind, x):
    """The reference's weights per sub-block where it has no statistics; flat for its plain roundings."""
    b = x.reshape(-1, 16 if kind in ("Q2_K", "Q3_K", "Q6_K") else 32)
    if kind == "Q2_K":
        w = np.abs(b)
    elif kind in ("Q4_K", "Q5_K"):
        w = np.abs(b) + np.sqrt((b * b).mean(1, keepdims=True))
    elif kind in ("Q3_K", "Q6_K", "IQ4_NL", "IQ4_XS"):
        w = b * b
    else:
        w = np.ones_like(b)
    return w.reshape(-1)


def errors(base, path):
    """(plain, weighted) relative squared error over all block-quantized tensors."""
    sums = np.zeros(4)
    for t in gguf.GGUFReader(path).tensors:
        if t.tensor_type.name in ("F32", "F16", "BF16"):
            continue
        x = base[t.name].data.astype(np.float32).reshape(-1)
        e = (x - gguf.dequantize(t.data, t.tensor_type).reshape(-1)) ** 2
        w = implied_weights(t.tensor_type.name, x)
        sums += [e.sum(dtype=np.float64), (x * x).sum(dtype=np.float64), (w * e).sum(dtype=np.float64),
                 (w * x * x).sum(dtype=np.float64)]
    return sums[0] / sums[1], sums[2] / sums[3]


def main():
    cache = pathlib.Path(os.environ.get("MOTE_MODELS", pathlib.Path.home() / ".cache/mote-models"))
    shared = pathlib.Path(os.environ.get("MOTE_SHARED", "../shared"))
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--mote", default="build/release/bin/mote")
    ap.add_argument("--base", default=str(cache / "base/base-f16.gguf"))
    ap.add_argument("--text", default=str(shared / "data/wikitext-2/wiki.test.raw"))
    ap.add_argument("--chunks", type=int, default=20)
    ap.add_argument("--types", default=TYPES)
    ap.add_argument("--no-kld", action="store_true")
    args = ap.parse_args()
    root = os.environ.get("MOTE_LLAMA_CPP")
    if not root:
        sys.exit("set MOTE_LLAMA_CPP to the folder of a built llama.cpp")
    tools = pathlib.Path(root) / "build/bin"
    base = {t.name: t for t in gguf.GGUFReader(args.base).tensors}
    parameters = sum(int(t.n_elements) for t in base.values())
    print("| type | plain error, mote / llama | weighted error, mote / llama | mean KLD mote | mean KLD llama "
          "| ratio | difference ± its error | top-1 mote | top-1 llama | M weights/s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in args.types.split(","):
            ours, theirs = f"{folder}/ours.gguf", f"{folder}/theirs.gguf"
            _, seconds = run([args.mote, "quantize", args.base, "-o", ours, "--type", name])
            run([tools / "llama-quantize", args.base, theirs, name])
            (plain, weighted), (plain_ref, weighted_ref) = errors(base, ours), errors(base, theirs)
            row = f"| {name} | {plain / plain_ref:.4f} | {weighted / weighted_ref:.4f} "
            if args.no_kld:
                row += "| | | | | | "
            else:
                done = subprocess.run([args.mote, "compare", "--json", "--reference", args.base, ours, theirs, "-f", args.text,
                                       "-c", "512", "--chunks", str(args.chunks)], capture_output=True, text=True)
                if done.returncode != 0:
                    sys.exit(f"mote compare of {name} failed:\n{done.stdout}{done.stderr}")
                result = json.loads(done.stdout)
                a, b = result["models"]
                [pair] = result["pairs"]  # b less a
                row += (f"| {a['kld_mean']:.5f} | {b['kld_mean']:.5f} | {a['kld_mean'] / b['kld_mean']:.3f} "
                        f"| {-pair['kld_difference']:+.5f} ± {pair['stderr']:.5f} "
                        f"| {100 * a['top1_agreement']:.1f} % | {100 * b['top1_agreement']:.1f} % ")
            print(row + f"| {parameters / seconds / 1e6:.0f} |", flush=True)
            os.remove(ours)
            os.remove(theirs)


if __name__ == "__main__":
    main()
