"""GGUF: magic, version, counts, keys, values. Each is refused by `inspect`, `logits` and `tokenize` alike."""
import struct

import gguf_file
import hash_collisions
from gguf_file import ARRAY, BOOL, F32, I32, STRING, U32, U64, U8, Gguf, array
from hostile.case import Case, Lazy, Sparse

COMMANDS = [["inspect", "@m.gguf"], ["logits", "@m.gguf", "--tokens", "1,2"]]
HUGE = (1 << 64) - 1


def model():
    return gguf_file.model(width=8, hidden=8, heads=2)


def whole(change):
    """A good model, changed."""
    g = model()
    result = change(g)
    return result if isinstance(result, (bytes, Sparse)) else g.bytes()


def cut(length):
    return lambda g: g.bytes()[:length]


def attribute(**values):
    def change(g):
        for name, value in values.items():
            setattr(g, name, value)
    return change


def value(kind, raw):
    """One more entry whose value has these bytes, in front so that what follows is there to be misread."""
    return lambda g: g.entries.insert(0, ["x", kind, raw])


def key(raw):
    return lambda g: g.entries.insert(0, [raw, U32, struct.pack("<I", 1)])


def false_length(length):
    """The first key's length."""
    return lambda g: g.bytes()[:24] + struct.pack("<Q", length) + g.bytes()[32:]


def twice(name, kind, second):
    return lambda g: g.add(name, kind, second)


def keys_of_one_hash(g):
    texts = hash_collisions.colliding(5)
    for text in texts + texts[-1:]:
        g.add(text, U8, 1)


def nested(depth):
    """Arrays in arrays: `depth` levels, the innermost of one u8."""
    inner = array(U8, [1])
    for _ in range(depth - 1):
        inner = struct.pack("<IQ", ARRAY, 1) + inner
    return value(ARRAY, inner)


def only_list(raw, size=None):
    """A header with one entry and nothing behind it."""
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + gguf_file.text("x") + raw
    return lambda g: Sparse(head, size) if size else head


def array_of(kind, count):
    return struct.pack("<IIQ", ARRAY, kind, count)


