"""Method awq of `mote quantize` against the algorithm of the AWQ paper, written here with PyTorch.

Both quantize the bundled agent to 4-bit groups of 128 with zero points, on the same windows of text, and both results are
judged by `mote compare` on text that neither has seen. Required: the divergence of mote's folder is no more than that of
the algorithm's, whose weights are stored as floats; and the algorithm itself is better than plain rounding (else it would
prove nothing). mote rounds with feedback after scaling, where the paper cuts ranges.

Lin et al., "AWQ: Activation-aware Weight Quantization", 2023: factors s = x^r / (w^(1-r) + 1e-4) for r = 0, 0.05 ... 0.95
by the squared error of the block's part that reads them, folded into the norm or the matrix before; then a cut of each
group's range, for all matrices but q and k, by the squared error of the products.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import tempfile

from checks import Checks, fewer, quiet_transformers, skip

GROUP, LEVELS = 128, 15
WINDOW, WINDOWS = 512, fewer(16)


def rounded(w, shrink=1.0):
    """Codes of 4 bits with a zero point in groups, as floats; `shrink`: of the range, one number or one a group."""
    import torch

    groups = w.reshape(-1, GROUP)
    high = groups.amax(1, keepdim=True).clamp(min=0) * shrink
    low = groups.amin(1, keepdim=True).clamp(max=0) * shrink
    scale = ((high - low) / LEVELS).clamp(min=1e-8)
    zero = (-low / scale).round().clamp(0, LEVELS)
    return ((torch.clamp((groups / scale).round() + zero, 0, LEVELS) - zero) * scale).reshape(w.shape)


def factors(x, weights, ratio):
    import torch

    w = torch.cat(weights)
    groups = w.abs().reshape(-1, GROUP)
    relative = (groups / (groups.amax(1, keepdim=True) + 1e-6)).reshape(w.shape).mean(0)
    s = (x.abs().mean(0) ** ratio / (relative ** (1 - ratio) + 1e-4)).clamp(min=1e-4)
    return s / (s.max() * s.min()).sqrt()


def best_factors(x, linears, output):
    """The factors with which `output()` comes closest to what it is now, with the linears' weights rounded."""
    import torch

    wanted, kept = output(), [m.weight.data.clone() for m in linears]
    best, least = torch.ones_like(x[0]), float("inf")
    for step in range(20):
        s = factors(x, kept, step / 20)
        for m, w in zip(linears, kept):
            m.weight.data = rounded(w * s) / s
        error = float((output() - wanted).pow(2).mean())
        if error < least:
            best, least = s, error
    for m, w in zip(linears, kept):
        m.weight.data = w
    return best


