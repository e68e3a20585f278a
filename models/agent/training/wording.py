"""What surrounds the facts: polite words and typing errors in requests, and the assistant's sentences.

The assistant's sentences follow a rule each, so that the model can keep to them with tools that it has never seen.
"""
import re

from tools import words_of

NO_TOOL = "I have no tool for that."
# Verbs that a request may begin with; "can you" fits before them.
COMMANDS = frozenset("""turn set put dim bring change make add write note read check tell show list find search look get start stop run open close lock
    unlock call message send text play pause skip book schedule plan remind order request reserve log record enter save assign give hand move
    create report file mark acknowledge clear cancel delete remove raise lower adjust increase decrease take drive navigate route switch page
    notify inform wake water feed clean vacuum print fetch pull measure count confirm release transfer keep let ask warm cool heat charge""".split())
BEFORE_COMMAND = ("please ", "can you ", "could you ", "could you please ", "would you ", "can you please ")
BEFORE = ("hey, ", "hi, ", "ok, ", "hello, ", "so, ", "one more thing: ", "right, ")
AFTER = (" please", ", please", ", thanks", " thank you", ", thank you")


def misspelt(word, rng):
    at = rng.randrange(1, len(word) - 2)
    return rng.choice((word[:at] + word[at + 1] + word[at] + word[at + 2:], word[:at] + word[at + 1:], word[:at] + word[at] + word[at:]))


def with_typo(parts, rng):
    """One error in a word of the phrase itself: what a value says has to be typed right to be meant."""
    places = [(i, m) for i, (slot, text) in enumerate(parts) if not slot for m in re.finditer(r"[a-z]{5,}", text)]
    if not places:
        return parts
    i, found = rng.choice(places)
    text = parts[i][1]
    changed = text[:found.start()] + misspelt(found.group(), rng) + text[found.end():]
    return parts[:i] + [(False, changed)] + parts[i + 1:]


def as_typed(parts, rng):
    """The request as somebody types it."""
    if rng.random() < 0.08:
        parts = with_typo(parts, rng)
    text = "".join(part for _, part in parts)
    question = text.split(" ", 1)[0] in ("what", "which", "who", "when", "where", "how", "is", "are", "does", "do", "has", "did", "can", "will")
    roll = rng.random()
    if roll < 0.25 and text.split(" ", 1)[0].lower() in COMMANDS:
        text = rng.choice(BEFORE_COMMAND) + text
    elif roll < 0.35:
        text = rng.choice(BEFORE) + text
    elif roll < 0.45:
        text += rng.choice(AFTER)
    if rng.random() < 0.3:
        text = text[0].upper() + text[1:]
    if rng.random() < 0.3:
        text += "?" if question else rng.choice((".", ".", "!"))
    return text


def enumeration(texts):
    return texts[0] if len(texts) == 1 else ", ".join(texts[:-1]) + " and " + texts[-1]


def spoken(value):
    """A JSON value in a sentence."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return " ".join(spoken(v) for v in value.values())
    if isinstance(value, list):
        return enumeration([spoken(v) for v in value]) if value else "nothing"
    return str(value)


def question(names):
    """Asks for arguments that are missing, by the names that they have here."""
    return f"Which {enumeration([words_of(name) for name in names])} should I use?"


def answer(tool, result):
    """What a result says, in one sentence."""
    if "error" in result:
        return f"That did not work: {result['error']}."
    if tool.items:
        entries = result["entries"]
        if not entries:
            return "I found nothing."
        return f"I found {len(entries)}: " + "; ".join(f"{i}. " + ", ".join(spoken(v) for v in entry.values())
                                                       for i, entry in enumerate(entries, 1)) + "."
    if tool.answer:
        return tool.answer.format(**{k: spoken(v) for k, v in result.items()})
    facts = [f"{words_of(k)} {spoken(v)}" for k, v in result.items() if k not in ("ok", "status")]
    return f"Done: {', '.join(facts)}." if facts else "Done."
