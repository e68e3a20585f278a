"""Tools as the catalogue describes them, and as a conversation shows them to the model.

A tool is written with `tool(...)`:

    tool("set_light dim_light adjustLight", "level", "Set the brightness of a light",
         {"room|location|place": (ROOM, "the room of the light"),
          "level|brightness": (PERCENT, "brightness in percent"),
          "fade?|transition?": (MINUTES, "how long it takes to get there")},
         say=\"\"\"
         (turn|set) the {room} light to {level}[ over {fade}]
         turn the light to {level}
         ~ i want the light in the {room} at {level}
         \"\"\")

The first name is the tool's own; a conversation of the training data may use another one, so that the model learns to read
names from the prompt. `?` marks an optional argument. Phrases are in phrases.py's grammar; one that starts with `~` is held
out of training. One that lacks a required argument is a request that has to be asked back.
"""
import dataclasses
import json

import phrases
from values import Choice


@dataclasses.dataclass(frozen=True)
class Argument:
    name: str
    kind: object
    about: str
    names: tuple
    optional: bool


@dataclasses.dataclass(frozen=True)
class Phrase:
    text: str
    tree: list
    held: bool
    missing: tuple  # required arguments that it does not give


@dataclasses.dataclass(frozen=True)
class Tool:
    name: str
    kind: str
    about: str
    names: tuple
    arguments: dict
    phrases: tuple
    result: dict   # key -> a kind to draw from, "{argument}" for its value, or a constant
    items: dict    # the same for each entry of a list
    answer: str    # what the assistant says of a result; "" for the usual form
    held: bool     # the whole tool is held out

    def choose(self, held, asks):
        return [p for p in self.phrases if p.held == held and bool(p.missing) == asks]


def tool(names, kind, about, arguments, say, result=None, items=None, answer="", held=False):
    made = {}
    for key, (value, text) in arguments.items():
        optional = "?" in key
        own, *others = (n.rstrip("?") for n in key.split("|"))
        made[own] = Argument(own, value, text, tuple(others), optional)
    required = [a.name for a in made.values() if not a.optional]
    lines = []
    for line in filter(None, (l.strip() for l in say.splitlines())):
        text = line.removeprefix("~").strip()
        tree = phrases.parse(text)
        unknown = phrases.slots(text) - set(made)
        assert not unknown, f"{names}: {unknown} in {text}"
        given = phrases.always(tree)
        assert set(required) & phrases.slots(text) <= given, f"{names}: a required argument may not come and go: {text}"
        lines.append(Phrase(text, tree, line.startswith("~"), tuple(n for n in required if n not in given)))
    own, *others = names.split()
    made_tool = Tool(own, kind, about, tuple(others), made, tuple(lines), result or {}, items or {}, answer, held)
    known, asking = made_tool.choose(False, False), made_tool.choose(False, True)
    assert len(known) >= 4 and made_tool.choose(True, False), f"{own}: too few phrases"
    assert not required or (asking and made_tool.choose(True, True)), f"{own}: phrases that have to be asked back are missing"
    return made_tool


@dataclasses.dataclass(frozen=True)
class Sequence:
    """Two calls, the second with what the first found: `passes` maps arguments of `second` to keys of `first`'s result."""
    first: str
    second: str
    passes: dict
    phrases: tuple


def then(first, second, passes, say):
    return Sequence(first, second, passes, phrases.lines(say.splitlines()))


@dataclasses.dataclass(frozen=True)
class Pick:
    """A list, then a call about one of its entries: "open the second one". `argument` of `second` gets `key` of the entry."""
    first: str
    second: str
    argument: str
    key: str
    phrases: tuple


def pick(first, second, argument, key, say):
    """In `say`, {which} is the place in the list: the second one."""
    return Pick(first, second, argument, key, phrases.lines(say.splitlines()))


def camel(name):
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


@dataclasses.dataclass(frozen=True)
class Shown:
    """A tool under the names that one conversation uses."""
    tool: Tool
    name: str
    names: dict      # own name of an argument -> name here
    described: bool  # arguments have descriptions

    def call(self, arguments):
        """{name, arguments}, in the order of the schema."""
        return {"name": self.name, "arguments": {self.names[n]: arguments[n] for n in self.tool.arguments if n in arguments}}

    def definition(self):
        properties = {}
        for own, argument in self.tool.arguments.items():
            schema = dict(argument.kind.schema())
            if self.described:
                schema["description"] = argument.about + (f", {schema['description']}" if "description" in schema else "")
            properties[self.names[own]] = schema
        required = [self.names[a.name] for a in self.tool.arguments.values() if not a.optional]
        return {"type": "function", "function": {"name": self.name, "description": self.tool.about, "parameters": {
            "type": "object", "properties": properties, "required": required}}}


def show(tool, rng=None, described=True):
    """The tool under its own names, or under any of its names with `rng`."""
    if rng is None:
        return Shown(tool, tool.name, {n: n for n in tool.arguments}, described)
    style = camel if rng.random() < 0.2 else str
    names = {}
    for own, argument in tool.arguments.items():
        name = style(rng.choice((own, *argument.names)))
        names[own] = name if name not in names.values() else style(own)
    if len(set(names.values())) < len(names):
        names = {n: n for n in tool.arguments}
    return Shown(tool, style(rng.choice((tool.name, *tool.names))), names, described)


def words_of(name):
    """`start_time` and `startTime` as words: start time."""
    return "".join(" " + c.lower() if c.isupper() else " " if c in "_-" else c for c in name).strip()


def is_choice(argument):
    return isinstance(argument.kind, Choice)


def to_json(value):
    return json.dumps(value, ensure_ascii=False)
