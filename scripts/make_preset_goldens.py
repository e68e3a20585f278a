#!/usr/bin/env python3
"""Record which type llama-quantize gives each tensor, for tests/golden/presets/*.json.

Makes empty models of a few shapes, asks `llama-quantize --dry-run` for every preset, and writes the answers as
runs [type, count] in tensor order; with an importance matrix ("Q4_0 importance") where the answers differ from those
without. src/quantize/presets_test.cc compares mote's rules with them.

usage: MOTE_LLAMA_CPP=DIR scripts/make_preset_goldens.py [--out tests/golden/presets]
DIR: a built llama.cpp (DIR/build/bin/llama-quantize). needs: numpy, gguf
"""
import argparse
import itertools
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

import gguf
import numpy as np

PRESETS = ["F32", "F16", "BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q5_1", "Q5_0", "Q4_K_M", "Q4_K_S", "Q4_1", "Q4_0",
           "IQ4_NL", "IQ4_XS", "Q3_K_L", "Q3_K_M", "Q3_K_S", "Q2_K", "Q2_K_S",
           "MXFP4_MOE", "IQ3_M", "IQ3_S", "IQ3_XS", "IQ3_XXS", "IQ2_M", "IQ2_S", "IQ2_XS", "IQ2_XXS", "IQ1_M", "IQ1_S",
           "TQ2_0", "TQ1_0", "Q2_0", "Q1_0"]

# name: architecture, blocks, width, heads, kv heads, feed-forward, vocabulary, own head
SHAPES = {
    "smollm2-135m": ("llama", 30, 576, 9, 3, 1536, 1024, False),
    "narrow-rows": ("llama", 4, 128, 4, 2, 352, 105, False),
    "wide-gqa4": ("llama", 22, 512, 8, 2, 1024, 512, True),
    "wide-gqa1-tied": ("qwen2", 12, 256, 4, 4, 768, 512, False),
    "layers80-gqa8": ("llama", 80, 256, 8, 1, 512, 300, True),
    "layers80-gqa1": ("llama", 80, 256, 4, 4, 512, 300, True),
    "layers80-qwen2": ("qwen2", 80, 256, 8, 1, 512, 300, True),
    "experts2": ("llama", 16, 256, 8, 2, 512, 300, True),
    "experts4": ("llama", 16, 256, 4, 4, 512, 300, True),
    "experts8": ("llama", 32, 256, 8, 2, 512, 300, True),
    "experts8-gqa1": ("llama", 16, 256, 4, 4, 512, 300, False),
    "experts8-shared": ("qwen2moe", 16, 256, 4, 4, 512, 300, True),
    "experts60-shared": ("qwen2moe", 24, 256, 4, 4, 512, 300, True),
}
EXPERTS = {name: int(name[7:].split("-")[0]) for name in SHAPES if name.startswith("experts")}  # in stacks of rank 3


