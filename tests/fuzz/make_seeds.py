#!/usr/bin/env python3
"""Writes the seeds of every fuzz target: make_seeds.py FOLDER. The same bytes each time; a few kilobytes each."""
import json
import pathlib
import struct
import sys

import gguf_file
import safetensors_file
import tokenizer_file

HERE = pathlib.Path(__file__).resolve().parent


def gguf():
    yield "empty_list", gguf_file.Gguf().bytes()
    g = gguf_file.Gguf()
    for kind in gguf_file.FORMATS:
        g.add(f"k.{kind}", kind, 1)
        g.add(f"a.{kind}", gguf_file.ARRAY, gguf_file.array(kind, [0, 1, 1]), raw=True)
    g.add("k.s", gguf_file.STRING, "text")
    g.add("a.s", gguf_file.ARRAY, gguf_file.array(gguf_file.STRING, ["a", "", "b"]), raw=True)
    nested = struct.pack("<IQ", gguf_file.ARRAY, 2) + gguf_file.array(gguf_file.U8, [1]) + gguf_file.array(gguf_file.STRING, ["x"])
    g.add("a.a", gguf_file.ARRAY, nested, raw=True)
    yield "all_values", g.bytes()
    g = gguf_file.Gguf()
    g.alignment = 64
    g.add("general.alignment", gguf_file.U32, 64)
    for name, (number, block, size) in gguf_file.TYPES.items():
        g.tensors.append(gguf_file.Tensor(f"t.{name}", (block, 2), number, bytes(2 * size)))
    g.tensors.append(gguf_file.Tensor("scalar", (), 0, bytes(4)))
    g.tensors.append(gguf_file.Tensor("four", (2, 2, 2, 2), 0, bytes(64)))
    yield "all_types", g.bytes()
    # Small, so that a few random changes meet what matters: a shape, and a length at the very end of the file.
    g = gguf_file.Gguf()
    g.tensors.append(gguf_file.Tensor("t", (4, 4), 0, bytes(64)))
    yield "one_tensor", g.bytes()
    yield "ends_in_a_string", gguf_file.Gguf().add("k", gguf_file.STRING, "four").header()
    yield "score_vocabulary", gguf_file.add_score_tokenizer(gguf_file.Gguf()).bytes()
    yield "byte_vocabulary", gguf_file.add_byte_tokenizer(gguf_file.Gguf())[0].bytes()
    yield "model", gguf_file.model(width=8, hidden=8, heads=2).bytes()
    g = gguf_file.Gguf()
    g.version = 2
    yield "version_2", g.add("general.name", gguf_file.STRING, "x").bytes()


def gguf_load():
    for arch in ("llama", "qwen2", "qwen3"):
        yield f"{arch}_f32", gguf_file.model(arch, width=8, hidden=8, heads=2, tokenizer="", vocab=4).bytes()
    for kind in ("F16", "BF16"):
        yield f"llama_{kind}", gguf_file.model(kind=kind, width=8, hidden=12, heads=2, tokenizer="", vocab=5, tied=False).bytes()
    for kind in ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "IQ4_NL"):
        yield f"llama_{kind}", gguf_file.model(kind=kind, tokenizer="", vocab=17).bytes()
    yield "llama_two_blocks", gguf_file.model(width=8, hidden=8, heads=2, kv_heads=2, blocks=2).bytes()
    g = gguf_file.model(width=8, hidden=8, heads=2, tokenizer="", vocab=4)
    g.set("llama.rope.scaling.type", gguf_file.STRING, "linear").set("llama.rope.scaling.factor", gguf_file.F32, 2.0)
    g.tensors.append(gguf_file.Tensor("rope_freqs.weight", (2,), 0, struct.pack("<2f", 1, 2)))
    yield "llama_rope", g.bytes()


