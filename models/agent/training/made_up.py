"""Tools made up on the spot: of the catalogue's kinds, but with nouns, names and arguments drawn anew for each conversation.

There is no end of them, so nothing about them can be learnt by heart: what a request asks for has to be found by its words in
the definitions at hand, and what it gives has to be copied. This is where the model learns to use a tool that it has never seen.
"""
import dataclasses

import phrases
import words
from tools import Argument, Phrase, Tool
from values import (ADDRESS, Array, Choice, Code, Date, Flag, Minutes, Number, PERCENT, PERSON, Quantity, ROOM, STRANGE, TEMPERATURE, Text, Time)

NOUNS = words.Pool("""sprinkler, humidifier, elevator, projector, freezer, kettle, aquarium, doorbell, intercom, gate, pool pump, heat pump, solar panel,
    water meter, speaker, mirror, mower, toaster, shower, fireplace, awning, skylight, dishwasher, rice cooker, air purifier, dashcam, wiper, horn,
    bumper, roof box, trailer, dynamo, winch, hub, turbine, generator, inverter, ladle, vibrator, screen, hopper, silo, ramp, forklift, tray, magnet,
    laser, torch, scale, counter, stacker, washer, filter press, evaporator, separator, router, antenna, modem, server, printer, scanner, badge, locker,
    bench, crate, pallet, container, sample, swab, bandage, wheelchair, walker, ventilator, monitor, oxygen mask, drip stand, pillow, blanket, splint,
    syringe, chart, ward, bedpan, cradle, invoice, contract, voucher, permit, survey, quote, parcel, letter, rota, budget, podcast, playlist,
    slideshow, newsletter, backup, password, account, profile, calendar, map, tide table, bus, tram, ferry, taxi, scooter, lift, escalator, fountain,
    greenhouse, beehive, stable, kennel, barn, trough, tractor, harvester, plough, drone, camera, telescope, piano, kiln, loom, anvil""")
COINED = words.Coined()
MODES = ("eco", "boost", "quiet", "auto", "manual", "night", "sport", "holiday", "rapid", "gentle", "summer", "winter", "test", "sleep", "guest", "dry")


@dataclasses.dataclass(frozen=True)
class Part:
    """An argument and how a request gives it."""
    names: str
    kind: object
    about: str
    said: tuple
    plain: tuple = ()  # the same, where no other argument of the tool is of this kind


def strange_name(rng):
    """One or two words of no list as an enumerated value, "rear_left"; said with a space."""
    return "_".join(STRANGE.word(rng) for _ in range(rng.choice((1, 1, 2))))


def mode(rng):
    if rng.random() < 0.5:
        names = sorted({strange_name(rng) for _ in range(rng.choice((2, 3, 4)))})
        return Part("mode|kind|side|position|option|state", Choice(*names), "which one", ("{}", "on {}", "as {}", "to {}"))
    return Part("mode|program|setting", Choice(*rng.sample(MODES, rng.choice((2, 3, 4)))), "which mode",
                ("in {} mode", "in mode {}", "with program {}"))


def units(rng):
    """A quantity in one to three units that nobody has heard of."""
    made = {rng.choice(("{a}", "{a}s", "{a}_per_{b}")).format(a=STRANGE.word(rng), b=STRANGE.word(rng)) for _ in range(rng.choice((1, 2, 2, 3)))}
    steps = rng.choice(((1, 90, 1), (0.5, 40, 0.5), (10, 900, 10), (1, 400, 1)))
    return Quantity(**{unit: (*steps, (unit.replace("_", " "),)) for unit in sorted(made)})


