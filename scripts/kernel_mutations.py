"""Kernels broken on purpose: what mutate_kernels.py tries. One entry breaks one thing for one instruction set and one class of n, the columns
of a product: "1" (generation), "2..16" (small batches), "17.." (prompts), "any", or another kernel's name.

`old` occurs once in `file`. Where a file serves several instruction sets, `only` is the preprocessor's condition under which `new` stands.
`red` has to be among the tests that fail. Nothing is here that may not be seen: prefetches, the width of bands, the order of whole numbers' sums.
"""
from dataclasses import dataclass

KERNELS = "kernels"
ENGINE = "engine"
K = "src/kernels/"
HALF = K + "x86/half_tile.inc"
DOT = K + "simd/float_matmul.inc"
EACH = K + "simd/elementwise.inc"

# Which of the files that include a shared one is compiled.
AVX2 = "defined(__AVX2__) && !defined(__AVX512F__) && !defined(__AVXVNNI__)"
AVX_VNNI = "defined(__AVXVNNI__) || defined(MOTE_EVEX)"
AVX512 = "defined(__AVX512F__)"
NEON = "defined(__aarch64__) && !defined(__ARM_FEATURE_DOTPROD)"
DOTPROD = "defined(__ARM_FEATURE_DOTPROD) && !defined(__ARM_FEATURE_MATMUL_INT8)"
I8MM = "defined(__ARM_FEATURE_MATMUL_INT8)"

ALL_SHAPES = "IntegerMatmul.EverySetGivesTheReferenceBitsForAllLayoutsAndShapes"
LIMITS = "IntegerMatmul.EverySetGivesTheReferenceBitsAtTheLimitsOfCodes"
FORMULA = "IntegerMatmul.TheReferenceIsTheFormulaInDouble"
SPLIT = "Matmul.ARowNeverDependsOnColumnsOrSplit"
QUANTIZE = "QuantizeRow.EverySetGivesTheReferenceBits"
FLOATS = "FloatMatmul.EverySetGivesTheReferenceBits"
LAST_PARTS = "FloatMatmul.LastPartsOfEveryLengthGiveTheReferenceBits"
EDGES = "Exp.EverySetGivesTheReferenceBitsBeyondTheEdges"
SUMS = "WeightedSum.EverySetGivesTheReferenceBitsAndLeavesTheRestAlone"
ELEMENTS = "Elementwise.EverySetGivesTheReferenceBits"
ROPE = "Rope.EverySetGivesTheReferenceBitsAndTurnsByTheAngle"
HALVES = "Conversions.EveryHalfAndEveryBhalfComesOutExactly"


@dataclass(frozen=True)
class Mutation:
    isa: str
    n: str
    what: str
    file: str
    old: str
    new: str
    red: str
    only: str = ""
    program: str = KERNELS

    def applied(self, text):
        """`text` with the mutation; None where `old` is not found exactly once."""
        if text.count(self.old) != 1:
            return None
        new = f"\n#if {self.only}\n{self.new}\n#else\n{self.old}\n#endif\n" if self.only else self.new
        return text.replace(self.old, new)


