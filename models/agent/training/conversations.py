"""Whole conversations: which tools the model sees, and what happens one after the other.

A conversation is {"tools": [definitions], "messages": [...]}; `training` and `drill` give the same one for the same numbers.
"""
import dataclasses
import random
import re

import scenarios
import words
from made_up import bare, made_up, siblings
from tools import show, to_json
from values import STRANGE

SYSTEM = ("You are the assistant of a house.", "You help the driver.", "You are a maintenance assistant.", "You assist a technician.", "You assist nurses.",
          "You are a helpful assistant.", "Be brief.", "Answer briefly and call tools.", "You are a voice assistant.", "Use the tools.")
# What follows what: how often each exchange is tried.
MIXTURE = ((scenarios.single, 40), (scenarios.parallel, 12), (scenarios.asks_back, 16), (scenarios.out_of_reach, 13), (scenarios.same_again, 8),
           (scenarios.sequence, 7), (scenarios.chosen_entry, 7), (scenarios.small_talk, 3))
DRILLS = ((scenarios.single, 70), (scenarios.asks_back, 15), (scenarios.out_of_reach, 15))


def shown_tools(rng, catalogue, renamed):
    """1 to 5 tools of one assistant, and the tools that nothing among them could replace."""
    assistant = rng.choice(list(catalogue.assistants))
    own = [t for t in catalogue.assistants[assistant] if not t.held]
    chosen = rng.sample(own, rng.choice(COUNTS))
    # Sequences and lists need both of their tools.
    linked = [(s.first, s.second) for s in (*catalogue.sequences, *catalogue.picks) if any(t.name == s.first for t in own)]
    if linked and rng.random() < 0.4:
        pair = rng.choice(linked)
        chosen = [t for t in own if t.name in pair] + [t for t in chosen if t.name not in pair][:3]
        rng.shuffle(chosen)
    others = beyond(catalogue, assistant, chosen)
    if rng.random() < 0.2:
        chosen.insert(rng.randrange(len(chosen) + 1), made_up(rng))
    return [show(t, rng if renamed else None, rng.random() < 0.55) for t in chosen], others


def made_up_tools(rng):
    """1 to 5 tools that were never seen before, and others like them."""
    made = {t.name: t for t in (made_up(rng) for _ in range(rng.choice(COUNTS) + 3))}
    *chosen, a, b, c = made.values() if len(made) > 3 else (*made.values(), *(made_up(rng) for _ in range(3)))
    return [show(t, rng, rng.random() < 0.55) for t in chosen], [a, b, c]


def beyond(catalogue, assistant, chosen):
    """Tools for requests out of reach: the assistant's own others, and those of other assistants of kinds that it has not."""
    kinds = {t.kind for t in chosen}
    return [t for name, tools in catalogue.assistants.items() for t in tools
            if not t.held and t not in chosen and (name == assistant or t.kind not in kinds)]


COUNTS = (1, 2, 2, 2, 3, 3, 3, 4, 4, 5)  # of tools
MOST_CHARACTERS = 3000  # of a conversation as text: there are 3.0 to 4.4 to a token, and the model's context has 1024


def description_words(tool):
    return [w for w in re.findall(r"[a-z]+", tool.about.lower()) if len(w) > 2 and w not in ("the", "and", "for", "with", "that", "who", "its")]


def coined_name(rng, tool):
    """A name that only this conversation gives a tool: words of its description, or none that mean anything."""
    words_of_it = description_words(tool)
    if words_of_it and rng.random() < 0.5:
        return "_".join(rng.sample(words_of_it, min(len(words_of_it), rng.choice((1, 2, 2, 3)))))
    return "_".join(STRANGE.word(rng) for _ in range(rng.choice((1, 2))))


def retold(catalogue, seed, index, made_up_share=0.35):
    """As `training`, but half of the catalogue's conversations have coined names. What a request means is known by then; a name has to be looked up
    all the same, or tools that training does not have would be called by names that it has."""
    rng = random.Random(f"{seed} retold {index}")
    if rng.random() < made_up_share:
        shown, others = made_up_tools(rng)
    else:
        shown, others = shown_tools(rng, catalogue, rng.random() < 0.5)
        if rng.random() < 0.6:
            names = [coined_name(rng, s.tool) for s in shown]
            if len(set(names)) == len(names):
                shown = [dataclasses.replace(s, name=n) for s, n in zip(shown, names, strict=True)]
    return conversation(rng, catalogue, shown, others, MIXTURE, rng.choice((1, 2, 3, 4, 5, 6)))


def training(catalogue, seed, index, made_up_share=0.45):
    rng = random.Random(f"{seed} {index}")
    shown, others = made_up_tools(rng) if rng.random() < made_up_share else shown_tools(rng, catalogue, rng.random() < 0.6)
    return conversation(rng, catalogue, shown, others, MIXTURE, rng.choice((1, 2, 3, 4, 5, 6)))


def drill(catalogue, seed, index):
    """Something short to begin with: one tool made up, one or two requests that name it."""
    rng = random.Random(f"{seed} drill {index}")
    tool = made_up(rng)
    return conversation(rng, catalogue, [show(tool, rng, False)], [made_up(rng)], DRILLS, rng.choice((1, 1, 2)))


def selection(catalogue, seed, index):
    """An exercise in finding the tool: many that take nothing, and requests that name one of them or one that is not there.

    In a conversation a call is chosen every 200 tokens or so, among three; here every 50, among up to ten."""
    rng = random.Random(f"{seed} selection {index}")
    tools = [bare(rng) for _ in range(rng.randrange(4, 12))]
    if rng.random() < 0.4:
        tools = tools[:-2] + siblings(rng)
        rng.shuffle(tools)
    *shown, a, b = {t.name: t for t in tools}.values()
    scene = scenarios.Scene(rng, [show(t, rng) for t in shown], words.MIXED, False, [a, b], catalogue)
    messages = []
    for tool in rng.sample(scene.shown, len(scene.shown)):  # each once: a call made before could be copied
        if rng.random() < 0.15:
            messages += scenarios.out_of_reach(scene)
        messages += scenarios.single(scene, tool)[:2]
    return {"tools": [s.definition() for s in scene.shown], "messages": messages}


def conversation(rng, catalogue, shown, others, mixture, wanted):
    scene = scenarios.Scene(rng, shown, words.MIXED, False, others, catalogue)
    messages = [{"role": "system", "content": rng.choice(SYSTEM)}] if rng.random() < 0.3 else []
    kinds, weights = zip(*mixture)
    length = sum(len(to_json(s.definition())) for s in shown)
    tries = 0
    while wanted and tries < 40:
        tries += 1
        made = rng.choices(kinds, weights)[0](scene)
        if not made:
            continue
        length += sum(len(m["content"]) + len(to_json(m.get("tool_calls", ""))) + 30 for m in made)
        if length > MOST_CHARACTERS and len(messages) > 1:
            break
        messages += made
        wanted -= 1
    return {"tools": [s.definition() for s in shown], "messages": messages}