def make_model(path, shape, experts=0, shared=False):
    arch, blocks, width, heads, kv, ffn, vocab, own_head = shape
    w = gguf.GGUFWriter(str(path), arch)
    w.add_block_count(blocks)
    w.add_context_length(512)
    w.add_embedding_length(width)
    w.add_feed_forward_length(ffn)
    w.add_head_count(heads)
    w.add_head_count_kv(kv)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_rope_dimension_count(width // heads)
    w.add_vocab_size(vocab)
    if experts:
        w.add_expert_count(experts)
        w.add_expert_used_count(1)
    tensors = []

    def add(name, *dims):
        tensors.append((name, dims))
        w.add_tensor(name, np.zeros(dims, np.float32 if len(dims) == 1 else np.float16))

    add("token_embd.weight", vocab, width)
    add("output_norm.weight", width)
    if own_head:
        add("output.weight", vocab, width)
    kvw = width // heads * kv
    for i in range(blocks):
        b = f"blk.{i}."
        add(b + "attn_norm.weight", width)
        add(b + "attn_q.weight", width, width)
        add(b + "attn_k.weight", kvw, width)
        add(b + "attn_v.weight", kvw, width)
        if arch == "qwen2":
            add(b + "attn_q.bias", width)
            add(b + "attn_k.bias", kvw)
            add(b + "attn_v.bias", kvw)
        add(b + "attn_output.weight", width, width)
        add(b + "ffn_norm.weight", width)
        if experts:
            add(b + "ffn_gate_inp.weight", experts, width)
            add(b + "ffn_gate_exps.weight", experts, ffn, width)
            add(b + "ffn_up_exps.weight", experts, ffn, width)
            add(b + "ffn_down_exps.weight", experts, width, ffn)
            if shared:
                add(b + "ffn_gate_inp_shexp.weight", 1, width)
                add(b + "ffn_gate_shexp.weight", ffn, width)
                add(b + "ffn_up_shexp.weight", ffn, width)
                add(b + "ffn_down_shexp.weight", width, ffn)
        else:
            add(b + "ffn_gate.weight", ffn, width)
            add(b + "ffn_up.weight", ffn, width)
            add(b + "ffn_down.weight", width, ffn)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return tensors


def ask(tool, model, preset, extra):
    out = subprocess.run([tool, "--dry-run", *extra, str(model), preset], capture_output=True, text=True)
    text = out.stdout + out.stderr
    if "no tensor type fallback" in text:
        return None  # a row that the type does not divide, and no other type is named for it
    line = re.compile(r"\[\s*\d+/\s*\d+\]\s+(\S+)\s+- \[[^\]]*\], type =\s*(\S+), size =[^\n]*?(?:\((\w+)\))?\s*(?=\[\s*\d+/|\n|$)")
    types = {m[1]: (m[3] or m[2]).upper() for m in line.finditer(text)}
    if not types:
        sys.exit(f"{tool} said nothing about {preset}:\n{text[-2000:]}")
    return types


def write_importance(path):
    """The smallest importance matrix, in llama.cpp's older form: one tensor of one column."""
    name = b"blk.0.attn_q.weight"
    path.write_bytes(struct.pack("<ii", 1, len(name)) + name + struct.pack("<iif", 1, 1, 1.0))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", default="tests/golden/presets")
    ap.add_argument("--only", default="", help="shapes whose name has this text")
    args = ap.parse_args()
    root = os.environ.get("MOTE_LLAMA_CPP")
    if not root:
        sys.exit("set MOTE_LLAMA_CPP to the folder of a built llama.cpp")
    tool = str(pathlib.Path(root) / "build/bin/llama-quantize")
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    for name, shape in SHAPES.items():
        if args.only not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder) / "model.gguf"
            tensors = [t for t in make_model(model, shape, EXPERTS.get(name, 0), "shared" in name) if len(t[1]) > 1]  # vectors always stay F32
            importance = pathlib.Path(folder) / "importance.dat"
            write_importance(importance)
            answers = {}
            kinds = {"": [], " pure": ["--pure"], " importance": ["--imatrix", str(importance)]}
            for preset, (kind, extra) in itertools.product(PRESETS, kinds.items()):
                types = ask(tool, model, preset, extra)
                order = [types[t] for t, _ in tensors] if types else []
                runs = [[k, len(list(g))] for k, g in itertools.groupby(order)]
                if kind != " importance" or runs != answers[preset]:
                    answers[preset + kind] = runs
        with open(out / f"{name}.json", "w") as f:
            head = {"architecture": shape[0], "blocks": shape[1], "heads": shape[3], "kv_heads": shape[4],
                    "experts": EXPERTS.get(name, 0)}
            f.write("{\n" + json.dumps(head)[1:-1] + ",\n\"tensors\": [\n")
            f.write(",\n".join(", ".join(json.dumps([t, list(d)]) for t, d in g)
                               for _, g in itertools.groupby(tensors, key=lambda t: t[0].split(".")[1])))
            f.write("\n],\n\"types\": {\n")
            f.write(",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in answers.items()))
            f.write("\n}\n}\n")
        print(name, len(tensors), "tensors,", len(answers), "answers")


if __name__ == "__main__":
    main()
