"""Small random models of every architecture, converted to GGUF by `mote quantize --type F32`, in llama.cpp.

Each folder has a tokenizer of a kind that its family has. Required: the file's ids of 1,000 strings, control tokens as text
and parsed, are llama.cpp's and those of Hugging Face or sentencepiece for the folder (converted_ids.py); llama.cpp's logits of the file are within 1e-2 of the logits' standard deviation of transformers' for the
folder it came from (llama.cpp approximates some activations and rounds in places of its own), and mote gives the same bits
for the file as for the folder. Also for files whose matrices are fused as other converters leave them.
"""

import argparse
import collections
import pathlib
import subprocess
import tempfile

from checks import Checks, quiet_transformers, skip
from converted_ids import compare
from tiny_models_configs import LENGTH, build, decoders
from tiny_tokenizers import ROWS, kinds
from tokenizer_probe import Probe

MAX_ERROR = 1e-2  # of the logits' standard deviation


# The tokenizers of the folders: for each type of model those that its family has, so that every kind has its turn.
KINDS = {
    "llama": ["llama-bpe", "spm", "smollm", "spm-json", "gpt-4o"], "mistral": ["tekken"], "qwen2": ["qwen2", "deepseek-coder"],
    "qwen3": ["qwen35"], "gemma": ["gemma"], "gemma2": ["gemma"], "gemma3_text": ["gemma"], "phi3": ["spm-json", "gpt-4o"],
    "smollm3": ["llama-bpe"], "granite": ["smollm"], "olmo2": ["dbrx"], "exaone4": ["gpt-2", "bloom"],
    "stablelm": ["gpt-2", "seed-coder"], "mixtral": ["spm"], "qwen2_moe": ["qwen2"], "qwen3_moe": ["qwen2"],
    "granitemoe": ["deepseek-v3"],
}  # fmt: skip


def fuse(source, target):
    """The file with q, k and v in one tensor, and gate and up of experts in one."""
    import gguf
    import numpy as np

    reader = gguf.GGUFReader(str(source))
    arch = reader.fields["general.architecture"].contents()
    writer = gguf.GGUFWriter(str(target), arch)
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        kind = field.types[0]
        sub = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, sub)
    tensors = {t.name: np.array(t.data).reshape([int(d) for d in reversed(t.shape)]) for t in reader.tensors}

    def join(parts, whole, axis):
        if all(p in tensors for p in parts):
            tensors[whole] = np.concatenate([tensors.pop(p) for p in parts], axis=axis)

    for i in range(int(reader.fields[f"{arch}.block_count"].contents())):
        for kind in ("weight", "bias"):
            join([f"blk.{i}.attn_{x}.{kind}" for x in "qkv"], f"blk.{i}.attn_qkv.{kind}", 0)
        join([f"blk.{i}.ffn_{x}_exps.weight" for x in ("gate", "up")], f"blk.{i}.ffn_gate_up_exps.weight", 1)
    for name, data in tensors.items():
        writer.add_tensor(name, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--probe", required=True)
    parser.add_argument("--mote", required=True)
    parser.add_argument("--tokenizer", required=True, help="tokenizer_probe")
    parser.add_argument("--only", default="", help="cases whose label begins so")
    parser.add_argument("--shared")
    parser.add_argument("--models")
    args = parser.parse_args()
    try:
        import gguf  # noqa: F401
        import numpy as np
        import sentencepiece  # noqa: F401
        import tokenizers  # noqa: F401
        import torch
        import transformers

        from llama_cpp_logits import LlamaCpp

        llama_cpp = LlamaCpp()
    except (ImportError, FileNotFoundError) as error:
        skip(str(error))

    quiet_transformers()
    check = Checks()

    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        ids, out = work / "tokens.bin", work / "logits.bin"

        def mote(path):
            done = subprocess.run([args.probe, str(path), str(ids), str(out), str(LENGTH), "activations=f32"],
                                  capture_output=True, text=True, check=False)
            return (out.read_bytes(), "") if done.returncode == 0 else (None, done.stderr.strip())

        probe, known, seen = Probe(args.tokenizer), kinds(), collections.Counter()
        for number, (label, config, _, options) in enumerate(decoders()):
            names = KINDS[config.model_type]
            kind = known[names[seen[config.model_type] % len(names)]]
            seen[config.model_type] += 1
            if not label.startswith(args.only):
                continue
            config.vocab_size = ROWS
            model, generator = build(config, number + 1)
            folder, file = work / f"model{number}", work / f"model{number}.gguf"
            model.save_pretrained(folder)
            kind.write(folder)
            tokens = torch.randint(3, ROWS, (1, LENGTH), generator=generator)
            tokens.numpy().astype("<i4").tofile(ids)
            done = subprocess.run([args.mote, "quantize", str(folder), "-o", str(file), "--type", "F32"],
                                  capture_output=True, text=True, check=False)
            if done.returncode != 0:
                check(False, f"{label}: {done.stderr.strip()}")
                continue
            of_folder, message = mote(folder)
            of_file, more = mote(file)
            check(of_folder is not None and of_folder == of_file,
                  f"{label}: the same bits from file and folder {message}{more}")
            compare(check, label, kind, folder, file, probe, llama_cpp)
            fused = work / "fused.gguf"
            fuse(file, fused)
            of_fused, message = mote(fused)
            check(of_folder is not None and of_folder == of_fused, f"{label}: and from fused tensors {message}")
            length = options.get("llama_cpp_length", LENGTH)
            if length == 0:
                continue
            with torch.no_grad():
                expected = model(tokens[:, :length]).logits[0].numpy()
            try:
                got = llama_cpp.logits(file, tokens[0, :length].tolist(), ROWS)
            except RuntimeError as error:
                check(False, f"{label}: {error}")
                continue
            error = float(np.abs(got - expected).max() / expected.std())
            check(error <= MAX_ERROR, f"{label}: llama.cpp's largest error is {error:.2e} of the deviation")
            file.unlink()
    check.exit()


if __name__ == "__main__":
    main()