def reference():
    integer, floats, lanes = K + "reference/integer.cc", K + "reference/reference.cc", K + "reference/lanes.h"

    def m(n, what, old, new, red, file=integer):
        return Mutation("reference", n, what, file, old, new, red)

    return [
        m("1", "the last group is left out", "for (std::size_t g = 0; g < groups; ++g) {", "for (std::size_t g = 0; g + (m.n == 1) < groups; ++g) {",
          ALL_SHAPES),
        m("2..16", "mins are added", "acc = std::fmaf(-scale_at(m, view.mins, g, row),",
          "acc = std::fmaf(m.n > 1 && m.n <= 16 ? scale_at(m, view.mins, g, row) : -scale_at(m, view.mins, g, row),", FORMULA),
        m("17..", "the scale of the neighbour's group", "scale_at(m, view.scales, g, row)", "scale_at(m, view.scales, m.n > 16 ? (g + 1) % groups : g, row)",
          ALL_SHAPES),
        m("any", "the correction has the wrong sign", "std::int32_t dot = m.correction[t * groups + g];", "std::int32_t dot = -m.correction[t * groups + g];",
          FORMULA),
        m("any", "the last row of a matrix is left out", "tile * kTileRows + r < m.rows; ++r", "tile * kTileRows + r + 1 < m.rows; ++r", FORMULA),
        m("quantize_row", "codes are cut, not rounded", "std::nearbyintf(scaled)", "std::truncf(scaled)", "QuantizeRow.ErrsByHalfAStepAtMost"),
        m("quantize_row", "sums leave out their last code", "for (std::size_t i = 0; i < kSumGroup; ++i) sums[s]",
          "for (std::size_t i = 0; i + 1 < kSumGroup; ++i) sums[s]", "QuantizeRow.ErrsByHalfAStepAtMost"),
        m("quantize_row", "an infinity counts as a number", "const bool is_number = bits < 0x7F800000U;", "const bool is_number = bits <= 0x7F800000U;",
          "QuantizeRow.EverySetGivesTheReferenceBits"),
        m("float products", "the last column of a row is left out", "for (; i < n; ++i) lanes[i % kLanes] = std::fmaf(a(i), b(i)",
          "for (; i + 1 < n; ++i) lanes[i % kLanes] = std::fmaf(a(i), b(i)", "FloatMatmul.TheReferenceIsTheSumInDouble", lanes),
        m("attention", "the last position is left out", "for (std::size_t p = 0; p < m.count; ++p) {", "for (std::size_t p = 0; p + 1 < m.count; ++p) {", SUMS, floats),
        m("softmax", "a term of the polynomial is missing", "i < std::size(kExpPolynomial); ++i", "i + 1 < std::size(kExpPolynomial); ++i",
          "Exp.IsWithinTwoUlpOfTheTrueValue", lanes),
        m("softmax", "the maximum is not subtracted", "x[i] = exp(x[i] - shift);", "x[i] = exp(x[i]);", ELEMENTS, floats),
        m("rms_norm", "eps is left out", "static_cast<float>(n) + eps);", "static_cast<float>(n) + 0 * eps);", "RmsNorm.IsTheFormulaInDouble", floats),
        m("silu_mul", "the exponent has the wrong sign", "(1.0F + exp(-gate[i]))", "(1.0F + exp(gate[i]))", "Silu.IsTheFormulaInDoubleAndTendsToZeroBelow", floats),
        m("rope", "the wrong sign of a sine", "a = std::fmaf(-b, sin, old_a * cos);", "a = std::fmaf(b, sin, old_a * cos);", ROPE, floats),
    ]


def packing():
    linear, tile = K + "linear.cc", K + "tile_view.inc"

    def m(n, what, old, new, red, file=linear):
        return Mutation("all", n, what, file, old, new, red)

    return [
        m("packing", "the high bit of a code is the one below it", "merged(0, 1, low, 1)", "merged(0, 1, low - 1, 1)", "Pack.UnpackingGivesBackWhatTheCodecUnpacks"),
        m("packing", "scales go to the row above", "tile_scales[first + g * kTileRows + r]", "tile_scales[first + g * kTileRows + (r ^ 1)]",
          "Pack.UnpackingGivesBackWhatTheCodecUnpacks"),
        m("packing", "the last row of a matrix is not packed", "const std::size_t last_row = std::min(out.rows, (tile + 1) * kTileRows);",
          "const std::size_t last_row = std::min(out.rows - 1, (tile + 1) * kTileRows);", "Pack.UnpackingGivesBackWhatTheCodecUnpacks"),
        m("packing", "factors of mins lie where those of scales do", "std::byte* min_factors = factors + factors_bytes(out);", "std::byte* min_factors = factors;",
          "Pack.UnpackingGivesBackWhatTheCodecUnpacks"),
        m("any", "the second sum of a group of 32 is forgotten", "sums[2 * g] + sums[2 * g + 1]", "sums[2 * g]", "Matmul.IntegerPathIsTheProductWithRoundedActivations"),
        m("17..", "the second chunk of columns has the scales of the first", "m.scales = a.scales + t * (w.cols / kBlock);", "m.scales = a.scales;", SPLIT),
        m("17..", "the second chunk of columns has the corrections of the first", "prepare_columns(w, a, t, m.n, correction, min_sums);",
          "prepare_columns(w, a, 0, m.n, correction, min_sums);", SPLIT),
        m("any", "mins are looked for behind the factors", "const std::byte* mins = scales + list;", "const std::byte* mins = scales + list + factors;", ALL_SHAPES, tile),
    ]


