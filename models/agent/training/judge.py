"""Whether an answer is what an item of the held-out sets expects.

    calls   exactly these, in this order; none: some text and no call
    asks    no call, and a question that names each of these and no other argument of the tools at hand
    values  no call, and each of these in this order
"""
import json
import re

from tools import words_of

CALL = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)


def once(pairs):
    """An object whose names are all different."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def call_of(text):
    call = json.loads(text, object_pairs_hook=once)
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise ValueError("no call")
    arguments = call.get("arguments")
    arguments = json.loads(arguments, object_pairs_hook=once) if isinstance(arguments, str) else arguments
    if not isinstance(arguments, dict):
        raise ValueError("no arguments")
    return {"name": call["name"], "arguments": arguments}


def calls_of(text):
    """[{name, arguments}] of the calls in a text, None where one cannot be read."""
    try:
        made = [call_of(found) for found in CALL.findall(text)]
    except ValueError:
        return None
    return None if "<tool_call>" in CALL.sub("", text) else made


def places(text, value, begin=0):
    """Where the value stands in the text, not as a part of a longer word or number."""
    pattern = re.compile(r"(?<![\w.])" + re.escape(value.lower()) + r"(?![\w]|\.\d)")
    return [found.start() for found in pattern.finditer(text.lower(), begin)]


def says_in_order(text, values):
    at = 0
    for value in values:
        found = places(text, value, at)
        if not found:
            return False
        at = found[0] + len(value)
    return True


def same(a, b):
    """Equal JSON values of equal types: 40 is 40.0, 1 is not true."""
    if isinstance(a, bool) != isinstance(b, bool):
        return False
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return a == b


def asks(item, text):
    wanted = item["expect"]["asks"]
    names = {words_of(name) for tool in item["tools"] for name in tool["function"]["parameters"]["properties"]}
    others = [name for name in names if not any(places(w, name) for w in wanted)]
    return text.strip().endswith("?") and all(places(text, w) for w in wanted) and not any(places(text, name) for name in others)


def right(item, text):
    expect, made = item["expect"], calls_of(text)
    if made is None:
        return False
    if "calls" in expect and expect["calls"]:
        return same(made, expect["calls"])
    if made or not text.strip():
        return False
    if "asks" in expect:
        return asks(item, text)
    return says_in_order(text, expect.get("values", ()))
