"""Statistics of a model's inputs, GGUF and the older form: lengths and counts that the file does not have, numbers that are
none, another model's."""
import struct

import gguf_file
from hostile.case import Case, Sparse

MODEL = gguf_file.model(width=8, hidden=8, heads=2).bytes()
MOST = (1 << 31) - 1
QUANTIZE = ["quantize", "@model.gguf", "-o", "@out.gguf", "--type", "Q8_0", "--stats", "@s"]
CALIBRATE = ["calibrate", "@model.gguf", "-o", "@out.gguf", "--in-file", "@s"]
NAME = "blk.0.attn_q.weight"


def case(name, content, code="STATISTICS_FILE", commands=(QUANTIZE, CALIBRATE), status=None):
    return Case(name, code, {"model.gguf": MODEL, "s": content}, [list(c) for c in commands], status)


def i32(*numbers):
    return struct.pack(f"<{len(numbers)}i", *numbers)


def dat(length=1, windows=1, values=1, entries=1, end=b""):
    return i32(entries, length) + b"n" + i32(windows, values) + struct.pack("<f", 1.0) + end


def changed(change):
    g = gguf_file.statistics(tokens=True)
    change(g)
    return g.bytes()


def key(name, kind, value, raw=False):
    return changed(lambda g: g.set(name, kind, value, raw))


def sums(counts, squares, name=NAME):
    return gguf_file.statistics({name: (counts, squares)}).bytes()


def three_counts(g):
    """Of two sums."""
    counts = g.tensor("blk.0.ffn_down_exps.weight.counts")
    counts.dims, counts.data = [1, 3], bytes(12)
    g.tensor("blk.0.ffn_down_exps.weight.in_sum2").dims = [2, 2]


TOKENS = "mote.calibration.tokens"
CASES = [
    case("dat_empty", b""),
    case("dat_three_bytes", b"\x01\x00\x00"),
    case("dat_no_entries", i32(0)),
    case("dat_negative_entries", i32(-1) + dat()[4:]),
    case("dat_two_billion_entries", dat(entries=MOST)),
    case("dat_name_of_two_gigabytes", dat(length=MOST)),
    case("dat_name_without_length", dat(length=0)),
    case("dat_negative_name", dat(length=-1)),
    case("dat_eight_gigabytes_of_values", dat(values=MOST)),
    case("dat_no_values", dat(values=0)),
    case("dat_negative_values", dat(values=-MOST - 1)),
    case("dat_negative_windows", dat(windows=-1)),
    case("dat_dataset_of_two_gigabytes", dat(end=i32(1, MOST) + b"x")),
    case("dat_negative_dataset", dat(end=i32(1, -1))),
    case("dat_half_a_number_at_the_end", dat(end=b"\x01\x00")),
    case("dat_two_gigabytes", Sparse(dat(), 2 << 30), "IO_TOO_LARGE"),
    case("dat_of_another_model", dat(end=i32(1, 0)), "STATISTICS_MODEL", status=2),
    case("gguf_of_another_model", gguf_file.statistics().bytes(), "STATISTICS_MODEL", status=2),
    case("gguf_is_a_model", MODEL),
    case("gguf_without_window", key("imatrix.chunk_size", gguf_file.U32, None)),
    case("gguf_window_negative", key("imatrix.chunk_size", gguf_file.I32, -1), "META_RANGE"),
    case("gguf_window_0_with_tokens", key("imatrix.chunk_size", gguf_file.U32, 0)),
    case("gguf_window_larger_than_tokens", key("imatrix.chunk_size", gguf_file.U64, (1 << 64) - 1)),
    case("gguf_token_negative", key(TOKENS, gguf_file.ARRAY, gguf_file.array(gguf_file.I32, [-1, 0, 0]), True)),
    case("gguf_token_beyond_32_bits", key(TOKENS, gguf_file.ARRAY, gguf_file.array(gguf_file.I64, [1 << 40, 0, 0]), True)),
    case("gguf_tokens_as_text", key(TOKENS, gguf_file.ARRAY, gguf_file.array(gguf_file.STRING, ["a"]), True), "META_TYPE"),
    case("gguf_four_billion_tokens", key(TOKENS, gguf_file.ARRAY, gguf_file.array(gguf_file.I32, [1], count=1 << 32), True), "GGUF_ARRAY"),
    case("gguf_no_tensors", changed(lambda g: g.tensors.clear())),
    case("gguf_sums_without_counts", changed(lambda g: g.tensors.remove(g.tensor(NAME + ".counts")))),
    case("gguf_counts_that_do_not_divide", changed(three_counts)),
    case("gguf_counts_nan", sums([float("nan")], [1.0]), "STATISTICS_NONFINITE"),
    case("gguf_counts_negative", sums([-1.0], [1.0]), "STATISTICS_NONFINITE"),
    case("gguf_counts_infinite", sums([float("inf")], [1.0]), "STATISTICS_NONFINITE"),
    case("gguf_sums_nan", sums([100.0], [float("nan")] * 8), "STATISTICS_NONFINITE"),
    case("gguf_sums_negative", sums([100.0], [-1.0] * 8), "STATISTICS_NONFINITE"),
    case("gguf_sums_of_few_tokens", sums([3.0], [1.0] * 8), "STATISTICS_SHORT", (QUANTIZE,), 2),
]