def best_shrink(x, w):
    """For each group of each row the cut of its range that the products like best."""
    import torch

    out = torch.ones(w.shape[0] * w.shape[1] // GROUP, 1)
    least = torch.full_like(out, float("inf"))
    x = x[:: max(1, len(x) // 512)].reshape(-1, w.shape[1] // GROUP, GROUP)
    moments = torch.einsum("tgi,tgj->gij", x, x)
    for step in range(10):
        shrink = 1 - step / 20
        e = (rounded(w, shrink) - w).reshape(w.shape[0], -1, GROUP)
        error = torch.einsum("rgi,gij,rgj->rg", e, moments, e).reshape(-1, 1)
        better = error < least
        out[better], least[better] = shrink, error[better]
    return out


class Stop(Exception):
    pass


def awq(model, windows):
    """The model's weights rounded, in place."""
    import torch

    layers, states = model.model.layers, []
    handle = layers[0].register_forward_pre_hook(
        lambda _, args, kwargs: states.append((args[0], kwargs)) or (_ for _ in ()).throw(Stop()), with_kwargs=True)
    for window in windows:
        try:
            model(window[None])
        except Stop:
            pass
    handle.remove()
    hidden, kwargs = torch.cat([h for h, _ in states]), states[0][1]

    def seen(layer, module):
        """Inputs of a module of the layer, [tokens, columns]."""
        kept = []
        hook = module.register_forward_pre_hook(lambda _, args, kw: kept.append(args[0] if args else kw["hidden_states"]),
                                                with_kwargs=True)
        layer(hidden, **kwargs)
        hook.remove()
        return torch.cat([k.reshape(-1, k.shape[-1]) for k in kept])

    for layer in layers:
        attention, mlp = layer.self_attn, layer.mlp
        qkv, gate_up = [attention.q_proj, attention.k_proj, attention.v_proj], [mlp.gate_proj, mlp.up_proj]
        original = layer(hidden, **kwargs)
        original = original[0] if isinstance(original, tuple) else original
        x = seen(layer, attention.q_proj)
        normed = x.reshape(hidden.shape)
        s = best_factors(x, qkv, lambda: attention(hidden_states=normed, **kwargs)[0])
        layer.input_layernorm.weight.data /= s
        for m in qkv:
            m.weight.data *= s
        x = seen(layer, mlp.gate_proj)
        s = best_factors(x, gate_up, lambda: mlp(x))
        layer.post_attention_layernorm.weight.data /= s
        for m in gate_up:
            m.weight.data *= s
        x = seen(layer, mlp.down_proj)
        s = best_factors(x, [mlp.down_proj], lambda: mlp.down_proj(x))
        mlp.up_proj.weight.data /= s[:, None]
        mlp.down_proj.weight.data *= s
        for m in (attention.v_proj, attention.o_proj, *gate_up, mlp.down_proj):
            m.shrink = best_shrink(seen(layer, m), m.weight.data)
        for m in (*qkv, attention.o_proj, *gate_up, mlp.down_proj):
            m.weight.data = rounded(m.weight.data, getattr(m, "shrink", 1.0))
        hidden = original  # as the paper's program: the next block sees what the original makes


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mote", required=True)
    parser.add_argument("--shared")
    parser.add_argument("--models")
    arguments = parser.parse_args()
    root = pathlib.Path(__file__).resolve().parents[2]
    agent = root / "models" / "agent"
    try:
        import torch
        from transformers import AutoModelForCausalLM
    except ImportError as error:
        skip(f"{error}; run scripts/setup_oracles.sh")
    quiet_transformers()
    torch.set_grad_enabled(False)

    def mote(*command):
        done = subprocess.run([arguments.mote, *map(str, command), "--json"], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"mote {' '.join(map(str, command))}: {done.stderr}")
        return json.loads(done.stdout)

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        lines = (agent / "demo_test.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / "seen.txt").write_text("".join(lines[:60]), encoding="utf-8")
        (folder / "unseen.txt").write_text("".join(lines[60 : 60 + fewer(len(lines) - 60)]), encoding="utf-8")
        ids = mote("tokenize", agent, "-f", folder / "seen.txt")["tokens"]
        windows = torch.tensor(ids[: len(ids) // WINDOW * WINDOW]).reshape(-1, WINDOW)[:WINDOWS]

        def save(made, where):
            made.save_pretrained(where)
            for file in ("tokenizer.json", "tokenizer_config.json"):
                shutil.copy(agent / file, where / file)

        for what in ("rounded", "paper"):
            model = AutoModelForCausalLM.from_pretrained(agent, dtype=torch.float32)
            if what == "paper":
                awq(model, windows)
            else:
                for m in model.model.layers.modules():
                    if isinstance(m, torch.nn.Linear):
                        m.weight.data = rounded(m.weight.data)
            save(model, folder / what)
        for method in ("awq", "feedback"):
            mote("quantize", agent, "-o", folder / method, "--type", "int4-g128-asym", "--method", method, "--data",
                 folder / "seen.txt", "--chunks", WINDOWS)
        compared = mote("compare", "--reference", agent, *(folder / n for n in ("rounded", "paper", "awq", "feedback")),
                        "-f", folder / "unseen.txt", "--activations", "f32")["models"]
        kld = {pathlib.Path(m["path"]).name: m["kld_mean"] for m in compared}
        print("divergence, nats: " + ", ".join(f"{k} {v:.5f}" for k, v in kld.items()))
        checks = Checks()
        checks(kld["paper"] < 0.9 * kld["rounded"], "the paper's algorithm is better than rounding")
        checks(kld["awq"] <= kld["paper"], "mote's awq is no worse than the paper's")
        checks(kld["feedback"] <= kld["paper"], "mote's feedback is no worse than the paper's awq")
        checks.exit()


if __name__ == "__main__":
    main()
