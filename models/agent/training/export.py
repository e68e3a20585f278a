"""Writes the trained model as a Hugging Face folder in 16 bit: export.py DATA RUN -o FOLDER [--recipe recipe.toml]"""
import argparse
import json
import pathlib
import shutil

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

from model import Shape
from recipe import HERE, read_recipe
from rendering import SPECIAL


def config(shape, ids):
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": shape.width, "intermediate_size": shape.hidden,
            "num_hidden_layers": shape.blocks, "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads,
            "head_dim": shape.head, "vocab_size": shape.vocabulary, "max_position_embeddings": shape.context, "rope_theta": shape.rope_base,
            "rms_norm_eps": 1e-5, "hidden_act": "silu", "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": True,
            "torch_dtype": "bfloat16", "bos_token_id": ids["<|im_start|>"], "eos_token_id": ids["<|im_end|>"], "pad_token_id": ids["<|endoftext|>"]}


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def export(data, run, folder, recipe):
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.from_file(str(data / "tokenizer.json"))
    ids = {t: tokenizer.token_to_id(t) for t in SPECIAL}
    shape = Shape(**recipe["model"])
    weights = {n: w.to(torch.bfloat16).contiguous() for n, w in torch.load(run / "weights.pt", weights_only=True).items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    for name in ("tokenizer.json", "demo_test.jsonl"):
        shutil.copy(data / name, folder / name)
    shutil.copy(HERE / "chat_template.jinja", folder / "chat_template.jinja")
    write_json(folder / "config.json", config(shape, ids))
    write_json(folder / "generation_config.json", {"do_sample": False, "eos_token_id": ids["<|im_end|>"], "pad_token_id": ids["<|endoftext|>"]})
    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": shape.context, "clean_up_tokenization_spaces": False, "add_bos_token": False,
        "bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "additional_special_tokens": list(SPECIAL[3:])})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--recipe", type=pathlib.Path, default=HERE / "recipe.toml")
    arguments = parser.parse_args()
    export(arguments.data, arguments.run, arguments.output, read_recipe(arguments.recipe))


if __name__ == "__main__":
    main()
