"""Trains the agent on data that prepare.py has written; can be stopped and goes on where it was.

    train.py DATA -o FOLDER [--recipe recipe.toml] [--minutes 75] [--set section.key=value]...

Loss on the assistant's tokens only. Matrices inside the blocks are stepped by Muon (Jordan et al. 2024: momentum, then the
nearest orthogonal matrix by a quintic Newton-Schulz iteration), embedding and norms by AdamW. Each batch holds sequences of
about the same length; their order, and with it everything else, follows from the seed. FOLDER gets curve.jsonl, state.pt every
few minutes and at the end weights.pt.
"""
import argparse
import functools
import itertools
import json
import math
import pathlib
import time

import numpy as np
import torch
from torch.nn import functional as F

from model import Decoder, Shape
from recipe import HERE, read_recipe


PAUSE = 10.0  # seconds: a step takes half of one, so the rest of a longer one was a pause of the process


class Data:
    """Sequences behind one another: ids, mask, where each ends, and to which stage of training it belongs."""

    def __init__(self, folder):
        stored = np.load(pathlib.Path(folder) / "train.npz")
        self.ids, self.mask, self.ends, self.stage = (stored[n] for n in ("ids", "mask", "ends", "stage"))
        self.starts = np.concatenate(([0], self.ends[:-1]))

    def batches(self, seed, tokens, last_from):
        """Lists of sequences with about `tokens` tokens, padding included, in an order that the seed gives: the earlier stages
        once each, the last but one until `last_from` tokens were given, then the last one again and again."""
        last = self.stage.max()
        given = 0
        for number in itertools.count():
            stage = min(number, last if given >= last_from else last - 1)
            for group in self.epoch(np.flatnonzero(self.stage == stage), np.random.default_rng((seed, number)), tokens):
                if stage == last - 1 and given >= last_from:
                    break
                given += len(group) * max(int(self.ends[i] - self.starts[i]) for i in group)
                yield group

    def epoch(self, chosen, rng, tokens):
        lengths = self.ends - self.starts
        groups, group, longest = [], [], 0
        for i in chosen[np.argsort(lengths[chosen] + rng.uniform(0, 40, len(chosen)), kind="stable")]:
            longest = max(longest, int(lengths[i]))
            if group and longest * (len(group) + 1) > tokens:
                groups.append(group)
                group, longest = [], int(lengths[i])
            group.append(int(i))
        groups += [group] if group else []
        for g in rng.permutation(len(groups)):
            yield groups[g]

    def tensors(self, group, device):
        longest = max(int(self.ends[i] - self.starts[i]) for i in group)
        ids, mask = np.zeros((len(group), longest), np.int64), np.zeros((len(group), longest), bool)
        for row, i in enumerate(group):
            n = self.ends[i] - self.starts[i]
            ids[row, :n], mask[row, :n] = self.ids[self.starts[i]:self.ends[i]], self.mask[self.starts[i]:self.ends[i]]
        return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)


class Muon(torch.optim.Optimizer):
    def __init__(self, parameters, lr, momentum, decay):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "decay": decay})

    @staticmethod
    def orthogonal(g):
        """The nearest matrix with singular values near one."""
        a, b, c = 3.4445, -4.7750, 2.0315
        x = (g / (g.norm() + 1e-7)).bfloat16()
        tall = x.shape[0] > x.shape[1]
        x = x.T if tall else x
        for _ in range(5):
            s = x @ x.T
            x = a * x + (b * s + c * s @ s) @ x
        return (x.T if tall else x).float()

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                m = state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                update = self.orthogonal(p.grad.lerp(m, group["momentum"]))
                p.mul_(1 - group["lr"] * group["decay"])
                # Steps of the size that AdamW takes (Liu et al. 2025, arXiv:2502.16982, equation 4).
                p.add_(update, alpha=-group["lr"] * 0.2 * math.sqrt(max(p.shape)))


def optimizers(model, recipe):
    o = recipe["optimizer"]
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and "embedding" not in n]
    rest = [p for n, p in model.named_parameters() if p.dim() != 2 or "embedding" in n]
    adam = {"betas": (0.9, o["beta2"]), "weight_decay": 0.0}
    if not o["muon"]:
        return [torch.optim.AdamW([{"params": matrices, "lr": o["lr"], "weight_decay": o["decay"]}, {"params": rest, "lr": o["lr_embedding"]}], **adam)]
    return [Muon([{"params": matrices}], o["lr"], o["momentum"], o["decay"]), torch.optim.AdamW([{"params": rest, "lr": o["lr_embedding"]}], **adam)]


