"""The held-out sets: what the model is measured on and never trained with.

    phrasings    known tools, values of the training part, sentences held out
    values       known tools and sentences, values held out (tools whose arguments have such values)
    tools        tools held out, of kinds that training has
    irrelevance  requests that no tool at hand can do, sentences held out
    asks_back    requests that lack a required argument, sentences held out
    answers      results of calls, to be told: values held out

An item is {"tools", "messages", "expect"}: the model gets the prompt and has to give `calls` exactly, or make no call, or name the
arguments that are missing in a question, or say every one of `values`.
"""
import random

import conversations
import scenarios
import wording
import words
from tools import show, words_of
from values import Array, Code, Record, Text


# The share of each that has to be right.
TARGETS = {"phrasings": 0.95, "values": 0.92, "tools": 0.75, "irrelevance": 0.90, "asks_back": 0.85, "answers": 0.90}


def scene(rng, catalogue, tool, part, held, count):
    """The tool among `count` others of its assistant, all under their own names."""
    assistant = next(n for n, tools in catalogue.assistants.items() if tool in tools)
    own = [t for t in catalogue.assistants[assistant] if t is not tool and not t.held]
    chosen = rng.sample(own, count) + [tool]
    rng.shuffle(chosen)
    made = scenarios.Scene(rng, [show(t) for t in chosen], part, held, conversations.beyond(catalogue, assistant, chosen), catalogue)
    return made, made.find(tool.name)


def item(scene, messages, expect):
    return {"tools": [s.definition() for s in scene.shown], "messages": messages, "expect": expect}


def single(rng, catalogue, tools, part, held):
    tool = rng.choice(tools)
    s, shown = scene(rng, catalogue, tool, part, held, rng.choice((2, 3, 4)))
    parts, meant, _ = scenarios.request(s, shown)
    if part == words.HELD and not any(splits(tool.arguments[n].kind) for n in meant):
        return None
    return item(s, [scenarios.user(wording.as_typed(parts, rng))], {"calls": [shown.call(meant)]})


def irrelevance(rng, catalogue, tools):
    s, _ = scene(rng, catalogue, rng.choice(tools), words.TRAIN, True, rng.choice((2, 3, 4)))
    made = scenarios.out_of_reach(s)
    return item(s, made[:1], {"calls": []}) if made else None


def asks_back(rng, catalogue, tools):
    tool = rng.choice([t for t in tools if t.choose(True, True)])
    s, shown = scene(rng, catalogue, tool, words.TRAIN, True, rng.choice((2, 3, 4)))
    parts, _, phrase = scenarios.request(s, shown, asks=True)
    return item(s, [scenarios.user(wording.as_typed(parts, rng))], {"asks": [words_of(shown.names[n]) for n in phrase.missing]})


def leaves(value):
    if isinstance(value, dict):
        return [leaf for v in value.values() for leaf in leaves(v)]
    if isinstance(value, list):
        return [leaf for v in value for leaf in leaves(v)]
    return [wording.spoken(value)]


def answers(rng, catalogue, tools):
    tool = rng.choice(tools)
    s, shown = scene(rng, catalogue, tool, words.HELD, False, rng.choice((2, 3, 4)))
    parts, meant, _ = scenarios.request(s, shown)
    result = scenarios.result_of(s, tool, meant)
    said = wording.answer(tool, result)
    values = [v for k, r in result.items() if k not in ("ok", "status") for v in leaves(r) if v.lower() in said.lower()]
    if not values:
        return None
    return item(s, [scenarios.user(wording.as_typed(parts, rng)), scenarios.calls(shown.call(meant)), scenarios.returned(shown, result)],
                {"values": values})


def splits(kind):
    """Whether a kind has values that training never sees."""
    if isinstance(kind, Array):
        return splits(kind.kind)
    if isinstance(kind, Record):
        return any(splits(k) for k in kind.fields.values())
    return isinstance(kind, Code) or isinstance(kind, Text) and not isinstance(kind.pool, words.Fixed)


def sets(catalogue, seed, count):
    known, new = catalogue.tools(), catalogue.tools(held=True)
    copied = [t for t in known if any(splits(a.kind) for a in t.arguments.values())]
    makers = {"phrasings": lambda r: single(r, catalogue, known, words.TRAIN, True),
              "values": lambda r: single(r, catalogue, copied, words.HELD, False),
              "tools": lambda r: single(r, catalogue, new, words.TRAIN, r.random() < 0.3),
              "irrelevance": lambda r: irrelevance(r, catalogue, known),
              "asks_back": lambda r: asks_back(r, catalogue, known),
              "answers": lambda r: answers(r, catalogue, known)}
    out = {}
    for name, make in makers.items():
        rng, items, seen = random.Random(f"{seed} {name}"), [], set()
        while len(items) < count:
            made = make(rng)
            if made and str(made["messages"]) not in seen:
                seen.add(str(made["messages"]))
                items.append(made)
        out[name] = items
    return out
