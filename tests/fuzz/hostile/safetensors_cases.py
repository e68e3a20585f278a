"""safetensors: header, entries, coverage; the index of several files; config.json; what else may stand for a model."""
import json
import math
import pickle
import struct

import gguf_file
import hash_collisions
from hostile.case import FIFO, FOLDER, Case, Lazy, Link, Repeated, Sparse
from safetensors_file import CONFIG, entry, file, tensors

COMMANDS = [["inspect", "@"], ["logits", "@", "--tokens", "1,2"]]
HUGE = (1 << 64) - 1
HEADER, DATA = tensors()


def folder(content, **config):
    return {"model.safetensors": content, "config.json": json.dumps(CONFIG | config)}


def changed(name=None, header=None, data=DATA, **parts):
    """The good file with parts of one entry replaced; None takes a part away."""
    entries = json.loads(json.dumps(HEADER if header is None else header))
    name = name or "model.embed_tokens.weight"
    for part, value in parts.items():
        entries[name][part] = value
        if value is None:
            del entries[name][part]
    return file(entries, data)


def raw(text, data=b""):
    return file(text, data)


def entries(**more):
    return file(json.loads(json.dumps(HEADER)) | more, DATA)


def names_of_one_hash():
    texts = hash_collisions.colliding(5)
    return file({t: {"dtype": "X9" if t == texts[-1] else "F32", "shape": [1], "data_offsets": [4 * i, 4 * i + 4]}
                 for i, t in enumerate(texts)}, bytes(4 * len(texts)))


ONE = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
DEEP = "[" * 100_000 + "]" * 100_000

