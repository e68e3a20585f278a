"""Weight formats against the Python package gguf and NumPy.

decode   random and edge-case blocks of every type equal gguf.dequantize bit for bit (NaN equal NaN)
unpack   scale * value - min, computed by NumPy from the integer form, gives the same bits
finite   is_finite is true exactly for blocks whose decoded values are all finite
encode   equal to gguf.quantize byte for byte for the types that it writes; for the other types the decoded result
         equals a NumPy reading of the documented rounding bit for bit
"""

import argparse
import subprocess
import sys

try:
    import numpy as np
    import gguf
    from gguf.quants import dequantize, quantize
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

np.seterr(all="ignore")
ENCODED_BY_GGUF = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]
# Byte offsets of the half-precision fields of a block.
HALF_FIELDS = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0],
}
# 0, -0, smallest and largest subnormal, smallest normal, 1, -1, largest, -largest, inf, -inf, NaNs.
EDGE_HALVES = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x3C00, 0xBC00, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00,
               0x7E00, 0xFE00, 0x7C01]


class Probe:
    def __init__(self, path):
        self.path = path

    def run(self, command, name="", data=b""):
        done = subprocess.run([self.path, command, name], input=data, capture_output=True, check=True)
        return done.stdout

    def decode(self, name, blocks):
        return np.frombuffer(self.run("decode", name, blocks.tobytes()), np.float32)

    def encode(self, name, x):
        return np.frombuffer(self.run("encode", name, x.astype(np.float32).tobytes()), np.uint8)


class Format:
    def __init__(self, line):
        fields = line.split()
        self.name = fields[0]
        self.gguf_type, self.elements, self.bytes = map(int, fields[1:4])
        self.group, self.offset, self.has_min = map(int, fields[4:7]) if len(fields) > 4 else (0, 0, 0)
        self.table = np.array(fields[7:], np.float32)


def same_bits(a, b):
    """Elementwise: equal bits, or both NaN."""
    return (a.view(np.uint32) == b.view(np.uint32)) | (np.isnan(a) & np.isnan(b))


def reference_decode(fmt, blocks):
    return dequantize(blocks.reshape(len(blocks), -1), gguf.GGMLQuantizationType[fmt.name]).astype(np.float32)