def avx2():
    integer, vector = K + "x86/avx2/integer.inc", K + "x86/avx2/vector.inc"

    def m(n, what, file, old, new, red, only=""):
        return Mutation("avx2", n, what, file, old, new, red, only)

    return [
        m("1", "activations keep their sign", integer, "if constexpr (kRange == Range::eight_bits) x = _mm256_sign_epi8",
          "if constexpr (kRange == Range::eight_bits && kColumns > 1) x = _mm256_sign_epi8", ALL_SHAPES),
        m("1", "the second half of a group is left out", integer, "for (std::size_t i = kFirst; i < kLast; ++i) {",
          "for (std::size_t i = kFirst; i < (kColumns == 1 && kLast == 8 ? 4 : kLast); ++i) {", ALL_SHAPES),
        m("2..16", "mins are not subtracted", HALF, "if (!m.has_min) return;", "if (!m.has_min || (m.n > 1 && m.n <= 16)) return;", ALL_SHAPES, AVX2),
        m("2..16", "the last of three columns is left out", HALF, "case 3:\n        band<Dot, kBits, kRange, kTable, kSplit, 3>",
          "case 3:\n        band<Dot, kBits, kRange, kTable, kSplit, 2>", ALL_SHAPES, AVX2),
        m("17..", "8 bits add up as if they were 7", integer, "if (m.max_value > 127) return", "if (m.max_value > 127 && m.n <= 16) return", ALL_SHAPES),
        m("17..", "the scale of the neighbour's group", HALF, "const __m256 scales = load_scales(tile.scales, group, m);",
          "const __m256 scales = load_scales(tile.scales, m.n > 16 && group > 0 ? group - 1 : group, m);", ALL_SHAPES, AVX2),
        m("17..", "the rows of the last half tile are left out", HALF, "if (row >= m.rows) break;", "if (row >= m.rows || (m.n > 16 && row + 8 > m.rows)) break;",
          ALL_SHAPES, AVX2),
        m("any", "six bits add up in 16 bits as four do", integer, "Range::narrow, Range::seven_bits, Range::eight_bits>(m)",
          "Range::narrow, Range::narrow, Range::eight_bits>(m)", LIMITS),
        m("any", "rows beyond the last are written", HALF, "if (rows >= 8) {", "if (rows >= 7) {", ALL_SHAPES, AVX2),
        m("quantize_row", "codes are cut, not rounded", vector, "const __m256i hi = _mm256_cvtps_epi32(_mm256_mul_ps(a.hi", "const __m256i hi = _mm256_cvttps_epi32(_mm256_mul_ps(a.hi",
          QUANTIZE),
        m("quantize_row", "the second half's largest is forgotten", vector, "_mm256_max_epu32(bits(b.lo), bits(b.hi))", "_mm256_max_epu32(bits(b.lo), bits(b.lo))", QUANTIZE),
        m("attention", "the last position is left out", DOT, "for (std::size_t p = 0; p < m.count; ++p, values += m.values_stride) {",
          "for (std::size_t p = 0; p + 1 < m.count; ++p, values += m.values_stride) {", SUMS, AVX2),
        m("float products", "a last part of nine columns loses one", vector, "{ return n > 8 ? n - 8 : 0; }", "{ return n > 9 ? n - 8 : 0; }", LAST_PARTS),
        m("float products", "halves of rows beyond the tile of four are left out", DOT, "for (; row < last; ++row) dot_tile<Load, 1, kColumns>(m, row, column);",
          "for (; row < last && sizeof(typename Load::Type) == 4; ++row) dot_tile<Load, 1, kColumns>(m, row, column);", "FloatMatmul.HalvesGiveTheBitsOfConvertingFirst", AVX2),
        m("softmax", "2^k in one factor", vector, "const __m256i first = _mm256_srai_epi32(all, 1);", "const __m256i first = all;", ELEMENTS),
        m("silu_mul", "the exponent has the wrong sign", EACH, "exp(sub(set1(-0.0F), g))", "exp(g)", ELEMENTS, AVX2),
        m("softmax", "below the least exponent it is not 0", vector, "_mm256_cmp_ps(a.hi, limit.hi, _CMP_NLT_UQ)", "_mm256_cmp_ps(a.hi, limit.hi, _CMP_TRUE_UQ)", EDGES),
        m("rms_norm", "the last part is not counted", EACH, "const V a = load_part(x + i, m);\n        squares = fma(a, a, squares);",
          "const V a = load_part(x + i, m - 1);\n        squares = fma(a, a, squares);", ELEMENTS, AVX2),
        m("rope", "pairs are not exchanged", vector, "_mm256_permute_ps(a.hi, 0xB1)", "_mm256_permute_ps(a.hi, 0xE4)", ROPE),
    ]


