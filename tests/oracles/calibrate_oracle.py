"""Sums of `mote calibrate` against transformers in float32.

Small random models with a tokenizer are calibrated on a text. The windows of tokens in the file go through transformers, with a
hook before each linear layer that adds up its inputs and their squares in double precision. Required of every matrix, read with
Python's gguf:
  counts   as many tokens
  in_sum2  within 1e-4 of itself
  in_sum   within 1e-4 of the size that it can have, the root of in_sum2 times counts
  seen     the inputs of neighbouring columns exchanged are far beyond that
  .dat     means of squares, times the windows that the form counts, within 1e-4
"""

import argparse
import pathlib
import struct
import subprocess
import tempfile

from checks import Checks, quiet_transformers, skip
from tiny_models_configs import build, dense
from tiny_tokenizers import ROWS, kinds

WINDOW, WINDOWS = 48, 4
MAX_ERROR, FAR = 1e-4, 0.05
# label: kind of tokenizer; plain, an own or a tied head, fused matrices, one input for both halves of a block, norms behind.
MODELS = {"llama, llama3 rope, own head": "llama-bpe", "qwen2": "qwen2", "phi3, a window": "llama-bpe",
          "stablelm, parallel, norms of q and k": "gpt-2", "gemma2": "llama-bpe"}
NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.qkv_proj": "attn_qkv", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate",
         "mlp.up_proj": "ffn_up", "mlp.gate_up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}  # fmt: skip


def gguf_name(module, tied):
    if module == "lm_head":
        return "token_embd.weight" if tied else "output.weight"
    _, _, block, short = module.split(".", 3)  # model.layers.N.self_attn.q_proj
    return f"blk.{block}.{NAMES[short]}.weight"


def expected(model, windows):
    """{tensor: (tokens, sums, sums of squares)}."""
    import torch

    sums = {}

    def hook(name):
        def add(module, args):
            rows = args[0].detach().reshape(-1, args[0].shape[-1]).double()
            count, total, squares = sums.get(name, (0, 0.0, 0.0))
            sums[name] = (count + len(rows), total + rows.sum(0), squares + (rows * rows).sum(0))

        return add

    tied = model.config.tie_word_embeddings
    held = [m.register_forward_pre_hook(hook(gguf_name(name, tied))) for name, m in model.named_modules()
            if isinstance(m, torch.nn.Linear)]
    with torch.no_grad():
        for window in windows:
            model(torch.tensor(window).reshape(1, -1))
    for handle in held:
        handle.remove()
    return {name: (count, total.numpy(), squares.numpy()) for name, (count, total, squares) in sums.items()}


def read_dat(path):
    """llama.cpp's older form: {tensor: (windows, means of squares times windows)}."""
    import numpy as np

    data, at = path.read_bytes(), 0

    def number():
        nonlocal at
        at += 4
        return struct.unpack_from("<i", data, at - 4)[0]

    out = {}
    for _ in range(number()):
        length = number()
        name = data[at:at + length].decode()
        at += length
        windows, count = number(), number()
        out[name] = (windows, np.frombuffer(data, "<f4", count, at).astype(float))
        at += 4 * count
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mote", required=True)
    parser.add_argument("--shared")
    parser.add_argument("--models")
    args = parser.parse_args()
    try:
        import gguf
        import numpy as np
        import sentencepiece  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        skip(f"{error.name} is not installed")

    quiet_transformers()
    check = Checks()
    cases = {label: config for label, config, _, _ in dense() if label in MODELS}
    tokenizers = kinds()
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        text = work / "text.txt"
        text.write_text((pathlib.Path(__file__).resolve().parents[2] / "LICENSE").read_text(encoding="utf-8"))
        check(len(cases) == len(MODELS), "all models are there")
        for number, (label, config) in enumerate(cases.items()):
            config.vocab_size = ROWS
            model, _ = build(config, number + 1)
            folder = work / f"model{number}"
            model.save_pretrained(folder)
            tokenizers[MODELS[label]].write(folder)

            def calibrate(out):
                done = subprocess.run(
                    [args.mote, "calibrate", folder, "--data", text, "-o", out, "-c", str(WINDOW), "--chunks", str(WINDOWS)],
                    capture_output=True, text=True, check=False)
                return done.returncode == 0, done.stderr.strip()

            good, message = calibrate(work / "s.gguf")
            if not good:
                check(False, f"{label}: {message}")
                continue
            reader = gguf.GGUFReader(str(work / "s.gguf"))
            found = {t.name: np.asarray(t.data, dtype=float).reshape(-1) for t in reader.tensors}
            tokens = np.array(reader.fields["mote.calibration.tokens"].contents())
            check(tokens.size == WINDOW * WINDOWS, f"{label}: {tokens.size} tokens")
            wanted = expected(model, tokens.reshape(-1, WINDOW))
            names = {name.removesuffix(".in_sum2") for name in found if name.endswith(".in_sum2")}
            check(names == set(wanted), f"{label}: {len(names)} matrices {sorted(names ^ set(wanted))}")
            errors = {"in_sum2": 0.0, "in_sum": 0.0, "exchanged": np.inf}
            counts = True
            for name in sorted(names & set(wanted)):
                count, total, squares = wanted[name]
                counts = counts and found[name + ".counts"].tolist() == [count]
                got = found[name + ".in_sum2"]
                errors["in_sum2"] = max(errors["in_sum2"], np.abs(got / squares - 1).max())
                errors["in_sum"] = max(errors["in_sum"], (np.abs(found[name + ".in_sum"] - total) / np.sqrt(squares * count)).max())
                errors["exchanged"] = min(errors["exchanged"], np.abs(np.roll(got, 1) / squares - 1).max())
            check(counts, f"{label}: counts")
            check(errors["in_sum2"] <= MAX_ERROR and errors["in_sum"] <= MAX_ERROR,
                  f"{label}: in_sum2 off by {errors['in_sum2']:.1e}, in_sum by {errors['in_sum']:.1e}")
            check(errors["exchanged"] > FAR, f"{label}: with columns exchanged in_sum2 is off by {errors['exchanged']:.1e}")
            good, message = calibrate(work / "s.dat")
            dat = read_dat(work / "s.dat") if good else {}
            off = [np.abs(dat[name][1] / dat[name][0] * count / squares - 1).max()
                   for name, (count, _, squares) in wanted.items() if name in dat]
            check(set(dat) == set(wanted) and max(off) <= MAX_ERROR, f"{label}: .dat off by {max(off, default=np.inf):.1e} {message}")
    check.exit()


if __name__ == "__main__":
    main()
