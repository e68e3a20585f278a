"""GGUF: the list of tensors, and what the list says against what the file has."""
import struct

from gguf_file import Tensor
from hostile.case import Case
from hostile.gguf_header_cases import COMMANDS, HUGE, whole


def dims(*values):
    """Of the first tensor, the embedding."""
    return lambda g: setattr(g.tensors[0], "dims", list(values))


def kind(number, **rest):
    def change(g):
        g.tensors[0].kind = number
        for name, value in rest.items():
            setattr(g.tensors[0], name, value)
    return change


def offset(index, value):
    return lambda g: setattr(g.tensors[index], "offset", value)


def name(raw, index=1):
    return lambda g: setattr(g.tensors[index], "name", raw)


def rank(number):
    """The number of dimensions of the embedding, without the dimensions themselves."""
    def change(g):
        head = g.header()
        at = head.index(b"token_embd.weight") + len("token_embd.weight")
        return g.bytes()[:at] + struct.pack("<I", number) + g.bytes()[at + 4:]
    return change


def two_huge(g):
    """2^63 bytes each: offsets are right, their sum wraps."""
    g.tensors[0].dims, g.tensors[1].dims = [1 << 61], [1 << 61]
    g.tensors[1].offset = 1 << 63
    for t in g.tensors[2:]:
        t.offset = 0


def large_alone(g):
    g.tensors = g.tensors[:1]
    g.tensors[0].dims = [1 << 40]


def swapped(g):
    first, second = g.tensor("blk.0.attn_k.weight"), g.tensor("blk.0.attn_v.weight")
    at = 0
    for t in g.tensors:
        if t.name == first.name:
            first_at = at
        if t.name == second.name:
            second_at = at
        at += len(t.data) + -len(t.data) % 32
    first.offset, second.offset = second_at, first_at


def false_name_length(length):
    def change(g):
        whole_file = g.bytes()
        at = whole_file.index(b"token_embd.weight") - 8
        return whole_file[:at] + struct.pack("<Q", length) + whole_file[at + 8:]
    return change