def avx_vnni():
    integer = K + "x86/avxvnni/integer.cc"

    def m(n, what, file, old, new, red=ALL_SHAPES, only=""):
        return Mutation("avxvnni", n, what, file, old, new, red, only)

    return [
        m("1", "the second chain is not added", integer, "for (int c = 0; c < kColumns; ++c) dots[c] = _mm256_add_epi32(dots[c], others[c]);",
          "for (int c = kColumns == 1; c < kColumns; ++c) dots[c] = _mm256_add_epi32(dots[c], others[c]);"),
        m("2..16", "the third column is the second", integer, "const std::int8_t* x = a + static_cast<std::size_t>(c) * cols;",
          "const std::int8_t* x = a + static_cast<std::size_t>(c == 2 ? 1 : c) * cols;"),
        m("2..16", "mins are not subtracted", HALF, "if (!m.has_min) return;", "if (!m.has_min || (m.n > 1 && m.n <= 16)) return;", ALL_SHAPES, AVX_VNNI),
        m("17..", "the correction of the neighbour's group", HALF, "m.correction[first + at * groups])", "m.correction[first + at * groups - (m.n > 16 && group > 0)])", ALL_SHAPES, AVX_VNNI),
        m("17..", "the last column is left out", HALF, "case 1:\n        band", "case 1:\n        if (m.n <= 16) band", ALL_SHAPES, AVX_VNNI),
        m("any", "the mask of the last rows takes one more", HALF, "_mm256_set1_epi32(static_cast<int>(rows))", "_mm256_set1_epi32(static_cast<int>(rows) + 1)", LIMITS, AVX_VNNI),
        m("any", "high bits of a code are those of its neighbour", HALF, "kLow - (kHigh == 2 ? 2 * (dword % 4) : dword)", "kLow - (kHigh == 2 ? 2 * (dword % 4) : dword ^ 1)",
          ALL_SHAPES, AVX_VNNI),
        m("any", "a band of tiles forgets its last", HALF, "for (std::size_t t = first; t < last; ++t) {", "for (std::size_t t = first; t < last - (last < m.tile_count); ++t) {",
          "IntegerMatmul.BandsOfTilesLeaveNoneOut", AVX_VNNI),
    ]