def safetensors():
    header, data = safetensors_file.tensors()
    yield "model", b"S" + safetensors_file.file(header, data)
    small = {"__metadata__": {"format": "pt"}, "a": safetensors_file.entry("F32", [2], 0, 8), "b": safetensors_file.entry("F16", [1, 2], 8, 12),
             "c": safetensors_file.entry("BF16", [], 12, 14)}
    yield "header", b"H" + json.dumps(small).encode() + b"\0" + bytes(14)
    yield "empty", b"S" + safetensors_file.file("{}")
    index = {"metadata": {"total_size": 16}, "weight_map": {"a": "a.safetensors", "b": "b.safetensors"}}
    parts = [json.dumps(p).encode() for p in (index, {"a": safetensors_file.entry("F32", [2], 0, 8)}, {"b": safetensors_file.entry("F32", [2], 0, 8)})]
    yield "index", b"I" + b"\0".join(parts) + b"\0" + bytes(16)


def tokenizer_file_():
    for name, root in (("byte_level", tokenizer_file.small_byte_level()), ("char_level", tokenizer_file.char_level()),
                       ("split", tokenizer_file.split_level())):
        yield name, json.dumps(root, ensure_ascii=False, separators=(",", ":")).encode()

    def field(number, wire, value):
        return bytes([number << 3 | wire]) + value

    def piece(spelling, score, kind):
        inner = field(1, 2, bytes([len(spelling.encode())]) + spelling.encode()) + field(2, 5, struct.pack("<f", score)) + field(3, 0, bytes([kind]))
        return field(1, 2, bytes([len(inner)]) + inner)

    pieces = [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), ("<0x41>", 0, 6), ("\u2581", -1, 1), ("a", -2, 1), ("\u2581a", -3, 1)]
    trainer = field(3, 0, b"\x02")  # BPE
    yield "sentencepiece", b"".join(piece(*p) for p in pieces) + field(2, 2, bytes([len(trainer)]) + trainer)
    yield "gguf", gguf_file.add_score_tokenizer(gguf_file.Gguf()).bytes()


def tokenize_text():
    texts = {"plain": "Hello, world! It's 12 o'clock.\n\n  a aa aaa", "special": "<|im_start|>user<|im_end|><s></s><tool_call>::",
             "accents": "\u00e9e\u0301 \u2581x \U0001F600\u200d\U0001F4BB \u4f60\u597d", "spaces": "  \t \r\n\n   x    ", "digits": "1234567 3.14 \u0661\u0662",
             "repeat": "a" * 200}
    for i, (name, value) in enumerate(texts.items()):
        yield name, bytes([i]) + value.encode()
    yield "bytes", b"\x05\xff\xfe\x80\xc3(\xe2\x82 \xf0\x9f\x98 \xed\xa0\x80"
    yield "rest_of_control", b"\x00end|>"  # behind the beginning that the target puts before it
    yield "rest_of_markup", b"\x00_call>"
    yield "marks", b"\x06" + "\u2581\u2581a \u2581".encode()


def template():
    for path in sorted((HERE / "templates").glob("*.jinja")):
        yield path.stem, path.read_bytes()
    chat = {"messages": [{"role": "user", "content": "Hi"}], "tools": None}
    yield "conversation", (HERE / "templates/chatml.jinja").read_bytes() + b"\0" + json.dumps(chat).encode()


def json_():
    for name, value in (("object", '{"a": [1, -2, 3.5e-7, true, false, null], "b": {"c": "\\u00e9\\n\\ud83d\\ude00"}, "": ""}'),
                        ("numbers", "[0, -0, -0.0, 1e308, 18446744073709551615, -9223372036854775808, 0.1]"),
                        ("nested", "[" * 20 + "]" * 20), ("text", '"\u00e9\\"\\\\/\\b"')):
        yield name, b"\x1f" + value.encode()


