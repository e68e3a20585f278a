"""Writes the model's card: card.py DATA RUN EVALUATION.json SCAN.json DEMO.json -o FOLDER

EVALUATION is what tests/oracles/agent_oracle.py --json writes, SCAN what check_data.py --json writes, DEMO what `mote demo --json`
prints. FOLDER holds the exported
model and gets README.md, curve.jsonl and curve.svg.
"""
import argparse
import hashlib
import json
import math
import pathlib
import shutil

import catalogue
from prepare import DEMO_ITEMS
from recipe import HERE, read_recipe

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 320, 52, 34, 14
MEANINGS = {
    "phrasings": "known tools, sentences never seen", "values": "names, numbers and codes never seen", "tools": "tools never seen, of known kinds",
    "irrelevance": "requests that no tool can do: no call", "asks_back": "something required is missing: a question that names it",
    "answers": "results of calls, told with their values"}


def curve_svg(lines):
    """Loss against tokens, both read off axes with a grid; the loss on a logarithmic scale."""
    most = max(line["tokens"] for line in lines)
    low = math.floor(math.log10(min(line["loss"] for line in lines)) * 2) / 2
    high = math.ceil(math.log10(max(line["loss"] for line in lines)) * 2) / 2

    def x(tokens):
        return LEFT + tokens / most * (WIDTH - LEFT - 12)

    def y(loss):
        return TOP + (high - math.log10(loss)) / (high - low) * (HEIGHT - TOP - BOTTOM)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>']
    half_decades = [low + 0.5 * i for i in range(round((high - low) * 2) + 1)]
    for at in half_decades:
        loss = 10 ** at
        out.append(f'<path d="M{LEFT} {y(loss):.1f}H{WIDTH - 12}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 6}" y="{y(loss) + 4:.1f}" text-anchor="end">{loss:.2g}</text>')
    step = 5e6 if most > 2e7 else 2e6
    for i in range(int(most / step) + 1):
        out.append(f'<text x="{x(i * step):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{i * step / 1e6:g}</text>')
    out.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 4}" text-anchor="middle">million tokens</text>')
    out.append(f'<text x="{LEFT + 8}" y="{TOP + 10}">loss on the assistant\'s tokens, nats</text>')
    points = " ".join(f"{x(line['tokens']):.1f},{y(line['loss']):.1f}" for line in lines)
    out.append(f'<polyline points="{points}" fill="none" stroke="#1769aa" stroke-width="1.5"/></svg>')
    return "\n".join(out) + "\n"


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def results(evaluation):
    rows = ["| held-out set | what it asks | items | mote | transformers, fp32 | same answer | wanted |", "|---|---|--:|--:|--:|--:|--:|"]
    for name, r in evaluation.items():
        rows.append(f"| {name} | {MEANINGS[name]} | {r['items']} | {r['mote']:.1%} | {r['transformers']:.1%} | {r['equal']:.1%} | {r['target']:.0%} |")
    return "\n".join(rows)


def misses(evaluation):
    missed = [name for name, r in evaluation.items() if min(r["mote"], r["transformers"]) < r["target"]]
    if not missed:
        return ""
    return (f"{len(missed)} of the {len(evaluation)} sets miss what was wanted ({', '.join(missed)}): the hours that the recipe allows are too few for this data. "
            "Errors are single arguments,\ntools chosen by a word instead of the meaning, and calls where a question or a refusal was due.\n\n")


def failures(evaluation):
    rows = ["The first wrong answer of each set:", "", "| held-out set | request | expected | answer |", "|---|---|---|---|"]
    for name, r in evaluation.items():
        if wrong := r.get("wrong"):
            cells = (wrong["request"], json.dumps(wrong["expect"], ensure_ascii=False), wrong["answer"].replace("\n", " ") or "(nothing)")
            rows.append(f"| {name} | " + " | ".join(cell.replace("|", "\\|") if i == 0 else "`" + cell + "`" for i, cell in enumerate(cells)) + " |")
    return "\n".join(rows)


def processor():
    """As the operating system names it."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    return next((l.split(":", 1)[1].strip() for l in lines if l.startswith("model name")), "unknown processor")


def overlap(scan):
    rows = ["| held-out set | requests that are in the training text | share of their 6-grams that are |", "|---|--:|--:|"]
    for name, s in scan.items():
        if isinstance(s, dict):
            rows.append(f"| {name} | {s['requests_in_training']} of {s['items']} | {s['share_of_6-grams_in_training']:.1%} |")
    return "\n".join(rows)


def quantized(demo):
    def share(score):
        return f"{score['right']} of {score['n']}"

    rows = ["| type | bytes | bits per weight | KLD | same top token | calls right | others right |", "|---|--:|--:|--:|--:|--:|--:|"]
    for m in demo["models"]:
        others = {key: m["all"][key] - m["calls"][key] for key in ("right", "n")}
        loss = ("", "") if m["kld_mean"] is None else (f"{m['kld_mean']:.4f} ± {m['kld_stderr']:.4f}", f"{m['top1_agreement']:.1%}")
        rows.append(f"| {m['type']} | {m['bytes']:,} | {m['bpw']:.2f} | {loss[0]} | {loss[1]} | {share(m['calls'])} | {share(others)} |")
    return "\n".join(rows)


def card(folder, recipe, counts, lines, evaluation, scan, demo):
    config = json.loads((folder / "config.json").read_text())
    made = catalogue.load()
    known, held = len(made.tools()), len(made.tools(held=True))
    weights = folder / "model.safetensors"
    d, last = recipe["data"], lines[-1]
    return f"""---
