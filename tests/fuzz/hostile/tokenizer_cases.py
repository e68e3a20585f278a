"""Tokenizer files: tokenizer.json, SentencePiece models, llama2.c's tokenizer.bin, vocab.json with merges.txt, and the files
beside them. Read by `tokenize`."""
import json
import math
import pickle
import struct

import hash_collisions
import tokenizer_file
from hostile.case import FIFO, FOLDER, Case, Lazy, Link, Sparse

TEXT = "hello ab 12"


def damaged(change, base=tokenizer_file.small_byte_level):
    root = base()
    result = change(root)
    return json.dumps(root if result is None else result, ensure_ascii=False)


def model(**parts):
    """The model's parts replaced; None takes one away."""
    def change(root):
        for part, value in parts.items():
            root["model"][part] = value
            if value is None:
                del root["model"][part]
    return change


def vocab(**more):
    return lambda root: root["model"]["vocab"].update(more)


def added(**parts):
    return lambda root: root["added_tokens"][0].update(parts)


def step(which, value):
    return lambda root: root.__setitem__(which, value)


def split(pattern, **more):
    return step("pre_tokenizer", {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False} | more,
        {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}]})


def regex(pattern):
    return split({"Regex": pattern})


def nested(key, list_key, depth, inner):
    for _ in range(depth):
        inner = {"type": "Sequence", list_key: [inner]}
    return step(key, inner)


def doubling(count):
    """Each step turns every letter into two: 2^count letters from one."""
    return step("normalizer", {"type": "Sequence", "normalizers": [
        {"type": "Replace", "pattern": {"String": "l"}, "content": "ll"}] * count})


def many(key, list_key, inner, count=257):
    """Steps that each cost a pass over every text."""
    return step(key, {"type": "Sequence", list_key: [inner] * count})


def template(parts, ids, table=1):
    """A TemplateProcessing whose parts all name one list of ids, among others that nobody names."""
    tokens = {str(i): {"id": str(i), "ids": [1] * ids, "tokens": ["x"]} for i in range(table)}
    return step("post_processor", {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "0", "type_id": 0}}] * parts,
                                   "special_tokens": tokens})


def vocab_of_one_hash(root):
    texts = hash_collisions.colliding(5)
    first = len(root["model"]["vocab"]) + len(root["added_tokens"])
    root["model"]["vocab"].update({t: first + i for i, t in enumerate(texts)})
    root["model"]["merges"] = ["zz yy"]


def endless(change):
    """And a pattern that ends with an error on the text that runaway() makes, so that all before it has been done."""
    def both(root):
        change(root)
        regex("(a+)+$")(root)
    return both


def added_tokens_of_4_mib(root):
    first = len(root["model"]["vocab"]) + len(root["added_tokens"])
    root["added_tokens"] += [{"id": first + i, "content": f"{i:04d}" + f"{i * 7919:025b}" * 40, "special": True, "normalized": False}
                             for i in range(4000)]


def processor(**parts):
    def change(root):
        for part, value in parts.items():
            root["post_processor"][part] = value
            if value is None:
                del root["post_processor"][part]
    return change


