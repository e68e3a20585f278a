"""safetensors files and Hugging Face folders, right or wrong, after the README of huggingface/safetensors."""
import json
import random
import struct


def file(header, data=b"", length=None):
    """`header` as bytes, text or an object; `length` what stands in front of it, where that is not the truth."""
    if not isinstance(header, (bytes, str)):
        header = json.dumps(header, separators=(",", ":"))
    if isinstance(header, str):
        header = header.encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 16, "max_position_embeddings": 64,
          "hidden_size": 8, "num_hidden_layers": 1, "intermediate_size": 8, "num_attention_heads": 2, "num_key_value_heads": 1,
          "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": True, "hidden_act": "silu"}

SHAPES = {"model.embed_tokens.weight": [16, 8], "model.norm.weight": [8], "model.layers.0.input_layernorm.weight": [8],
          "model.layers.0.post_attention_layernorm.weight": [8], "model.layers.0.self_attn.q_proj.weight": [8, 8],
          "model.layers.0.self_attn.k_proj.weight": [4, 8], "model.layers.0.self_attn.v_proj.weight": [4, 8],
          "model.layers.0.self_attn.o_proj.weight": [8, 8], "model.layers.0.mlp.gate_proj.weight": [8, 8],
          "model.layers.0.mlp.up_proj.weight": [8, 8], "model.layers.0.mlp.down_proj.weight": [8, 8]}


def tensors(names=None, seed=1):
    """Header entries and data of the tiny model, or of some of its tensors."""
    rng = random.Random(seed)
    header, data = {}, b""
    for name in names or SHAPES:
        count = 1
        for d in SHAPES[name]:
            count *= d
        header[name] = entry("F32", SHAPES[name], len(data), len(data) + 4 * count)
        data += struct.pack(f"<{count}f", *(rng.gauss(0, 0.2) for _ in range(count)))
    return header, data
