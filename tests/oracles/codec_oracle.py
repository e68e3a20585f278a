"""Weight formats against the Python package gguf and NumPy.

decode   random and edge-case blocks of every type equal gguf.dequantize bit for bit (NaN equal NaN)
unpack   scale * value - min, computed by NumPy from the integer form, gives the same bits
finite   is_finite is true exactly for blocks whose decoded values are all finite
encode   equal to gguf.quantize byte for byte for the types that it writes, to llama.cpp's C reference (in the package
         xllamacpp) for those that only it writes; for the other types the decoded result equals a NumPy reading of the
         documented rounding bit for bit, or, for types with codebooks, is as close as an exhaustive search gets
grids    the codebooks in the tree are what scripts/make_iq_grids.py writes

Types that gguf does not decode (Q8_1, Q8_K, Q1_0, Q2_0, F64) have a NumPy reading here. llama.cpp's C decoders must
agree on all types without minima: that the codebooks of both sources are the same comes with it.
"""

import argparse
import ctypes
import pathlib
import subprocess
import sys

try:
    import numpy as np
    import gguf
    from gguf.quants import dequantize, quantize
    import xllamacpp
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

np.seterr(all="ignore")
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ENCODED_BY_GGUF = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "TQ1_0", "TQ2_0", "MXFP4"]
ENCODED_BY_C = ["Q8_1", "Q8_K", "Q1_0", "Q2_0", "NVFP4"]
WITHOUT_ENCODER = ["IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ3_XXS"]
FORMATS = 31
# Byte offsets of the half-precision fields of a block.
HALF_FIELDS = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0],
    "Q8_1": [0], "IQ1_S": [0], "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0], "IQ3_S": [0], "TQ1_0": [52],
    "TQ2_0": [64], "Q1_0": [0], "Q2_0": [0],
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
        self.encodes = fields[4] == "1"
        self.group, self.offset, self.has_min = map(int, fields[5:8]) if len(fields) > 5 else (0, 0, 0)
        self.table = np.array(fields[8:], np.float32)