JSON = [
    ("vocab_missing", "TOK_FORMAT", model(vocab=None)),
    ("vocab_empty", "TOK_VOCAB", model(vocab={})),
    ("vocab_array", "TOK_VOCAB", model(vocab=["a", "b"])),
    ("vocab_number", "TOK_VOCAB", model(vocab=7)),
    ("two_tokens_of_one_id", "TOK_VOCAB", vocab(x=0)),
    ("id_2_31", "TOK_VOCAB", vocab(x=1 << 31)),
    ("id_2_24", "TOK_VOCAB", vocab(x=1 << 24)),
    ("id_2_63", "TOK_VOCAB", vocab(x=1 << 63)),
    ("id_negative", "TOK_VOCAB", vocab(x=-1)),
    ("id_fraction", "TOK_VOCAB", vocab(x=10.5)),
    ("id_string", "TOK_VOCAB", vocab(x="10")),
    ("id_null", "TOK_VOCAB", vocab(x=None)),
    ("ids_with_a_gap_of_a_million", "TOK_VOCAB", vocab(x=1_000_000)),
    ("token_empty", "TOK_VOCAB", vocab(**{"": 12})),
    ("token_of_65537_bytes", "TOK_VOCAB", vocab(**{"x" * 65_537: 12})),
    ("added_token_of_another_id", "TOK_VOCAB", added(content="h")),
    ("added_token_in_the_place_of_another", "TOK_VOCAB", added(id=0)),
    ("added_token_empty", "TOK_VOCAB", added(content="")),
    ("added_token_of_1025_bytes", "TOK_VOCAB", added(content="x" * 1025)),
    ("added_token_id_2_31", "TOK_FORMAT", added(id=1 << 31)),
    ("added_token_id_negative", "TOK_FORMAT", added(id=-1)),
    ("added_token_without_id", "TOK_FORMAT", lambda root: root["added_tokens"][0].pop("id") and None),
    ("added_tokens_object", "TOK_FORMAT", step("added_tokens", {"a": 1})),
    ("added_tokens_of_numbers", "TOK_FORMAT", step("added_tokens", [1, 2])),
    ("merges_missing", "TOK_MERGES", model(merges=None)),
    ("merges_object", "TOK_MERGES", model(merges={"h": "e"})),
    ("merge_of_one_token", "TOK_MERGES", model(merges=["he"])),
    ("merge_empty", "TOK_MERGES", model(merges=[""])),
    ("merge_of_spaces", "TOK_MERGES", model(merges=["   "])),
    ("merge_of_unknown_tokens", "TOK_MERGES", model(merges=["zz yy"])),
    ("merge_into_an_unknown_token", "TOK_MERGES", model(merges=["h a"])),
    ("merge_of_itself", "TOK_MERGES", model(merges=["he he"])),
    ("merge_of_three", "TOK_MERGES", model(merges=[["h", "e", "l"]])),
    ("merge_of_numbers", "TOK_MERGES", model(merges=[[1, 2]])),
    ("merge_is_a_number", "TOK_MERGES", model(merges=[1])),
    ("model_missing", "TOK_FORMAT", lambda root: root.pop("model") and None),
    ("model_null", "TOK_FORMAT", step("model", None)),
    ("model_is_a_list", "TOK_FORMAT", step("model", [])),
    ("model_of_unknown_type", "TOK_UNSUPPORTED", model(type="MadeUp")),
    ("dropout", "TOK_UNSUPPORTED", model(dropout=0.1)),
    ("normalizer_unknown", "TOK_UNSUPPORTED", step("normalizer", {"type": "MadeUp"})),
    ("normalizer_is_a_list", "TOK_UNSUPPORTED", step("normalizer", [])),
    ("normalizers_missing", "TOK_FORMAT", step("normalizer", {"type": "Sequence"})),
    ("normalizers_9_deep", "TOK_CYCLE", nested("normalizer", "normalizers", 9, {"type": "NFC"})),
    ("normalizers_25_deep", "TOK_CYCLE", nested("normalizer", "normalizers", 25, {"type": "NFC"})),
    ("normalizers_40_deep", "JSON_DEPTH", nested("normalizer", "normalizers", 40, {"type": "NFC"})),
    ("pre_tokenizers_9_deep", "TOK_CYCLE", nested("pre_tokenizer", "pretokenizers", 9, {"type": "ByteLevel"})),
    ("processors_9_deep", "TOK_CYCLE", nested("post_processor", "processors", 9, {"type": "ByteLevel"})),
    ("replacements_double_60_times", "TOK_EXPANSION", doubling(60)),
    ("replacement_of_nothing", "TOK_FORMAT", step("normalizer", {"type": "Replace", "pattern": {"String": ""}, "content": "x"})),
    ("pre_tokenizer_unknown", "TOK_UNSUPPORTED", step("pre_tokenizer", {"type": "MadeUp"})),
    ("pre_tokenizer_number", "TOK_UNSUPPORTED", step("pre_tokenizer", 5)),
    ("split_without_pattern", "TOK_FORMAT", split(None)),
    ("split_of_both_kinds", "TOK_FORMAT", split({"Regex": "a", "String": "a"})),
    ("split_of_neither_kind", "TOK_FORMAT", split({})),
    ("split_of_unknown_behavior", "TOK_UNSUPPORTED", split({"Regex": "a"}, behavior="MadeUp")),
    ("regex_look_behind", "TOK_REGEX", regex("(?<=a)b")),
    ("regex_negative_look_behind", "TOK_REGEX", regex("(?<!a)b")),
    ("regex_back_reference", "TOK_REGEX", regex("(a)\\1")),
    ("regex_named_back_reference", "TOK_REGEX", regex("(?<n>a)\\k<n>")),
    ("regex_recursion", "TOK_REGEX", regex("a(?R)?b")),
    ("regex_callout", "TOK_REGEX", regex("a(?C1)b")),
    ("regex_verb", "TOK_REGEX", regex("(*NO_UTF_CHECK)a")),
    ("regex_limit_verb", "TOK_REGEX", regex("(*LIMIT_MATCH=4000000000)a")),
    ("regex_open", "TOK_REGEX", regex("(a")),
    ("regex_bad_range", "TOK_REGEX", regex("[z-a]")),
    ("regex_bad_property", "TOK_REGEX", regex("\\p{Made_Up}")),
    ("regex_repeat_of_a_repeat", "TOK_REGEX", regex("((a{1,1000}){1,1000}){1,1000}")),
    ("regex_of_1_mib", "TOK_REGEX", regex("a" * (1 << 20))),
    ("regex_10000_deep", "TOK_REGEX", regex("(" * 8000 + ")" * 8000)),
    ("normalizers_257", "TOK_FORMAT", many("normalizer", "normalizers", {"type": "Lowercase"})),
    ("pre_tokenizers_257", "TOK_FORMAT", many("pre_tokenizer", "pretokenizers", {"type": "Digits"})),
    ("processors_257", "TOK_FORMAT", many("post_processor", "processors", {"type": "ByteLevel"})),
    ("decoders_257", "TOK_FORMAT", many("decoder", "decoders", {"type": "Fuse"})),
    ("template_of_1025_parts", "TOK_FORMAT", template(1025, 0)),
    ("template_table_of_1025_tokens", "TOK_FORMAT", template(1, 1, table=1025)),
    ("template_names_a_million_ids", "TOK_FORMAT", template(1000, 1000)),
    ("processor_unknown", "TOK_UNSUPPORTED", step("post_processor", {"type": "MadeUp"})),
    ("processor_without_template", "TOK_FORMAT", processor(single=None)),
    ("processor_of_unknown_token", "TOK_FORMAT", processor(special_tokens={})),
    ("processor_of_id_out_of_range", "TOK_VOCAB",
     processor(special_tokens={"<|endoftext|>": {"id": "<|endoftext|>", "ids": [4000], "tokens": ["x"]}})),
    ("processor_of_negative_id", "TOK_FORMAT",
     processor(special_tokens={"<|endoftext|>": {"id": "<|endoftext|>", "ids": [-5], "tokens": ["x"]}})),
    ("roberta_without_cls", "TOK_FORMAT", step("post_processor", {"type": "RobertaProcessing", "sep": ["x", 1]})),
    ("bert_id_out_of_range", "TOK_VOCAB", step("post_processor", {"type": "BertProcessing", "sep": ["x", 1], "cls": ["y", 99]})),
]

