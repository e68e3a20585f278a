"""The bundled agent on its held-out sets, by mote and by transformers in float32.

Required: nothing that is held out in the training text (a sample of it here; make.sh scans all), the tokenizer and the demo's
test coming out of the seed as they are stored, the card naming the digests of the files, equal prompts, the same answers on 99 %
of the items, the same judgement of an answer by mote and by judge.py, every set at or above its floor with both (held_out.py: the targets are not
reached yet).

--agent DIR  another agent than the one in the tree, whose card is not looked at
--items N   of each set (0: all)
--scan N    training conversations to scan
--json OUT  also writes the shares, for the model's card
"""
import argparse
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

from checks import SANITIZED, Checks, fewer, quiet_transformers, skip

ROOT = pathlib.Path(__file__).resolve().parents[2]
AGENT = ROOT / "models/agent"
LEAST_EQUAL = 0.99
MOST_TOKENS = 160  # of an answer, as in src/agent/tool_test.h


def by_mote(probe, agent, items):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "items.jsonl"
        path.write_text("".join(json.dumps(i, ensure_ascii=False) + "\n" for i in items), encoding="utf-8")
        out = subprocess.run([probe, agent, path], stdout=subprocess.PIPE, check=True).stdout
    return [json.loads(line) for line in out.decode().splitlines()]


def by_transformers(agent, items, batch=40):
    """(prompts, texts): greedy answers, batches of about equal length padded at the left."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(2)
    tokenizer = AutoTokenizer.from_pretrained(agent)
    model = AutoModelForCausalLM.from_pretrained(agent, dtype=torch.float32).eval()
    prompts = [tokenizer.apply_chat_template(i["messages"], tools=i["tools"], add_generation_prompt=True, tokenize=True, return_dict=False)
               for i in items]
    texts = [""] * len(items)
    order = sorted(range(len(items)), key=lambda i: len(prompts[i]))
    for at in range(0, len(order), batch):
        some = order[at:at + batch]
        longest = max(len(prompts[i]) for i in some)
        ids = torch.full((len(some), longest), tokenizer.pad_token_id)
        mask = torch.zeros_like(ids)
        for row, i in enumerate(some):
            ids[row, longest - len(prompts[i]):] = torch.tensor(prompts[i])
            mask[row, longest - len(prompts[i]):] = 1
        with torch.no_grad():
            made = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=MOST_TOKENS, do_sample=False)
        for i, row in zip(some, made[:, longest:].tolist()):
            end = [k for k, token in enumerate(row) if token in (tokenizer.eos_token_id, tokenizer.pad_token_id)]
            texts[i] = tokenizer.decode(row[:end[0]] if end else row, skip_special_tokens=False)
    return prompts, texts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--probe", required=True)
    parser.add_argument("--agent", type=pathlib.Path, default=AGENT)
    parser.add_argument("--items", type=int, default=fewer(100))
    parser.add_argument("--scan", type=int, default=fewer(3000))
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--shared")
    parser.add_argument("--models")
    arguments = parser.parse_args()
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        skip(f"{error.name} is not installed")
    sys.path.insert(0, str(AGENT / "training"))
    import catalogue
    import check_data
    import held_out
    import make_tokenizer
    from judge import right
    from prepare import demo_items
    from recipe import read_recipe

    quiet_transformers()
    check, agent = Checks(), arguments.agent
    recipe, all_tools = read_recipe(), catalogue.load()
    if agent == AGENT:
        card = (agent / "README.md").read_text(encoding="utf-8")
        for name in ("model.safetensors", "tokenizer.json"):
            check(hashlib.sha256((agent / name).read_bytes()).hexdigest() in card, f"the card has the digest of {name}")
    tokenizer = make_tokenizer.of_recipe(all_tools, recipe).to_str(pretty=True)
    check(tokenizer == (agent / "tokenizer.json").read_text(encoding="utf-8"), "the tokenizer comes out of the seed")
    found, figures = check_data.scan(all_tools, recipe, arguments.scan, agent / "tokenizer.json")
    found += check_data.by_construction(all_tools)
    check(not found, f"{figures['read']} texts of training have nothing that is held out" + "".join(f"\n  {f}" for f in found[:20]))
    sets = held_out.sets(all_tools, recipe["data"]["seed"], recipe["data"]["test_items"])
    check((agent / "demo_test.jsonl").read_text(encoding="utf-8") == demo_items(sets), "the demo's test is the first items of each set")
    shares = {}
    for name, items in sets.items():
        items = items[:arguments.items or None]
        mote = by_mote(arguments.probe, agent, items)
        prompts, texts = by_transformers(agent, items)
        check([m["prompt"] for m in mote] == prompts, f"{name}: {len(items)} prompts are the same ids")
        equal = sum(m["text"] == t for m, t in zip(mote, texts)) / len(items)
        check(equal >= LEAST_EQUAL, f"{name}: {equal:.2%} of the answers are the same")
        judged = [right(i, m["text"]) for i, m in zip(items, mote)]
        check(judged == [m["right"] for m in mote], f"{name}: mote judges its answers as judge.py does")
        wrong = next(((i, m["text"]) for i, m, good in zip(items, mote, judged) if not good), None)
        shares[name] = {"items": len(items), "mote": sum(judged) / len(items), "equal": equal, "target": held_out.TARGETS[name],
                        "transformers": sum(right(i, t) for i, t in zip(items, texts)) / len(items)}
        if wrong:
            item, text = wrong
            shares[name]["wrong"] = {"request": item["messages"][-1]["content"], "expect": item["expect"], "answer": text}
        for who in ("mote", "transformers") if not SANITIZED else ():  # a floor is one of many items
            check(shares[name][who] >= held_out.FLOORS[name],
                  f"{name}: {who} is right in {shares[name][who]:.2%}, at least {held_out.FLOORS[name]:.0%} expected, {held_out.TARGETS[name]:.0%} wanted")
    if arguments.json:
        arguments.json.write_text(json.dumps(shares, indent=1) + "\n")
    check.exit()


if __name__ == "__main__":
    main()