# (low, high, step, ways to write the unit): each way may be the name in a definition, and a request may use another.
MEASURES = ((0.5, 40, 0.5, ("liters", "litres", "l")), (10, 900, 10, ("milliliters", "millilitres", "ml")), (5, 900, 5, ("grams", "g")),
            (0.5, 90, 0.5, ("kilograms", "kilos", "kg")), (0.5, 12, 0.1, ("bar",)), (50, 900, 1, ("kilopascal", "kPa")), (1, 90, 1, ("celsius", "degrees celsius")),
            (30, 200, 1, ("fahrenheit", "degrees fahrenheit")), (10, 3000, 10, ("rpm", "revolutions per minute")), (5, 200, 1, ("km/h", "kilometres per hour")),
            (1, 90, 1, ("drops per minute",)), (10, 300, 5, ("ml/h", "ml per hour", "milliliters per hour")), (1, 90, 1, ("kilometres", "kilometers", "km")),
            (1, 400, 1, ("meters", "metres", "m")), (1, 90, 1, ("volt", "volts", "V")), (1, 22, 1, ("kilowatts", "kW")))


def measured(rng):
    """A quantity in one or two common units, under any of their names."""
    made = {}
    for low, high, step, ways in rng.sample(MEASURES, rng.choice((1, 2, 2, 3))):
        made[rng.choice(ways).lower().replace("/", "_per_").replace(" ", "_")] = (low, high, step, ways)
    return Quantity(**made)


def place(rng):
    return rng.choice((
        Part("room|location|place", ROOM, "where it is", ("in the {}", "of the {}")),
        Part("machine|device|unit", Text(words.MACHINES), "which machine", ("of the {}", "on the {}", "for the {}")),
        Part("person|name|who", PERSON, "for whom", ("for {}", "of {}")),
        Part("site|location", Text(words.SITES), "which site", ("at {}", "in {}")),
        Part("town|city|place", Text(words.TOWNS), "which town", ("in {}", "for {}")),
        Part("id|number|code", Code("@-##|@@-###|@##|####"), "its number", ("number {}", "with number {}", "{}")),
        Part("address", ADDRESS, "where", ("at {}",)),
        Part("zone|area", Number(1, 12), "which zone", ("in zone {}", "of zone {}"))))


def amount(rng):
    if rng.random() < 0.45:
        return Part("amount|rate|value|level|dose", rng.choice((units, measured))(rng), "how much", ("to {}", "at {}", "with {}", ": {}"))
    return rng.choice((
        Part("level|percent|value", PERCENT, "how much, in percent", ("to {}", "at {}")),
        Part("level|value|step", Number(1, 10), "level from 1 to 10", ("to level {}", "at level {}")),
        Part("temperature|target", TEMPERATURE, "target temperature", ("to {}", "at {}")),
        Part("pressure|target", Quantity(bar=(0.5, 12, 0.1, ("bar",)), kpa=(50, 900, 1, ("kPa", "kilopascal"))), "pressure", ("to {}", "at {}")),
        Part("speed|rate", Number(10, 3000, unit=("rpm", "revolutions per minute")), "speed in rpm", ("to {}", "at {}")),
        Part("amount|volume", Quantity(liters=(0.5, 40, 0.5, ("liters", "l")), ml=(10, 900, 10, ("ml", "milliliters"))), "how much", ("to {}", "with {}"))))


def when(rng):
    return rng.choice((Part("date|day", Date(), "day", ("{}", "{}")), Part("time|at|start_time", Time(), "when", ("at {}", "from {}")),
                       Part("duration|minutes|time_limit", Minutes(), "for how long", ("for {}",))))


def extra(rng):
    return rng.choice((
        Part("priority|urgency", Choice("low", "normal", "high"), "how urgent", ("with {} priority", "priority {}")),
        Part("silent|quiet", Flag(["without a sound", "silently"], ["with a sound", "with a beep"]), "without a sound", ("{}",)),
        Part("count|quantity", Number(2, 40, unit=("pieces", "times", "units")), "how many", ("{}",)),
        Part("technician|assignee|by", PERSON, "who does it", ("by {}", "done by {}"))))


TEXTS = (words.ROOMS, words.PEOPLE, words.MACHINES, words.SITES, words.TOWNS, words.FOODS, words.FAULTS, NOUNS)
VERBS = words.Pool("""fetch, clean, empty, fill, inspect, lock, unlock, rename, rotate, tune, paint, weigh, count, scan, print, pause, resume, reset,
    mute, sort, tidy, wrap, label, repair, replace, test, tighten, loosen, drain, flush, heat, cool, rinse, balance, align, park, move, raise, lower,
    fold, feed, register, cancel, confirm, renew, extend, track, compare, rate, archive, publish, translate, summarise, copy, merge, split""")
