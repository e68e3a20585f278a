#!/usr/bin/env python3
"""Compare the affine groups of mote quantize --method feedback with the GPTQ of a Python package, llmcompressor, on the same calibration windows.

`mote calibrate` cuts the calibration text into windows and keeps their tokens; mote quantize (--stats) and the package both learn from these tokens
and no others. Both quantize the matrices of the blocks; embedding, head and norms stay as they are. The package works on a float32 model on the CPU
and keeps scales of 32 bits; what its weights come to is saved as float32, and `mote compare` judges all results of a row against the original on the
same windows of a text that neither has seen. Two checks stop the comparison where it would be worth nothing: the original saved the same way must
have no divergence, and no group of the package's weights more values than the type has codes.

A row is a type of mote's: int4-g64-asym. A setting of the package is OBSERVER[:KEY=VALUE,...][+static][+damp=X][+fine]. The observer chooses the
scales: minmax, mse, imatrix_mse; keys are its options. static: columns in the order of their activations, groups as they lie. damp: of the second
moments, 0.01 if absent. fine: every matrix sees what the rounded ones before it make, not only every block.

FOLDER keeps what was made (tokens, models, rows.json): a run that was stopped goes on there, a row that is measured is not measured again; another
model, calibration or test text needs another FOLDER. Models are removed once their row is complete, unless --keep is given.

usage: python3 scripts/compare_gptq.py FOLDER --model HF_FOLDER --calibrate TEXT --test TEXT:WINDOWS --rows TYPE... [--settings SETTING...] [options]
Runs in an environment of its own that sees the oracles' packages (scripts/setup_oracles.sh) and has llmcompressor 0.14.0.1, compressed-tensors 0.19.0,
transformers 5.17.0, huggingface_hub < 2, auto-round and datasets.
"""
import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

OBSERVERS = {"minmax": "memoryless_minmax", "mse": "memoryless_mse", "imatrix_mse": "imatrix_mse"}
DEFAULTS = ("minmax", "minmax+static", "mse+static", "imatrix_mse+static")


class Type:
    def __init__(self, text):
        match = re.fullmatch(r"int([2348])-g(\d+)-(sym|asym)", text)
        if not match:
            sys.exit(f"row '{text}': intB-gN-sym or intB-gN-asym")
        self.bits, self.group, self.symmetric = int(match[1]), int(match[2]), match[3] == "sym"


class Setting:
    def __init__(self, text):
        first, *rest = text.split("+")
        name, _, options = first.partition(":")
        self.static, self.fine, self.damp = "static" in rest, "fine" in rest, 0.01
        if name not in OBSERVERS:
            sys.exit(f"setting '{text}': {', '.join(OBSERVERS)}")
        self.observer = OBSERVERS[name]
        self.options = {k: float(v) for k, _, v in (o.partition("=") for o in options.split(",") if o)}
        for part in rest:
            if part.startswith("damp="):
                self.damp = float(part[5:])
            elif part not in ("static", "fine"):
                sys.exit(f"setting '{text}': static, fine or damp=X after the observer")


def tokens_of(statistics):
    """The windows that mote calibrate has run, each a list of tokens."""
    import gguf

    reader = gguf.GGUFReader(statistics)
    window = int(reader.fields["imatrix.chunk_size"].contents())
    tokens = [int(t) for t in reader.fields["mote.calibration.tokens"].contents()]
    return [tokens[i : i + window] for i in range(0, len(tokens), window)]


def load(folder):
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def save(model, folder, original):
    draft = folder.with_suffix(".draft")
    model.save_pretrained(draft)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        if (original / name).exists():
            shutil.copy(original / name, draft / name)
    draft.rename(folder)


def check_codes(name, weight, kind):
    """No group has more values than the type has codes; values that differ by rounding are one."""
    groups = weight.reshape(-1, kind.group).sort(1).values
    apart = (groups[:, 1:] - groups[:, :-1]) > 1e-4 * (groups[:, -1:] - groups[:, :1])
    most = int(apart.sum(1).max()) + 1
    if most > 1 << kind.bits:
        sys.exit(f"{name} of the package has groups of {most} values")


def package(folder, windows, kind, setting):
    """The model with the weights that the package makes, and its seconds without loading."""
    import torch
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
    from llmcompressor import oneshot
    from llmcompressor.modifiers.gptq import GPTQModifier
    from loguru import logger

    # The package tells every matrix on stdout; what stays is what went wrong.
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    model = load(folder)
    weights = QuantizationArgs(num_bits=kind.bits, type="int", symmetric=kind.symmetric, strategy="group", group_size=kind.group,
                               observer=setting.observer, observer_kwargs=setting.options)
    recipe = GPTQModifier(config_groups={"group_0": QuantizationScheme(targets=["Linear"], weights=weights)}, ignore=["lm_head"],
                          dampening_frac=setting.damp, actorder="static" if setting.static else None)
    batches = [{"input_ids": torch.tensor([w]), "attention_mask": torch.ones(1, len(w), dtype=torch.long)} for w in windows]
    data = torch.utils.data.DataLoader(batches, batch_size=None)
    start = time.monotonic()
    oneshot(model=model, dataset=data, recipe=recipe, num_calibration_samples=len(windows), pipeline="sequential",
            sequential_targets=["Linear"] if setting.fine else None)
    seconds = time.monotonic() - start
    # A fresh model takes them, as the package's is wrapped in its own forms.
    out = load(folder)
    made, quantized = dict(model.named_modules()), 0
    with torch.no_grad():
        for name, module in out.named_modules():
            if isinstance(module, torch.nn.Linear) and name != "lm_head":
                weight = made[name].weight.data
                check_codes(name, weight, kind)
                module.weight.copy_(weight)
                quantized += 1
    print(f"{quantized} matrices in {seconds:.0f} s", flush=True)
    return out, seconds