def avx512():
    vector = K + "x86/avx512/vector.inc"

    def m(n, what, file, old, new, red, only=""):
        return Mutation("avx512", n, what, file, old, new, red, only)

    return [
        m("1", "float columns beyond the last 16 are left out", DOT, "if (i < m.cols) {", "if (i < m.cols && m.n > 1) {", FLOATS, AVX512),
        m("2..16", "float rows beyond the last four are left out", DOT, "for (; row < last; ++row) dot_tile", "for (; row < last && (m.n == 1 || m.n > 16); ++row) dot_tile", FLOATS, AVX512),
        m("2..16", "the last of five columns is left out", DOT, "case 5:\n        dot_columns < Load, kDotColumns<5 ? 1 : 5>", "case 5:\n        dot_columns < Load, 4>", FLOATS, AVX512),
        m("17..", "the last six columns are left out", DOT, "column + kDotColumns <= m.n; column", "column + kDotColumns + (m.n > 16) <= m.n; column", SPLIT, AVX512),
        m("17..", "the last band of rows has one less", DOT, "m.rows - first < band ? m.rows : first + band", "m.rows - first < band ? m.rows - (m.n > 16) : first + band", SPLIT, AVX512),
        m("quantize_row", "codes are cut, not rounded", vector, "_mm512_cvtps_epi32(_mm512_mul_ps(a.v, inverse.v))", "_mm512_cvttps_epi32(_mm512_mul_ps(a.v, inverse.v))", QUANTIZE),
        m("quantize_row", "the sums of the two halves are exchanged", EACH, "sums[2 * g + 1] = store_codes(out + kLanes, b, factor);",
          "sums[2 * g + 1] = sums[2 * g]; sums[2 * g] = store_codes(out + kLanes, b, factor);", QUANTIZE, AVX512),
        m("quantize_row", "the least numbers are not zeros", EACH, "} else if (amax < 0x1p-100F) {", "} else if (amax == 0) {", QUANTIZE, AVX512),
        m("attention", "the queries beyond the last six are left out", DOT, "for (; query < m.n; ++query) sum_queries<1>", "for (; query + 1 < m.n; ++query) sum_queries<1>", SUMS, AVX512),
        m("attention", "the last elements of a head are left out", DOT, "for (; d < m.dim; d += kLanes)", "for (; d + kLanes <= m.dim; d += kLanes)", SUMS, AVX512),
        m("float products", "a last part of fifteen columns loses one", vector, "static_cast<__mmask16>((1U << n) - 1U)", "static_cast<__mmask16>(((1U << n) - 1U) & ~0x4000U)", FLOATS),
        m("softmax", "the last part is not counted", EACH, "sum = add(sum, load_part(x + i, m));", "sum = add(sum, load_part(x + i, m - 1));", ELEMENTS, AVX512),
        m("softmax", "below the least exponent it is not 0", vector, "_CMP_NLT_UQ", "_CMP_TRUE_UQ", EDGES),
        m("rms_norm", "scale and weight are multiplied first", EACH, "return mul(mul(a, s), w); });", "return mul(a, mul(s, w)); });", ELEMENTS, AVX512),
        m("rope", "the second of a pair turns the other way", EACH, "store_part(y + i, fma(a, s, mul(b, c)), m);", "store_part(y + i, fnma(a, s, mul(b, c)), m);", ROPE, AVX512),
        m("conversions", "bhalf is taken as half", vector, "_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16)", "_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 15)", HALVES),
        m("conversions", "q4_0: the low nibbles are the high ones", EACH, "from_int8(low_nibbles_less_8(pairs))", "from_int8(high_nibbles_less_8(pairs))", "Conversions.KvBlocksReadAsTheCodecsDo",
          AVX512),
    ]


def avx512_vnni():
    integer, wide = K + "x86/avx512_vnni/integer.cc", K + "x86/wide_tile.inc"

    def m(n, what, old, new, red=ALL_SHAPES, file=integer):
        return Mutation("avx512vnni", n, what, file, old, new, red)

    return [
        m("1", "the second chain is not added", "_mm512_cvtepi32_ps(_mm512_add_epi32(dot, other))", "_mm512_cvtepi32_ps(kColumns == 1 ? dot : _mm512_add_epi32(dot, other))"),
        m("1", "the second half of a split block takes the first's activations", "* m.cols + 16 * part;", "* m.cols + (kColumns == 1 ? 0 : 16 * part);"),
        m("2..16", "mins are not subtracted", "if (min_sums != nullptr) add_mins(b);", "if (min_sums != nullptr && kColumns == 1) add_mins(b);"),
        m("2..16", "the last four elements of a group are left out", "other = _mm512_dpbusd_epi32(other, values[i + 4], load_dword(x + 4 * (i + 4)));",
          "if (kColumns == 1 || i < 3) other = _mm512_dpbusd_epi32(other, values[i + 4], load_dword(x + 4 * (i + 4)));"),
        m("2..16", "eleven columns are taken for ten", "tiles_product<kBits, kSplit, 11>", "tiles_product<kBits, kSplit, 10>"),
        m("2..16", "the first row of the last tile is not stored",
          "const std::size_t left = m.rows - tile * kTileRows;\n  const auto mask = static_cast<__mmask16>(left >= kTileRows ? 0xFFFFU : (1U << left) - 1U);",
          "const std::size_t left = m.rows - tile * kTileRows;\n  const auto mask = static_cast<__mmask16>(left >= kTileRows ? 0xFFFFU : (1U << left) - 1U - (kColumns > 1));"),
        m("17..", "the second tile's sums start at zero", "dots[1][c] = dots[0][c];", "dots[1][c] = _mm512_setzero_si512();"),
        m("17..", "columns beyond the last six have the corrections of the first", "const std::int32_t* correction = m.correction + column * groups;",
          "const std::int32_t* correction = m.correction;"),
        m("17..", "a last single tile is left out", "if (tile < last) tile_product<kBits, kSplit, kPairColumns>(m, tile, column);",
          "if (tile < last && last < m.tile_count) tile_product<kBits, kSplit, kPairColumns>(m, tile, column);"),
        m("17..", "columns beyond the last six are left out", "if (column < m.n) kProducts", "if (column + 1 < m.n) kProducts"),
        m("17..", "codes of the second tile are not looked up", "second = _mm512_shuffle_epi8(table, second);", ""),
        m("17..", "the scale of the neighbour's group", "load_scales<kSplit>(views[1].scales, g, m.scale_kind)};", "load_scales<kSplit>(views[1].scales, g ^ 1, m.scale_kind)};"),
        m("17..", "mins of the first tile for both", "load_scales<kSplit>(views[t].mins, g, m.scale_kind);", "load_scales<kSplit>(views[0].mins, g, m.scale_kind);"),
        m("any", "high bits of a code are those of its neighbour", "kHigh == 2 ? 2 * (kDword % 4) : kDword;", "kHigh == 2 ? 2 * (kDword % 4) : kDword ^ 1;", ALL_SHAPES, wide),
    ]