TENSORS = [
    ("dims_5", "GGUF_DIMS", dims(8, 16, 1, 1, 1)),
    ("dims_all_ones", "GGUF_DIMS", rank(0xFFFFFFFF)),
    ("dims_2_31", "GGUF_DIMS", rank(1 << 31)),
    ("dim_0", "GGUF_DIMS", dims(8, 0)),
    ("dim_0_contiguous", "GGUF_DIMS", dims(0, 16)),
    ("dim_negative", "GGUF_DIMS", dims(8, -1)),
    ("dim_2_63", "GGUF_DIMS", dims(8, 1 << 63)),
    ("product_2_80", "GGUF_SHAPE_OVERFLOW", dims(1 << 40, 1 << 40)),
    ("product_wraps_to_0", "GGUF_SHAPE_OVERFLOW", dims(1 << 32, 1 << 32)),
    ("product_wraps_to_1", "GGUF_SHAPE_OVERFLOW", dims(HUGE // 3, 3, 1, 1)),
    ("product_of_four_wraps", "GGUF_SHAPE_OVERFLOW", dims(1 << 16, 1 << 16, 1 << 16, 1 << 16)),
    ("product_2_63", "GGUF_SHAPE_OVERFLOW", dims(1 << 31, 1 << 32)),
    ("bytes_wrap_to_0", "GGUF_SHAPE_OVERFLOW", dims(1 << 62)),
    ("bytes_wrap_to_few", "GGUF_SHAPE_OVERFLOW", dims(4, (1 << 60) + 8)),
    ("padding_wraps_to_0", "GGUF_SHAPE_OVERFLOW", dims((1 << 62) - 1)),
    ("two_sizes_wrap_together", "GGUF_SHAPE_OVERFLOW", two_huge),
    ("one_large_tensor", "GGUF_OVERLAP", dims(1 << 40)),
    ("one_large_tensor_alone", "GGUF_TRUNCATED", large_alone),
    ("row_no_multiple_of_32", "GGUF_BLOCK", kind(2, dims=[33, 16])),
    ("row_no_multiple_of_256", "GGUF_BLOCK", kind(12, dims=[32, 16])),
    ("row_of_one_in_blocks", "GGUF_BLOCK", kind(8, dims=[1, 32])),
    ("tensor_type_200", "GGUF_TENSOR_TYPE", kind(200)),
    ("tensor_type_retired_q4_2", "GGUF_TENSOR_TYPE", kind(4)),
    ("tensor_type_retired_q4_3", "GGUF_TENSOR_TYPE", kind(5)),
    ("tensor_type_retired_q4_0_4_4", "GGUF_TENSOR_TYPE", kind(31)),
    ("tensor_type_retired_iq4_nl_8_8", "GGUF_TENSOR_TYPE", kind(38)),
    ("tensor_type_2_31", "GGUF_TENSOR_TYPE", kind(1 << 31)),
    ("tensor_type_all_ones", "GGUF_TENSOR_TYPE", kind(0xFFFFFFFF)),
    ("offset_unaligned", "GGUF_OFFSET", offset(1, 515)),
    ("offset_past_the_end", "GGUF_OFFSET", offset(1, 1 << 40)),
    ("offset_all_ones", "GGUF_OFFSET", offset(1, HUGE)),
    ("offset_wraps_back", "GGUF_OFFSET", offset(1, (1 << 64) - 32)),
    ("gap_between_tensors", "GGUF_OFFSET", offset(1, 512 + 32)),
    ("gap_before_the_first", "GGUF_OFFSET", offset(0, 32)),
    ("same_offset_twice", "GGUF_OVERLAP", offset(1, 0)),
    ("overlap_by_half", "GGUF_OVERLAP", offset(1, 256)),
    ("last_on_top_of_the_first", "GGUF_OVERLAP", offset(-1, 0)),
    ("two_offsets_swapped", "GGUF_OFFSET", swapped),
    ("last_byte_missing", "GGUF_TRUNCATED", lambda g: g.bytes()[:-1]),
    ("last_tensor_missing", "GGUF_TRUNCATED", lambda g: g.bytes()[:-32]),
    ("half_of_the_data", "GGUF_TRUNCATED", lambda g: g.bytes()[:len(g.bytes()) - len(g.data()) // 2]),
    ("all_data_missing", "GGUF_TRUNCATED", lambda g: g.bytes()[:-len(g.data())]),
    ("ends_in_the_list", "GGUF_TRUNCATED", lambda g: g.header()[:-30]),
    ("ends_before_the_padding", "GGUF_TRUNCATED", lambda g: g.header()),
    ("same_name_twice", "GGUF_TENSOR_NAME", name("token_embd.weight")),
    ("name_empty", "GGUF_TENSOR_NAME", name("")),
    ("name_of_64_bytes", "GGUF_TENSOR_NAME", name("n" * 64)),
    ("name_of_4_kib", "GGUF_TENSOR_NAME", name("n" * 4096)),
    ("name_climbs_up", "GGUF_TENSOR_NAME", name("../../etc/passwd")),
    ("name_climbs_in_the_middle", "GGUF_TENSOR_NAME", name("blk/../../x")),
    ("name_absolute", "GGUF_TENSOR_NAME", name("/etc/passwd")),
    ("name_climbs_with_backslashes", "GGUF_TENSOR_NAME", name("..\\..\\x")),
    ("name_with_escape_codes", "GGUF_TENSOR_NAME", name("\x1b[2Jx")),
    ("name_with_nul", "GGUF_TENSOR_NAME", name("blk\0x")),
    ("name_with_newline", "GGUF_TENSOR_NAME", name("blk\nx")),
    ("name_with_delete", "GGUF_TENSOR_NAME", name("blk\x7f")),
    ("name_not_utf8", "GGUF_TENSOR_NAME", name(b"blk\xff")),
    ("name_length_all_ones", "GGUF_TENSOR_NAME", false_name_length(HUGE)),
    ("name_length_2_63", "GGUF_TENSOR_NAME", false_name_length(1 << 63)),
    ("one_tensor_more_in_the_list_than_data", "GGUF_TRUNCATED",
     lambda g: g.tensors.append(Tensor("extra", [1 << 20], 0, b""))),
]

CASES = [Case("gguf." + case, code, {"m.gguf": whole(change)}, COMMANDS) for case, code, change in TENSORS]
