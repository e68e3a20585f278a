"""Whether an answer is what an item of the held-out sets expects."""
import json
import re

CALL = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)


def calls_of(text):
    """[{name, arguments}] of the calls in a text, None where one cannot be read."""
    try:
        made = [json.loads(found) for found in CALL.findall(text)]
    except ValueError:
        return None
    if "<tool_call>" in CALL.sub("", text) or not all(isinstance(c, dict) and set(c) == {"name", "arguments"} for c in made):
        return None
    return made


def says(text, value):
    """The value stands in the text, not as a part of a longer word or number."""
    return re.search(r"(?<![\w.])" + re.escape(value.lower()) + r"(?![\w]|\.\d)", text.lower()) is not None


def same(a, b):
    """Equal JSON values of equal types: 40 is 40.0, 1 is not true."""
    if isinstance(a, bool) != isinstance(b, bool):
        return False
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return a == b


def right(expect, text):
    made = calls_of(text)
    if made is None:
        return False
    if "calls" in expect:
        return same(made, expect["calls"])
    if made:
        return False
    if "asks" in expect:
        return text.strip().endswith("?") and all(says(text, name) for name in expect["asks"])
    return all(says(text, value) for value in expect["values"])
