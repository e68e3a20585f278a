"""Exchanges of a conversation: what the user says, the calls, the results, the answers.

Each function gives a list of messages in the form of chat templates (role, content, tool_calls), or None where the tools at
hand do not allow it. Which phrases and values may be used is the Scene's.
"""
import dataclasses
import random

import phrases
import values
import words
import wording
from tools import Shown, is_choice, to_json

ERRORS = ("device is offline", "not found", "no permission", "timed out", "busy, try again later", "value out of range", "no connection",
          "battery is empty", "access denied", "service unavailable", "already done", "not supported here", "maintenance mode", "wrong id")
ORDINALS = ("first", "second", "third", "fourth")
# Pools whose values a follow-up may name alone: "same for the garage".
REFERABLE = (words.ROOMS, words.PEOPLE, words.MACHINES, words.PATIENTS, words.SITES, words.TOWNS, words.FULL_NAMES)


@dataclasses.dataclass
class Scene:
    """What one conversation draws from."""
    rng: random.Random
    shown: list            # the tools that the model sees
    part: str = words.TRAIN  # of values
    held: bool = False     # held-out phrases
    others: list = dataclasses.field(default_factory=list)  # tools that it does not see and that nothing it sees could replace
    catalogue: object = None

    def find(self, name):
        return next((s for s in self.shown if s.tool.name == name), None)


def user(text):
    return {"role": "user", "content": text}


def says(text):
    return {"role": "assistant", "content": text}


