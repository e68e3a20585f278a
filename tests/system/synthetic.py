"""A small llama in GGUF, with random weights, written by hand: for tests where no real model is at hand.

About 40 MB in F32, so that quantizing takes long enough to be interrupted.
"""
import random
import struct

WIDTH, HIDDEN, BLOCKS, HEADS, VOCAB = 512, 1024, 6, 8, 260


def _string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _pair(key, kind, value):
    return _string(key) + struct.pack("<I", kind) + value


def _u32(key, value):
    return _pair(key, 4, struct.pack("<I", value))


def _f32(key, value):
    return _pair(key, 6, struct.pack("<f", value))


def _array(key, kind, values):
    return _pair(key, 9, struct.pack("<IQ", kind, len(values)) + b"".join(values))


def _pieces():
    return ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + ["\u2581"]


def write_llama(path, seed=1):
    rng = random.Random(seed)
    pieces = _pieces()
    kinds = [2, 3, 3] + [6] * 256 + [1]
    keys = [
        _pair("general.architecture", 8, _string("llama")), _u32("llama.block_count", BLOCKS),
        _u32("llama.context_length", 256), _u32("llama.embedding_length", WIDTH),
        _u32("llama.feed_forward_length", HIDDEN), _u32("llama.attention.head_count", HEADS),
        _u32("llama.attention.head_count_kv", HEADS), _f32("llama.attention.layer_norm_rms_epsilon", 1e-5),
        _u32("llama.vocab_size", VOCAB), _u32("llama.rope.dimension_count", WIDTH // HEADS),
        _pair("tokenizer.ggml.model", 8, _string("llama")),
        _array("tokenizer.ggml.tokens", 8, [_string(p) for p in pieces]),
        _array("tokenizer.ggml.scores", 6, [struct.pack("<f", -float(i)) for i in range(VOCAB)]),
        _array("tokenizer.ggml.token_type", 5, [struct.pack("<i", k) for k in kinds]),
        _u32("tokenizer.ggml.bos_token_id", 1), _u32("tokenizer.ggml.eos_token_id", 2),
    ]
    tensors = [("token_embd.weight", (VOCAB, WIDTH)), ("output_norm.weight", (WIDTH,)), ("output.weight", (VOCAB, WIDTH))]
    for block in range(BLOCKS):
        tensors += [(f"blk.{block}.{name}.weight", shape) for name, shape in (
            ("attn_norm", (WIDTH,)), ("attn_q", (WIDTH, WIDTH)), ("attn_k", (WIDTH, WIDTH)), ("attn_v", (WIDTH, WIDTH)),
            ("attn_output", (WIDTH, WIDTH)), ("ffn_norm", (WIDTH,)), ("ffn_gate", (HIDDEN, WIDTH)),
            ("ffn_up", (HIDDEN, WIDTH)), ("ffn_down", (WIDTH, HIDDEN)))]
    # One pool of numbers, cut at a different place for each tensor: fast, and no two rows are alike.
    pool = struct.pack("<65536f", *(rng.gauss(0, 0.04) for _ in range(65536)))
    infos, data = [], bytearray()
    for name, shape in tensors:
        count = 1
        for d in shape:
            count *= d
        infos.append(_string(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", d) for d in reversed(shape)) +
                     struct.pack("<IQ", 0, len(data)))
        start = rng.randrange(65536) * 4
        data += (pool[start:] + pool * (count * 4 // len(pool) + 1))[:count * 4]
        data += bytes(-len(data) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(keys) + b"".join(infos)
    path.write_bytes(head + bytes(-len(head) % 32) + data)
    return path
