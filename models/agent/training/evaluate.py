"""Runs the held-out sets through a PyTorch model, greedily and without constraints, and counts what is right."""
import json
import pathlib

from judge import right
from rendering import Encoder

SETS = ("phrasings", "values", "tools", "irrelevance", "asks_back", "answers")
TARGETS = {"phrasings": 0.95, "values": 0.92, "tools": 0.75, "irrelevance": 0.90, "asks_back": 0.85, "answers": 0.90}


def load(folder, name):
    return [json.loads(line) for line in (pathlib.Path(folder) / f"{name}.jsonl").read_text().splitlines()]


def run(model, tokenizer, items, device="cpu", batch=100):
    """The texts that the model gives, in the order of the items."""
    encoder = Encoder(tokenizer)
    prompts = [encoder.prompt(item) for item in items]
    order = sorted(range(len(items)), key=lambda i: len(prompts[i]))
    texts = [""] * len(items)
    for at in range(0, len(order), batch):
        some = order[at:at + batch]
        for i, ids in zip(some, model.generate([prompts[i] for i in some], encoder.end, device=device)):
            texts[i] = tokenizer.decode(ids, skip_special_tokens=False)
    return texts


def evaluate(model, tokenizer, folder, device="cpu", names=SETS):
    """{set: share of items that are right}, and the items that are wrong with what was said."""
    shares, wrong = {}, []
    for name in names:
        items = load(folder, name)
        texts = run(model, tokenizer, items, device)
        good = [right(item["expect"], text) for item, text in zip(items, texts)]
        shares[name] = round(sum(good) / len(good), 4)
        wrong += [{"set": name, "user": i["messages"][-1]["content"], "expect": i["expect"], "got": t}
                  for i, t, g in zip(items, texts, good) if not g]
    return shares, wrong