class Comparison:
    def __init__(self, options):
        self.o = options
        self.folder = options.folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.results = self.folder / "rows.json"
        self.rows = json.loads(self.results.read_text()) if self.results.exists() else {}
        what = {"model": str(options.model), "calibrate": str(options.calibrate), "windows": options.windows, "test": list(options.test)}
        if self.rows.setdefault("of", what) != what:
            sys.exit(f"{self.results} is of other texts or another model: {self.rows['of']}")
        self.statistics = self.folder / "statistics.gguf"

    def mote(self, *command):
        """What the program printed as JSON, and its seconds."""
        start = time.monotonic()
        command = [str(c) for c in (self.o.mote, *command, "--threads", self.o.threads, "--json")]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
        return json.loads(done.stdout), time.monotonic() - start

    def keep(self):
        draft = self.results.with_suffix(".draft")
        draft.write_text(json.dumps(self.rows, indent=1))
        draft.rename(self.results)

    def compare(self, *models):
        text, windows = self.o.test
        return self.mote("compare", "--reference", self.o.model, *models, "-f", text, "--chunks", windows, "--activations", "f32",
                         "--reference-cache", self.folder / "reference.cache")[0]

    def prepare(self):
        if not self.statistics.exists():
            self.mote("calibrate", self.o.model, "--data", self.o.calibrate, "--chunks", self.o.windows, "-o", self.statistics)
        if "original" not in self.rows:
            original = self.folder / "original"
            if not original.exists():
                save(load(self.o.model), original, self.o.model)
            self.rows["original"] = self.compare(original)["models"][0]
            self.keep()
            shutil.rmtree(original)
        lost = self.rows["original"]["kld_mean"]
        print(f"the original, saved as float32: {lost:.2e} nats", flush=True)
        if abs(lost) > 1e-5:
            sys.exit("the original, saved as the package's results are, is another model")

    def measure(self, text):
        entry = self.rows.setdefault(text, {"seconds": {}, "found": {}})
        names = ["mote", *(["rtn"] if self.o.rtn else []), *self.o.settings]
        left = [n for n in names if n not in entry["found"]]
        if not left:
            return
        windows = None
        paths = {name: self.folder / f"{text}-{re.sub('[^a-z0-9.]+', '-', name)}" for name in left}
        # Differences are from mote's result, which is made again where it is no longer there.
        paths.setdefault("mote", self.folder / f"{text}-mote")
        for name, path in paths.items():
            if path.exists():
                continue
            if name in ("mote", "rtn"):
                how = ["--stats", self.statistics, "--chunks", self.o.windows, "--method", "feedback"] if name == "mote" else ["--method", "rtn"]
                _, entry["seconds"][name] = self.mote("quantize", self.o.model, "-o", path, "--type", text, *how)
            else:
                windows = windows or tokens_of(self.statistics)
                model, entry["seconds"][name] = package(self.o.model, windows, Type(text), Setting(name))
                save(model, path, self.o.model)
            self.keep()
        order = ["mote", *(n for n in paths if n != "mote")]
        found = self.compare(*(paths[n] for n in order))
        # Every model's difference from mote's, which is the first.
        pairs = {(p["a"], p["b"]): p for p in found["pairs"]}
        for name, one in zip(order, found["models"]):
            pair = pairs.get((str(paths["mote"]), str(paths[name])))
            entry["found"][name] = {**one, "pair": pair}
        self.rows["reference"] = found["reference"]
        self.keep()
        if not self.o.keep:
            for path in paths.values():
                shutil.rmtree(path)
        self.table(text)

    def table(self, text):
        entry = self.rows[text]
        print(f"\n| {text} | divergence | less mote's | same top token | perplexity | seconds |\n|---|--:|--:|--:|--:|--:|")
        for name, m in entry["found"].items():
            pair = m["pair"]
            less = f"{pair['kld_difference']:+.5f} ± {pair['stderr']:.5f}" if pair else ""
            print(f"| {name} | {m['kld_mean']:.5f} ± {m['kld_stderr']:.5f} | {less} | {100 * m['top1_agreement']:.2f} % | {m['ppl']:.3f} | "
                  f"{entry['seconds'].get(name, 0):.0f} |")
        sys.stdout.flush()


def test_of(text):
    path, _, windows = text.rpartition(":")
    return path, int(windows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--mote", default="build/release/bin/mote")
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--calibrate", type=pathlib.Path, required=True)
    parser.add_argument("--windows", type=int, default=64)
    parser.add_argument("--test", type=test_of, required=True)
    parser.add_argument("--rows", nargs="+", required=True)
    parser.add_argument("--settings", nargs="*", default=DEFAULTS)
    parser.add_argument("--rtn", action="store_true", help="also measure plain rounding by mote")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    for text in options.rows:
        Type(text)
    for text in options.settings:
        Setting(text)
    import torch

    torch.set_num_threads(options.threads)
    comparison = Comparison(options)
    comparison.prepare()
    for text in options.rows:
        comparison.measure(text)


if __name__ == "__main__":
    main()
