#!/usr/bin/env python3
"""Models of every GGUF weight type in mote and in llama.cpp (the C library inside the PyPI package xllamacpp).

A llama of two blocks with rows of 256 and 512, which all blocks divide. For each type that llama.cpp runs:
  made     the file's matrices are random blocks of the type, written by the Python package gguf, so that mote's encoders
           have no part in it
  written  mote quantizes the float file (types that need no importance matrix) and llama.cpp loads the result
Logits of 64 random tokens. Both programs round activations to 8 bits, mote in groups of 32, llama.cpp in groups of 32 or
256, so they differ by that noise; mote's exact products (activations f32) lie between. Required, with all differences as
root mean squares over the standard deviation of the logits: llama.cpp's distance to the exact products is at most
NOISE times that of mote's rounded ones and at most FAR. A wrong table, sign, scale or order is off by about 1. Types
that llama.cpp does not run (Q8_1, Q8_K, F64) are left to the tests of codecs and kernels.
"""
import argparse
import pathlib
import subprocess
import tempfile

from checks import Checks, skip

try:
    import gguf
    import numpy as np
    import xllamacpp  # noqa: F401
    from llama_cpp_logits import LlamaCpp
except ImportError as e:
    skip(str(e))

BLOCKS, WIDTH, HEADS, FFN, VOCAB, LENGTH = 2, 256, 4, 512, 384, 64
NOISE, FAR = 2.5, 0.06
# type: offset of its half-precision scale, or None where the scale has another form
MADE = {
    "Q4_0": 0, "Q8_0": 0, "Q2_K": None, "IQ4_NL": 0, "IQ1_S": 0, "IQ1_M": None, "IQ2_XXS": 0, "IQ2_XS": 0, "IQ2_S": 0,
    "IQ3_XXS": 0, "IQ3_S": 0, "TQ1_0": 52, "TQ2_0": 64, "MXFP4": None, "NVFP4": None, "Q1_0": 0,
}
WRITTEN = ["Q4_0", "Q4_K_M", "IQ3_S", "IQ3_M", "IQ2_M", "TQ1_0", "TQ2_0", "MXFP4", "MXFP4_MOE", "NVFP4", "Q1_0", "Q2_0"]
FLOAT = np.float32


