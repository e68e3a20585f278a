"""Pools of words that requests are filled from, each in two parts: `train`, and `held`, which training never sees.

The part of a word follows from the word alone (part_of), so a word is in the same part wherever it is used, and no list
of what is held out has to be kept in step.
"""
import hashlib
import re


class Part(str):
    """Which words may be drawn. `strange` is the share of texts that come from no list (Strange)."""
    strange = 0.0


TRAIN, HELD = Part("train"), Part("held")
MIXED = Part("train")  # what training itself draws from
MIXED.strange = 0.3


def part_of(word):
    """One word in five is held out."""
    return HELD if hashlib.sha256(("held out? " + word.lower()).encode()).digest()[0] % 5 == 0 else TRAIN


class Pool:
    """A list of words, split by part_of."""
    made = []  # all pools there are

    def __init__(self, text):
        Pool.made.append(self)
        words = [w.strip() for w in text.replace("\n", ",").split(",") if w.strip()]
        self.parts = {TRAIN: [w for w in words if part_of(w) == TRAIN], HELD: [w for w in words if part_of(w) == HELD]}
        assert len(set(words)) == len(words), sorted(w for w in words if words.count(w) > 1)
        assert all(self.parts.values()), f"a part is empty: {words}"

    def sample(self, rng, part):
        return rng.choice(self.parts[part])


class Coined:
    """Words that do not exist, from syllables: what a model can only copy, never know."""
    ONSETS = "b br c ch cl d dr f fl g gr h j k kl l m n p pl qu r s sh sk sl st t tr v w z".split()
    VOWELS = "a e i o u ai ea io ou".split()
    ENDS = "n r l s t x m nd rk ll ss".split() + [""] * 6

    def __init__(self, capital=False):
        self.capital = capital

    def sample(self, rng, part):
        while True:
            word = "".join(rng.choice(self.ONSETS) + rng.choice(self.VOWELS) for _ in range(rng.choice((2, 2, 3))))
            word += rng.choice(self.ENDS)
            if part_of(word) == part:
                return word.capitalize() if self.capital else word


class Strange:
    """One to three words of no list: spliced from the beginning of one word and the end of another, coined, or out of place.

    Words of the lists come out of a small model by heart. What is in no list has to be copied from the request, piece by piece,
    and that is what an unseen value needs."""
    PIECE = re.compile(r"[A-Za-z]{4,}")

    def __init__(self):
        self.coined, self.known, self.held = Coined(), None, None

    def word(self, rng):
        if self.known is None:
            self.known, self.held = ([w for w in sorted({w for pool in Pool.made for text in pool.parts[part] for w in self.PIECE.findall(text.lower())})]
                                     for part in (TRAIN, HELD))
            self.held = set(self.held)
            self.known = [w for w in self.known if w not in self.held]
        roll = rng.random()
        while True:
            if roll < 0.5:
                a, b = rng.choice(self.known), rng.choice(self.known)
                word = a[:rng.randrange(2, len(a))] + b[-rng.randrange(2, len(b)):]
            elif roll < 0.8:
                word = self.coined.sample(rng, TRAIN)
            else:
                word = rng.choice(self.known)
            if part_of(word) == TRAIN and word not in self.held:
                return word

    def sample(self, rng, part=TRAIN):
        made = [self.word(rng) for _ in range(rng.choice((1, 1, 1, 2, 2, 3)))]
        return " ".join(w.capitalize() for w in made) if rng.random() < 0.3 else " ".join(made)


class Joined:
    """Words of several pools behind one another; every one of them is of the part asked for, so none was ever seen."""

    def __init__(self, form, **pools):
        self.form, self.pools = form, pools

    def sample(self, rng, part):
        return self.form.format(**{name: pool.sample(rng, part) for name, pool in self.pools.items()})


class Fixed:
    """Words too few to hold any out."""

    def __init__(self, *words):
        self.words = words

    def sample(self, rng, part):
        return rng.choice(self.words)


class AnyOf:
    """One of several pools, the first ones more often."""

    def __init__(self, *pools, weights=None):
        self.pools, self.weights = pools, weights

    def sample(self, rng, part):
        return rng.choices(self.pools, self.weights)[0].sample(rng, part)


FIRST_NAMES = Pool("""Anna, Ben, Carla, David, Elena, Felix, Greta, Hannah, Ivan, Julia, Karim, Laura, Marco, Nina, Oscar, Paula, Quentin,
    Rosa, Samuel, Tina, Umar, Vera, Walter, Xenia, Yusuf, Zoe, Aisha, Boris, Clara, Dmitri, Emma, Farid, Gina, Henrik, Ines, Jonas, Katya,
    Leon, Mila, Nadia, Olga, Pavel, Rita, Sven, Tomas, Ursula, Viktor, Wendy, Yara, Zane, Alma, Bruno, Celine, Dario, Edith, Frank, Gloria,
    Hugo, Irma, Jakob, Klara, Lukas, Marta, Niklas, Otto, Petra, Ravi, Selma, Theo, Ulla, Vincent, Wanda, Amir, Bianca, Cyrus, Doris""")
