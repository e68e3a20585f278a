"""Makes the texts on which quantizations of the agent are compared (scripts/compare_calibrated.py).

    quantization_texts.py DATA -o FOLDER [--conversations N]

DATA is what prepare.py made. FOLDER/calibrate.jsonl gets conversations of the kinds that training has, none of which it was given;
FOLDER/test.jsonl the held-out requests, with the calls that they expect as answers where they expect any.
"""
import argparse
import json
import pathlib

import catalogue
import conversations
import held_out
from recipe import HERE, read_recipe

BEYOND = 10_000_000  # conversations from here on are in no training


def answered(item):
    """A held-out item as a conversation that ends with what it expects."""
    calls = item["expect"].get("calls")
    answer = [{"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": c} for c in calls]}] if calls else []
    return {"tools": item["tools"], "messages": item["messages"] + answer}


def write(path, items):
    path.write_text("".join(json.dumps(i, ensure_ascii=False) + "\n" for i in items), encoding="utf-8")
    print(f"{path.name}: {len(items)} conversations")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--conversations", type=int, default=400)
    arguments = parser.parse_args()
    seed = read_recipe(HERE / "recipe.toml", [])["data"]["seed"]
    arguments.output.mkdir(parents=True, exist_ok=True)
    tools = catalogue.load()
    makers = (conversations.training, conversations.retold)
    write(arguments.output / "calibrate.jsonl", [makers[i % 2](tools, seed, BEYOND + i) for i in range(arguments.conversations)])
    sets = [(arguments.data / f"{name}.jsonl").read_text(encoding="utf-8").splitlines() for name in held_out.TARGETS]
    write(arguments.output / "test.jsonl", [answered(json.loads(line)) for lines in zip(*sets) for line in lines])


if __name__ == "__main__":
    main()
