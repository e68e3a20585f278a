"""Kinds of arguments: what a user says, and the JSON value that is meant.

A kind has `schema()`, its JSON Schema, and `sample(rng, part)`, which gives a Value from the part `train` or `held`
(words.py). Kinds whose values are all known words or small numbers (Choice, Flag, Date ...) have nothing to hold out.
"""
import dataclasses
import math

import words

NUMBER_WORDS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten",
                12: "twelve", 15: "fifteen", 20: "twenty", 30: "thirty", 40: "forty", 50: "fifty", 60: "sixty", 70: "seventy",
                80: "eighty", 90: "ninety"}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclasses.dataclass(frozen=True)
class Value:
    said: str
    meant: object


class Number:
    """A number from low to high in steps; `unit` is what may follow it, as in "40 percent" or "40%".

    An integer where every step is one. Numbers of three digits and more have a part, like words; smaller ones are all seen."""

    def __init__(self, low, high, step=1, unit=("",)):
        self.low, self.high, self.step, self.unit = low, high, step, (unit,) if isinstance(unit, str) else unit
        self.whole = float(step).is_integer()

    def schema(self):
        return {"type": "integer" if self.whole else "number"}

    def sample(self, rng, part):
        splits = (self.high - self.low) / self.step > 300
        while True:
            number = self.low + self.step * rng.randint(0, int((self.high - self.low) / self.step))
            number = int(number) if self.whole else round(number, 1 - min(0, math.floor(math.log10(self.step))) - 1)
            if not self.whole and number == int(number):
                number = int(number)  # 21.0 is said and written 21
            if not splits or words.part_of(str(number)) == part:
                break
        said = NUMBER_WORDS[number] if number in NUMBER_WORDS and rng.random() < 0.15 else str(number)
        unit = rng.choice(self.unit)
        return Value(said + (unit if unit.startswith(("%", "°")) or not unit else " " + unit), number)


class Quantity:
    """A value with its unit, {"value": 21.5, "unit": "celsius"}; `units` maps each unit to (low, high, step, ways to say it)."""

    def __init__(self, **units):
        self.units = units

    def schema(self):
        return {"type": "object", "properties": {"value": {"type": "number"}, "unit": {"type": "string", "enum": list(self.units)}},
                "required": ["value", "unit"]}

    def sample(self, rng, part):
        unit = rng.choice(list(self.units))
        low, high, step, said = self.units[unit]
        number = Number(low, high, step, said).sample(rng, part)
        return Value(number.said, {"value": number.meant, "unit": unit})


class Choice:
    """One of a few words. Each argument is the value, or "value: other ways to say it, separated by |"."""

    def __init__(self, *choices):
        self.said = {}
        for choice in choices:
            value, _, others = choice.partition(":")
            self.said[value] = [value.replace("_", " ")] + [o.strip() for o in others.split("|") if o.strip()]

    def schema(self):
        return {"type": "string", "enum": list(self.said)}

    def sample(self, rng, part):
        value = rng.choice(list(self.said))
        return Value(rng.choice(self.said[value]), value)


class Flag:
    """A boolean, said in words of its own: Flag(["with a reminder"], ["without a reminder"])."""

    def __init__(self, yes, no):
        self.yes, self.no = yes, no

    def schema(self):
        return {"type": "boolean"}

    def sample(self, rng, part):
        value = rng.random() < 0.5
        return Value(rng.choice(self.yes if value else self.no), value)


STRANGE = words.Strange()


class Text:
    """Words of a pool (words.py), copied letter by letter, or of no pool where the part says so."""

    def __init__(self, pool):
        self.pool = pool

    def schema(self):
        return {"type": "string"}

    def sample(self, rng, part):
        text = (STRANGE if part.strange and rng.random() < part.strange else self.pool).sample(rng, part)
        return Value(text, text)