def calls(*made):
    return {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": call} for call in made]}


def returned(shown, result):
    return {"role": "tool", "name": shown.name, "content": to_json(result)}


def draw(arguments, names, scene):
    """(what is said, what is meant) of the arguments named; no two are said alike."""
    while True:
        drawn = {name: arguments[name].kind.sample(scene.rng, scene.part) for name in names}
        if len({v.said for v in drawn.values()}) == len(drawn):
            return {n: v.said for n, v in drawn.items()}, {n: v.meant for n, v in drawn.items()}


def fill(scene, tree, arguments, given=()):
    """One way to say a phrase: (parts of the sentence, (is it a value, text) each; what is meant by its slots)."""
    way = phrases.expand(tree, scene.rng)
    given = dict(given)
    said, meant = draw(arguments, sorted({text for kind, text in way if kind == "slot"} - set(given)), scene)
    return [(kind == "slot", {**said, **given}[text] if kind == "slot" else text) for kind, text in way], meant


def request(scene, shown: Shown, asks=False):
    """A request for one tool: (parts of the sentence, what is meant, the phrase), or None without a phrase."""
    found = shown.tool.choose(scene.held, asks)
    if not found:
        return None
    phrase = scene.rng.choice(found)
    return *fill(scene, phrase.tree, shown.tool.arguments), phrase


def result_of(scene, tool, meant):
    rng = scene.rng
    if tool.items:
        count = rng.choice((0, 1, 2, 2, 3, 3, 4)) if rng.random() < 0.9 else 0
        return {"entries": [{k: kind.sample(rng, scene.part).meant for k, kind in tool.items.items()} for _ in range(count)]}
    result = {}
    for key, value in (tool.result or {"ok": True}).items():
        if hasattr(value, "sample"):
            result[key] = value.sample(rng, scene.part).meant
        elif isinstance(value, str) and value.startswith("{"):
            if value[1:-1] in meant:
                result[key] = meant[value[1:-1]]
        else:
            result[key] = value
    return result


def reply(scene, shown, meant):
    """The result of a call and what the assistant says of it."""
    failed = scene.rng.random() < 0.07
    result = {"error": scene.rng.choice(ERRORS)} if failed else result_of(scene, shown.tool, meant)
    return [returned(shown, result), says(wording.answer(shown.tool, result))], result


def single(scene, shown=None):
    shown = shown or scene.rng.choice(scene.shown)
    made = request(scene, shown)
    if not made:
        return None
    parts, meant, _ = made
    return [user(wording.as_typed(parts, scene.rng)), calls(shown.call(meant)), *reply(scene, shown, meant)[0]]


def parallel(scene):
    """Two or three requests in one sentence, answered by as many calls at once."""
    rng = scene.rng
    count = min(len(scene.shown), rng.choice((2, 2, 2, 3)))
    chosen = rng.sample(scene.shown, count) if rng.random() < 0.7 and count > 1 else [rng.choice(scene.shown)] * 2
    texts, made, results, answers = [], [], [], []
    for shown in chosen:
        wanted = request(scene, shown)
        if not wanted:
            return None
        parts, meant, _ = wanted
        if shown.call(meant) in made:
            return None
        texts.append("".join(text for _, text in parts))
        made.append(shown.call(meant))
        result = result_of(scene, shown.tool, meant)
        results.append(returned(shown, result))
        answers.append(wording.answer(shown.tool, result))
    joint = rng.choice((" and ", " and ", ", and ", ", then ", ". also ", "; ", " and also ", ". then "))
    return [user(wording.as_typed([(True, joint.join(texts))], rng)), calls(*made), *results, says(" ".join(answers))]


def asks_back(scene, shown=None):
    """A request that lacks something, the question, what was missing, the call."""
    shown = shown or scene.rng.choice(scene.shown)
    made = request(scene, shown, asks=True)
    if not made:
        return None
    parts, meant, phrase = made
    said, rest = draw(shown.tool.arguments, phrase.missing, scene)
    asked = wording.question([shown.names[n] for n in phrase.missing])
    given = wording.enumeration([said[n].removeprefix("on ") for n in phrase.missing])
    if len(phrase.missing) == 1 and not is_choice(shown.tool.arguments[phrase.missing[0]]):
        given = scene.rng.choice(("{}", "{}", "{}, please", "it is {}", "use {}")).format(given)
    return [user(wording.as_typed(parts, scene.rng)), says(asked), user(given), calls(shown.call({**meant, **rest})),
            *reply(scene, shown, {**meant, **rest})[0]]


def out_of_reach(scene):
    """A request that no tool at hand can do."""
    rng = scene.rng
    if scene.others and rng.random() < 0.65:
        other = rng.choice(scene.others)
        made = request(scene, Shown(other, other.name, {n: n for n in other.arguments}, True))
        if not made:
            return None
        parts = made[0]
    else:
        parts, _ = fill(scene, rng.choice([t for t, held in scene.catalogue.out_of_reach if held == scene.held]), {})
    return [user(wording.as_typed(parts, rng)), says(wording.NO_TOOL)]


def small_talk(scene):
    lines, said = scene.rng.choice(scene.catalogue.small_talk)
    found = [tree for tree, held in lines if held == scene.held]
    if not found:
        return None
    return [user(wording.as_typed(fill(scene, scene.rng.choice(found), {})[0], scene.rng)), says(said)]


def linked(scene, links):
    """(a sequence or pick of which both tools are at hand, its first tool, its second), or None."""
    possible = [link for link in links if scene.find(link.first) and scene.find(link.second)]
    if not possible:
        return None
    chosen = scene.rng.choice(possible)
    return chosen, scene.find(chosen.first), scene.find(chosen.second)


def sequence(scene):
    """Two calls, one after the other, the second with what the first found."""
    rng = scene.rng
    found = linked(scene, scene.catalogue.sequences)
    if not found:
        return None
    chosen, first, second = found
    tree = rng.choice([t for t, held in chosen.phrases if held == scene.held])
    arguments = {**{n: a for n, a in second.tool.arguments.items() if n not in chosen.passes}, **first.tool.arguments}
    parts, meant = fill(scene, tree, arguments)
    sooner = {n: m for n, m in meant.items() if n in first.tool.arguments}
    result = result_of(scene, first.tool, sooner)
    later = {n: m for n, m in meant.items() if n in second.tool.arguments and n not in chosen.passes}
    later |= {argument: result[key] for argument, key in chosen.passes.items()}
    return [user(wording.as_typed(parts, rng)), calls(first.call(sooner)), returned(first, result), calls(second.call(later)),
            *reply(scene, second, later)[0]]


def chosen_entry(scene):
    """A list, then a call about one of its entries by its place."""
    rng = scene.rng
    found = linked(scene, scene.catalogue.picks)
    if not found:
        return None
    chosen, first, second = found
    made = request(scene, first)
    if not made:
        return None
    parts, meant, _ = made
    result = result_of(scene, first.tool, meant)
    entries = result["entries"]
    if not entries:
        return None
    place = rng.randrange(len(entries))
    which = f"the {ORDINALS[place]} one" if place < len(entries) - 1 or rng.random() < 0.5 else "the last one"
    tree = rng.choice([t for t, held in chosen.phrases if held == scene.held])
    follow, later = fill(scene, tree, second.tool.arguments, {"which": which})
    later[chosen.argument] = entries[place][chosen.key]
    return [user(wording.as_typed(parts, rng)), calls(first.call(meant)), returned(first, result), says(wording.answer(first.tool, result)),
            user(wording.as_typed(follow, rng)), calls(second.call(later)), *reply(scene, second, later)[0]]


def referable(argument):
    kind = argument.kind
    if isinstance(kind, values.Text):
        return "name" if kind.pool in REFERABLE else None
    for group, kinds in (("name", values.Code), ("date", values.Date), ("time", values.Time),
                         ("number", (values.Number, values.Quantity, values.Minutes))):
        if isinstance(kind, kinds):
            return group
    return None


FOLLOW_UPS = {"name": ("same for {}", "the same for {}", "and {}", "do the same for {}", "{} too", "now {}", "also for {}"),
              "date": ("same for {}", "and {}", "the same for {}", "do that for {} too"),
              "time": ("and at {}", "same at {}", "the same at {}"),
              "number": ("make it {}", "change it to {}", "no, {}", "{} is better", "better {}")}


def same_again(scene):
    """A call, then "same for tomorrow": the call again with one argument changed."""
    rng = scene.rng
    shown = rng.choice(scene.shown)
    made = request(scene, shown)
    if not made:
        return None
    parts, meant, _ = made
    groups = {n: referable(shown.tool.arguments[n]) for n in meant}
    possible = [n for n, g in groups.items() if g and list(groups.values()).count(g) == 1]
    if not possible:
        return None
    changed = rng.choice(possible)
    value = shown.tool.arguments[changed].kind.sample(rng, scene.part)
    if value.meant == meant[changed]:
        return None
    again = {**meant, changed: value.meant}
    text = rng.choice(FOLLOW_UPS[groups[changed]]).format(value.said.removeprefix("on "))
    return [user(wording.as_typed(parts, rng)), calls(shown.call(meant)), *reply(scene, shown, meant)[0],
            user(wording.as_typed([(True, text)], rng)), calls(shown.call(again)), *reply(scene, shown, again)[0]]