class Reference:
    """The C functions of llama.cpp, in the shared library of the package xllamacpp."""

    def __init__(self):
        folder = pathlib.Path(xllamacpp.__file__).parent
        self.library = ctypes.CDLL(str(next(folder.glob("*.so"))))
        self.library.ggml_type_size.restype = ctypes.c_size_t
        self.library.ggml_blck_size.restype = ctypes.c_int64

    def sizes(self, gguf_type):
        return self.library.ggml_blck_size(gguf_type), self.library.ggml_type_size(gguf_type)

    def call(self, verb, name, tail, source, out, elements):
        lower = name.lower().replace("_k", "_K") if name.endswith("_K") else name.lower()
        function = getattr(self.library, f"{verb}_row_{lower}{tail}")
        function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
        function.restype = None
        function(source.ctypes.data, out.ctypes.data, elements)
        return out

    def decode(self, fmt, blocks):
        blocks = np.ascontiguousarray(blocks)
        return self.call("dequantize", fmt.name, "", blocks, np.empty(len(blocks) * fmt.elements, np.float32),
                         len(blocks) * fmt.elements)

    def encode(self, fmt, x):
        x = np.ascontiguousarray(x, np.float32)
        return self.call("quantize", fmt.name, "_ref", x, np.empty((x.size // fmt.elements, fmt.bytes), np.uint8), x.size)


def same_bits(a, b):
    """Elementwise: equal bits, or both NaN."""
    return (a.view(np.uint32) == b.view(np.uint32)) | (np.isnan(a) & np.isnan(b))


def signed_bits(bytes_, bits):
    """Fields of `bits` bits of each byte, lowest first."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    return ((bytes_[..., None] >> shifts) & np.uint8((1 << bits) - 1)).reshape(len(bytes_), -1).astype(np.float32)


# Readings of the formats that the package gguf does not decode.
READINGS = {
    "F64": lambda b: b.copy().view(np.float64).astype(np.float32),
    "Q8_1": lambda b: b[:, :2].copy().view(np.float16).astype(np.float32) * b[:, 4:].view(np.int8).astype(np.float32),
    "Q8_K": lambda b: b[:, :4].copy().view(np.float32) * b[:, 4:260].view(np.int8).astype(np.float32),
    "Q1_0": lambda b: b[:, :2].copy().view(np.float16).astype(np.float32) * (2 * signed_bits(b[:, 2:], 1) - 1),
    "Q2_0": lambda b: b[:, :2].copy().view(np.float16).astype(np.float32) * (signed_bits(b[:, 2:], 2) - 1),
}


def reference_decode(fmt, blocks):
    if fmt.name in READINGS:
        return READINGS[fmt.name](blocks)
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
    if fmt.name == "IQ1_M":  # the half is spread over the top nibbles of four words
        rows = []
        for i, half in enumerate(EDGE_HALVES):
            block = blocks[i].copy()
            words = block[48:].view(np.uint16)
            words[:] = (words & 0x0FFF) | (np.array([half << 12, half << 8, half << 4, half]) & 0xF000).astype(np.uint16)
            rows.append(block)
        yield "edge scales", np.array(rows)
    if fmt.name == "Q8_K":
        edges = np.array([0, -0.0, 1e-45, -1e-45, 1e-38, 1, -1, 2e36, 3e36, 3.4e38, np.inf, -np.inf, np.nan], np.float32)
        rows = blocks[:len(edges)].copy()
        rows[:, :4] = edges.view(np.uint8).reshape(-1, 4)
        yield "edge scales", rows
        rows[:, 4:260] = 1
        yield "edge scales, small codes", rows
    if fmt.name == "MXFP4":  # every exponent with every code
        rows = np.zeros((256, fmt.bytes), np.uint8)
        rows[:, 0] = np.arange(256)
        yield "every exponent, zeros", rows.copy()
        for code in range(16):
            rows[:, 1 + code] = code * 17
            yield f"every exponent, code {code}", rows.copy()
    if fmt.name == "NVFP4":
        rows = blocks[:256].copy()
        rows[:, :4] = np.arange(256, dtype=np.uint8)[:, None]
        yield "every scale", rows
    if fmt.name == "F64":
        edges = np.array([0, -0.0, 5e-324, 1e-46, 7e-46, 1e-45, 1e-38, 1 + 2**-24, 1 + 3 * 2**-25, 3.4028235e38,
                          3.4028235677973366e38, 3.5e38, 1e308, np.inf, -np.inf, np.nan], np.float64)
        yield "edges", np.concatenate([edges, -edges]).view(np.uint8).reshape(-1, 8)
    if fmt.bytes == 2:
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


def scales_are_numbers(fmt, blocks):
    """False where a scale means NaN although the reference decodes it as a number."""
    if fmt.name == "MXFP4":
        return blocks[:, 0] != 0xFF
    if fmt.name == "NVFP4":
        return ((blocks[:, :4] & 0x7F) != 0x7F).all(-1)
    return np.ones(len(blocks), bool)


def check_decode(probe, c, fmt, rng, report):
    for case, blocks in decode_cases(fmt, rng):
        what = f"{fmt.name} decode, {case}"
        expected = reference_decode(fmt, blocks)
        got = probe.decode(fmt.name, blocks)
        flat = expected.ravel()
        report.check(what, same_bits(got, flat), lambda i: f"({got[i]!r}, expected {flat[i]!r})")
        finite = np.frombuffer(probe.run("finite", fmt.name, blocks.tobytes()), np.uint8) != 0
        report.check(f"{fmt.name} is_finite, {case}",
                     finite == (np.isfinite(expected).all(-1) & scales_are_numbers(fmt, blocks)))
        if fmt.group and not fmt.has_min and fmt.name != "Q8_1":  # C has no decoder for it
            report.check(f"{fmt.name} decode in C, {case}", same_bits(got, c.decode(fmt, blocks)))
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


def mxfp4_reference_is_defined(x):
    """False where the exponent is negative or the input not finite: the conversion to a byte is then undefined."""
    largest = np.abs(x).reshape(-1, 32).max(-1)
    return ~(largest < np.float32(2.0**-125)) & np.isfinite(largest) | (largest == 0)


def check_c_encode(probe, c, fmt, x, got, what, report):
    expected = c.encode(fmt, x)
    compared = np.isfinite(reference_decode(fmt, expected)).all(-1) & np.isfinite(x).reshape(-1, fmt.elements).all(-1)
    if fmt.name == "NVFP4":  # from 256 on the reference takes 448 for every scale
        compared &= np.abs(x).reshape(-1, 64).max(-1) < 6 * 248
    largest = np.abs(x).reshape(-1, fmt.elements).max(-1)
    if fmt.name in ("Q8_1", "Q8_K", "Q2_0"):  # 1 / d overflows: converted to bytes without definition
        compared &= (largest == 0) | (largest > 127 * np.float32(2.0**-126))
    good = got == expected
    if fmt.name == "Q8_K":  # bsums of a block of zeros are left as they were
        good[largest == 0, 260:] = True
    good = good[compared].ravel()
    if good.size:
        report.check(what, good)


def check_pattern_rounding(fmt, x, got, what, report):
    """No pattern of the codebook is closer at the scales that were stored."""
    x, got = x[:16384], got[:16384 // 256]
    finite = np.isfinite(reference_decode(fmt, got)).all(-1) & np.isfinite(x).reshape(-1, 256).all(-1)
    if not finite.any():
        return
    x, got = x.reshape(-1, 256)[finite].astype(np.float64), got[finite]
    kind = getattr(gguf.quants, fmt.name)
    kind.init_grid()
    grid = kind.grid.reshape(kind.grid_shape).astype(np.float64)
    d = got[:, :2].copy().view(np.float16).astype(np.float64)
    nibbles = signed_bits(got[:, 74:] if fmt.name == "IQ2_S" else got[:, 106:], 4).astype(np.float64)
    steps = d * (nibbles + 0.5) * 0.25 if fmt.name == "IQ2_S" else d * (2 * nibbles + 1)
    # The documented choice of scales.
    largest = np.abs(x).reshape(len(x), steps.shape[1], -1).max(-1)
    unit, top = (0.25, 43) if fmt.name == "IQ2_S" else (2.0, 15)
    wanted_d = half(f32(f32(largest).max(-1) / f32(top)) / f32(15.5 * unit))
    report.check(f"{what}: d", same_bits(f32(d[:, 0]), wanted_d))
    asked = largest / top / np.where(d == 0, np.inf, d * unit) - 0.5
    off = np.abs(np.clip(asked, 0, 15) - nibbles)
    report.check(f"{what}: scales", (off <= 0.5 + 1e-4) | (d == 0))
    size = grid.shape[1]
    values = np.abs(x).reshape(-1, size)
    step = np.repeat(steps, 256 // steps.shape[1] // size, axis=1).reshape(-1, 1)
    decoded = np.abs(reference_decode(fmt, got).astype(np.float64)).reshape(-1, size)
    mine = ((values - decoded) ** 2).sum(-1)
    best = np.full(len(values), np.inf)
    for pattern in grid:
        best = np.minimum(best, ((values - step * pattern) ** 2).sum(-1))
    report.check(f"{what}: patterns", mine <= best * (1 + 1e-5) + (values**2).sum(-1) * 1e-6)
    report.check(f"{what}: signs", (np.sign(reference_decode(fmt, got)) * np.sign(x) >= 0).ravel())


def check_encode(probe, c, fmt, rng, report):
    for case, x in encode_cases(fmt, rng):
        what = f"{fmt.name} encode, {case}"
        got = probe.encode(fmt.name, x).reshape(-1, fmt.bytes)
        if fmt.name in ENCODED_BY_GGUF:
            # Rows of one block each: the way rows are cut does not matter to the reference, only their width does.
            rows = x.reshape(-1, max(fmt.elements, 32))
            expected = quantize(rows, gguf.GGMLQuantizationType[fmt.name]).view(np.uint8).reshape(-1, fmt.bytes)
            good = same_encoding(fmt, got, expected)
            if fmt.name == "MXFP4":
                good[~mxfp4_reference_is_defined(x)] = True
            report.check(what, good.ravel(), lambda i: f"({got.ravel()[i]}, expected {expected.ravel()[i]})")
        elif fmt.name in ENCODED_BY_C:
            check_c_encode(probe, c, fmt, x, got, what, report)
        elif fmt.name in ("IQ2_S", "IQ3_S"):
            check_pattern_rounding(fmt, x, got, what, report)
        elif fmt.name == "F64":
            report.check(what, same_bits(got.view(np.float64)[:, 0].astype(np.float32), x))
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


def check_table(c, formats, report):
    for fmt in formats:
        report.check(f"{fmt.name} sizes in C", np.array([c.sizes(fmt.gguf_type) == (fmt.elements, fmt.bytes)]))
        report.check(f"{fmt.name} has an encoder", np.array([fmt.encodes == (fmt.name not in WITHOUT_ENCODER)]))
        if fmt.name not in gguf.GGMLQuantizationType.__members__:
            continue
        kind = gguf.GGMLQuantizationType[fmt.name]
        # The package still counts an older Q8_1 with two floats.
        good = int(kind) == fmt.gguf_type and (fmt.name == "Q8_1" or
                                               gguf.GGML_QUANT_SIZES[kind] == (fmt.elements, fmt.bytes))
        report.check(f"{fmt.name} number and sizes", np.array([good]))
    done = subprocess.run([sys.executable, ROOT / "scripts/make_iq_grids.py", "--check"], check=False)
    report.check("codebooks", np.array([done.returncode == 0]))


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
    c = Reference()
    check_table(c, formats, report)
    for index, fmt in enumerate(formats):
        rng = np.random.default_rng(args.seed + index)
        check_decode(probe, c, fmt, rng, report)
        if fmt.encodes:
            check_encode(probe, c, fmt, rng, report)
    for failure in report.failures:
        print(failure)
    print(f"codec: {len(formats)} formats, {report.comparisons} comparisons, {report.elements} values, "
          f"{len(report.failures)} failed (seed {args.seed})")
    return 1 if report.failures or len(formats) != FORMATS else 0


if __name__ == "__main__":
    sys.exit(main())