license: apache-2.0
language: en
pipeline_tag: text-generation
library_name: transformers
tags: [tool-calling, function-calling, llama]
---
# mote agent 1: the model that comes with mote

A small model that calls tools: it picks one of the functions that it is shown and fills in the arguments from the request, makes several
calls at once or one after the other, asks where something is missing, says when no tool fits, and tells what a call returned. It was made
from nothing for this project, so that every command has something real to run on without a network.

```
mote run --tools examples/tools/home.json --execute -p "turn the kitchen lights to 40 percent"
mote demo
```

It is a demonstration and a test piece. It knows no facts, speaks short English sentences about the kinds of things it was trained with, and
is no substitute for a model of a useful size. It calls whatever tool it is shown without judging the request, and what a tool returns can steer it.
Vehicles and patient care are among its examples: it must not drive, dose or decide anything.

## Shape
Architecture llama: {config['num_hidden_layers']} blocks of width {config['hidden_size']}, feed-forward {config['intermediate_size']},
{config['num_attention_heads']} heads of {config['head_dim']} ({config['num_key_value_heads']} for keys and values), byte-level BPE vocabulary of
{config['vocab_size']:,}, context {config['max_position_embeddings']:,}, tied head, {counts['parameters']:,} parameters in bfloat16. Every row has a multiple of
256 elements. The chat template shows tools and writes calls in the format of Hermes 2 Pro, without its system prompt and with a tool's description before
its name; turns, tools, calls and results have control tokens.

| file | bytes | sha256 |
|---|--:|---|
| `model.safetensors` | {weights.stat().st_size:,} | `{digest(weights)}` |
| `tokenizer.json` | {(folder / 'tokenizer.json').stat().st_size:,} | `{digest(folder / 'tokenizer.json')}` |

## How well it works
Greedy, without constraints. A call counts where the tool, every argument and every value are exactly as expected; a question where it names what
is missing and no other argument of the tools; a report where it has all values in their order; otherwise some text without a call.

{results(evaluation)}

{misses(evaluation)}The test sets come from the generator that made the training data, with other sentences, values and tools. They say what the model learnt of that
language, not how it does on what people really type. A share of 95 % of 600 items has a standard error of 0.9 points, one of 75 % of 1.8.

Quantized by `mote demo`, on the first {DEMO_ITEMS} items of each set; KLD against the 16-bit model along its own answers ({demo['tokens']:,} tokens). One
or two items more or less mean nothing here:

{quantized(demo)}

## Where it fails
{failures(evaluation)}

## Data
All of it is generated from the seed {d['seed']} by [training/](training/); no text is copied from elsewhere. {known + held} tools of five assistants
(household, vehicle, factory maintenance, field service, patient care), {held} of them held out, and small talk; besides them tools that are made up anew
for each conversation. Sentences are grammars with values drawn into them; tools are shown under other names, with and without descriptions of their
arguments, and requests have typing errors. Training reads {counts['sequences']}.

Held out by construction: sentences, values (parts of the lists of names, numbers, codes) and tools. What is in the training text
of the requests of each set, searched for in all {scan['read']:,} texts that training may read (conversations, short ones to begin with, exercises):

{overlap(scan)}

The requests of `answers` are sentences of training; what is new there are the results.

## Training
`training/recipe.toml`, PyTorch on two cores of an {processor()}: {last['tokens'] / 1e6:.1f} million tokens, {last['step']:,} steps, {last['seconds'] / 60:.0f} minutes,
training loss of the last steps {last['loss']:.4f} nats on the assistant's tokens. Muon for the matrices in the blocks, AdamW for the rest. A circuit for copying is placed in the
first two blocks before training (`training/induction.py`), then copying exercises, single calls, whole conversations, and at last conversations whose
known tools have coined names, so that names have to be looked up.

![loss](curve.svg)

```
models/agent/training/make.sh    # data, scan, training, weights, evaluation, this card
```

The data, the tokenizer and the held-out sets come out the same everywhere (with the versions of `tests/oracles/requirements`). Sums in PyTorch depend on the processor and on the number of
threads, so weights from another machine differ in their last digits and then in everything; the digest above is of the file stored here.

## Licence
Apache-2.0, like the rest of mote.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("evaluation", type=pathlib.Path)
    parser.add_argument("scan", type=pathlib.Path)
    parser.add_argument("demo", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--recipe", type=pathlib.Path, default=HERE / "recipe.toml")
    arguments = parser.parse_args()
    folder = arguments.output
    lines = [json.loads(line) for line in (arguments.run / "curve.jsonl").read_text().splitlines()]
    shutil.copy(arguments.run / "curve.jsonl", folder / "curve.jsonl")
    (folder / "curve.svg").write_text(curve_svg(lines))
    from safetensors import safe_open
    with safe_open(folder / "model.safetensors", "np") as file:
        parameters = sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())
    counts = {"parameters": parameters, "sequences": (arguments.data / "counts.txt").read_text().strip().replace("\n", "; ")}
    (folder / "README.md").write_text(card(folder, read_recipe(arguments.recipe), counts, lines, json.loads(arguments.evaluation.read_text()),
                                           json.loads(arguments.scan.read_text()), json.loads(arguments.demo.read_text())))


if __name__ == "__main__":
    main()
