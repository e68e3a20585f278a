#!/usr/bin/env python3
"""Compare mote with a current llama.cpp, natively built outside the tree.

  MOTE_LLAMA_CPP=DIR scripts/compare_llama_cpp.py files|kld [options]

DIR holds llama-perplexity (DIR, DIR/bin or DIR/build/bin). Needs the shared text and the models that
shared/tools/get_models.sh brings ($MOTE_SHARED, $MOTE_MODELS).

  files   each type that `mote quantize` writes: log-perplexity in llama.cpp and in mote (--activations auto) differ by
          at most 0.003 over 20 windows of 512 (0.01 below 3 bits), and a file of another writer by at most 0.3 %.
          Where they differ by more, llama.cpp runs the same weights as F32 too, so with exact products: the figure
          counts as good only where mote is nearer to that than llama.cpp's own int8 arithmetic is (its super-block
          types round activations with one scale for 256 values, mote always with one for 32)
  kld     mean KLD of `mote compare` and llama-perplexity on the same pair and windows: within 1 %. llama.cpp stores the
          reference's log-probabilities in 16-bit steps, which adds about 5e-4 to small divergences; pairs are chosen
          well above that. Where the programs round activations differently (super-block types) the decoded weights as F32
          are compared, so that both judge the same logits

Speed is compared by bench/compare_peers.py.

Exit status: 0 where every figure is within its bound, 1 otherwise, 77 where something needed is missing.
"""
import argparse
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHARED = pathlib.Path(os.environ.get("MOTE_SHARED", ROOT.parent / "shared"))
MODELS = pathlib.Path(os.environ.get("MOTE_MODELS", pathlib.Path.home() / ".cache/mote-models"))
TEXT = SHARED / "data/wikitext-2/wiki.test.raw"
BASE = MODELS / "base/base-f16.gguf"
OTHER = MODELS / "SmolLM2-135M-Instruct.Q4_1.gguf"
TYPES = ("F16", "BF16", "Q8_0", "Q5_0", "Q5_1", "Q4_0", "Q4_1", "IQ4_NL", "Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_XS", "Q3_K_M", "Q2_K",
         "NVFP4", "MXFP4", "MXFP4_MOE", "IQ3_M", "IQ3_S", "IQ2_M")
# Q1_0, Q2_0, TQ1_0 and TQ2_0 leave nothing of a model that was not trained for them: tests/oracles/weight_types_oracle.py
# compares logits instead.
BELOW_3_BITS = {"Q2_K", "Q2_K_S", "IQ2_M"}


