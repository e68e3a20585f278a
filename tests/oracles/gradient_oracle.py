"""Derivatives of every matrix against PyTorch's autograd, for small random models of every dense architecture.

The loss is the mean divergence of a model's next-token distributions from random ones. Required of each derivative: the
largest difference at most 1e-4 of its largest element. That the comparison sees errors: the same derivatives with the
teacher's logits of one token changed are far from that.
"""

import argparse
import pathlib
import subprocess
import tempfile

from checks import Checks, quiet_transformers, skip
from tiny_models_configs import VOCAB, build, dense

TOKENS = 75  # no multiple of any block, and more than the windows
MAX_ERROR, FAR = 1e-4, 3e-2
TURNED = ("llama", "mistral", "granite", "smollm3")  # rows of q and k lie in another order in mote


def pairs_side_by_side(rows, heads):
    """Rows of heads from halves, as Hugging Face has them, to pairs."""
    dim = rows.shape[0] // heads
    return rows.reshape(heads, 2, dim // 2, *rows.shape[1:]).transpose(1, 2).reshape(rows.shape)


def gradients(model, tokens, teacher):
    """(loss, {name: derivative}) of the matrices in mote's order and rows."""
    import torch

    model.zero_grad()
    entered = []
    handle = model.get_decoder().layers[0].register_forward_pre_hook(
        lambda _, args, kwargs: entered.append(args[0] if args else kwargs["hidden_states"]), with_kwargs=True)
    logits = model(tokens).logits[0]
    handle.remove()
    entered[0].retain_grad()
    own = torch.log_softmax(logits, -1)
    log_p = torch.log_softmax(teacher, -1)
    loss = (log_p.exp() * (log_p - own)).sum(-1).mean()
    head, table = model.get_output_embeddings().weight, model.get_input_embeddings().weight
    if head is table:  # the derivative by the table as a head alone
        last = []
        handle = model.lm_head.register_forward_pre_hook(lambda _, args: last.append(args[0]))
        with torch.no_grad():
            model(tokens)
        handle.remove()
    loss.backward()
    out = {}
    config = model.config
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
    for number, layer in enumerate(model.get_decoder().layers):
        attention, mlp = layer.self_attn, layer.mlp
        if hasattr(attention, "qkv_proj"):
            dim = getattr(config, "head_dim", None) or config.hidden_size // heads
            q, k, v = attention.qkv_proj.weight.grad.split([heads * dim, kv_heads * dim, kv_heads * dim])
            gate, up = mlp.gate_up_proj.weight.grad.chunk(2)
        else:
            q, k, v = (getattr(attention, f"{n}_proj").weight.grad for n in "qkv")
            gate, up = mlp.gate_proj.weight.grad, mlp.up_proj.weight.grad
        if config.model_type in TURNED:
            q, k = pairs_side_by_side(q, heads), pairs_side_by_side(k, kv_heads)
        for name, g in zip(("q", "k", "v", "output", "gate", "up", "down"),
                           (q, k, v, attention.o_proj.weight.grad, gate, up, mlp.down_proj.weight.grad)):
            out[f"block {number}, {name}"] = g
    if head is table:
        scale = getattr(config, "logits_scaling", 1.0)
        cap = getattr(config, "final_logit_softcapping", None)
        by_logits = (own.exp() - log_p.exp()).detach() / len(teacher) / scale
        if cap:
            by_logits = by_logits * (1 - (logits.detach() / cap) ** 2)
        out["head"] = by_logits.T @ last[0][0]
    else:
        out["head"] = head.grad
    out["embedded tokens"] = entered[0].grad[0]
    return float(loss.detach()), out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--probe", required=True)
    parser.add_argument("--only", default="", help="cases whose label begins so")
    parser.add_argument("--shared")
    parser.add_argument("--models")
    args = parser.parse_args()
    try:
        import numpy as np
        import torch
        import transformers  # noqa: F401
    except ImportError as error:
        skip(f"{error.name} is not installed")

    quiet_transformers()
    check = Checks()
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        for number, (label, config, _, _) in enumerate(dense()):
            if not label.startswith(args.only):
                continue
            model, generator = build(config, number + 1)
            folder = work / f"model{number}"
            model.save_pretrained(folder)
            tokens = torch.randint(3, VOCAB, (1, TOKENS), generator=generator)
            teacher = 2 * torch.randn(TOKENS, VOCAB, generator=generator)
            tokens.numpy().astype("<i4").tofile(work / "tokens.bin")
            loss, expected = gradients(model, tokens, teacher)

            def run(logits):
                logits.numpy().astype("<f4").tofile(work / "teacher.bin")
                done = subprocess.run(
                    [args.probe, str(folder), *(str(work / f) for f in ("tokens.bin", "teacher.bin", "out.bin"))],
                    capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    return None, done.stderr.strip() or f"exit {done.returncode}"
                return np.fromfile(work / "out.bin", dtype="<f4"), ""

            def worst(values):
                """The largest error, over the derivative's largest element, and where."""
                at, found = 1, (0.0, "")
                for what, g in expected.items():
                    g = g.detach().numpy()
                    mine = values[at:at + g.size].reshape(g.shape)
                    at += g.size
                    found = max(found, (float(np.abs(mine - g).max() / np.abs(g).max()), what))
                if at != values.size:
                    return float("inf"), f"{values.size - at} numbers too many"
                return found

            got, message = run(teacher)
            if got is None:
                check(False, f"{label}: {message}")
                continue
            error, where = worst(got)
            check(abs(got[0] - loss) <= 1e-5 * loss, f"{label}: loss {got[0]:.6f}, PyTorch's {loss:.6f}")
            check(error <= MAX_ERROR, f"{label}: largest error {error:.2e} ({where}), {len(expected)} derivatives")
            teacher[TOKENS // 2] = -teacher[TOKENS // 2]
            changed, message = run(teacher)
            far = 0.0 if changed is None else worst(changed)[0]
            check(far > FAR, f"{label}: with another token's logits {far:.2e} {message}")
    check.exit()


if __name__ == "__main__":
    main()