AFFIXES = ("{}", "{}", "{}", "{}", "target_{}", "new_{}", "{}_name", "{}_by", "{}_id", "for_{}", "{}_to", "max_{}")


def enumerated(rng):
    return strange_name(rng) if rng.random() < 0.5 else NOUNS.sample(rng, words.TRAIN).replace(" ", "_")


def any_kind(rng):
    """A kind, and how a request gives it where nothing else in the request could be it."""
    roll = rng.random()
    if roll < 0.3:
        return Text(rng.choice(TEXTS)), ("of the {}", "for {}", "{}", "to {}", "the {}", "on the {}")
    if roll < 0.5:
        return Choice(*sorted({enumerated(rng) for _ in range(rng.choice((2, 3, 4, 5)))})), ("{}", "to {}", "for {}", "the {}", "as {}", "with {}", "on {}")
    if roll < 0.6:
        return Code("@-##|@@-###|@##|####|@@-####|#####|@-#####"), ("{}", "number {}", "for {}", "to {}", "on {}")
    if roll < 0.72:
        low, high, step = rng.choice(((1, 9, 1), (1, 40, 1), (0, 100, 1), (0.5, 12, 0.5), (20, 900, 10), (1, 5000, 1)))
        unit = rng.choice(("", "", "percent", "%", "mm", "kg", "kilowatts", "rpm", STRANGE.word(rng)))
        return rng.choice((Number(low, high, step, (unit,)), units(rng), measured(rng))), ("to {}", "at {}", "with {}", "{}", "of {}")
    if roll < 0.8:
        return Time(), ("by {}", "for {}", "from {}", "at {}")
    if roll < 0.85:
        return Date(), ("{}",)
    if roll < 0.92:
        return Minutes(), ("for {}",)
    return Array(rng.choice((Text(rng.choice(TEXTS)), Choice(*sorted({enumerated(rng) for _ in range(4)}))))), (": {}", "with {}", "for {}")


def labelled(rng):
    """An argument of any name: what it takes follows from its type, its description and the words of the request."""
    word, other = noun(rng), noun(rng)
    name = rng.choice(AFFIXES).format(word.replace(" ", "_"))
    about = rng.choice(("which {}", "the {}", "{}", "{} of it", "what {} it has")).format(rng.choice((word, word, other)))
    called = word if word in about or rng.random() < 0.5 else other
    if rng.random() < 0.18:
        return Part(name, Flag([f"with the {called}", f"with {called}", f"{called} on"], [f"without the {called}", f"without {called}", f"no {called}", f"{called} off"]),
                    rng.choice(("whether {} is wanted", "{} too", "with {}")).format(called), ("{}",))
    kind, plain = any_kind(rng)
    said = ("{called} {{}}", "with {called} {{}}", "the {called} {{}}", "with the {called} {{}}", "at {called} {{}}", "{{}} as {called}")
    return Part(name, kind, about, tuple(form.format(called=called) for form in said), plain)