FILES = [
    ("empty_file", "ST_HEADER_LENGTH", b""),
    ("seven_bytes", "ST_HEADER_LENGTH", bytes(7)),
    ("length_alone", "ST_HEADER_LENGTH", struct.pack("<Q", 2)),
    ("length_0", "ST_HEADER_LENGTH", file("{}", length=0)),
    ("length_1", "ST_HEADER_LENGTH", file("{}", length=1)),
    ("length_all_ones", "ST_HEADER_LENGTH", file(HEADER, DATA, length=HUGE)),
    ("length_wraps_with_its_own_bytes", "ST_HEADER_LENGTH", file(HEADER, DATA, length=HUGE - 7)),
    ("length_2_63", "ST_HEADER_LENGTH", file(HEADER, DATA, length=1 << 63)),
    ("length_over_file_by_1", "ST_HEADER_LENGTH", file("{}", length=3)),
    ("length_over_100_million", "ST_HEADER_LENGTH", Sparse(struct.pack("<Q", 100_000_001) + b"{", 101_000_000)),
    ("length_big_endian", "ST_HEADER_LENGTH", struct.pack(">Q", 2) + b"{}"),
    ("length_too_short_by_1", "ST_HEADER_JSON", struct.pack("<Q", 2) + b"{ }"),
    ("header_of_6_million_numbers", "ST_HEADER_JSON",
     Repeated(struct.pack("<Q", 12_000_009) + b'{"a":[', b"0,", 6_000_000, b"0]}")),
    ("names_of_one_hash", "ST_DTYPE", Lazy(names_of_one_hash)),
    ("header_is_an_array", "ST_HEADER_JSON", raw("[]")),
    ("header_is_a_string", "ST_HEADER_JSON", raw('"{}"')),
    ("header_begins_with_a_space", "ST_HEADER_JSON", raw(" {}")),
    ("header_begins_with_a_mark", "ST_HEADER_JSON", raw(b"\xef\xbb\xbf{}")),
    ("header_not_utf8", "ST_HEADER_JSON", raw(b'{"\xff":1}')),
    ("header_with_surrogates", "ST_HEADER_JSON", raw(b'{"\xed\xa0\x80":1}')),
    ("header_with_nul", "ST_HEADER_JSON", raw("{}\0")),
    ("header_cut", "ST_HEADER_JSON", raw(ONE[:30])),
    ("header_of_one_brace", "ST_HEADER_JSON", raw("{ ")),
    ("text_behind_the_header", "ST_HEADER_JSON", raw("{} x")),
    ("two_headers", "ST_HEADER_JSON", raw("{}{}")),
    ("comment", "ST_HEADER_JSON", raw("{/* */}")),
    ("trailing_comma", "ST_HEADER_JSON", raw(ONE + ",}", bytes(4))),
    ("single_quotes", "ST_HEADER_JSON", raw("{'a':1}")),
    ("not_a_number", "ST_HEADER_JSON", raw('{"a":NaN}')),
    ("number_too_large", "ST_HEADER_JSON", raw('{"a":1e999}')),
    ("lone_surrogate_escaped", "ST_HEADER_JSON", raw('{"\\ud800":1}')),
    ("depth_100000", "ST_HEADER_JSON", raw('{"a":' + DEEP + "}")),
    ("depth_100000_never_closed", "ST_HEADER_JSON", raw('{"a":' + "[" * 100_000)),
    ("name_twice", "ST_DUP", raw(ONE + "," + ONE[1:] + "}", bytes(4))),
    ("name_twice_by_escape", "ST_DUP", raw(ONE + "," + ONE[1:].replace('"a"', '"\\u0061"') + "}", bytes(4))),
    ("dtype_twice", "ST_DUP", raw(ONE[:-1] + ',"dtype":"F16"}}', bytes(4))),
    ("metadata_twice", "ST_DUP", raw('{"__metadata__":{},"__metadata__":{}}')),
    ("metadata_key_twice", "ST_DUP", raw('{"__metadata__":{"a":"1","a":"2"}}')),
    ("metadata_number", "ST_METADATA", raw('{"__metadata__":{"a":1}}')),
    ("metadata_null", "ST_METADATA", raw('{"__metadata__":{"a":null}}')),
    ("metadata_nested", "ST_METADATA", raw('{"__metadata__":{"a":{}}}')),
    ("metadata_array", "ST_METADATA", raw('{"__metadata__":[]}')),
    ("metadata_string", "ST_METADATA", raw('{"__metadata__":"pt"}')),
    ("entry_null", "ST_HEADER_JSON", entries(x=None)),
    ("entry_number", "ST_HEADER_JSON", entries(x=1)),
    ("entry_array", "ST_HEADER_JSON", entries(x=["F32", [1], [0, 4]])),
    ("entry_with_more", "ST_HEADER_JSON", changed(extra=1)),
    ("dtype_missing", "ST_HEADER_JSON", changed(dtype=None)),
    ("dtype_x9", "ST_DTYPE", changed(dtype="X9")),
    ("dtype_lower_case", "ST_DTYPE", changed(dtype="f32")),
    ("dtype_number", "ST_DTYPE", changed(dtype=32)),
    ("dtype_array", "ST_DTYPE", changed(dtype=["F32"])),
    ("dtype_empty", "ST_DTYPE", changed(dtype="")),
    ("dtype_with_nul", "ST_DTYPE", changed(dtype="F32\0")),
    ("shape_missing", "ST_HEADER_JSON", changed(shape=None)),
    ("shape_negative", "ST_SHAPE", changed(shape=[-16, -8])),
    ("shape_fraction", "ST_SHAPE", changed(shape=[16.5, 8])),
    ("shape_with_exponent", "ST_SHAPE", raw(json.dumps(HEADER).replace("[16, 8]", "[16, 8e0]"), DATA)),
    ("shape_string", "ST_SHAPE", changed(shape="16x8")),
    ("shape_of_strings", "ST_SHAPE", changed(shape=["16", "8"])),
    ("shape_of_5", "ST_SHAPE", changed(shape=[16, 8, 1, 1, 1])),
    ("shape_bytes_wrap", "ST_SHAPE", changed(shape=[1 << 62, 4])),
    ("shape_wraps_to_the_right_size", "ST_SHAPE", changed(shape=[128, (1 << 57) + 1])),
    ("shape_2_64", "ST_SHAPE", changed(shape=[1 << 64, 8])),
    ("shape_nested", "ST_SHAPE", changed(shape=[[16], [8]])),
    ("shape_of_true", "ST_SHAPE", changed(shape=[True, 128])),
    ("offsets_missing", "ST_HEADER_JSON", changed(data_offsets=None)),
    ("offsets_one", "ST_OFFSETS", changed(data_offsets=[0])),
    ("offsets_three", "ST_OFFSETS", changed(data_offsets=[0, 512, 512])),
    ("offsets_reversed", "ST_OFFSETS", changed(data_offsets=[512, 0])),
    ("offsets_negative", "ST_OFFSETS", changed(data_offsets=[-512, 0])),
    ("offsets_fraction", "ST_OFFSETS", changed(data_offsets=[0, 512.5])),
    ("offsets_strings", "ST_OFFSETS", changed(data_offsets=["0", "512"])),
    ("offsets_all_ones", "ST_OFFSETS", changed(data_offsets=[0, HUGE])),
    ("offsets_2_64", "ST_OFFSETS", changed(data_offsets=[0, 1 << 64])),
    ("offsets_wrap", "ST_OFFSETS", changed(data_offsets=[HUGE - 511, 0])),
    ("offsets_past_the_end_by_1", "ST_OFFSETS", file(HEADER, DATA[:-1])),
    ("size_too_small", "ST_SIZE", changed(data_offsets=[0, 508])),
    ("size_zero", "ST_SIZE", changed(data_offsets=[0, 0])),
    ("size_of_another_dtype", "ST_SIZE", changed(dtype="F16")),
    ("gap", "ST_COVERAGE", raw('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}', bytes(12))),
    ("gap_at_the_start", "ST_COVERAGE", raw(ONE.replace("[0,4]", "[4,8]") + "}", bytes(8))),
    ("overlap", "ST_COVERAGE", raw('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}', bytes(12))),
    ("same_bytes_twice", "ST_COVERAGE", raw('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4))),
    ("bytes_at_the_end", "ST_COVERAGE", file(HEADER, DATA + b"PK\x03\x04")),
    ("data_without_tensors", "ST_COVERAGE", raw("{}", bytes(16))),
    ("entries_over_the_limit", "ST_LIMIT", raw("{" + ",".join(f'"{i}":0' for i in range(65_537)) + "}")),
    ("pickle", "FORMAT_PICKLE", pickle.dumps({"a": [1.0] * 50}, protocol=4)),
    ("zip_of_pickle", "FORMAT_PICKLE", b"PK\x03\x04" + bytes(60)),
    ("html_page", "ST_HEADER_LENGTH", b"<!DOCTYPE html><html></html>"),
    ("gguf_renamed", "ST_HEADER_LENGTH", gguf_file.model(width=8, hidden=8, heads=2).bytes()),
    ("tensor_missing", "MODEL_TENSOR", file(*tensors(list(HEADER)[:-1]))),
    ("tensor_without_a_place", "MODEL_TENSOR", file(HEADER | {"backdoor": entry("F32", [1], len(DATA), len(DATA) + 4)}, DATA + bytes(4))),
    ("tensor_of_wrong_shape", "MODEL_TENSOR", changed(shape=[8, 16])),
    ("tensor_of_no_dimension", "MODEL_TENSOR", raw('{"model.embed_tokens.weight":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', bytes(4))),
]

INDEX = {"metadata": {}, "weight_map": {name: "a.safetensors" if i % 2 else "b.safetensors" for i, name in enumerate(HEADER)}}


def shards(index=None, **files):
    """The good model in two files, with another index or other files."""
    out = {"config.json": json.dumps(CONFIG), "model.safetensors.index.json": json.dumps(INDEX) if index is None else index}
    for shard in "ab":
        out[f"{shard}.safetensors"] = file(*tensors([n for n in HEADER if INDEX["weight_map"][n][0] == shard]))
    for name, content in files.items():
        name = name.replace("_", ".")
        out.pop(name, None)
        if content is not None:
            out[name] = content
    return out


def mapped(value, name="model.norm.weight"):
    return shards(json.dumps({"weight_map": INDEX["weight_map"] | {name: value}}))


INDEXES = [
    ("climbs_up", "ST_INDEX", mapped("../../a.safetensors")),
    ("absolute", "ST_INDEX", mapped("/etc/passwd")),
    ("in_a_folder", "ST_INDEX", mapped("sub/a.safetensors")),
    ("with_backslash", "ST_INDEX", mapped("..\\a.safetensors")),
    ("with_nul", "ST_INDEX", mapped("a.safetensors\0x")),
    ("with_drive", "ST_INDEX", mapped("C:a.safetensors")),
    ("empty_name", "ST_INDEX", mapped("")),
    ("dot", "ST_INDEX", mapped(".")),
    ("dot_dot", "ST_INDEX", mapped("..")),
    ("name_of_300_bytes", "ST_INDEX", mapped("a" * 300)),
    ("name_is_a_number", "ST_INDEX", mapped(1)),
    ("name_is_a_list", "ST_INDEX", mapped(["a.safetensors"])),
    ("shard_missing", "ST_INDEX", shards(a_safetensors=None)),
    ("shard_not_named_before", "ST_INDEX", mapped("c.safetensors")),
    ("tensor_in_the_other_shard", "ST_INDEX", mapped("b.safetensors" if INDEX["weight_map"]["model.norm.weight"][0] == "a" else "a.safetensors")),
    ("tensor_in_no_shard", "ST_INDEX", mapped("a.safetensors", name="ghost")),
    ("tensor_not_listed", "ST_INDEX", shards(json.dumps({"weight_map": {k: v for k, v in INDEX["weight_map"].items() if "norm" not in k}}))),
    ("not_json", "ST_INDEX", shards("weight_map: {}")),
    ("cut", "ST_INDEX", shards(json.dumps(INDEX)[:-3])),
    ("empty_file", "ST_INDEX", shards("")),
    ("array", "ST_INDEX", shards("[]")),
    ("without_map", "ST_INDEX", shards("{}")),
    ("map_is_a_list", "ST_INDEX", shards('{"weight_map": []}')),
    ("map_empty", "ST_INDEX", shards('{"weight_map": {}}')),
    ("tensor_twice", "ST_INDEX", shards('{"weight_map": {"a": "a.safetensors", "a": "b.safetensors"}}')),
    ("depth_100000", "ST_INDEX", shards('{"weight_map": ' + DEEP + "}")),
    ("shards_1025", "ST_INDEX", shards(json.dumps({"weight_map": {str(i): f"{i}.safetensors" for i in range(1025)}}))),
    ("shard_is_a_folder", "INPUT_NOT_REGULAR", shards(a_safetensors=FOLDER)),
    ("shard_is_a_pipe", "INPUT_NOT_REGULAR", shards(a_safetensors=FIFO)),
    ("shard_leads_out", "ST_INDEX", shards(a_safetensors=Link("/etc/passwd"))),
    ("shard_leads_to_itself", "INPUT_NOT_REGULAR", shards(a_safetensors=Link("a.safetensors"))),
    ("shard_is_damaged", "ST_HEADER_LENGTH", shards(a_safetensors=b"\0" * 20)),
    ("shard_is_a_pickle", "FORMAT_PICKLE", shards(a_safetensors=pickle.dumps({"a": 1}, protocol=2))),
]


def config(text):
    return {"model.safetensors": file(HEADER, DATA), "config.json": text}


CONFIGS = [
    ("missing", "MODEL_CONFIG", {"model.safetensors": file(HEADER, DATA)}),
    ("empty", "MODEL_CONFIG", config("")),
    ("not_json", "MODEL_CONFIG", config("hidden_size: 8")),
    ("array", "MODEL_CONFIG", config("[]")),
    ("depth_100000", "MODEL_CONFIG", config('{"a":' + DEEP + "}")),
    ("key_twice", "MODEL_CONFIG", config(json.dumps(CONFIG)[:-1] + ', "vocab_size": 8}')),
    ("over_8_mib", "IO_TOO_LARGE", config(Sparse(b"{", (8 << 20) + 1))),
    ("is_a_folder", "INPUT_NOT_REGULAR", config(FOLDER)),
    ("architecture_unknown", "MODEL_ARCH", folder(file(HEADER, DATA), architectures=["MadeUpForCausalLM"], model_type="made_up")),
    ("width_string", "MODEL_HPARAM", folder(file(HEADER, DATA), hidden_size="8")),
    ("width_negative", "MODEL_HPARAM", folder(file(HEADER, DATA), hidden_size=-8)),
    ("width_fraction", "MODEL_HPARAM", folder(file(HEADER, DATA), hidden_size=8.5)),
    ("heads_0", "MODEL_HPARAM", folder(file(HEADER, DATA), num_attention_heads=0)),
    ("kv_heads_that_do_not_divide", "MODEL_HPARAM", folder(file(HEADER, DATA), num_attention_heads=4, num_key_value_heads=3)),
    ("blocks_2_31", "MODEL_HPARAM", folder(file(HEADER, DATA), num_hidden_layers=1 << 31)),
    ("vocab_1e10", "MODEL_HPARAM", folder(file(HEADER, DATA), vocab_size=1e10)),
    ("context_0", "MODEL_HPARAM", folder(file(HEADER, DATA), max_position_embeddings=0)),
    ("rope_theta_0", "MODEL_HPARAM", folder(file(HEADER, DATA), rope_theta=0)),
    ("rope_theta_string", "MODEL_HPARAM", folder(file(HEADER, DATA), rope_theta="10000")),
    ("rope_scaling_list", "MODEL_HPARAM", folder(file(HEADER, DATA), rope_scaling=[])),
    ("rope_type_unknown", "MODEL_HPARAM", folder(file(HEADER, DATA), rope_scaling={"rope_type": "spiral", "factor": 2})),
    ("partial_rotary_0", "MODEL_HPARAM", folder(file(HEADER, DATA), partial_rotary_factor=0)),
    ("eps_missing", "MODEL_HPARAM", config(json.dumps({k: v for k, v in CONFIG.items() if k != "rms_norm_eps"}))),
    ("eps_huge", "MODEL_HPARAM", folder(file(HEADER, DATA), rms_norm_eps=1e300)),
    ("tied_string", "MODEL_HPARAM", folder(file(HEADER, DATA), tie_word_embeddings="true")),
]

NONFINITE = file(HEADER, DATA[:40] + struct.pack("<f", math.nan) + DATA[44:])
PATHS = [
    ("pipe", "INPUT_NOT_REGULAR", {"m.gguf": FIFO}, "@m.gguf"),
    ("device", "INPUT_NOT_REGULAR", {}, "/dev/zero"),
    ("link_to_itself", "INPUT_NOT_REGULAR", {"m.gguf": Link("m.gguf")}, "@m.gguf"),
    ("link_to_nothing", "INPUT_MISSING", {"m.gguf": Link("n.gguf")}, "@m.gguf"),
    ("file_as_folder", "INPUT_MISSING", {"m.gguf": b"x"}, "@m.gguf/x"),
    ("name_too_long", "IO_READ", {}, "@" + "n" * 300),
    ("folder_without_a_model", "MODEL_FORMAT", {"readme.md": "x"}, "@"),
    ("folder_of_a_pickle", "FORMAT_PICKLE", {"pytorch_model.bin": b"PK\x03\x04", "config.json": "{}"}, "@"),
    ("text", "MODEL_FORMAT", {"notes.txt": "hello"}, "@notes.txt"),
]

CASES = [Case("safetensors." + name, code, folder(content), COMMANDS) for name, code, content in FILES]
CASES += [Case("safetensors.index_" + name, code, files, COMMANDS) for name, code, files in INDEXES]
CASES += [Case("safetensors.config_" + name, code, files, COMMANDS) for name, code, files in CONFIGS]
CASES += [Case("safetensors.nan_in_embedding", "MODEL_NONFINITE", folder(NONFINITE), [COMMANDS[1], ["inspect", "@", "--verify"]])]
CASES += [Case("path." + name, code, files, [["inspect", path], ["logits", path, "--tokens", "1"]])
          for name, code, files, path in PATHS]