GOOD = damaged(lambda root: None)
DEEP = "[" * 100_000
BYTES = [
    ("empty_file", "TOK_FORMAT", b""),
    ("one_brace", "JSON_SYNTAX", b"{"),
    ("cut", "JSON_SYNTAX", GOOD[:-20]),
    ("text_behind", "JSON_SYNTAX", GOOD + "x"),
    ("nul_behind", "JSON_SYNTAX", GOOD + "\0"),
    ("mark_in_front", "TOK_FORMAT", "\ufeff" + GOOD),
    ("array", "TOK_FORMAT", "[" + GOOD + "]"),
    ("not_utf8", "JSON_SYNTAX", GOOD.encode().replace(b'"h"', b'"\xff"')),
    ("utf16", "TOK_FORMAT", GOOD.encode("utf-16")),
    ("key_twice", "JSON_DUPLICATE_KEY", GOOD[:-1] + ', "model": {}}'),
    ("token_twice", "JSON_DUPLICATE_KEY", GOOD.replace('"h": 0', '"h": 0, "h": 0')),
    ("depth_100000", "JSON_DEPTH", '{"model":' + DEEP),
    ("number_too_large", "JSON_SYNTAX", GOOD.replace('"h": 0', '"h": 1e999')),
    ("not_a_number", "JSON_SYNTAX", GOOD.replace('"h": 0', '"h": NaN')),
    ("pickle", "FORMAT_PICKLE", pickle.dumps([1], protocol=4)),
    ("image", "TOK_FORMAT", b"\x89PNG\r\n\x1a\n" + bytes(40)),
    ("over_256_mib", "IO_TOO_LARGE", Sparse(b"{", (256 << 20) + 1)),
]


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def field(number, wire, value):
    return varint(number << 3 | wire) + value


