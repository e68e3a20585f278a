"""Mixtures of experts with quantized weights: mote, transformers with the decoded weights, and llama.cpp.

Small random models (rows of 256, which all blocks divide) are written by `mote quantize`. Python's gguf decodes every matrix
of the file and transformers computes with them in float32. Required, with differences over the standard deviation of the
logits:
  exact    mote's exact products (activations f32) are within 1e-4 of transformers', as for models of floats
  rounded  mote's and llama.cpp's activations of 8 bits are off by rounding alone: the median over the tokens of the root
           mean square is at most FAR, and llama.cpp's at most NOISE times mote's, as in weight_types_oracle.py. (The
           median, because rounding can turn over a router's choice that is nearly a tie, for mote and llama.cpp at
           different tokens.)
  seen     two experts of one matrix exchanged, in any of the three matrices, is far beyond that
"""

import argparse
import pathlib
import subprocess
import tempfile

from checks import Checks, quiet_transformers, skip
from tiny_models_configs import COMMON, PLAIN, build
from tiny_tokenizers import ROWS, kinds

LENGTH = 64
TYPES = ("Q8_0", "Q4_0", "Q4_K_M", "MXFP4_MOE")
MAX_ERROR, FAR, NOISE = 1e-4, 0.12, 2.5  # the exchanges below are off by 3 and more
SIZES = dict(COMMON, vocab_size=ROWS, hidden_size=256, num_hidden_layers=2, intermediate_size=256)


def mixtures():
    """(label, configuration, whether rows of q and k are in another order in GGUF, kind of tokenizer)."""
    import transformers as t

    yield "mixtral", t.MixtralConfig(
        **SIZES, num_local_experts=4, num_experts_per_tok=2, rope_parameters=PLAIN), True, "spm"
    yield "qwen3moe", t.Qwen3MoeConfig(
        **SIZES, num_experts=8, num_experts_per_tok=3, moe_intermediate_size=256, head_dim=64, norm_topk_prob=True,
        rope_parameters=PLAIN), False, "qwen2"
    yield "qwen2moe", t.Qwen2MoeConfig(
        **SIZES, num_experts=8, num_experts_per_tok=3, moe_intermediate_size=256, shared_expert_intermediate_size=512,
        rope_parameters=PLAIN), False, "qwen2"


def decoded(path):
    """float32 tensors of the file by name, and the types of its stacks of experts."""
    import gguf
    import numpy as np

    tensors, types = {}, set()
    for tensor in gguf.GGUFReader(str(path)).tensors:
        shape = [int(d) for d in reversed(tensor.shape)]
        tensors[tensor.name] = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32).reshape(shape)
        if "_exps" in tensor.name:
            types.add(tensor.tensor_type.name)
    return tensors, types


