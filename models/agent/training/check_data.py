"""Checks that what is held out stays out: the catalogue by construction, then training conversations as they come out.

    check_data.py [--conversations N] [--tokenizer FILE] [--json FILE]

Findings are one line each, exit status 1 where there are any. The scan of the text is independent of how the parts were made: it
looks for held-out tools, values and sentences in everything that training reads, and counts how much of each held-out request
(as n-grams of words) training has seen anyway.
"""
import argparse
import json
import pathlib
import re
import sys

from tokenizers import Tokenizer

import catalogue
import conversations
import copies
import held_out
import phrases
from recipe import read_recipe
from tools import camel

WORD = re.compile(r"[\w.:'-]*\w")
N = 6  # words of an n-gram


def words_in(text):
    return tuple(WORD.findall(text.lower()))


def grams(sequence, n):
    return {sequence[i:i + n] for i in range(len(sequence) - n + 1)}


def by_construction(all_tools):
    """Sentences of both parts, and kinds that training would not know."""
    kinds = [t.kind for t in all_tools.tools()]
    for tool in all_tools.tools() + all_tools.tools(held=True):
        seen = {s for p in tool.phrases if not p.held for s in phrases.skeletons(p.tree)}
        for phrase in tool.phrases:
            if phrase.held and seen & set(phrases.skeletons(phrase.tree)):
                yield f"{tool.name}: held out and trained: {phrase.text}"
        if tool.held and kinds.count(tool.kind) < 2:
            yield f"{tool.name}: training has fewer than two tools of the kind {tool.kind}"
    for linked in (*all_tools.sequences, *all_tools.picks):
        seen = {s for tree, held in linked.phrases if not held for s in phrases.skeletons(tree)}
        if any(held and seen & set(phrases.skeletons(tree)) for tree, held in linked.phrases):
            yield f"{linked.first} and {linked.second}: held out and trained"


def training_text(all_tools, recipe, count, tokenizer):
    """Conversations as training reads them; the copying exercises only where there is a tokenizer, whose pieces they are made of."""
    seed = recipe["data"]["seed"]
    for index in range(count):
        yield conversations.training(all_tools, seed, index)
    data = recipe["data"]
    for index in range(min(count, data["drills"] + data["more_drills"])):
        yield conversations.drill(all_tools, seed, index)
    if tokenizer:
        pieces = copies.pieces_of(Tokenizer.from_file(str(tokenizer)))
        for index in range(min(count, data["copies"] + data["more_copies"])):
            yield copies.copying(pieces, seed, index)


def scan(all_tools, recipe, count, tokenizer=None):
    """(findings, figures) of `count` training conversations and what goes with them against the held-out sets."""
    seed = recipe["data"]["seed"]
    sets = held_out.sets(all_tools, seed, recipe["data"]["test_items"])
    names = {form for t in all_tools.tools(held=True) for n in (t.name, *t.names) for form in (n, camel(n))}
    requests, seen_grams, seen_values, found = set(), set(), set(), []
    read = 0
    for made in training_text(all_tools, recipe, count, tokenizer):
        read += 1
        found += [f"a tool held out is in training: {n}" for n in (t["function"]["name"] for t in made["tools"]) if n in names]
        for message in made["messages"]:
            seen_values.update(v.lower() for call in message.get("tool_calls", ()) for v in strings(call["function"]["arguments"]))
            if message["role"] == "user":
                text = words_in(message["content"])
                requests.add(text)
                seen_grams |= grams(text, N)
    figures = {"conversations": read}
    for name, items in sets.items():
        texts = [words_in(i["messages"][-1]["content"]) for i in items if i["messages"][-1]["role"] == "user"]
        twice = [t for t in texts if t in requests]
        long = [t for t in texts if len(t) >= N]
        shared = [len([g for g in grams(t, N) if g in seen_grams]) / len(grams(t, N)) for t in long]
        figures[name] = {"items": len(items), "requests_in_training": len(twice),
                         f"share_of_{N}-grams_in_training": round(sum(shared) / max(1, len(shared)), 4)}
        # A request without a value is its sentence: those of known sentences may well be the same.
        if name in ("phrasings", "values", "tools", "asks_back"):
            found += [f"{name}: in the training text: {' '.join(t)}" for t in twice]
    for item in sets["values"]:
        if all(value.lower() in seen_values for value in strings(item["expect"]["calls"][0]["arguments"])):
            found.append(f"values: every value was seen: {item['messages'][-1]['content']}")
    return found, figures


def strings(value):
    if isinstance(value, dict):
        return [s for v in value.values() for s in strings(v)]
    if isinstance(value, list):
        return [s for v in value for s in strings(v)]
    return [str(value)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, default=2000)
    parser.add_argument("--tokenizer", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    all_tools = catalogue.load()
    found, figures = scan(all_tools, read_recipe(), arguments.conversations, arguments.tokenizer)
    found += by_construction(all_tools)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    print("\n".join(found) or json.dumps(figures, indent=1))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