def tool_calls():
    call = '<tool_call>\n{"name": "set_light", "arguments": {"room": "</tool_call>", "level": 40}}\n</tool_call>'
    for name, text in (("two", f"Let me see.\n{call}\n{call} Done."), ("spelled", '<tool_call>{"name": "f", "arguments": "{\\"a\\": [1]}"}</tool_call>'),
                       ("cut", call[:-4]), ("almost", "a < b <tool_cal <tool_call"), ("broken", "<tool_call> x")):
        for step in (2, 9):  # pieces of 1 and of 3 bytes
            yield f"answer-{name}-{step}", bytes([step if step == 2 else 4 * 2 + 3]) + text.encode()
    file = (HERE.parents[1] / "examples/tools/home.json").read_bytes()
    yield "file", b"\0" + file
    yield "file-bare", b'\0{"tools": [{"name": "f", "parameters": {"type": "object", "properties": {"a": {}}, "required": ["a"]}}]}'
    tools = [{"function": {"name": "f", "parameters": {"properties": {"startTime": {}, "room": {}}}}}]
    for name, expect, answer in (("calls", {"calls": [{"name": "f", "arguments": {"n": 40.0, "l": [1, None, True]}}]}, call), ("none", {"calls": []}, "No."),
                                 ("asks", {"asks": ["start time"]}, "Which start time?"), ("values", {"values": ["40", "hall"]}, "40.5, 40 in the Hall.")):
        item = {"set": "s", "tools": tools, "messages": [{"role": "user", "content": "x"}], "expect": expect}
        yield f"test-{name}", b"\1" + json.dumps(item).encode() + b"\n\0" + answer.encode()


def corpus():
    call = {"name": "f", "arguments": {"n": [1, None]}}
    records = {
        "alpaca": {"instruction": "a", "input": "b", "output": "c", "system": "s", "history": [["q", "a"]]},
        "sharegpt": {"conversations": [{"from": "human", "value": "<|im_end|>"}, {"from": "gpt", "value": "b"}, {"from": "function_call", "value": json.dumps(call)},
                                       {"from": "observation", "value": "1"}], "tools": json.dumps([{"name": "f"}]), "system": "s"},
        "openai": {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": None, "reasoning_content": "r",
                                "tool_calls": [{"id": "i", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}}]},
                                {"role": "tool", "tool_call_id": "i", "content": "1"}], "tools": [{"type": "function", "function": {"name": "f"}}]},
        "parts": {"messages": [{"role": "assistant", "content": [{"type": "reasoning", "value": "r"}, {"type": "text", "text": "t"}, {"type": "tool_call", "value": json.dumps(call)}]},
                               {"role": "tool", "content": [{"type": "tool_result", "value": "1"}]}]},
        "chosen": {"conversations": [{"from": "human", "value": "a"}], "chosen": {"from": "gpt", "value": "b"}, "rejected": {"from": "gpt", "value": "c"}},
        "label": {"messages": [{"role": "user", "content": "a"}], "label": False},
        "pair": {"question": "a", "answer": "b"},
        "text": {"text": "<|im_start|> a"}}
    for name, record in records.items():
        yield name, b"\1" + json.dumps([record]).encode()
    yield "one", b"\1" + json.dumps(records["pair"]).encode()
    yield "lines", b"\2" + b"\n".join(json.dumps(record).encode() for record in records.values()) + b"\n\n"
    yield "plain", b"\0" + b"a <|im_end|> text"


def statistics():
    for name, g in (("gguf", gguf_file.statistics()), ("gguf_tokens", gguf_file.statistics(tokens=True))):
        yield name, g.bytes()
    entries = gguf_file.dat_entries({"blk.0.attn_q.weight": (3, [6.0, 1.5]), "blk.0.ffn_down_exps.weight": (2, [1.0, 2.0, 3.0, 0.25])})
    yield "dat", entries + struct.pack("<ii", 3, 8) + b"wiki.raw"
    yield "dat_without_end", entries


TARGETS = {"gguf": gguf, "gguf_load": gguf_load, "safetensors": safetensors, "tokenizer_file": tokenizer_file_,
           "tokenize_text": tokenize_text, "template": template, "json": json_, "tool_calls": tool_calls, "corpus": corpus, "statistics": statistics}


def main():
    root = pathlib.Path(sys.argv[1])
    for target, make in TARGETS.items():
        folder = root / target
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for name, content in make():
            (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