def halves_to_pairs_back(matrix, heads):
    """Rows of q or k as transformers has them: GGUF's llama turns neighbours, transformers the two halves of a head."""
    rows, cols = matrix.shape
    return matrix.reshape(heads, rows // heads // 2, 2, cols).swapaxes(1, 2).reshape(rows, cols)


def load(model, tensors, permuted):
    """Puts the tensors of GGUF into the model. Every parameter gets one."""
    import numpy as np
    import torch

    config, given = model.config, set()
    state = dict(model.named_parameters())

    def put(name, value):
        with torch.no_grad():
            state[name].copy_(torch.from_numpy(np.ascontiguousarray(value)))
        given.add(name)

    put("model.embed_tokens.weight", tensors["token_embd.weight"])
    put("model.norm.weight", tensors["output_norm.weight"])
    put("lm_head.weight", tensors["output.weight"])
    for i in range(config.num_hidden_layers):
        ours, theirs = f"blk.{i}.", f"model.layers.{i}."
        for short, name in (("attn_norm", "input_layernorm"), ("ffn_norm", "post_attention_layernorm"),
                            ("attn_v", "self_attn.v_proj"), ("attn_output", "self_attn.o_proj"), ("ffn_gate_inp", "mlp.gate"),
                            ("attn_q_norm", "self_attn.q_norm"), ("attn_k_norm", "self_attn.k_norm"),
                            ("ffn_gate_shexp", "mlp.shared_expert.gate_proj"), ("ffn_up_shexp", "mlp.shared_expert.up_proj"),
                            ("ffn_down_shexp", "mlp.shared_expert.down_proj")):  # fmt: skip
            if f"{ours}{short}.weight" in tensors:
                put(f"{theirs}{name}.weight", tensors[f"{ours}{short}.weight"])
        if f"{ours}ffn_gate_inp_shexp.weight" in tensors:
            put(f"{theirs}mlp.shared_expert_gate.weight", tensors[f"{ours}ffn_gate_inp_shexp.weight"].reshape(1, -1))
        for short in "qkv":
            if f"{ours}attn_{short}.bias" in tensors:
                put(f"{theirs}self_attn.{short}_proj.bias", tensors[f"{ours}attn_{short}.bias"])
        for short, heads in (("q", config.num_attention_heads), ("k", config.num_key_value_heads)):
            matrix = tensors[f"{ours}attn_{short}.weight"]
            put(f"{theirs}self_attn.{short}_proj.weight", halves_to_pairs_back(matrix, heads) if permuted else matrix)
        gate, up, down = (tensors[f"{ours}ffn_{x}_exps.weight"] for x in ("gate", "up", "down"))
        put(f"{theirs}mlp.experts.gate_up_proj", np.concatenate([gate, up], axis=1))
        put(f"{theirs}mlp.experts.down_proj", down)
    missing = set(state) - given
    assert not missing, missing


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--probe", required=True, help="logits_probe")
    parser.add_argument("--mote", required=True)
    parser.add_argument("--shared")
    parser.add_argument("--models")
    args = parser.parse_args()
    try:
        import gguf  # noqa: F401
        import numpy as np
        import sentencepiece  # noqa: F401
        import torch
        import transformers

        from llama_cpp_logits import LlamaCpp

        llama_cpp = LlamaCpp()
    except (ImportError, FileNotFoundError) as error:
        skip(str(error))

    quiet_transformers()
    check = Checks()

    def run(*command):
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())

    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        ids, out, folder = work / "tokens.bin", work / "logits.bin", work / "model"

        def mote(path, activations):
            run(args.probe, path, ids, out, LENGTH, f"activations={activations}", "kv=f32")
            return np.fromfile(out, "<f4").reshape(LENGTH, ROWS)

        def off(a, b):
            """Median over the tokens of the root mean square."""
            return float(np.median(np.sqrt(((a - b).astype(np.float64) ** 2).mean(1))))

        for number, (label, config, permuted, kind) in enumerate(mixtures()):
            model, generator = build(config, number + 40)
            folder = work / f"model{number}"
            model.save_pretrained(folder)
            kinds()[kind].write(folder)
            tokens = torch.randint(3, ROWS, (1, LENGTH), generator=generator)
            tokens.numpy().astype("<i4").tofile(ids)

            def expected(tensors):
                load(model, tensors, permuted)
                with torch.no_grad():
                    return model(tokens).logits[0].numpy()

            for type_name in TYPES:
                file = work / f"{label}-{type_name}.gguf"
                try:
                    run(args.mote, "quantize", folder, "-o", file, "--type", type_name)
                    exact, rounded = mote(file, "f32"), mote(file, "auto")
                    theirs = llama_cpp.logits(file, tokens[0].tolist(), ROWS)
                except RuntimeError as error:
                    check(False, f"{label}, {type_name}: {error}")
                    continue
                tensors, types = decoded(file)
                wanted = expected(tensors)
                deviation = float(wanted.std())
                error = float(np.abs(exact - wanted).max()) / deviation
                check(deviation >= 2 and error <= MAX_ERROR,
                      f"{label}, {type_name} (experts {' '.join(sorted(types))}): exact products are off by {error:.1e} at most, deviation {deviation:.1f}")
                ours, other = off(rounded, wanted) / deviation, off(theirs, wanted) / deviation
                check(0 < ours <= FAR and other <= min(FAR, NOISE * ours),
                      f"{label}, {type_name}: rounded products are off by {ours:.4f}, llama.cpp's by {other:.4f}")
                for part in ("gate", "up", "down"):
                    stack = f"blk.1.ffn_{part}_exps.weight"
                    changed = dict(tensors, **{stack: tensors[stack][[1, 0, *range(2, len(tensors[stack]))]]})
                    far = float(np.abs(expected(changed) - exact).max()) / deviation
                    check(far > 1000 * MAX_ERROR, f"{label}, {type_name}: two experts' {part} exchanged are seen ({far:.2g})")
    check.exit()


if __name__ == "__main__":
    main()