# kind -> (verbs of the name, verbs of the request, description, what its arguments are made of, the form of the sentence)
FAMILIES = {
    "level": ("set adjust change", ("set", "turn", "bring", "adjust", "change", "put"), "Set the {noun}", (place, amount), "the {noun}"),
    "mode": ("switch set select", ("switch", "set", "put", "run"), "Choose the mode of the {noun}", (place, mode), "the {noun}"),
    "start": ("start run begin", ("start", "run", "begin"), "Start the {noun}", (place, when), "the {noun}"),
    "stop": ("stop halt end", ("stop", "end", "shut off"), "Stop the {noun}", (place,), "the {noun}"),
    "schedule": ("schedule plan book", ("schedule", "plan", "book"), "Plan a time for the {noun}", (place, when), "the {noun}"),
    "order": ("order request reserve", ("order", "request", "reserve", "get me"), "Order a {noun}", (place, extra), "a {noun}"),
    "reading": ("get read check", ("check", "read", "tell me", "show me"), "Read the {noun}", (place,), "the {noun}"),
    "lookup": ("find open show", ("find", "open", "look up", "show"), "Look up a {noun}", (place,), "the {noun}"),
    "assign": ("assign give transfer", ("assign", "give", "hand over"), "Give a {noun} to somebody",
               (lambda rng: Part("id|number|code", Code("@-##|@@-###|@##|####"), "its number", ("{}", "number {}")),
                lambda rng: Part("person|to|recipient", PERSON, "who gets it", ("to {}",))), "the {noun}"),
    "report": ("report note record", ("report", "note", "record"), "Report something about the {noun}",
               (place, lambda rng: Part("text|note|problem", Text(words.FAULTS), "what is to be said", (": {}", ", note: {}"))), "the {noun}"),
    "message": ("send share mail", ("send", "share", "mail"), "Send the {noun} to somebody",
                (lambda rng: Part("recipient|to|person", PERSON, "who gets it", ("to {}",)),
                 lambda rng: Part("message|text|comment", Text(words.MESSAGES), "what it says", (": {}", " saying {}"))), "the {noun}"),
    "list": ("add append put", ("add", "put", "write"), "Add things to the {noun}",
             (lambda rng: Part("items|things|entries", Array(Text(words.FOODS)), "what to add", ("with {}", ": {}")),), "the {noun}"),
    "other": ("", (), "{verb} the {noun}", (labelled, labelled), "the {noun}"),
}
ASK_FOR = ("i want to {verb} {thing}", "can somebody {verb} {thing}", "{verb} {thing}", "{verb} {thing}", "{verb} {thing}", "we need to {verb} {thing}",
           "time to {verb} {thing}", "it would be good to {verb} {thing}")
NOTES = ("{noun}", "the {noun}", "{noun} please")


def noun(rng):
    roll = rng.random()
    if roll < 0.2:
        return STRANGE.word(rng)
    if roll < 0.45:
        return NOUNS.sample(rng, words.TRAIN)
    if roll < 0.75:
        return COINED.sample(rng, words.TRAIN)
    return COINED.sample(rng, words.TRAIN) + " " + NOUNS.sample(rng, words.TRAIN)


def join(said):
    """Parts of a sentence behind one another; those that begin with a mark have their own space."""
    out = ""
    for part in said:
        out += part if part[0] in ":," or part.startswith(" ") else " " + part
    return out.strip()


def sentence(rng, verbs, about, thing, given):
    """One phrase that gives the arguments `given`: [(name, Part)], in their order or, now and then, the first in front."""
    said = [rng.choice(part.said).format("{" + name + "}") for name, part in given]
    roll = rng.random()
    if roll < 0.15 and not any(s[0] in ":, " for s in said):
        return join([rng.choice(NOTES).format(noun=about), *said]) if said else rng.choice(NOTES).format(noun=about)
    if roll < 0.3 and said and said[0][0] not in ":, {":
        return join([said[0] + ",", rng.choice(verbs), thing, *said[1:]])
    return join([rng.choice(ASK_FOR).format(verb=rng.choice(verbs), thing=thing), *said])


def named(rng, kind, what):
    """(verbs of a request, name, description) of a tool."""
    heads, verbs, about, _, _ = FAMILIES[kind]
    if kind == "other":
        verb = VERBS.sample(rng, words.TRAIN) if rng.random() < 0.75 else STRANGE.word(rng)
        heads, verbs, about = verb, (verb,), verb.capitalize() + " the {noun}"
    head, about = rng.choice(heads.split()), about.format(noun=what)
    roll = rng.random()
    name = what + "_" + head if roll < 0.2 else what if roll < 0.25 else head + "_" + what
    return verbs, name.replace(" ", "_"), about