def held(number, value):
    return field(number, 2, varint(len(value)) + value)


def piece(spelling, score=0.0, kind=1):
    return held(1, held(1, spelling.encode()) + field(2, 5, struct.pack("<f", score)) + field(3, 0, varint(kind)))


BASE = piece("<unk>", kind=2) + piece("<s>", kind=3) + piece("</s>", kind=3) + piece("a", -1) + piece("\u2581", -2)
BPE = held(2, field(3, 0, varint(2)))
SENTENCEPIECE = [
    ("cut", "TOK_PROTO", (BASE + BPE)[:-1]),
    ("field_passes_the_end", "TOK_PROTO", BASE + field(1, 2, varint(1 << 40))),
    ("field_length_all_ones", "TOK_PROTO", BASE + field(1, 2, varint((1 << 64) - 1))),
    ("piece_passes_its_field", "TOK_PROTO", held(1, field(1, 2, varint(50)) + b"a") + BPE),
    ("number_of_11_bytes", "TOK_PROTO", BASE + field(9, 0, b"\x80" * 10 + b"\x01")),
    ("number_over_64_bits", "TOK_PROTO", BASE + field(9, 0, b"\xff" * 9 + b"\x7f")),
    ("number_cut", "TOK_PROTO", BASE + b"\x48\x80"),
    ("field_number_0", "TOK_PROTO", BASE + b"\x00\x00"),
    ("group", "TOK_PROTO", BASE + field(9, 3, b"") * 1000),
    ("wire_type_7", "TOK_PROTO", BASE + b"\x4f"),
    ("piece_is_a_number", "TOK_PROTO", BASE + field(1, 0, varint(5))),
    ("score_is_text", "TOK_PROTO", BASE + held(1, held(1, b"x") + held(2, b"1.0")) + BPE),
    ("score_nan", "TOK_VOCAB", BASE + piece("x", math.nan) + BPE),
    ("byte_piece_gg", "TOK_VOCAB", BASE + piece("<0xGG>", kind=6) + BPE),
    ("no_pieces", "TOK_VOCAB", BPE + held(3, b"")),
    ("charsmap_replacement_of_1025_bytes", "TOK_FORMAT",
     BASE + BPE + held(3, held(2, struct.pack("<II", 4, 0) + b" " * 1025 + b"\0"))),
]


def llama2c(*tokens, longest=8):
    return struct.pack("<I", longest) + b"".join(struct.pack("<fi", score, len(t) if length is None else length) + t
                                                 for score, t, length in tokens)


THREE = [(0.0, b"<unk>", None), (0.0, b"\n<s>\n", None), (0.0, b"\n</s>\n", None)]
LLAMA2C = [
    ("empty", "TOK_FORMAT", b""),
    ("three_bytes", "TOK_FORMAT", bytes(3)),
    ("longest_0", "TOK_FORMAT", llama2c(*THREE, longest=0)),
    ("longest_all_ones", "TOK_FORMAT", llama2c(*THREE, longest=0xFFFFFFFF)),
    ("length_negative", "TOK_FORMAT", llama2c(*THREE, (0.0, b"a", -1))),
    ("length_2_31", "TOK_FORMAT", llama2c(*THREE, (0.0, b"a", 0x7FFFFFFF))),
    ("length_over_the_longest", "TOK_FORMAT", llama2c(*THREE, (0.0, b"a" * 9, None))),
    ("cut", "TOK_FORMAT", llama2c(*THREE)[:-1]),
    ("ends_in_a_score", "TOK_FORMAT", llama2c(*THREE) + bytes(3)),
    ("two_tokens", "TOK_FORMAT", llama2c(*THREE[:2])),
    ("score_nan", "TOK_VOCAB", llama2c(*THREE, (math.nan, b"a", None))),
]


def pair(merges, vocabulary=None, **files):
    vocabulary = tokenizer_file.small_byte_level()["model"]["vocab"] if vocabulary is None else vocabulary
    return {"vocab.json": json.dumps(vocabulary), "merges.txt": merges} | {k.replace("__", "."): v for k, v in files.items()}