def rate(seen, schedule):
    """Warm-up, a plateau, then linearly to nothing over the share `cool` of all tokens."""
    return min(1.0, seen / schedule["warm"], (1 - seen / schedule["tokens"]) / schedule["cool"])


def open_curve(path, step):
    """Open to append, without the lines of steps that a stopped run did not keep."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    path.write_text("".join(line + "\n" for line in lines if json.loads(line)["step"] <= step), encoding="utf-8")
    return open(path, "a", encoding="utf-8")


def train(data, folder, recipe, minutes=1e9, device="cpu", log=functools.partial(print, flush=True)):
    """The trained model; nothing is kept where `folder` is None."""
    s = recipe["schedule"]
    torch.manual_seed(s["seed"])
    model = Decoder(Shape(**recipe["model"]), s["seed"]).to(device)
    made = optimizers(model, recipe)
    for optimizer in made:
        for group in optimizer.param_groups:
            group["full"] = group["lr"]
    hidden = torch.compile(model.hidden, dynamic=True) if recipe["run"]["compile"] else model.hidden
    half = torch.autocast(torch.device(device).type, torch.bfloat16, enabled=recipe["run"]["bfloat16"])
    step, seen, spent = 0, 0, 0.0
    if folder and (folder / "state.pt").exists():
        kept = torch.load(folder / "state.pt", weights_only=True)
        if kept.get("model_shape", recipe["model"]) != recipe["model"]:
            raise SystemExit(f"{folder / 'state.pt'} is of another model: {kept['model_shape']}; name another folder")
        model.load_state_dict(kept["model"])
        for optimizer, own in zip(made, kept["optimizers"]):
            optimizer.load_state_dict(own)
        step, seen, spent = kept["step"], kept["seen"], kept["seconds"]

    begun = saved = last = time.monotonic()

    def keep():
        if folder:
            torch.save({"model_shape": recipe["model"], "model": model.state_dict(), "optimizers": [o.state_dict() for o in made], "step": step, "seen": seen,
                        "seconds": spent}, folder / "state.new")
            (folder / "state.new").replace(folder / "state.pt")

    batches = data.batches(s["seed"], s["batch"], s["retold"])
    for _ in range(step):
        next(batches)
    total, window = s["tokens"], []
    curve = open_curve(folder / "curve.jsonl", step) if folder else None
    while seen < total and time.monotonic() - begun < minutes * 60:
        group = next(batches)
        ids, mask = data.tensors(group, device)
        scale = rate(seen, s)
        for optimizer in made:
            for g in optimizer.param_groups:
                g["lr"] = g["full"] * scale
        with half:
            h = hidden(ids)
            wanted = mask[:, 1:]
            loss = F.cross_entropy(model.logits(h[:, :-1][wanted]).float(), ids[:, 1:][wanted])
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for n, p in model.named_parameters() if p.dim() != 2 or "embedding" in n], 1.0)
        for optimizer in made:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        step, seen = step + 1, seen + ids.numel()
        spent, last = spent + min(time.monotonic() - last, PAUSE), time.monotonic()
        window.append(loss.detach())
        if step % 50 == 0 or seen >= total:
            line = {"step": step, "tokens": seen, "loss": round(float(torch.stack(window).mean()), 5), "rate": round(scale, 4),
                    "seconds": round(spent, 1)}
            window = []
            log(json.dumps(line))
            if curve:
                curve.write(json.dumps(line) + "\n")
                curve.flush()
        if time.monotonic() - saved > 240:
            keep()
            saved = time.monotonic()
    keep()
    if folder and seen >= total:
        torch.save(model.weights(), folder / "weights.pt")
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--recipe", type=pathlib.Path, default=HERE / "recipe.toml")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after this time; the next call goes on")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    recipe = read_recipe(arguments.recipe, arguments.set)
    torch.set_num_threads(recipe["run"]["threads"])
    train(Data(arguments.data), arguments.output, recipe, arguments.minutes)


if __name__ == "__main__":
    main()