def missing(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


class Tools:
    def __init__(self, arguments):
        self.mote = arguments.mote
        self.threads = str(arguments.threads)
        self.windows = str(arguments.windows)
        root = os.environ.get("MOTE_LLAMA_CPP") or missing("MOTE_LLAMA_CPP names no folder with a built llama.cpp")
        folders = [pathlib.Path(root) / sub for sub in ("", "bin", "build/bin")]
        self.folder = next((f for f in folders if (f / "llama-perplexity").exists()), None) or missing(f"no llama-perplexity in {root}")

    def run_mote(self, *arguments):
        done = subprocess.run([self.mote, arguments[0], "--json", *map(str, arguments[1:])], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"mote {' '.join(map(str, arguments))}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def run_llama(self, name, *arguments):
        done = subprocess.run([self.folder / name, *map(str, arguments)], capture_output=True, text=True,
                              env={**os.environ, "LD_LIBRARY_PATH": str(self.folder)})
        if done.returncode != 0:
            sys.exit(f"{name} {' '.join(map(str, arguments))}: {done.stderr[-2000:]}")
        return done.stdout + done.stderr

    def llama_perplexity(self, model):
        out = self.run_llama("llama-perplexity", "-m", model, "-f", TEXT, "-c", 512, "--chunks", self.windows, "-t",
                             self.threads, "-fa", "off")
        return float(re.search(r"Final estimate: PPL = ([0-9.]+)", out).group(1))

    def mote_perplexity(self, model):
        return self.run_mote("perplexity", model, "-f", TEXT, "-c", 512, "--chunks", self.windows, "-t", self.threads)["ppl"]

    def exact_perplexity(self, model, folder):
        """ln of llama.cpp's perplexity with the decoded weights as F32: no rounding of activations."""
        out = folder / "exact.gguf"
        self.run_mote("quantize", model, "-o", out, "--type", "F32", "--allow-requantize", "-t", self.threads)
        result = math.log(self.llama_perplexity(out))
        out.unlink()
        return result

    def quantized(self, folder, type_name):
        out = folder / f"{type_name}.gguf"
        self.run_mote("quantize", BASE, "-o", out, "--type", type_name, "-t", self.threads)
        return out


def compare_files(tools, arguments):
    failures = 0
    print("type      ln ppl llama.cpp  ln ppl mote  difference  bound")
    with tempfile.TemporaryDirectory() as folder:
        cases = [(t, None) for t in arguments.types] + ([("(other)", OTHER)] if OTHER.exists() else [])
        for name, path in cases:
            path = path or tools.quantized(pathlib.Path(folder), name)
            theirs, ours = math.log(tools.llama_perplexity(path)), math.log(tools.mote_perplexity(path))
            bound = 0.01 if name in BELOW_3_BITS else 0.003
            note, bad = "", False
            if not abs(ours - theirs) <= bound:
                exact = tools.exact_perplexity(path, pathlib.Path(folder))
                bad = not abs(ours - exact) < abs(theirs - exact)
                note = f"  exact {exact:.5f}: llama.cpp {theirs - exact:+.5f}, mote {ours - exact:+.5f}{'  too far' if bad else ''}"
            failures += bad
            print(f"{name:8}  {theirs:16.5f}  {ours:11.5f}  {ours - theirs:+10.5f}  {bound}{note}", flush=True)
            if path != OTHER:
                path.unlink()
    return failures


def compare_kld(tools, arguments):
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        logits = folder / "base.logits"
        common = ("-f", TEXT, "-c", 512, "--chunks", tools.windows, "-t", tools.threads, "-fa", "off")
        tools.run_llama("llama-perplexity", "-m", BASE, *common, "--kl-divergence-base", logits)
        print("type      KLD llama.cpp  KLD mote  ratio")
        for name in arguments.types:
            path = tools.quantized(folder, name)
            out = tools.run_llama("llama-perplexity", "-m", path, *common, "--kl-divergence-base", logits, "--kl-divergence")
            theirs = float(re.search(r"Mean\s+KLD:\s+([0-9.eE+-]+)", out).group(1))
            [model] = tools.run_mote("compare", "--reference", BASE, path, "-f", TEXT, "-c", 512, "--chunks", tools.windows,
                                     "-t", tools.threads)["models"]
            ratio = model["kld_mean"] / theirs
            print(f"{name:8}  {theirs:13.6f}  {model['kld_mean']:8.6f}  {ratio:.4f}", flush=True)
            if not abs(ratio - 1) <= 0.01:
                exact = folder / "exact.gguf"
                tools.run_mote("quantize", path, "-o", exact, "--type", "F32", "--allow-requantize", "-t", tools.threads)
                out = tools.run_llama("llama-perplexity", "-m", exact, *common, "--kl-divergence-base", logits, "--kl-divergence")
                theirs = float(re.search(r"Mean\s+KLD:\s+([0-9.eE+-]+)", out).group(1))
                [model] = tools.run_mote("compare", "--reference", BASE, exact, "-f", TEXT, "-c", 512, "--chunks", tools.windows,
                                         "-t", tools.threads)["models"]
                ratio = model["kld_mean"] / theirs
                bad = not abs(ratio - 1) <= 0.01
                failures += bad
                print(f"  as F32  {theirs:13.6f}  {model['kld_mean']:8.6f}  {ratio:.4f}{'  too far' if bad else ''}", flush=True)
                exact.unlink()
            path.unlink()
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("files", "kld"))
    parser.add_argument("--mote", default=str(ROOT / "build/release/bin/mote"))
    parser.add_argument("--types", help="separated by commas")
    parser.add_argument("--windows", type=int, default=20, help="of 512 tokens")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    defaults = {"files": TYPES, "kld": ("Q4_0", "Q4_K_M", "Q3_K_M")}
    arguments.types = arguments.types.split(",") if arguments.types else defaults[arguments.what]
    for path in (TEXT, BASE, pathlib.Path(arguments.mote)):
        if not path.exists():
            missing(f"{path} is not there")
    tools = Tools(arguments)
    failures = {"files": compare_files, "kld": compare_kld}[arguments.what](tools, arguments)
    print(f"{arguments.what}: {failures} of the figures are out of bounds")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
