"""Checks that what is held out stays out: the catalogue by construction, then the training text as it comes out.

    check_data.py [--conversations N] [--tokenizer FILE] [--json FILE]

Findings are one line each, exit status 1 where there are any:
    by construction   a sentence, its slots as {}, that both parts have, in whatever tool; held-out tools of a kind that training lacks
    in the text       a held-out tool by any of its names; a request of the held-out sets, word by word; a value that has to be unseen as
                      an argument of a call; for answers a request with its result
The scan does not ask how the parts were made. It also counts how much of each held-out request (as n-grams of words) training has seen.
"""
import argparse
import json
import pathlib
import re
import sys

from tokenizers import Tokenizer

import catalogue
import copies
import held_out
import phrases
from conversations import description_words
from prepare import MAKERS, stages
from recipe import read_recipe
from tools import camel

WORD = re.compile(r"[\w.:'-]*\w")
N = 6  # words of an n-gram


def words_in(text):
    return tuple(WORD.findall(text.lower()))


def grams(sequence, n):
    return {sequence[i:i + n] for i in range(len(sequence) - n + 1)}


def by_construction(all_tools):
    """Sentences that both parts have, in whatever tool, and kinds that training would not know."""
    known = all_tools.tools()
    trained = [p.tree for t in known for p in t.phrases if not p.held]
    held = [(t.name, p.tree) for t in known + all_tools.tools(held=True) for p in t.phrases if p.held or t.held]
    others = [(f"{l.first} and {l.second}", l.phrases) for l in (*all_tools.sequences, *all_tools.picks)]
    others += [("out of reach", all_tools.out_of_reach), *(("small talk", lines) for lines, _ in all_tools.small_talk)]
    for name, lines in others:
        trained += [tree for tree, out in lines if not out]
        held += [(name, tree) for tree, out in lines if out]
    seen = {plain(s) for tree in trained for s in phrases.skeletons(tree)}
    for name, tree in held:
        for skeleton in phrases.skeletons(tree):
            if plain(skeleton) in seen:
                yield f"{name}: held out and trained: {skeleton}"
    for tool in all_tools.tools(held=True):
        for name in (tool.name, *tool.names):
            for other in known:
                if set(name.split("_")) <= set(description_words(other)):
                    yield f"{tool.name}: {other.name} may get the name {name}, whose words are all in its description"
    kinds = [t.kind for t in known]
    for tool in all_tools.tools(held=True):
        if kinds.count(tool.kind) < 2:
            yield f"{tool.name}: training has fewer than two tools of the kind {tool.kind}"


def plain(skeleton):
    """Without what typing adds or leaves out: capitals, marks, spaces."""
    return " ".join(re.findall(r"[\w{}'-]+", skeleton.lower()))


def training_text(all_tools, recipe, count, tokenizer):
    """Conversations as training reads them; the copying exercises only where there is a tokenizer, whose pieces they are made of."""
    totals = {name: first + more for stage in stages(recipe["data"]) for name, first, more in stage}
    if not tokenizer:
        del totals["copies"]
    for name, total in totals.items():
        made_from = copies.pieces_of(Tokenizer.from_file(str(tokenizer))) if name == "copies" else all_tools
        for index in range(min(count, total)):
            yield MAKERS[name](made_from, recipe["data"]["seed"], index)


def scan(all_tools, recipe, count, tokenizer=None):
    """(findings, figures) of `count` training conversations and what goes with them against the held-out sets."""
    seed = recipe["data"]["seed"]
    sets = held_out.sets(all_tools, seed, recipe["data"]["test_items"])
    names = {form for t in all_tools.tools(held=True) for n in (t.name, *t.names) for form in (n, camel(n))}
    requests, told, seen_grams, seen_values, found, read = set(), set(), set(), set(), [], 0
    for made in training_text(all_tools, recipe, count, tokenizer):
        read += 1
        found += [f"a tool held out is in training: {n}" for n in (t["function"]["name"] for t in made["tools"]) if n in names]
        asked = ()
        for message in made["messages"]:
            seen_values.update(v.lower() for call in message.get("tool_calls", ()) for v in strings(call["function"]["arguments"]))
            if message["role"] == "user":
                asked = words_in(message["content"])
                requests.add(asked)
                seen_grams |= grams(asked, N)
            elif message["role"] == "tool":
                told.add((asked, message["content"]))
    figures = {"read": read}
    for name, items in sets.items():
        asked = [words_in([m for m in i["messages"] if m["role"] == "user"][-1]["content"]) for i in items]
        twice = [t for t in asked if t in requests]
        long = [t for t in asked if len(t) >= N]
        shared = [len([g for g in grams(t, N) if g in seen_grams]) / len(grams(t, N)) for t in long]
        figures[name] = {"items": len(items), "requests_in_training": len(twice),
                         f"share_of_{N}-grams_in_training": round(sum(shared) / max(1, len(shared)), 4)}
        if name == "answers":  # of known tools; what is new is the result
            twice = [t for t, i in zip(asked, items) if (t, i["messages"][-1]["content"]) in told]
        found += [f"{name}: in the training text: {' '.join(t)}" for t in twice]
    for item in sets["values"]:
        for call in item["expect"]["calls"]:  # assistants share names of tools
            kinds = next(t.arguments for t in all_tools.tools() if t.name == call["name"] and call["arguments"].keys() <= t.arguments.keys())
            values = [v for n, m in call["arguments"].items() for v in held_out.split_values(kinds[n].kind, m)]
            found += [f"values: {v} was seen: {item['messages'][-1]['content']}" for v in values if v.lower() in seen_values]
    return found, figures


def strings(value):
    if isinstance(value, dict):
        return [s for v in value.values() for s in strings(v)]
    if isinstance(value, list):
        return [s for v in value for s in strings(v)]
    return [str(value)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    recipe = read_recipe()
    parser.add_argument("--conversations", type=int, default=recipe["data"]["conversations"])
    parser.add_argument("--tokenizer", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    all_tools = catalogue.load()
    found, figures = scan(all_tools, recipe, arguments.conversations, arguments.tokenizer)
    found += by_construction(all_tools)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    print("\n".join(found) or json.dumps(figures, indent=1))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
