"""Perplexity and divergence against NumPy, from the logits that `mote logits --npy` writes.

perplexity  both protocols: windows cut here from the tokens of the text, scored positions picked here, ppl and its error
compare     KLD mean, error, median, 99 %, max, top-1 agreement, flips, ppl, differences of pairs
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

WINDOW = 96
ROOT = pathlib.Path(__file__).resolve().parents[2]
STORIES = ROOT / "models/babyllama-tok105/model5000.bin"
STORY = ("Once upon a time there was a little dog who lived near the sea. One day he saw a big red boat and a girl named "
         "Anna. \"Can I come with you?\" he asked. She laughed and said yes, and they went far over the blue water. ") * 4


class Mote:
    def __init__(self, path):
        self.path = path

    def json(self, command, *arguments):
        done = subprocess.run([self.path, command, "--json", *map(str, arguments)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"mote {command} {arguments}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def logits(self, model, tokens, folder, activations):
        out = folder / "l.npy"
        self.json("logits", model, "--tokens", ",".join(map(str, tokens)), "--npy", out, "--top", "1",
                  "--activations", activations)
        return np.load(out).astype(np.float64)


def windows_of(tokens, protocol, bos):
    cut = [list(tokens[i:i + WINDOW]) for i in range(0, len(tokens) - WINDOW + 1, WINDOW)]
    if protocol == "llama":
        for window in cut:
            window[0] = bos
    return cut


def log_softmax(x):
    x = x - x.max(axis=1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def rows_of(mote, model, windows, protocol, folder, activations):
    """Log-probabilities of the scored positions, and the tokens that follow them."""
    first = WINDOW // 2 if protocol == "llama" else 0
    rows, targets = [], []
    for window in windows:
        rows.append(log_softmax(mote.logits(model, window, folder, activations))[first:-1])
        targets += window[first + 1:]
    return np.concatenate(rows), np.array(targets)


def stderr(values):
    return values.std(ddof=1) / np.sqrt(len(values))


class Checks:
    def __init__(self):
        self.count = 0
        self.wrong = []

    def close(self, what, found, expected, tolerance=1e-9):
        self.count += 1
        if not abs(found - expected) <= tolerance * max(1.0, abs(expected)):
            self.wrong.append(f"{what}: mote {found!r}, NumPy {expected!r}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mote", required=True)
    parser.add_argument("--shared")
    parser.add_argument("--models")
    arguments = parser.parse_args()
    mote, checks = Mote(arguments.mote), Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        text = folder / "t.txt"
        text.write_text(STORY.strip())
        small, smaller = folder / "q8.gguf", folder / "q4.gguf"
        mote.json("quantize", STORIES, "-o", small, "--type", "Q8_0")
        mote.json("quantize", STORIES, "-o", smaller, "--type", "Q4_0")
        tokens = mote.json("tokenize", STORIES, "-f", text, "--add-special")["tokens"]
        bos = tokens[0]
        for protocol in ("llama", "hf"):
            for activations in ("auto", "f32"):
                options = ("-f", text, "-c", WINDOW, "--protocol", protocol, "--activations", activations)
                windows = windows_of(tokens, protocol, bos)
                found = mote.json("compare", "--reference", STORIES, small, smaller, *options)
                p, targets = rows_of(mote, STORIES, windows, protocol, folder, activations)
                index = np.arange(len(targets))
                klds = []
                for model, path in zip(found["models"], (small, smaller)):
                    q, _ = rows_of(mote, path, windows, protocol, folder, activations)
                    kld = (np.exp(p) * (p - q)).sum(axis=1)
                    klds.append(kld)
                    nll = -q[index, targets]
                    same = p.argmax(axis=1) == q.argmax(axis=1)
                    flips = (p.argmax(axis=1) == targets) != (q.argmax(axis=1) == targets)
                    label = f"{protocol} {activations} {path.name}"
                    checks.close(f"{label} kld_mean", model["kld_mean"], kld.mean())
                    checks.close(f"{label} kld_stderr", model["kld_stderr"], stderr(kld))
                    checks.close(f"{label} kld_median", model["kld_median"], np.quantile(kld, 0.5))
                    checks.close(f"{label} kld_p99", model["kld_p99"], np.quantile(kld, 0.99))
                    checks.close(f"{label} kld_max", model["kld_max"], kld.max())
                    checks.close(f"{label} top1_agreement", model["top1_agreement"], same.mean())
                    checks.close(f"{label} flips", model["flips"], flips.mean())
                    checks.close(f"{label} ppl", model["ppl"], np.exp(nll.mean()))
                    alone = mote.json("perplexity", path, *options)
                    checks.close(f"{label} alone ppl", alone["ppl"], np.exp(nll.mean()))
                    checks.close(f"{label} alone nll", alone["nll"], nll.mean())
                    checks.close(f"{label} alone ppl_stderr", alone["ppl_stderr"], np.exp(nll.mean()) * stderr(nll))
                    checks.close(f"{label} alone tokens", alone["tokens"], len(targets))
                [pair] = found["pairs"]
                difference = (klds[1] - klds[0]).reshape(len(windows), -1).mean(axis=1)
                checks.close(f"{protocol} {activations} pair", pair["kld_difference"], difference.mean())
                # The bootstrap's limit for windows of equal size; 2,000 draws leave about 1.6 % of noise.
                checks.close(f"{protocol} {activations} pair stderr", pair["stderr"] / (difference.std() / np.sqrt(len(windows))),
                             1.0, 0.1)
    print("\n".join(checks.wrong[:20]))
    print(f"measure: {checks.count} figures, {len(checks.wrong)} differ from NumPy's")
    return 1 if checks.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