LAST_NAMES = Pool("""Adler, Becker, Castro, Dietz, Ekberg, Farmer, Garcia, Hansen, Ivanov, Jensen, Keller, Larsen, Moreno, Novak, Olsen,
    Petrov, Quinn, Rossi, Santos, Torres, Ulrich, Vargas, Weber, Xu, Young, Ziegler, Abbott, Brandt, Costa, Duarte, Engel, Fischer, Gruber,
    Holm, Ito, Jansen, Kovacs, Lindt, Mbeki, Nilsson, Okafor, Peters, Rahman, Silva, Tanaka, Urban, Visser, Walsh, Yilmaz, Zhou, Arnold,
    Bianchi, Cohen, Dubois, Evans, Fuchs, Graf, Haas, Ibsen, Jung, Kaya, Lopez, Meyer, Nagy, Ortiz, Park, Reyes, Stone, Tran, Vogel""")
PEOPLE = AnyOf(FIRST_NAMES, Joined("{first} {last}", first=FIRST_NAMES, last=LAST_NAMES), weights=(2, 3))
FULL_NAMES = Joined("{first} {last}", first=FIRST_NAMES, last=LAST_NAMES)
TITLED = Joined("{title} {last}", title=Fixed("Mr", "Mrs", "Ms"), last=LAST_NAMES)
PATIENTS = AnyOf(FULL_NAMES, TITLED, weights=(2, 1))
ROOMS = Pool("""kitchen, bedroom, bathroom, living room, hallway, garage, office, study, attic, basement, dining room, guest room, nursery,
    laundry room, balcony, porch, garden, terrace, pantry, library, music room, playroom, workshop, cellar, entrance, conservatory,
    utility room, gym, den, kids room, upstairs hall, sun room, studio, cloakroom, boiler room, wine cellar, sauna, loft, staircase""")
TOWN_ENDS = Pool("ford, ton, bury, ham, stead, wick, by, mouth, dale, field, bridge, port, brook, wood, hurst, combe, minster, well, gate, moor")
TOWN_STARTS = Pool("""Ash, Bram, Cal, Dun, Elm, Farn, Glen, Hol, Kel, Lang, Mil, Nor, Oak, Pen, Rad, Stan, Thorn, Up, Wes, Alder, Black,
    Clay, Dart, Ever, Fox, Green, Hart, Kings, Lin, Marl, New, Otter, Pres, Red, Shep, Tam, Wal, York, Bell, Cran""")
TOWNS = AnyOf(Joined("{a}{b}", a=TOWN_STARTS, b=TOWN_ENDS), Coined(capital=True), weights=(3, 1))
STREETS = Joined("{a} {b}", a=Pool("""Mill, Church, Station, Park, High, Garden, River, Forest, Hill, Lake, Market, School, Chapel, Bridge, Meadow,
    Orchard, Castle, Harbour, Spring, Tower, Abbey, Field, Factory, Canal, Quarry, Linden, Maple, Cedar, Birch, Willow"""),
                 b=Fixed("Street", "Road", "Lane", "Avenue", "Way", "Drive", "Square", "Close", "Row", "Court"))
FOODS = Pool("""milk, eggs, bread, butter, apples, bananas, rice, pasta, cheese, tomatoes, onions, garlic, flour, sugar, salt, coffee, tea,
    yoghurt, lemons, potatoes, carrots, spinach, honey, olive oil, oats, beans, lentils, chicken, salmon, tofu, mushrooms, peppers, cucumbers,
    oranges, grapes, cereal, jam, mustard, vinegar, nuts, raisins, cream, ham, biscuits, soup, juice, sparkling water, toothpaste, soap,
    paper towels, batteries, light bulbs, dish soap, bin bags, napkins, candles, cat food, dog food, washing powder, sponges""")
ERRANDS = Joined("{verb} {thing}", verb=Pool("""call, visit, email, thank, pay, collect, check, clean, book, renew, cancel, order, wash, fix, pick up,
    return, water, feed, inspect, update, charge, move, test, replace, pack, print, sign, send, measure, confirm"""),
                 thing=Pool("""the dentist, the landlord, the plumber, the parcel, the invoice, the passport, the plants, the car, the bike, the contract,
    the tickets, the report, the rent, the neighbour, the garage, the bank, the filter, the printer, the keys, the curtains, the laptop,
    the insurance, the boiler, the school, the library books, the suitcase, the camera, the gutter, the windows, the lawn mower, the toolbox,
    the meeting room, the newsletter, the vaccine card, the gas meter, the smoke alarm, the spare wheel, the forms, the ladder, the cake"""))