def decode_cases(fmt, rng):
    count = max(600, 131072 // fmt.elements + 1)
    blocks = rng.integers(0, 256, (count, fmt.bytes), dtype=np.uint8)
    yield "random", blocks
    yield "zero bits", np.zeros((4, fmt.bytes), np.uint8)
    yield "one bits", np.full((4, fmt.bytes), 255, np.uint8)
    if fmt.name in HALF_FIELDS:
        fields = HALF_FIELDS[fmt.name]
        for filler, body in (("random", blocks), ("zeros", np.zeros_like(blocks)), ("ones", np.full_like(blocks, 255))):
            rows = []
            for i, half in enumerate(EDGE_HALVES):
                for other in EDGE_HALVES if len(fields) == 2 else [0]:
                    block = body[(len(rows) + i) % len(body)].copy()
                    for field, value in zip(fields, (half, other)):
                        block[field:field + 2] = np.frombuffer(np.uint16(value).tobytes(), np.uint8)
                    rows.append(block)
            yield f"edge scales, {filler}", np.array(rows)
    elif fmt.bytes == 2:
        yield "every pattern", np.arange(65536, dtype=np.uint16).view(np.uint8).reshape(-1, 2)


def encode_cases(fmt, rng):
    n = 256 * 512  # 131072
    yield "gaussian", rng.standard_normal(n).astype(np.float32) * np.float32(0.02)
    yield "uniform", rng.uniform(-1, 1, n).astype(np.float32)
    x = rng.standard_normal(n).astype(np.float32)
    x[rng.integers(0, n, n // 100)] *= np.float32(100)
    yield "outliers", x
    yield "positive", rng.uniform(1, 2, n).astype(np.float32)
    yield "negative", rng.uniform(-2, -1, n).astype(np.float32)
    x = rng.standard_normal(n).astype(np.float32)
    x[rng.random(n) < 0.9] = 0
    yield "sparse", x
    yield "zeros", np.zeros(1024, np.float32)
    yield "minus zeros", np.full(1024, -0.0, np.float32)
    for constant in (1.0, -1.0, 0.1, -0.3, 1e-7, 65504.0, -7e4, 1e30):
        yield f"constant {constant}", np.full(512, constant, np.float32)
    # Ties: steps of a half and of a quarter code around each extreme.
    yield "ties", (rng.integers(-64, 65, n).astype(np.float32) / np.float32(4))
    yield "small integers", rng.integers(-8, 9, n).astype(np.float32)
    scales = np.repeat(np.exp(rng.uniform(-30, 30, n // 256)), 256).astype(np.float32)
    yield "scales of many sizes", rng.standard_normal(n).astype(np.float32) * scales
    yield "subnormal halves", rng.standard_normal(n).astype(np.float32) * np.float32(1e-6)
    yield "subnormal floats", rng.standard_normal(n).astype(np.float32) * np.float32(1e-38)
    yield "deeply subnormal", rng.integers(-200, 201, n).astype(np.int32).astype(np.float32) * np.float32(2**-149)
    yield "huge", rng.standard_normal(n).astype(np.float32) * np.float32(1e37)
    x = rng.standard_normal(n).astype(np.float32)
    x[rng.integers(0, n, 200)] = np.nan
    yield "some NaN", x
    x = rng.standard_normal(n).astype(np.float32)
    x[rng.integers(0, n, 200)] = np.inf
    x[rng.integers(0, n, 200)] = -np.inf
    yield "some infinite", x
    if fmt.elements == 1:
        bits = rng.integers(0, 2**32, n, dtype=np.uint64).astype(np.uint32)
        yield "random bits", bits.view(np.float32)


# --- NumPy reading of the rounding that src/codec/k_rounding.h documents. Values only: bytes are read by gguf. ---


def f32(x):
    return np.asarray(x, np.float32)


def round_away(v):
    whole = np.trunc(v)
    rest = v - whole
    return whole + (rest >= 0.5) - (rest <= -0.5)


def round_clamped(v, low, high):
    v = np.where(v > low, v, f32(low))
    return f32(round_away(np.where(v < high, v, f32(high))))


def inverse(d):
    return np.where(d == 0, f32(0), f32(1) / d)


def first_largest(x):
    index = np.abs(x).argmax(axis=-1)
    return np.take_along_axis(x, index[..., None], axis=-1)[..., 0]


def half(x):
    return f32(x).astype(np.float16).astype(np.float32)


def round_asymmetric(x, group, max_code, max_scale):
    x = x.reshape(-1, 256 // group, group)
    low = np.where(x.min(-1) < 0, x.min(-1), f32(0))
    high = np.maximum(x.max(-1), low)
    scales, mins = (high - low) / f32(max_code), -low
    d = half(first_largest(scales) / f32(max_scale))[:, None]
    dmin = half(first_largest(mins) / f32(max_scale))[:, None]
    scales = d * round_clamped(scales * inverse(d), 0, max_scale)
    mins = dmin * round_clamped(mins * inverse(dmin), 0, max_scale)
    codes = round_clamped((x + mins[..., None]) * inverse(scales)[..., None], 0, max_code)
    return (scales[..., None] * codes - mins[..., None]).ravel()


def nearest_in(table, v):
    midpoints = (table[1:] + table[:-1]) / f32(2)
    return table[(v[..., None] >= midpoints).sum(-1)]


def round_symmetric(x, group, lowest, lowest_scale, values):
    x = x.reshape(-1, 256 // group, group)
    scales = first_largest(x) / f32(lowest)
    d = half(first_largest(scales) / f32(lowest_scale))[:, None]
    scales = d * round_clamped(scales * inverse(d), lowest_scale, -lowest_scale - 1)
    return (scales[..., None] * values(x * inverse(scales)[..., None])).ravel()


def round_iq4_nl(x):
    x = x.reshape(-1, 32)
    d = half(first_largest(x) / f32(-127))[:, None]
    return (d * nearest_in(IQ4, x * inverse(d))).ravel()


IQ4 = f32(gguf.quants.IQ4_NL.kvalues)
ROUNDED = {
    "Q2_K": lambda x: round_asymmetric(x, 16, 3, 15),
    "Q4_K": lambda x: round_asymmetric(x, 32, 15, 63),
    "Q5_K": lambda x: round_asymmetric(x, 32, 31, 63),
    "Q3_K": lambda x: round_symmetric(x, 16, -4, -32, lambda v: round_clamped(v, -4, 3)),
    "Q6_K": lambda x: round_symmetric(x, 16, -32, -128, lambda v: round_clamped(v, -32, 31)),
    "IQ4_XS": lambda x: round_symmetric(x, 32, -127, -32, lambda v: nearest_in(IQ4, v)),
    "IQ4_NL": round_iq4_nl,
}


class Report:
    def __init__(self):
        self.elements = 0
        self.comparisons = 0
        self.failures = []

    def check(self, what, good, show=lambda i: ""):
        self.comparisons += 1
        self.elements += good.size
        if not good.all():
            first = int(np.flatnonzero(~good)[0])
            self.failures.append(f"{what}: {int((~good).sum())} of {good.size} differ, first at {first} {show(first)}")


def check_decode(probe, fmt, rng, report):
    for case, blocks in decode_cases(fmt, rng):
        what = f"{fmt.name} decode, {case}"
        expected = reference_decode(fmt, blocks)
        got = probe.decode(fmt.name, blocks)
        flat = expected.ravel()
        report.check(what, same_bits(got, flat), lambda i: f"({got[i]!r}, expected {flat[i]!r})")
        finite = np.frombuffer(probe.run("finite", fmt.name, blocks.tobytes()), np.uint8) != 0
        report.check(f"{fmt.name} is_finite, {case}", finite == np.isfinite(expected).all(-1))
        if fmt.group == 0:
            continue
        groups = fmt.elements // fmt.group
        record = np.dtype([("codes", "u1", fmt.elements), ("scales", "f4", groups), ("mins", "f4", groups)])
        form = np.frombuffer(probe.run("unpack", fmt.name, blocks.tobytes()), record)
        codes = form["codes"].reshape(-1, groups, fmt.group)
        values = fmt.table[codes] if fmt.table.size else codes.astype(np.float32) - f32(fmt.offset)
        rebuilt = form["scales"][..., None] * values - form["mins"][..., None]
        report.check(f"{fmt.name} integer form, {case}", same_bits(rebuilt.ravel(), flat))
        report.check(f"{fmt.name} integer form minima, {case}", (form["mins"] == 0) | bool(fmt.has_min))


def same_encoding(fmt, got, expected):
    """Byte for byte, except that fields which are NaN in both are equal."""
    good = got == expected
    fields = HALF_FIELDS.get(fmt.name, [0] if fmt.name in ("F16", "BF16", "F32") else [])
    for field in fields:
        width = fmt.bytes if fmt.elements == 1 else 2
        if fmt.name == "BF16":
            nan = [(b[:, :2].copy().view(np.uint16)[:, 0] & 0x7FFF) > 0x7F80 for b in (got, expected)]
        else:
            kind = np.float32 if width == 4 else np.float16
            nan = [np.isnan(b[:, field:field + width].copy().view(kind)[:, 0]) for b in (got, expected)]
        both = nan[0] & nan[1]
        good[both, field:field + width] = True
    return good


def check_encode(probe, fmt, rng, report):
    for case, x in encode_cases(fmt, rng):
        what = f"{fmt.name} encode, {case}"
        got = probe.encode(fmt.name, x).reshape(-1, fmt.bytes)
        if fmt.name in ENCODED_BY_GGUF:
            # Rows of one block each: the way rows are cut does not matter to the reference, only their width does.
            rows = x.reshape(-1, max(fmt.elements, 32))
            expected = quantize(rows, gguf.GGMLQuantizationType[fmt.name]).view(np.uint8).reshape(-1, fmt.bytes)
            good = same_encoding(fmt, got, expected)
            report.check(what, good.ravel(), lambda i: f"({got.ravel()[i]}, expected {expected.ravel()[i]})")
        else:
            values = reference_decode(fmt, got).ravel()
            expected = ROUNDED[fmt.name](x)
            # A scale that is not finite makes codes meaningless: there, only that the block is seen as bad counts.
            bad = ~np.isfinite(expected).reshape(-1, fmt.elements).all(-1)
            good = same_bits(values, expected).reshape(-1, fmt.elements)
            good[bad] = ~np.isfinite(values.reshape(-1, fmt.elements)[bad]).all(-1)[:, None]
            flat = good.ravel()
            report.check(what, flat, lambda i: f"({values[i]!r}, expected {expected[i]!r}, of {x[i]!r})")
        if case.startswith("some"):
            hit = ~np.isfinite(x).reshape(-1, fmt.elements).all(-1)
            finite = np.frombuffer(probe.run("finite", fmt.name, got.tobytes()), np.uint8) != 0
            report.check(f"{fmt.name} is_finite after {case}", finite == ~hit)


def check_table(formats, report):
    for fmt in formats:
        kind = gguf.GGMLQuantizationType[fmt.name]
        sizes = gguf.GGML_QUANT_SIZES[kind]
        good = int(kind) == fmt.gguf_type and sizes == (fmt.elements, fmt.bytes)
        report.check(f"{fmt.name} number and sizes", np.array([good]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--probe", required=True)
    parser.add_argument("--shared")
    parser.add_argument("--models")
    parser.add_argument("--seed", type=int, default=20240817)
    args = parser.parse_args()

    probe = Probe(args.probe)
    formats = [Format(line) for line in probe.run("list").decode().splitlines()]
    report = Report()
    check_table(formats, report)
    for index, fmt in enumerate(formats):
        rng = np.random.default_rng(args.seed + index)
        check_decode(probe, fmt, rng, report)
        check_encode(probe, fmt, rng, report)
    for failure in report.failures:
        print(failure)
    print(f"codec: {len(formats)} formats, {report.comparisons} comparisons, {report.elements} values, "
          f"{len(report.failures)} failed (seed {args.seed})")
    return 1 if report.failures or len(formats) != 15 else 0


if __name__ == "__main__":
    sys.exit(main())
