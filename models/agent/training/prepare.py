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
import held_out
import make_tokenizer
from rendering import Encoder
from recipe import HERE, read_recipe

LONGEST = 1024  # tokens, the model's context
CHUNK = 500


def encode_some(task):
    tokenizer, seed, make, first, count = task
    encoder, all_tools = Encoder(Tokenizer.from_file(tokenizer)), catalogue.load()
    out = []
    for i in range(first, first + count):
        ids, mask = encoder.encode(getattr(conversations, make)(all_tools, seed, i))
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
    t = recipe["tokenizer"]
    sample = [conversations.training(all_tools, seed, i) for i in range(t["conversations"])]
    tokenizer = make_tokenizer.build(sample, t["size"], t["joined"], t["isolate_spaces"])
    tokenizer.save(str(folder / "tokenizer.json"))
    tasks = [(str(folder / "tokenizer.json"), seed, make, first, min(CHUNK, count - first))
             for make, count in (("drill", data["drills"]), ("training", data["conversations"])) for first in range(0, count, CHUNK)]
    with multiprocessing.Pool() as pool:
        made = [(made, task[2] == "drill") for task, some in zip(tasks, pool.imap(encode_some, tasks)) for made in some]
    np.savez(folder / "train.npz", ids=np.concatenate([i for (i, _), _ in made]), mask=np.concatenate([m for (_, m), _ in made]),
             ends=np.cumsum([len(i) for (i, _), _ in made]), drill=np.array([d for _, d in made]))
    for name, wanted in (("drills", True), ("conversations", False)):
        some = [m for m, d in made if d == wanted]
        print(f"{len(some)} {name}, {sum(len(i) for i, _ in some)} tokens, {sum(int(m.sum()) for _, m in some)} of them the assistant's")
    for name, items in held_out.sets(all_tools, seed, data["test_items"]).items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(i, ensure_ascii=False) + "\n" for i in items))
        print(f"{name}: {len(items)} items")


if __name__ == "__main__":
    main()