def made_up(rng, kind=None):
    """A tool with one or two required arguments, now and then optional ones, and a few phrases."""
    kind = kind or rng.choice((*FAMILIES, "other", "other"))
    _, _, _, makers, thing = FAMILIES[kind]
    what = noun(rng)
    verbs, name, about = named(rng, kind, what)
    if rng.random() < 0.25:  # known by another word too, which only the description tells
        other = noun(rng)
        about += rng.choice((" ({})", ", the {}", " or {}")).format(other)
        what = rng.choice((what, other))
    parts = {}
    chosen = [labelled if rng.random() < 0.3 else make for make in makers]
    for make in (*chosen, *((extra,) if rng.random() < 0.2 else ()), *((when,) if rng.random() < 0.15 else ()), *((labelled,) if rng.random() < 0.25 else ())):
        part = make(rng)
        own = rng.choice(part.names.split("|"))
        if own not in parts and not any(part.about == p.about for p in parts.values()):
            parts[own] = part
    kinds = [type(p.kind) for p in parts.values()]
    parts = {n: dataclasses.replace(p, said=p.said + (p.plain * 2 if kinds.count(type(p.kind)) == 1 else ())) for n, p in parts.items()}
    required = list(parts)[:len(makers)]
    if len(required) > 1 and kind not in ("level", "assign", "message", "mode") and rng.random() < 0.3:
        required = required[:1]
    arguments = {n: Argument(n, p.kind, p.about, (), n not in required) for n, p in parts.items()}
    made, thing = [], thing.format(noun=what)
    for _ in range(4):
        chosen = [n for n in parts if n in required or rng.random() < 0.5]
        if rng.random() < 0.3:
            rng.shuffle(chosen)
        text = sentence(rng, verbs, what, thing, ordered(chosen, parts))
        made.append(Phrase(text, phrases.parse(text), False, ()))
    for _ in range(2):
        left = rng.choice(required)
        text = sentence(rng, verbs, what, thing, ordered([n for n in required if n != left], parts))
        made.append(Phrase(text, phrases.parse(text), False, (left,)))
    return Tool(name, kind, about, (), arguments, tuple(made), result_of(rng, kind, arguments, required), {}, "", False)


def bare(rng, kind=None, what=None):
    """A tool without arguments, to be chosen by its words alone: by its noun, or by its verb where `what` is given."""
    alone = what is None
    kind, what = kind or rng.choice((*FAMILIES, "other")), what or noun(rng)
    verbs, name, about = named(rng, kind, what)
    said = what
    if alone and rng.random() < 0.3:
        other = noun(rng)
        about += rng.choice((" ({})", ", the {}", " or {}")).format(other)
        said = rng.choice((what, other))
    thing = FAMILIES[kind][4].format(noun=said)
    texts = [sentence(rng, verbs, said, thing, []) for _ in range(4)]
    if not alone:
        texts = [t for t in texts if any(verb in t for verb in verbs)] or [f"{rng.choice(verbs)} {thing}"]
    return Tool(name, kind, about, (), {}, tuple(Phrase(t, phrases.parse(t), False, ()) for t in texts), {"ok": True}, {}, "", False)


# Families that no verb of a request belongs to twice.
APART = ("level", "start", "stop", "schedule", "order", "assign", "report", "message", "reading")


def siblings(rng):
    """Tools for one noun, told apart by the verb."""
    what = noun(rng)
    return [bare(rng, kind, what) for kind in rng.sample(APART, rng.choice((2, 2, 3)))]


def ordered(names, parts):
    """Free text comes last."""
    return [(n, parts[n]) for n in sorted(names, key=lambda n: any(s[0] in ":," or s.startswith(" ") for s in parts[n].said))]


def result_of(rng, kind, arguments, required):
    result = {n: "{" + n + "}" for n in required if rng.random() < 0.6}
    for _ in range(rng.choice((0, 1, 1, 2))):
        key, value = rng.choice((("state", Choice("ready", "running", "done", "waiting", "open", "closed", "on", "off")), ("value", Number(1, 900, 0.1)),
                                 ("id", Code("@-###|@@##")), ("count", Number(0, 99)), ("by", PERSON), ("until", Time()),
                                 ("minutes", Number(1, 240)), (COINED.sample(rng, words.TRAIN), Number(1, 5000))))
        result.setdefault(key, value)
    return result or {"ok": True}
