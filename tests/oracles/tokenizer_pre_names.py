"""Ways of splitting that GGUF files name and that no vocabulary of gguf-vocabs has: GPT-2's vocabulary under each of their
names, and Llama-2's, as merges of plain text, under those of Gemma's kind."""

import json

import gguf

# Names of byte letters; those with words in camel case (Kimi, Youtu) are left to Hugging Face, because llama.cpp cuts words there as no model does.
BYTE_LETTERS = ("afmoe", "chameleon", "superbpe", "gpt-2", "llama-bpe", "deepseek-v3", "laguna", "exaone-moe", "bloom")
PLAIN_TEXT = ("gemma4", "granite-embed-multi-311m", "sarvam-moe")
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6


def write(path, name, pieces, kinds, merges, end):
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_vocab_size(len(pieces))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(name)
    writer.add_token_list(pieces)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
    writer.add_add_bos_token(False)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


def byte_letters(document, path, name):
    vocab = document["model"]["vocab"]
    pieces = sorted(vocab, key=vocab.get)
    kinds = [CONTROL if p == "<|endoftext|>" else NORMAL for p in pieces]
    merges = [m if isinstance(m, str) else " ".join(m) for m in document["model"]["merges"]]
    return write(path, name, pieces, kinds, merges, vocab["<|endoftext|>"])


def plain_text(document, path, name):
    vocab = document["model"]["vocab"]
    pieces = sorted(vocab, key=vocab.get) + ["\n", "\n\n", "\n\n\n"]
    kinds = [UNKNOWN, CONTROL, CONTROL] + [BYTE if p.startswith("<0x") else NORMAL for p in pieces[3:]]
    return write(path, name, pieces, kinds, document["model"]["merges"], 2)


def run(probe, reference, gpt2, llama2, temp, texts, compare, counts):
    """`gpt2`, `llama2`: tokenizer.json as objects. `compare`: tokenizer_oracle.compare_llama_cpp."""
    for name in BYTE_LETTERS + PLAIN_TEXT:
        make, document = (plain_text, llama2) if name in PLAIN_TEXT else (byte_letters, gpt2)
        path = make(document, temp / f"pre-{name}.gguf", name)
        # As in the other parts: llama.cpp reads white space beyond ASCII as U+000B where it runs a pattern of its own, and \\d
        # means ASCII to it there.
        skip = lambda t, name=name: any(ord(c) > 127 and (c.isspace() or name == "superbpe" and c.isdecimal()) for c in t)
        compare(probe, reference, f"pre {name}", path, path, texts, counts, skip)


def read(path):
    return json.loads(path.read_text())
