"""The held-out sets: what the model is measured on and never trained with.

    phrasings    known tools, values of the training part, sentences held out
    values       known tools and sentences, values held out (tools whose arguments have such values)
    tools        tools held out, of kinds that training has
    irrelevance  requests that no tool at hand can do, sentences held out
    asks_back    requests that lack a required argument, sentences held out
    answers      results of calls, to be told: values held out

An item is {"tools", "messages", "expect"}: the model gets the prompt and has to give `calls` exactly, or make no call, or name the
arguments that are missing in a question, or say every one of `values` in this order. See judge.py.
"""
import random
import re

import conversations
import scenarios
import wording
import words
from judge import places
from tools import show, words_of
from values import Array, Choice, Code, Quantity, Record, Text


# The share of each that has to be right.
TARGETS = {"phrasings": 0.95, "values": 0.92, "tools": 0.75, "irrelevance": 0.90, "asks_back": 0.85, "answers": 0.90}
# What a training by the recipe has to reach at least, on any hundred items and more of each: the stored weights less three points or so.
FLOORS = {"phrasings": 0.78, "values": 0.76, "tools": 0.21, "irrelevance": 0.80, "asks_back": 0.60, "answers": 0.96}


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


def single(rng, catalogue, tools, part, held, seen=()):
    tool = rng.choice(tools)
    s, shown = scene(rng, catalogue, tool, part, held, rng.choice((2, 3, 4)))
    parts, meant, _ = scenarios.request(s, shown)
    if part == words.HELD:
        held_values = [v for n, m in meant.items() for v in split_values(tool.arguments[n].kind, m)]
        if not held_values or not all(unseen(v, seen) for v in held_values):
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


def told(said, values):
    """Those of the values that the sentence says, in its order and as often as it says them."""
    found = {}
    for value in values:
        free = [at for at in places(said, value) if at not in found]
        if free:
            found[free[0]] = value
    return [found[at] for at in sorted(found)]


def answers(rng, catalogue, tools, seen):
    tool = rng.choice(tools)
    s, shown = scene(rng, catalogue, tool, words.HELD, False, rng.choice((2, 3, 4)))
    parts, meant, _ = scenarios.request(s, shown)
    result = scenarios.result_of(s, tool, meant)
    said = wording.answer(tool, result)
    values = told(said, [v for k, r in result.items() if k not in ("ok", "status") for v in leaves(r)])
    held_values = [v for k, kind in result_kinds(tool).items() for v in result_values(kind, k, result)]
    if not values or not held_values or not all(unseen(v, seen) for v in held_values):
        return None
    return item(s, [scenarios.user(wording.as_typed(parts, rng)), scenarios.calls(shown.call(meant)), scenarios.returned(shown, result)],
                {"values": values})


def result_kinds(tool):
    """{key of the result or of its entries: kind}"""
    kinds = {}
    for key, value in {**(tool.result or {}), **(tool.items or {})}.items():
        if hasattr(value, "sample"):
            kinds[key] = value
        elif isinstance(value, str) and value.startswith("{") and value[1:-1] in tool.arguments:
            kinds[key] = tool.arguments[value[1:-1]].kind
    return kinds


def result_values(kind, key, result):
    entries = result["entries"] if isinstance(result.get("entries"), list) else []
    return [v for place in (result, *entries) if key in place for v in split_values(kind, place[key])]


def splits(kind):
    """Whether a kind has values that training never sees."""
    if isinstance(kind, Array):
        return splits(kind.kind)
    if isinstance(kind, Record):
        return any(splits(k) for k in kind.fields.values())
    return isinstance(kind, Code) or isinstance(kind, Text) and not isinstance(kind.pool, words.Fixed)


def split_values(kind, meant):
    """The values of such kinds in a value."""
    if isinstance(kind, Array):
        return [v for m in meant for v in split_values(kind.kind, m)]
    if isinstance(kind, Record):
        return [v for name, k in kind.fields.items() if name in meant for v in split_values(k, meant[name])]
    return [meant] if splits(kind) else []


WORD = re.compile(r"[\w-]+")


def unseen(value, seen):
    """Whether some word of it is not in `seen`: "the blanket" is seen where "blanket" is. Numbers alone do not make a value unseen."""
    found = WORD.findall(value.lower())
    return any(w not in seen for w in [w for w in found if not w.isdigit()] or found)


def seen_words(catalogue):
    """The words of every list, enumeration and sentence of training."""
    texts = [w for pool in words.Pool.made for w in pool.parts[words.TRAIN]]
    for tool in catalogue.tools():
        texts += [tool.about, *(a.about for a in tool.arguments.values())]
        texts += [text for phrase in tool.phrases if not phrase.held for text in fixed_texts(phrase.tree)]
        for kind in (*(a.kind for a in tool.arguments.values()), *result_kinds(tool).values()):
            texts += enumerated(kind)
    lines = [line for links in (catalogue.sequences, catalogue.picks) for link in links for line in link.phrases]
    lines += [*catalogue.out_of_reach, *(line for group, _ in catalogue.small_talk for line in group)]
    texts += [text for tree, held in lines if not held for text in fixed_texts(tree)]
    return {w for text in texts for w in WORD.findall(text.lower().replace("_", " "))}


def fixed_texts(tree):
    for kind, inner in tree:
        if kind == "text":
            yield inner
        elif kind == "one":
            for option in inner:
                yield from fixed_texts(option)
        elif kind == "maybe":
            yield from fixed_texts(inner)


def enumerated(kind):
    if isinstance(kind, Array):
        return enumerated(kind.kind)
    if isinstance(kind, Record):
        return [text for k in kind.fields.values() for text in enumerated(k)]
    if isinstance(kind, Quantity):
        return list(kind.units)
    return [text for value, said in kind.said.items() for text in (value, *said)] if isinstance(kind, Choice) else []


def sets(catalogue, seed, count):
    seen = seen_words(catalogue)
    known, new = catalogue.tools(), catalogue.tools(held=True)
    copied = [t for t in known if any(splits(a.kind) for a in t.arguments.values())]
    makers = {"phrasings": lambda r: single(r, catalogue, known, words.TRAIN, True),
              "values": lambda r: single(r, catalogue, copied, words.HELD, False, seen),
              "tools": lambda r: single(r, catalogue, new, words.TRAIN, r.random() < 0.3),
              "irrelevance": lambda r: irrelevance(r, catalogue, known),
              "asks_back": lambda r: asks_back(r, catalogue, known),
              "answers": lambda r: answers(r, catalogue, known, seen)}
    out = {}
    for name, make in makers.items():
        rng, items, given = random.Random(f"{seed} {name}"), [], set()
        while len(items) < count:
            made = make(rng)
            if made and str(made["messages"]) not in given:
                given.add(str(made["messages"]))
                items.append(made)
        out[name] = items
    return out