FOLDERS = [
    ("empty_folder", "TOK_MISSING", {"readme.md": "x"}),
    ("two_models_without_the_usual_name", "TOK_MISSING", {"a.model": b"\n", "b.model": b"\n"}),
    ("json_is_a_folder", "INPUT_NOT_REGULAR", {"tokenizer.json": FOLDER}),
    ("json_is_a_pipe", "INPUT_NOT_REGULAR", {"tokenizer.json": FIFO}),
    ("json_leads_to_itself", "TOK_MISSING", {"tokenizer.json": Link("tokenizer.json")}),
    ("merge_line_of_one_token", "TOK_MERGES", pair("#version: 0.2\nhe\n")),
    ("merge_line_of_unknown_tokens", "TOK_MERGES", pair("z z\n")),
    ("merge_line_with_nothing_behind", "TOK_MERGES", pair("h \n")),
    ("merge_line_with_nothing_in_front", "TOK_MERGES", pair(" h\n")),
    ("vocab_file_array", "TOK_VOCAB", pair("h e\n", vocabulary=[1])),
    ("decoder_id_no_number", "TOK_FORMAT", pair("h e\n", tokenizer_config__json='{"added_tokens_decoder": {"x": {"content": "<x>"}}}')),
    ("decoder_id_2_40", "TOK_FORMAT", pair("h e\n", tokenizer_config__json='{"added_tokens_decoder": {"1099511627776": {"content": "<x>"}}}')),
    ("merges_over_64_mib", "IO_TOO_LARGE", pair(Sparse(b"h e\n", (64 << 20) + 1))),
    ("config_not_json", "JSON_SYNTAX", {"tokenizer.json": GOOD, "tokenizer_config.json": "{bos_token}"}),
    ("config_over_16_mib", "IO_TOO_LARGE", {"tokenizer.json": GOOD, "tokenizer_config.json": Sparse(b"{", (16 << 20) + 1)}),
    ("generation_config_depth_100000", "JSON_DEPTH", {"tokenizer.json": GOOD, "generation_config.json": '{"a":' + DEEP}),
    ("template_over_1_mib", "IO_TOO_LARGE", {"tokenizer.json": GOOD, "chat_template.jinja": Sparse(b"{", (1 << 20) + 1)}),
]

CASES = [Case("tokenizer." + name, code, {"tokenizer.json": damaged(change)}, [["tokenize", "@tokenizer.json", "-p", TEXT]])
         for name, code, change in JSON]
CASES += [Case("tokenizer.vocab_of_one_hash", "TOK_MERGES", {"tokenizer.json": Lazy(lambda: damaged(vocab_of_one_hash))},
               [["tokenize", "@tokenizer.json", "-p", TEXT]])]
CASES += [Case("tokenizer.regex_catastrophe", "TOK_REGEX", {"tokenizer.json": damaged(regex("(a+)+$")), "t": "a" * 200 + "b"},
               [["tokenize", "@tokenizer.json", "-f", "@t"]])]
RUNAWAY = "a" * 200 + "b"
CASES += [Case("tokenizer." + name, "TOK_REGEX", {"tokenizer.json": Lazy(lambda change=change: damaged(change)), "t": text},
               [["tokenize", "@tokenizer.json", "-f", "@t"]])
          for name, change, text in [
              ("regex_to_the_end_from_every_place", regex("[\\s\\S]*\\x{10FFFF}|\\w+"), "hello " * 20_000),
              ("regex_to_the_end_in_one_step", regex("\\S*+!|\\w"), "x" * 100_000),
              ("added_tokens_of_4_mib", endless(added_tokens_of_4_mib), RUNAWAY),
              ("added_space_that_takes_spaces", endless(added(content=" ", rstrip=True, normalized=False)), " " * 100_000 + RUNAWAY)]]
CASES += [Case("tokenizer.bytes_" + name, code, {"tokenizer.json": content}, [["tokenize", "@tokenizer.json", "-p", TEXT]])
          for name, code, content in BYTES]
CASES += [Case("tokenizer.sentencepiece_" + name, code, {"t.model": content}, [["tokenize", "@t.model", "-p", TEXT]])
          for name, code, content in SENTENCEPIECE]
CASES += [Case("tokenizer.llama2c_" + name, code, {"tok.bin": content}, [["tokenize", "@tok.bin", "-p", TEXT]])
          for name, code, content in LLAMA2C]
CASES += [Case("tokenizer.folder_" + name, code, files, [["tokenize", "@", "-p", TEXT]]) for name, code, files in FOLDERS]
