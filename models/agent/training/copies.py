"""Exercises that come before everything else in training and go on beside it: copying, and what values mean.

Copying tunes what induction.py has placed: every token of the answers stands in the question, and there is nothing else to learn, for the
texts are pieces of the vocabulary in any order. The meaning of values (4 pm is 16:00) is needed in few conversations, and here in all.
"""
import json
import random

from scenarios import says, user
from values import PERCENT, TEMPERATURE, Date, Flag, Minutes, Number, Time
from words import TRAIN

ECHO = ("say: {}", "repeat: {}", "write this again: {}")
ORDERS = ("order: {}", "now as {}", "give {}")


def pieces_of(tokenizer):
    """The texts of tokens that can stand anywhere: printable ASCII, nothing that marks a turn or a call."""
    texts = (tokenizer.decode([i]) for i in range(tokenizer.get_vocab_size()))
    return sorted({t for t in texts if t.strip() and t.isascii() and t.isprintable() and not set(t) & set("<>|{}\"\\")})


def text(rng, pieces, count):
    return "".join(rng.choice(pieces) + (" " if rng.random() < 0.2 else "") for _ in range(count)).strip()


def echo(rng, pieces):
    words = text(rng, pieces, rng.randrange(8, 50))
    return [user(rng.choice(ECHO).format(words)), says(words)]


def recall(rng, pieces):
    """Pairs of names and values, to be given in another order, as lines or as JSON."""
    pairs = {text(rng, pieces, rng.choice((1, 1, 2))): text(rng, pieces, rng.randrange(1, 7)) for _ in range(rng.randrange(2, 9))}
    names = rng.sample(list(pairs), len(pairs))
    asked = "\n".join(f"{n}: {v}" for n, v in pairs.items()) + "\n" + rng.choice(ORDERS).format(", ".join(names))
    if rng.random() < 0.5:
        return [user(asked), says("\n".join(f"{n}: {pairs[n]}" for n in names))]
    return [user(asked), says(json.dumps({n: pairs[n] for n in names}))]


# What is said in one way and meant in another: times of day, durations, numbers in words, units.
MEANT = (Time(), Time(), Minutes(), Date(), PERCENT, TEMPERATURE, Number(1, 40), Flag(["yes", "on"], ["no", "off"]))


def meaning(rng, pieces):
    """Values as they are said, to be given as JSON."""
    values = [rng.choice(MEANT).sample(rng, TRAIN) for _ in range(rng.randrange(2, 9))]
    return [user("values: " + "; ".join(v.said for v in values)), says(json.dumps([v.meant for v in values]))]


def copying(pieces, seed, index):
    rng = random.Random(f"{seed} copying {index}")
    return {"tools": [], "messages": [m for _ in range(rng.choice((1, 2, 3))) for m in rng.choice((echo, recall, meaning))(rng, pieces)]}