HEADER = [
    ("empty_file", "GGUF_TRUNCATED", cut(0)),
    ("three_bytes", "GGUF_TRUNCATED", cut(3)),
    ("magic_alone", "GGUF_TRUNCATED", cut(4)),
    ("twenty_three_bytes", "GGUF_TRUNCATED", cut(23)),
    ("magic_reversed", "GGUF_ENDIAN", attribute(magic=b"FUGG")),
    ("magic_ggjt", "GGUF_MAGIC", attribute(magic=b"tjgg")),
    ("magic_ggml", "GGUF_MAGIC", attribute(magic=b"lmgg")),
    ("magic_lower_case", "GGUF_MAGIC", attribute(magic=b"gguf")),
    ("magic_after_mark", "GGUF_MAGIC", lambda g: b"\xef\xbb\xbf" + g.bytes()),
    ("html_page", "GGUF_MAGIC", lambda g: b"<!DOCTYPE html><html><body>404 Not Found</body></html>" * 3),
    ("json_error", "GGUF_MAGIC", lambda g: b'{"error": "Repository not found"}' + b" " * 40),
    ("lfs_pointer", "GGUF_MAGIC", lambda g: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"),
    ("zip", "FORMAT_PICKLE", lambda g: b"PK\x03\x04" + bytes(60)),
    ("pickle", "FORMAT_PICKLE", lambda g: b"\x80\x04\x95" + bytes(60)),
    ("gzip", "GGUF_MAGIC", lambda g: b"\x1f\x8b\x08" + bytes(60)),
    ("numpy", "GGUF_MAGIC", lambda g: b"\x93NUMPY\x01\x00" + bytes(60)),
    ("hdf5", "GGUF_MAGIC", lambda g: b"\x89HDF\r\n\x1a\n" + bytes(60)),
    ("zeros", "GGUF_MAGIC", lambda g: bytes(4096)),
    ("version_0", "GGUF_VERSION", attribute(version=0)),
    ("version_1", "GGUF_VERSION", attribute(version=1)),
    ("version_4", "GGUF_VERSION", attribute(version=4)),
    ("version_all_ones", "GGUF_VERSION", attribute(version=0xFFFFFFFF)),
    ("version_3_reversed", "GGUF_ENDIAN", attribute(version=0x03000000)),
    ("version_2_reversed", "GGUF_ENDIAN", attribute(version=0x02000000)),
    ("tensor_count_all_ones", "GGUF_COUNT", attribute(tensor_count=HUGE)),
    ("tensor_count_2_63", "GGUF_COUNT", attribute(tensor_count=1 << 63)),
    ("tensor_count_wraps", "GGUF_COUNT", attribute(tensor_count=(1 << 64) // 25 + 1)),
    ("entry_count_all_ones", "GGUF_COUNT", attribute(entry_count=HUGE)),
    ("entry_count_2_63", "GGUF_COUNT", attribute(entry_count=1 << 63)),
    ("entry_count_wraps", "GGUF_COUNT", attribute(entry_count=(1 << 64) // 14 + 1)),
    ("both_counts_wrap_together", "GGUF_COUNT", attribute(entry_count=1 << 60, tensor_count=1 << 60)),
    ("too_many_tensors", "GGUF_LIMIT", lambda g: Sparse(b"GGUF" + struct.pack("<IQQ", 3, 65_537, 0), 4 << 20)),
    ("no_tensors", "MODEL_HPARAM", lambda g: g.tensors.clear()),
]

KEYS = [
    ("key_empty", "GGUF_KEY", key(b"")),
    ("key_65536", "GGUF_KEY", key(b"k" * 65_536)),
    ("key_length_all_ones", "GGUF_KEY", false_length(HUGE)),
    ("key_length_2_63", "GGUF_KEY", false_length(1 << 63)),
    ("key_passes_the_end", "GGUF_TRUNCATED", false_length(60_000)),
    ("key_with_nul", "GGUF_KEY", key(b"a\0b")),
    ("key_not_utf8", "GGUF_KEY", key(b"a\xff")),
    ("key_overlong_utf8", "GGUF_KEY", key(b"a\xc0\x80")),
    ("key_surrogate", "GGUF_KEY", key(b"\xed\xa0\x80")),
    ("key_beyond_unicode", "GGUF_KEY", key(b"\xf4\x90\x80\x80")),
    ("key_cut_in_a_character", "GGUF_KEY", key(b"a\xe2\x96")),
    ("architecture_twice", "GGUF_DUP_KEY", twice("general.architecture", STRING, "qwen2")),
    ("same_key_and_value_twice", "GGUF_DUP_KEY", twice("llama.block_count", U32, 1)),
    ("alignment_twice", "GGUF_DUP_KEY", lambda g: g.add("general.alignment", U32, 32).add("general.alignment", U32, 64)),
    ("tokens_twice", "GGUF_DUP_KEY", lambda g: g.add("tokenizer.ggml.tokens", ARRAY, array(STRING, ["x"]), raw=True)),
    ("ends_inside_a_key", "GGUF_TRUNCATED", lambda g: g.bytes()[:g.bytes().index(b"tokenizer.ggml.eos_token_id") + 5]),
]

VALUES = [
    ("type_13", "GGUF_TYPE", value(13, b"")),
    ("type_255", "GGUF_TYPE", value(255, b"")),
    ("type_all_ones", "GGUF_TYPE", value(0xFFFFFFFF, b"")),
    ("bool_2", "GGUF_TYPE", value(BOOL, b"\x02")),
    ("bool_255", "GGUF_TYPE", value(BOOL, b"\xff")),
    ("bool_2_in_an_array", "GGUF_TYPE", value(ARRAY, array(BOOL, [0, 1, 2]))),
    ("string_all_ones", "GGUF_STRING", value(STRING, struct.pack("<Q", HUGE))),
    ("string_2_63", "GGUF_STRING", value(STRING, struct.pack("<Q", 1 << 63))),
    ("string_wraps_the_position", "GGUF_STRING", value(STRING, struct.pack("<Q", HUGE - 40))),
    ("string_over_16_mib", "GGUF_STRING", value(STRING, struct.pack("<Q", (16 << 20) + 1))),
    ("string_passes_the_end", "GGUF_TRUNCATED", value(STRING, struct.pack("<Q", 1 << 20))),
    ("string_passes_the_end_by_one", "GGUF_TRUNCATED", only_list(struct.pack("<IQ", STRING, 21) + b"y" * 20)),
    ("scalar_cut", "GGUF_TRUNCATED", only_list(struct.pack("<I", U64) + bytes(7))),
    ("array_without_count", "GGUF_TRUNCATED", only_list(struct.pack("<II", ARRAY, U8) + bytes(7))),
    ("array_element_type_13", "GGUF_TYPE", value(ARRAY, array(U8, [1]).replace(struct.pack("<I", U8), struct.pack("<I", 13), 1))),
    ("array_u8_2_63", "GGUF_ARRAY", only_list(array_of(U8, 1 << 63))),
    ("array_u8_all_ones", "GGUF_ARRAY", only_list(array_of(U8, HUGE))),
    ("array_string_2_62", "GGUF_ARRAY", only_list(array_of(STRING, 1 << 62))),
    ("array_u64_bytes_wrap", "GGUF_ARRAY", only_list(array_of(U64, (1 << 61) + 1) + bytes(8))),
    ("array_of_arrays_2_60", "GGUF_ARRAY", only_list(array_of(ARRAY, 1 << 60))),
    ("array_f32_one_too_many", "GGUF_ARRAY", only_list(array_of(F32, 5) + bytes(16))),
    ("array_inside_an_array_2_62", "GGUF_ARRAY", value(ARRAY, struct.pack("<IQ", ARRAY, 1) + struct.pack("<IQ", U32, 1 << 62))),
    ("arrays_5_deep", "GGUF_DEPTH", nested(5)),
    ("arrays_10000_deep", "GGUF_DEPTH", nested(10_000)),
    ("string_of_an_array_all_ones", "GGUF_STRING", value(ARRAY, struct.pack("<IQ", STRING, 1) + struct.pack("<Q", HUGE))),
    ("string_of_an_array_passes_the_end", "GGUF_TRUNCATED", only_list(array_of(STRING, 1) + struct.pack("<Q", 9) + b"12345678")),
    ("array_over_64_mi_elements", "GGUF_LIMIT", only_list(array_of(U8, (64 << 20) + 1), size=80 << 20)),
    ("array_that_widens_eightfold", "GGUF_LIMIT", only_list(array_of(U8, 12 << 20), size=13 << 20)),
    ("array_of_empty_arrays", "GGUF_LIMIT", only_list(array_of(ARRAY, 2 << 20), size=25 << 20)),
    ("array_of_i32_cut", "GGUF_ARRAY", only_list(array_of(I32, 4) + bytes(15))),
]


def alignment(kind, number):
    return lambda g: g.add("general.alignment", kind, number)


ALIGNMENT = [
    ("alignment_0", "GGUF_ALIGNMENT", alignment(U32, 0)),
    ("alignment_3", "GGUF_ALIGNMENT", alignment(U32, 3)),
    ("alignment_48", "GGUF_ALIGNMENT", alignment(U32, 48)),
    ("alignment_2_31", "GGUF_ALIGNMENT", alignment(U32, 1 << 31)),
    ("alignment_131072", "GGUF_ALIGNMENT", alignment(U32, 1 << 17)),
    ("alignment_all_ones", "GGUF_ALIGNMENT", alignment(U32, 0xFFFFFFFF)),
    ("alignment_i32", "GGUF_ALIGNMENT", alignment(I32, 32)),
    ("alignment_u64", "GGUF_ALIGNMENT", alignment(U64, 32)),
    ("alignment_string", "GGUF_ALIGNMENT", alignment(STRING, "32")),
    ("alignment_array", "GGUF_ALIGNMENT", lambda g: g.add("general.alignment", ARRAY, array(U32, [32]), raw=True)),
    ("alignment_65536_in_a_short_file", "GGUF_TRUNCATED", alignment(U32, 1 << 16)),
]

CASES = [Case("gguf." + name, code, {"m.gguf": whole(change)}, COMMANDS)
         for name, code, change in HEADER + KEYS + VALUES + ALIGNMENT]
CASES += [Case("gguf.keys_of_one_hash", "GGUF_DUP_KEY", {"m.gguf": Lazy(lambda: whole(keys_of_one_hash))}, COMMANDS)]
