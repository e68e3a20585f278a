"""The little grammar in which requests are written.

    (turn|set) the {room} light to {level}[ for {minutes}]

`(a|b)` takes one of the alternatives, `[...]` is there or not, `{name}` is a slot that an argument's value fills. Brackets may
lie in one another. A bracket whose slots are all asked for is always there, see `expand`.
"""
import re

TOKENS = re.compile(r"[()\[\]|]|\{\w+\}|[^()\[\]|{}]+")
SLOT = re.compile(r"\{(\w+)\}")


def parse(text):
    """A tree of ("text", s), ("slot", name), ("one", [sequences]) and ("maybe", sequence)."""
    tokens = TOKENS.findall(text)
    assert "".join(tokens) == text, f"cannot be read: {text}"

    def sequence(at, closing):
        out, options = [], []
        while at < len(tokens) and tokens[at] != closing:
            token = tokens[at]
            if token == "(":
                inner, at = sequence(at + 1, ")")
                out.append(("one", inner))
            elif token == "[":
                inner, at = sequence(at + 1, "]")
                assert len(inner) == 1, f"write [(a|b)]: {text}"
                out.append(("maybe", inner[0]))
            elif token == "|":
                options.append(out)
                out = []
            else:
                assert token not in ")]", f"unbalanced: {text}"
                out.append(("slot", token[1:-1]) if token[0] == "{" else ("text", token))
            at += 1
        assert closing is None or at < len(tokens), f"unbalanced: {text}"
        return options + [out], at

    options, _ = sequence(0, None)
    assert len(options) == 1, f"alternatives need parentheses: {text}"
    return options[0]


def lines(texts):
    """(tree, whether it is held out of training) of each line; `~` in front marks those held out."""
    found = [line.strip() for line in texts if line.strip()]
    return tuple((parse(line.lstrip("~ ")), line.startswith("~")) for line in found)


def expand(tree, rng):
    """One way through the tree: a list of ("text", s) and ("slot", name)."""
    out = []
    for kind, inner in tree:
        if kind == "one":
            out += expand(rng.choice(inner), rng)
        elif kind == "maybe":
            out += expand(inner, rng) if rng.random() < 0.5 else []
        else:
            out.append((kind, inner))
    return out


def always(tree):
    """Slots that every way through the tree fills."""
    found = set()
    for kind, inner in tree:
        if kind == "slot":
            found.add(inner)
        elif kind == "one":
            found |= set.intersection(*(always(option) for option in inner))
    return found


def slots(text):
    return set(SLOT.findall(text))


def skeletons(tree, limit=4000):
    """Every way through the tree with its slots as {}: what two phrasings are told apart by."""
    ways = [""]
    for kind, inner in tree:
        if kind == "text":
            ends = [inner]
        elif kind == "slot":
            ends = ["{}"]
        elif kind == "one":
            ends = [way for option in inner for way in skeletons(option, limit)]
        else:
            ends = [""] + skeletons(inner, limit)
        ways = [way + end for way in ways for end in ends]
        assert len(ways) <= limit, "too many ways through one phrase"
    return ways