def amx():
    product = K + "x86/amx/product.inc"

    def m(n, what, old, new, red=ALL_SHAPES):
        return Mutation("amx", n, what, product, old, new, red)

    return [
        m("1", "a single column is left out", "if (columns == m.n) return;", "if (columns == m.n || m.n == 1) return;"),
        m("2..16", "sixteen columns count as none", "if (columns > 0) {", "if (columns > 16) {"),
        m("2..16", "the first row of the last tile is not stored", "(1U << left) - 1U);", "(1U << left) - 1U - (columns_ == 16));"),
        m("17..", "the second sixteen of 32 columns are left out", "columns_ - c >= 2 * kTileColumns;", "columns_ - c > 2 * kTileColumns;"),
        m("17..", "columns beyond the tiles get the corrections of the first", "rest.correction = m.correction + columns * groups;", ""),
        m("17..", "columns from the 97th on are the first again", "TileProduct<Tiles, kBits, kSplit> product(m, tiles, c, part);",
          "TileProduct<Tiles, kBits, kSplit> product(m, tiles, 0, part);"),
        m("17..", "mins are not subtracted from the second block of columns", "if (!m_.has_min) {", "if (!m_.has_min || c % 32 == 16) {"),
        m("17..", "the second tile meets the first's codes", "tiles_.template load<7>(panel_[1][first], 64);", "tiles_.template load<7>(panel_[0][first], 64);"),
        m("any", "the second group of a split block is the first", "add_group(views, count, 2 * b + 1, 4);", "add_group(views, count, 2 * b + 1, 0);"),
        m("any", "the offset is added", "_mm512_sub_epi8(values[i], offset_)", "_mm512_add_epi8(values[i], offset_)"),
        m("any", "a last single tile is taken for two", "last - t < 2 ? 1 : 2", "2"),
    ]


def attention():
    file = "src/engine/attention.cc"

    def m(what, old, new, red):
        return Mutation("all", "attention", what, file, old, new, red, "", ENGINE)

    definition, integer = "Attention.EqualsTheDefinitionOnEveryInstructionSet", "Attention.IntegerKeysEqualTheDefinitionWhereRoundingLosesNothing"
    windows = "Attention.WindowsAndCapsEqualTheDefinitionInAnyPieces"
    return [
        m("a query does not see itself", "const std::size_t end = position + 1;", "const std::size_t end = position == 0 ? 1 : position;", definition),
        m("queries are not scaled", "in[i] * shape_.scale;", "in[i];", definition),
        m("windows are one position too wide", "end - call.window, end}", "end - call.window - 1, end}", windows),
        m("the sums of earlier splits keep their weight", "x[d] = x[d] * a + y[d] * b;", "x[d] = x[d] + y[d] * b;", definition),
        m("the last split of a single query is not merged", "for (std::size_t split = 1; split < splits; ++split) merge",
          "for (std::size_t split = 1; split + 1 < splits; ++split) merge", "Attention.IsTheSameBitForBitInAnyPiecesAndOnAnyThreads"),
        m("q8_0 keys are those of a split's beginning", "key_tiles(call.layer, head, begin + skip)", "key_tiles(call.layer, head, begin)", integer),
        m("queries are not turned for q4_0 keys", "if (call.cache->has_turned_keys()) {", "if (false) {", integer),
        m("values of q4_0 are not turned back", "if (call.cache->has_turned_values()) hadamard_inverse(to, dim);", "", "Attention.ValuesOfFourBitsSurviveLargeElements"),
        m("weights of a tile's last position are left out", ".count = n,", ".count = n - 1,", definition),
        m("the cap is left out", "if (shape_.cap != 0) soft_cap(row + from, to - from, shape_.cap);", "", windows),
    ]