def random_blocks(rng, kind, rows, cols):
    """Random blocks whose decoded values have a standard deviation of about 1.5 / sqrt(cols)."""
    block, size = gguf.GGML_QUANT_SIZES[kind]
    data = rng.integers(0, 256, (rows * cols // block, size), dtype=np.uint8)

    def put_half(offset, value):
        data[:, offset:offset + 2] = np.frombuffer(np.float16(value).tobytes(), np.uint8)

    name = kind.name

    def set_scale(value):
        if name == "Q2_K":
            put_half(80, value)
            put_half(82, value * 1.5)  # minima that the values swing around
        elif name == "IQ1_M":
            half = int(np.float16(value).view(np.uint16))
            words = data[:, 48:].copy().view(np.uint16)
            words = (words & 0x0FFF) | (np.array([half << 12, half << 8, half << 4, half]) & 0xF000).astype(np.uint16)
            data[:, 48:] = words.view(np.uint8)
        elif name == "TQ2_0":  # code 3, which is never written, would make the values' mean large
            data[:, :64] &= ~((data[:, :64] & 0x55) << 1 & (data[:, :64] & 0xAA))
            put_half(MADE[name], value)
        elif name == "MXFP4":
            data[:, 0] = rng.integers(0, 3, len(data)) + 126 + int(np.floor(np.log2(value)))
        elif name == "NVFP4":
            data[:, :4] = 8 * max(0, min(13, 7 + int(np.floor(np.log2(value))))) + rng.integers(0, 8, (len(data), 4))
        else:
            put_half(MADE[name], value)

    wanted = 1.5 / cols**0.5
    set_scale(1.0)
    # The package does not decode Q1_0, whose values are 1 and -1 now.
    set_scale(wanted if name == "Q1_0" else wanted / gguf.dequantize(data, kind).std())
    return data.reshape(rows, -1)


class Model:
    """Names, shapes and random floats of a small llama."""

    def __init__(self, rng):
        self.rng = rng
        self.vectors = {"output_norm.weight": WIDTH}
        self.matrices = {"output.weight": (VOCAB, WIDTH)}
        for b in range(BLOCKS):
            for norm in ("attn_norm", "ffn_norm"):
                self.vectors[f"blk.{b}.{norm}.weight"] = WIDTH
            for name, rows, cols in (("attn_q", WIDTH, WIDTH), ("attn_k", WIDTH // 2, WIDTH), ("attn_v", WIDTH // 2, WIDTH),
                                     ("attn_output", WIDTH, WIDTH), ("ffn_gate", FFN, WIDTH), ("ffn_up", FFN, WIDTH),
                                     ("ffn_down", WIDTH, FFN)):
                self.matrices[f"blk.{b}.{name}.weight"] = (rows, cols)
        self.norms = {name: (1 + 0.2 * rng.standard_normal(n)).astype(FLOAT) for name, n in self.vectors.items()}
        self.embedding = rng.standard_normal((VOCAB, WIDTH)).astype(FLOAT)
        self.routers = (0.1 * np.random.default_rng(5).standard_normal((BLOCKS, 4, WIDTH))).astype(FLOAT)

    def write(self, path, matrix, extra=(), experts=0):
        """matrix(name, rows, cols): floats, or (bytes, type). With experts, the feed-forward matrices are stacks of as many."""
        w = gguf.GGUFWriter(str(path), "llama")
        w.add_block_count(BLOCKS)
        w.add_context_length(256)
        w.add_embedding_length(WIDTH)
        w.add_feed_forward_length(FFN)
        w.add_head_count(HEADS)
        w.add_head_count_kv(HEADS // 2)
        w.add_layer_norm_rms_eps(1e-5)
        w.add_rope_dimension_count(WIDTH // HEADS)
        w.add_vocab_size(VOCAB)
        w.add_tokenizer_model("no_vocab")
        if experts:
            w.add_expert_count(experts)
            w.add_expert_used_count(experts)  # all: a near tie would give the two programs different experts
            for block in range(BLOCKS):
                w.add_tensor(f"blk.{block}.ffn_gate_inp.weight", self.routers[block][:experts])
        w.add_tensor("token_embd.weight", self.embedding)
        for name, values in self.norms.items():
            w.add_tensor(name, values)
        for name, (rows, cols) in self.matrices.items():
            values = matrix(name, rows, cols)
            if experts and ".ffn_" in name:
                name = name.replace(".weight", "_exps.weight")
                values = (np.stack([values[0], *(matrix(name, rows, cols)[0] for _ in range(experts - 1))]), values[1])
            if isinstance(values, tuple):
                w.add_tensor(name, values[0], raw_dtype=values[1])
            else:
                w.add_tensor(name, values)
        for name, values in extra:
            w.add_tensor(name, values)
        w.write_header_to_file()
        w.write_kv_data_to_file()
        w.write_tensors_to_file()
        w.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--probe", required=True, help="logits_probe")
    parser.add_argument("--quantize", required=True, help="quantize_probe")
    parser.add_argument("--shared")
    parser.add_argument("--models")
    args = parser.parse_args()
    rng = np.random.default_rng(23)
    model = Model(rng)
    tokens = rng.integers(0, VOCAB, LENGTH)
    llama = LlamaCpp()
    check = Checks()

    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        ids = work / "tokens.bin"
        tokens.astype("<i4").tofile(ids)

        def mote(path, activations):
            out = work / "logits.bin"
            done = subprocess.run([args.probe, str(path), str(ids), str(out), str(LENGTH), f"activations={activations}",
                                   "kv=f32"], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise RuntimeError(done.stderr.strip())
            return np.fromfile(out, "<f4").reshape(LENGTH, VOCAB)

        def rms(a, b):
            return float(np.sqrt(((a - b).astype(np.float64) ** 2).mean()))

        def compare(label, path):
            try:
                theirs = llama.logits(path, tokens, VOCAB)
                exact, rounded = mote(path, "f32"), mote(path, "auto")
            except RuntimeError as error:
                check(False, f"{label}: {error}")
                return
            deviation = float(exact.std())
            ours, other = rms(rounded, exact) / deviation, rms(theirs, exact) / deviation
            check(other <= max(NOISE * ours, 2e-5) and other <= FAR and ours <= FAR and np.isfinite(deviation),
                  f"{label}: from the exact products mote {ours:.5f}, llama.cpp {other:.5f} of the deviation {deviation:.2f}")

        path = work / "model.gguf"
        for type_name in MADE:
            kind = gguf.GGMLQuantizationType[type_name]
            model.write(path, lambda _, rows, cols, kind=kind: (random_blocks(rng, kind, rows, cols), kind))
            compare(f"{type_name}, made", path)

        kind = gguf.GGMLQuantizationType.NVFP4
        factors = [(name.replace(".weight", ".scale"), np.array([0.25 + 0.25 * (i % 5)], FLOAT))
                   for i, name in enumerate(model.matrices)]
        model.write(path, lambda _, rows, cols: (random_blocks(rng, kind, rows, cols), kind), factors)
        compare("NVFP4 with factors, made", path)

        for type_name in [t for t in ("Q1_0", "IQ2_XS", "MXFP4", "NVFP4") if t in MADE]:
            kind = gguf.GGMLQuantizationType[type_name]
            model.write(path, lambda _, rows, cols, kind=kind: (random_blocks(rng, kind, rows, cols), kind), experts=4)
            compare(f"{type_name} experts, made", path)
        stacks = [(name.replace(".scale", "_exps.scale"), 0.25 + 0.25 * rng.integers(0, 5, 4).astype(FLOAT))
                  if ".ffn_" in name else (name, factor) for name, factor in factors]
        model.write(path, lambda _, rows, cols: (random_blocks(rng, kind, rows, cols), kind), stacks, experts=4)
        compare("NVFP4 experts with factors, made", path)

        floats = work / "floats.gguf"
        model.write(floats, lambda _, rows, cols: (rng.standard_normal((rows, cols)) * 1.5 / cols**0.5).astype(FLOAT))
        compare("F32, made", floats)
        for type_name in WRITTEN:
            path.unlink(missing_ok=True)
            done = subprocess.run([args.quantize, "job", str(path), str(floats), type_name, "1", "reference", "search"],
                                  capture_output=True, text=True, check=False)
            if done.returncode != 0:
                check(False, f"{type_name}, written: {done.stderr.strip()}")
                continue
            compare(f"{type_name}, written", path)
    check.exit()


if __name__ == "__main__":
    main()