class Code:
    """A number like `M-204`: in the pattern, # is a digit and @ a capital letter; several patterns with | between."""

    def __init__(self, pattern):
        self.patterns = pattern.split("|")

    def schema(self):
        return {"type": "string"}

    def sample(self, rng, part):
        while True:
            code = "".join(rng.choice("0123456789") if c == "#" else rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") if c == "@" else c
                           for c in rng.choice(self.patterns))
            if words.part_of(code) == part:
                return Value(code, code)


class Time:
    """A time of day, "7 pm", "19:30", "7:15 am"; meant as HH:MM."""

    def schema(self):
        return {"type": "string", "description": "HH:MM"}

    def sample(self, rng, part):
        hour, minute = rng.randint(0, 23), rng.choice((0, 0, 0, 15, 30, 45, rng.randint(0, 59)))
        meant = f"{hour:02}:{minute:02}"
        half, twelve = ("am", "pm")[hour >= 12], hour % 12 or 12
        said = [meant]
        if minute == 0:
            said += [f"{twelve} {half}", f"{twelve}{half}"] + (["noon"] if hour == 12 else [])
        else:
            said += [f"{twelve}:{minute:02} {half}"]
        return Value(rng.choice(said), meant)


class Date:
    """today, tomorrow, a weekday (meant as that word) or a date YYYY-MM-DD."""

    def schema(self):
        return {"type": "string", "description": "today, tomorrow, a weekday or YYYY-MM-DD"}

    def sample(self, rng, part):
        while True:
            word = rng.choice(("today", "tomorrow", rng.choice(WEEKDAYS), rng.choice(WEEKDAYS), "date"))
            if word != "date":
                return Value(("on " if word in WEEKDAYS else "") + word, word)
            date = f"{rng.randint(2025, 2029)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
            if words.part_of(date) == part:
                return Value("on " + date, date)


class Minutes:
    """A duration, meant in minutes; up to four hours may be said in hours."""

    def schema(self):
        return {"type": "integer", "description": "minutes"}

    def sample(self, rng, part):
        if rng.random() < 0.25:
            said, meant = rng.choice((("half an hour", 30), ("an hour", 60), ("1 hour", 60), ("2 hours", 120), ("3 hours", 180),
                                      ("two hours", 120), ("a quarter of an hour", 15), ("an hour and a half", 90), ("4 hours", 240)))
            return Value(said, meant)
        number = Number(1, 90, unit=("minutes", "minutes", "min")).sample(rng, part)
        return Value("1 minute" if number.meant == 1 else number.said, number.meant)


class Array:
    """One to `most` values of a kind: "milk, eggs and bread"."""

    def __init__(self, kind, most=3):
        self.kind, self.most = kind, most

    def schema(self):
        return {"type": "array", "items": self.kind.schema()}

    def sample(self, rng, part):
        values = {}
        for _ in range(rng.randint(1, self.most)):
            value = self.kind.sample(rng, part)
            if value.meant not in values.values():
                values[value.said] = value.meant
        said = list(values)
        return Value(said[0] if len(said) == 1 else ", ".join(said[:-1]) + " and " + said[-1], list(values.values()))


class Record:
    """A nested object: `form` says it, "{street} in {city}"; the fields are kinds."""

    def __init__(self, form, **fields):
        self.form, self.fields = form, fields

    def schema(self):
        return {"type": "object", "properties": {name: kind.schema() for name, kind in self.fields.items()}, "required": list(self.fields)}

    def sample(self, rng, part):
        values = {name: kind.sample(rng, part) for name, kind in self.fields.items()}
        return Value(self.form.format(**{n: v.said for n, v in values.items()}), {n: v.meant for n, v in values.items()})


PERCENT = Number(0, 100, unit=("percent", "percent", "%"))
TEMPERATURE = Quantity(celsius=(5, 35, 0.5, ("degrees celsius", "°C", "celsius")), fahrenheit=(40, 95, 1, ("degrees fahrenheit", "°F", "fahrenheit")))
PERSON, ROOM = Text(words.PEOPLE), Text(words.ROOMS)
ADDRESS = Record("{number} {street} in {city}", street=Text(words.STREETS), number=Number(1, 180), city=Text(words.TOWNS))
STATE = Choice("on", "off")