def arm():
    integer, vector = K + "arm/integer.inc", K + "arm/neon/vector.inc"
    neon, dotprod, i8mm = K + "arm/neon/kernels.cc", K + "arm/dotprod/integer.cc", K + "arm/i8mm/integer.cc"

    def m(isa, n, what, file, old, new, red=ALL_SHAPES, only=""):
        return Mutation(isa, n, what, file, old, new, red, only)

    def shared(isa, only):
        return [
            m(isa, "2..16", "mins are not subtracted", integer, "if (min_sums == nullptr) continue;", "if (min_sums == nullptr || (m.n > 1 && m.n <= 16)) continue;", ALL_SHAPES, only),
            m(isa, "17..", "the scale of the neighbour's group", integer, "load_scales(strip.scales, group, m, of_rows);",
              "load_scales(strip.scales, m.n > 16 && group > 0 ? group - 1 : group, m, of_rows);", ALL_SHAPES, only),
            m(isa, "any", "the last rows get one less", integer, "store_some(y, sums[q][c], m.rows - at);", "store_some(y, sums[q][c], m.rows - at - 1);", ALL_SHAPES, only),
            m(isa, "17..", "the last column is left out", integer, "if (left == 1) band", "if (left == 1 && m.n <= 16) band", ALL_SHAPES, only),
        ]

    return [
        m("neon", "1", "the last products of a run are left out", neon, "for (int k = 1; k < kRun; ++k) {", "for (int k = 1; k < kRun - (kColumns == 1); ++k) {"),
        m("neon", "2..16", "the second column is the first", neon, "const std::int8_t* x = a + static_cast<std::size_t>(c) * cols;", "const std::int8_t* x = a + 0 * static_cast<std::size_t>(c) * cols;"),
        m("neon", "any", "two products too many for 16 bits", neon, "kCodes == Codes::six_bits ? 4", "kCodes == Codes::six_bits ? 8", LIMITS),
        *shared("neon", NEON),
        m("neon", "quantize_row", "codes are cut, not rounded", vector, "codes[i] = vcvtnq_s32_f32(", "codes[i] = vcvtq_s32_f32(", QUANTIZE),
        m("neon", "attention", "the last position is left out", DOT, "for (std::size_t p = 0; p < m.count; ++p, values += m.values_stride) {",
          "for (std::size_t p = 0; p + 1 < m.count; ++p, values += m.values_stride) {", SUMS, NEON),
        m("neon", "float products", "the lane sum adds a quarter twice", vector, "vaddq_f32(a.q[1], a.q[3])", "vaddq_f32(a.q[1], a.q[2])", FLOATS),
        m("dotprod", "1", "the second chain is not added", dotprod, "if constexpr (kColumns == 1) dots[0] =", "if constexpr (kColumns == 9) dots[0] ="),
        m("dotprod", "2..16", "the wrong lane", dotprod, "second[c] = vdotq_laneq_s32(second[c], values[i + 3], x[c], 3);",
          "second[c] = vdotq_laneq_s32(second[c], values[i + 3], x[c], kColumns == 1 ? 3 : 2);"),
        *shared("dotprod", DOTPROD),
        m("i8mm", "1", "the second chain is not added", i8mm, "dot = vaddq_s32(dot, other);", "if (kColumns > 1) dot = vaddq_s32(dot, other);"),
        m("i8mm", "2..16", "the columns of a pair are exchanged", i8mm, "vcombine_s8(vld1_s8(x), vld1_s8(x + cols))", "vcombine_s8(vld1_s8(x + cols), vld1_s8(x))"),
        *shared("i8mm", I8MM),
    ]


def of_x86():
    return [*reference(), *packing(), *avx2(), *avx_vnni(), *avx512(), *avx512_vnni(), *amx(), *attention()]
