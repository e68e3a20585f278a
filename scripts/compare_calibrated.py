#!/usr/bin/env python3
"""Compare mote quantize with llama-quantize on the same calibration text, at equal bytes, on several test texts.

Both take the same file of statistics (`mote calibrate`; llama.cpp reads it as an importance matrix), so neither has seen more than the other.
`mote compare` judges both files of a row against the 16-bit one on the same windows; the standard error of the ratio is that of the paired difference
over llama-quantize's divergence. Prints the tables of docs/results.md, and with each row what it took.

A row is [pure:|size:]TYPE[+EFFORT]: `pure:Q4_0` gives all matrices one type, `size:Q4_K_M` lets mote choose types for the bytes of llama-quantize's
file, `Q4_K_M+max` is --effort max.

FOLDER keeps what was made (split texts, statistics, references, rows.json): a run that was stopped goes on there, a row that is measured is not measured
again; another base, calibration or test text needs another FOLDER. mote's files are removed once their row is complete, unless --keep is given.

  prepare   FOLDER, from shared data: four fifths of code and of each chat file to calibrate on, the last fifth to test
  run       FOLDER: the rows

usage: scripts/compare_calibrated.py prepare FOLDER [--data shared/data]
       MOTE_LLAMA_CPP=DIR scripts/compare_calibrated.py run FOLDER --base BASE.gguf --calibrate FILE... --test NAME=FILE:WINDOWS... --rows ROW... [options]
DIR: a built llama.cpp (llama-quantize)
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

CHATS = ("alpaca_en_demo.json", "dpo_en_demo.json", "glaive_toolcall_en_demo.json", "kto_en_demo.json", "reason_tool_use_demo_50.jsonl",
         "v1_sft_demo.jsonl")


def run(command):
    """What the program printed, and its seconds."""
    start = time.monotonic()
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    return done.stdout, time.monotonic() - start


def items_of(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines() if line.strip()]


def interleaved(lists):
    """Items of all lists, each spread evenly over the whole."""
    placed = [((i + 0.5) / len(one), k, i) for k, one in enumerate(lists) for i in range(len(one))]
    return [lists[k][i] for _, k, i in sorted(placed)]


def prepare(folder, data):
    folder.mkdir(parents=True, exist_ok=True)
    code = (data / "text-calibration/code.utf8").read_bytes()
    # At a line's end, which is no byte within a character.
    cut = code.index(b"\n", len(code) * 4 // 5) + 1
    (folder / "code_calibrate.txt").write_bytes(code[:cut])
    (folder / "code_test.txt").write_bytes(code[cut:])
    chats = [items_of(data / "chat-calibration" / name) for name in CHATS]
    cuts = [len(c) * 4 // 5 for c in chats]
    for name, parts in (("calibrate", [c[:n] for c, n in zip(chats, cuts)]), ("test", [c[n:] for c, n in zip(chats, cuts)])):
        lines = [json.dumps(item, ensure_ascii=False) for item in interleaved(parts)]
        (folder / f"chats_{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"chats_{name}.jsonl: {len(lines)} conversations")


class Row:
    def __init__(self, text):
        self.text = text
        kind, _, rest = text.rpartition(":")
        self.type, _, self.effort = rest.partition("+")
        self.pure, self.sized = kind == "pure", kind == "size"
        if kind not in ("", "pure", "size"):
            sys.exit(f"row '{text}': pure:TYPE, size:TYPE or TYPE, with +EFFORT perhaps")
        self.effort = self.effort or "standard"


class Comparison:
    def __init__(self, options):
        self.o = options
        self.folder = options.folder
        self.results = self.folder / "rows.json"
        self.rows = json.loads(self.results.read_text()) if self.results.exists() else {}
        what = {"base": options.base, "calibrate": options.calibrate, "windows": options.windows, "tests": {t[0]: t[1:] for t in options.test}}
        if self.rows.setdefault("of", json.loads(json.dumps(what))) != json.loads(json.dumps(what)):
            sys.exit(f"{self.results} is of other texts or another model: {self.rows['of']}")
        self.stats = self.folder / "statistics.gguf"

    def save(self):
        draft = self.results.with_suffix(".draft")
        draft.write_text(json.dumps(self.rows, indent=1))
        draft.rename(self.results)

    def calibrate(self):
        if self.stats.exists():
            return
        data = [part for path in self.o.calibrate for part in ("--data", path)]
        _, seconds = run([self.o.mote, "calibrate", self.o.base, *data, "--chunks", self.o.windows, "-o", self.stats])
        print(f"statistics: {self.o.windows} windows in {seconds:.0f} s", flush=True)

    def theirs(self, row):
        path = self.folder / f"llama-{row.text.replace(':', '-').split('+')[0]}.gguf"
        if not path.exists():
            program = pathlib.Path(os.environ["MOTE_LLAMA_CPP"]) / "llama-quantize"
            draft = path.with_suffix(".draft")
            run([program, "--imatrix", self.stats, *(["--pure"] if row.pure else []), self.o.base, draft, row.type, "2"])
            draft.rename(path)
        return path

    def ours(self, row, budget, entry):
        path = self.folder / f"mote-{row.text.replace(':', '-')}.gguf"
        if not path.exists():
            how = ["--size", budget] if row.sized else ["--type", row.type, *(["--pure"] if row.pure else [])]
            out, seconds = run([self.o.mote, "quantize", self.o.base, "-o", path, *how, "--stats", self.stats, "--effort", row.effort,
                                "--report", path.with_suffix(".report"), "--json"])
            entry["seconds"] = seconds
            entry["peak_rss_bytes"] = json.loads(out)["peak_rss_bytes"]
            self.save()
        return path

    def measure(self, row):
        entry = self.rows.setdefault(row.text, {"tests": {}})
        left = [t for t in self.o.test if t[0] + self.o.activations not in entry["tests"]]
        if not left:
            return
        theirs = self.theirs(row)
        ours = self.ours(row, theirs.stat().st_size, entry)
        entry["bytes"] = {"mote": ours.stat().st_size, "llama": theirs.stat().st_size}
        self.save()
        for name, path, windows in left:
            cache = self.folder / f"reference-{name}.cache"
            out, seconds = run([self.o.mote, "compare", ours, theirs, "--reference", self.o.base, "-f", path, "--chunks", windows, "--activations",
                                self.o.activations, "--reference-cache", cache, "--json"])
            found = json.loads(out)
            mote, llama, pair = found["models"][0], found["models"][1], found["pairs"][0]
            # The difference is that of the first model from the second, whichever sign the program gives it.
            entry["tests"][name + self.o.activations] = {"windows": found["chunks"], "seconds": seconds, "reference_ppl": found["reference"]["ppl"], "mote": mote,
                                                         "llama": llama, "stderr": pair["stderr"]}
            self.save()
            ratio = mote["kld_mean"] / llama["kld_mean"]
            print(f"{row.text} {name}: {mote['kld_mean']:.5f} {llama['kld_mean']:.5f} ratio {ratio:.3f} in {seconds:.0f} s", flush=True)
        if not self.o.keep:
            ours.unlink()

    def table(self):
        for name, _, _ in self.o.test:
            print(f"\n| {name} | llama-quantize, statistics | mote | ratio | same top token | perplexity | time, memory |\n|---|--:|--:|--:|--:|--:|--:|")
            for text in self.o.rows:
                entry = self.rows.get(text, {"tests": {}})
                test = entry["tests"].get(name + self.o.activations)
                if test is None:
                    continue
                m, l = test["mote"], test["llama"]
                taken = f"{entry['seconds']:.0f} s, {entry['peak_rss_bytes'] / 2**20:.0f} MiB" if "seconds" in entry else ""
                print(f"| {text} | {l['kld_mean']:.4f} ± {l['kld_stderr']:.4f} | {m['kld_mean']:.4f} ± {m['kld_stderr']:.4f} | "
                      f"{m['kld_mean'] / l['kld_mean']:.3f} ± {test['stderr'] / l['kld_mean']:.3f} | "
                      f"{100 * l['top1_agreement']:.1f} %, {100 * m['top1_agreement']:.1f} % | {l['ppl']:.2f}, {m['ppl']:.2f} ({test['reference_ppl']:.2f}) | {taken} |")


def test_of(text):
    name, _, rest = text.partition("=")
    path, _, windows = rest.rpartition(":")
    return name, path, int(windows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    p = commands.add_parser("prepare")
    p.add_argument("folder", type=pathlib.Path)
    p.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/data"))
    p = commands.add_parser("run")
    p.add_argument("folder", type=pathlib.Path)
    p.add_argument("--mote", default="build/release/bin/mote")
    p.add_argument("--base", required=True)
    p.add_argument("--calibrate", nargs="+", default=[])
    p.add_argument("--windows", type=int, default=128)
    p.add_argument("--test", nargs="+", type=test_of, required=True)
    p.add_argument("--rows", nargs="+", required=True)
    p.add_argument("--activations", default="f32")
    p.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    if options.command == "prepare":
        prepare(options.folder, options.data)
        return
    comparison = Comparison(options)
    comparison.calibrate()
    for text in options.rows:
        comparison.measure(Row(text))
    comparison.table()


if __name__ == "__main__":
    main()