MESSAGES = AnyOf(Joined("{name} will be {late} late", name=FIRST_NAMES, late=Fixed("ten minutes", "an hour", "half an hour", "five minutes", "a day")),
                 Joined("{thing} is {state}", thing=Pool("""dinner, the meeting, the delivery, the machine, the report, the room, the truck, the order,
    the pump, lunch, the key, the line, the shift, the sample, the door, the van, the tank, the belt, the food, the parcel"""),
                        state=Pool("""ready, cancelled, delayed, done, here, on the way, running, broken, empty, full, closed, open, moved to monday,
    fixed, missing, postponed, clean, waiting, blocked, out of order""")),
                 Joined("please {errand}", errand=ERRANDS), weights=(1, 3, 2))
ARTISTS = AnyOf(Joined("the {a} {b}", a=Pool("""silver, broken, velvet, northern, electric, hidden, golden, quiet, paper, wooden, crimson, distant,
    frozen, midnight, hollow, wild, lonely, burning, little, blue"""), b=Pool("""rivers, wolves, lanterns, engines, gardens, mirrors, pilots, foxes, trains,
    harbours, ghosts, mountains, sailors, birds, radios, orchids, kings, shadows, windows, clouds""")), FULL_NAMES, Coined(capital=True),
                weights=(3, 1, 1))
MACHINES = Pool("""lathe, mill, press, conveyor, robot arm, packer, labeller, palletizer, grinder, mixer, oven, cutter, welder, pump, compressor,
    chiller, extruder, tumbler, boiler, crane, drill, saw, shredder, filler, capper, sorter, sealer, blower, furnace, centrifuge, agitator, hoist""")
PARTS = Pool("""bearing, belt, filter, seal, gasket, valve, motor, sensor, fuse, relay, hose, nozzle, bolt, spring, gear, bushing, coupling, piston,
    impeller, blade, chain, roller, switch, cable, contactor, gauge, regulator, solenoid, thermostat, heating element, drive shaft, o-ring,
    brake pad, encoder, control board, fan, pulley, clutch, spindle, cartridge""")
FAULTS = Joined("{thing} {state}", thing=Pool("""motor, belt, pump, valve, door, sensor, display, fan, bearing, gearbox, hose, filter, screen, switch,
    cable, brake, tank, pipe, wheel, heater, compressor, gripper, nozzle, seal"""), state=Pool("""is leaking, is overheating, makes noise, is stuck,
    does not start, vibrates, is loose, smells burnt, is blocked, is cracked, is worn out, trips the fuse, runs slowly, is flickering,
    drips oil, is jammed, has no power, is bent, shows an error, is rusty"""))
SITES = AnyOf(Joined("{a} {b}", a=TOWN_STARTS, b=Pool("""plant, depot, warehouse, clinic, school, tower, substation, reservoir, terminal, factory, mall,
    farm, quarry, hospital, station, works, yard, campus, dock, laboratory""")), TOWNS, weights=(2, 1))
TOPICS = Pool("""calibration, lubrication, cleaning, wiring, safety, start-up, shutdown, alignment, belt change, oil change, filter change, error codes,
    maintenance, installation, commissioning, troubleshooting, spare parts, torque values, reset procedure, storage, transport, winterizing""")
MEDICINES = Pool("""paracetamol, ibuprofen, amoxicillin, metformin, insulin, aspirin, ramipril, heparin, morphine, omeprazole, bisoprolol,
    furosemide, prednisone, codeine, diazepam, digoxin, warfarin, salbutamol, cetirizine, lisinopril, atorvastatin, tramadol, naproxen,
    levothyroxine, enoxaparin, pantoprazole, torasemide, clopidogrel, amlodipine, vitamin d""")
MEALS = Pool("""soup, salad, fish, chicken, rice pudding, vegetable stew, pasta, omelette, porridge, toast, fruit plate, pancakes, baked potatoes,
    curry, risotto, dumplings, noodles, lentil soup, sandwich, yoghurt""")
TITLES = AnyOf(Joined("{a} {b}", a=Pool("""team, project, budget, safety, sales, board, design, planning, training, service, review, weekly, client,
    quality, family, doctor, parent, music, yoga, chess"""), b=Pool("""meeting, call, lunch, review, workshop, lesson, appointment, briefing, session,
    visit, dinner, interview, inspection, class, check, party""")), Coined(), weights=(6, 1))
