"""Makes the data: tokenizer.json, train.npz and the held-out sets.

    prepare.py -o DATA [--recipe recipe.toml] [--set section.key=value]...
"""
import argparse
import json
import multiprocessing
import pathlib

import numpy as np
from tokenizers import Tokenizer

import catalogue
import conversations
import copies
import held_out
import make_tokenizer
from rendering import Encoder
from recipe import HERE, read_recipe

LONGEST = 1024  # tokens, the model's context
TASK = 500  # conversations that a process makes at a time
MAKERS = {"copies": copies.copying, "drills": conversations.drill, "selections": conversations.selection, "conversations": conversations.training, "retold": conversations.retold}


def stages(data):
    """What training goes through: ((maker, first, count) ...) of each stage. The exercises go on among the conversations, or what they
    taught would be forgotten."""
    exercises = ("copies", "drills", "selections")
    sooner = [[("copies", 0, data["copies"])], [(name, 0, data[name]) for name in ("drills", "selections")]]
    then = [("conversations", 0, data["conversations"])] + [(name, data[name], data["more_" + name]) for name in exercises]
    last = [("retold", 0, data["retold"])] + [(name, data[name] + data["more_" + name], data["last_" + name]) for name in exercises]
    return [*sooner, then, last]


DEMO_ITEMS = 16  # of each held-out set


def demo_items(sets):
    """The test that `mote demo` runs, as JSONL."""
    return "".join(json.dumps({"set": name, **item}, ensure_ascii=False) + "\n" for name, items in sets.items() for item in items[:DEMO_ITEMS])


def encode_some(task):
    """Conversations first to first + count of one of the MAKERS."""
    path, seed, name, first, count, splits = task
    tokenizer = Tokenizer.from_file(path)
    all_tools = catalogue.load()
    encoder, source = Encoder(tokenizer, splits), copies.pieces_of(tokenizer) if name == "copies" else all_tools
    make = MAKERS[name]
    out = []
    for i in range(first, first + count):
        ids, mask = encoder.encode(make(source, seed, i), f"{seed} {name} {i}")
        if len(ids) <= LONGEST and mask.any():
            out.append((ids, mask))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--recipe", type=pathlib.Path, default=HERE / "recipe.toml")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    arguments = parser.parse_args()
    recipe = read_recipe(arguments.recipe, arguments.set)
    folder, data, seed = arguments.output, recipe["data"], recipe["data"]["seed"]
    folder.mkdir(parents=True, exist_ok=True)
    all_tools = catalogue.load()
    tokenizer = make_tokenizer.of_recipe(all_tools, recipe)
    tokenizer.save(str(folder / "tokenizer.json"))
    tasks = [(number, (str(folder / "tokenizer.json"), seed, name, first, min(TASK, start + count - first), recipe["tokenizer"]["splits"]))
             for number, parts in enumerate(stages(data)) for name, start, count in parts for first in range(start, start + count, TASK)]
    made, stage = {name: [] for name in MAKERS}, []
    ids, masks = [], []
    with multiprocessing.Pool() as pool:
        for (number, task), some in zip(tasks, pool.imap(encode_some, [task for _, task in tasks])):
            made[task[2]] += some
            stage += [number] * len(some)
            ids += [i for i, _ in some]
            masks += [m for _, m in some]
    np.savez(folder / "train.npz", ids=np.concatenate(ids), mask=np.concatenate(masks), ends=np.cumsum([len(i) for i in ids]),
             stage=np.array(stage))
    counts = [f"{len(some):,} {name} ({sum(len(i) for i, _ in some) / 1e6:.1f} million tokens, {sum(int(m.sum()) for _, m in some) / 1e6:.1f} of them the assistant's)"
              for name, some in made.items()]
    (folder / "counts.txt").write_text("\n".join(counts) + "\n")
    print("\n".join(counts))
    sets = held_out.sets(all_tools, seed, data["test_items"])
    (folder / "demo_test.jsonl").write_text(demo_items(sets))
    for name, items in sets.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(i, ensure_ascii=False) + "\n" for i in items))
        print(f"{name}: {len(items)} items")


if __name__ == "__main__":
    main()
