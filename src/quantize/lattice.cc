#include "quantize/lattice.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <tuple>
#include <utility>

#include "codec/codec.h"
#include "quantize/feedback/block_codes.h"
#include "tensor/float16.h"

namespace mote::quantize {
namespace {

constexpr std::size_t kN = 32;

// Of a value rounded to the type: half a unit in the last place, as a share of it.
double precision_of(CodecId source) {
  switch (source) {
    case CodecId::f16:
      return 0x1p-11;
    case CodecId::bf16:
      return 0x1p-8;
    default:
      return 0x1p-23;
  }
}

struct Lattice {
  double step = 0;
  double start = 0;  // 0 in formats without a min
  std::array<int, kN> steps{};
};

// Least squares of step and start for the steps; with_start: else the start is 0.
void refine(const float* x, bool with_start, Lattice& l) {
  double qq = 0;
  double qx = 0;
  double q = 0;
  double sx = 0;
  for (std::size_t i = 0; i < kN; ++i) {
    const auto k = static_cast<double>(l.steps[i]);
    const auto v = static_cast<double>(x[i]);
    qq += k * k;
    qx += k * v;
    q += k;
    sx += v;
  }
  if (!with_start) {
    if (qq > 0) l.step = qx / qq;
    return;
  }
  const double determinant = kN * qq - q * q;
  if (determinant <= 0) return;
  l.step = (kN * qx - q * sx) / determinant;
  l.start = (sx - l.step * q) / kN;
}

// All values as whole steps from the start, each within `precision` of itself and a tenth of a step.
bool explains(const float* x, double precision, Lattice& l) {
  for (std::size_t i = 0; i < kN; ++i) {
    const auto v = static_cast<double>(x[i]);
    const double steps = (v - l.start) / l.step;
    const double whole = std::nearbyint(steps);
    if (!(std::fabs(whole) <= 256)) return false;
    const double off = std::fabs(steps - whole) * std::fabs(l.step);
    if (off > 0.1 * std::fabs(l.step) || off > precision * (std::fabs(v) + std::fabs(l.start))) return false;
    l.steps[i] = static_cast<int>(whole);
  }
  return true;
}

float rounded_to(CodecId source, float x) {
  if (source == CodecId::f16) return half_to_float(float_to_half(x));
  if (source == CodecId::bf16) return bhalf_to_float(float_to_bhalf(x));
  return x;
}

// What is stored for a lattice, with the codes and factors that it needs.
struct Written {
  std::array<std::byte, 64> block{};
  // The largest deviation once the source's type has rounded it, as a share of the value's and the start's
  // size.
  double error = std::numeric_limits<double>::infinity();
};

double error_of(const codec::Codec& codec, CodecId source, const float* x, std::span<const std::byte> block,
                const Lattice& l) {
  std::array<float, kN> decoded{};
  codec.decode(block.data(), decoded.data(), 1);
  double error = 0;
  for (std::size_t i = 0; i < kN; ++i) {
    const auto v = static_cast<double>(x[i]);
    const double off = std::fabs(static_cast<double>(rounded_to(source, decoded[i])) - v);
    // Also a NaN or infinity of a factor beyond halves.
    if (!(off <= 0.1 * std::fabs(l.step))) return std::numeric_limits<double>::infinity();
    if (off > 0) error = std::max(error, off / (std::fabs(v) + std::fabs(l.start)));
  }
  return error;
}

// Error stays infinite where a step does not fit the codes.
void write_shifted(CodecId id, CodecId source, const float* x, const Lattice& l, int shift, Written& best) {
  const codec::Codec& codec = codec::codec_of(id);
  const bool has_min = codec.integer_form->has_min;
  std::array<std::uint8_t, kN> codes{};
  for (std::size_t i = 0; i < kN; ++i) codes[i] = static_cast<std::uint8_t>(l.steps[i] + shift);
  const Half scale = float_to_half(static_cast<float>(l.step));
  const Half min = has_min ? float_to_half(static_cast<float>(l.step * shift - l.start)) : Half{0};
  // Least squares of rounded values may miss a half by one.
  for (int ds = -1; ds <= 1; ++ds) {
    for (int dm = has_min ? -1 : 0; dm <= (has_min ? 1 : 0); ++dm) {
      const BlockFactors factors{static_cast<Half>(scale + ds), static_cast<Half>(min + dm)};
      std::array<std::byte, 64> block{};
      rewrite_block(id, block.data(), codes.data(), factors);
      const double error = error_of(codec, source, x, block, l);
      if (error < best.error) best = {block, error};
    }
  }
}

Written write(CodecId id, CodecId source, const float* x, Lattice l) {
  const codec::IntegerForm& form = *codec::codec_of(id).integer_form;
  const CodeRange range = code_range(id);
  Written out;
  auto [low, high] = std::ranges::minmax(l.steps);
  if (form.has_min) {
    // A block need not have the code of its min: the start may lie any number of steps below.
    for (int shift = range.low - low; high + shift <= range.high && out.error > 0; ++shift) {
      write_shifted(id, source, x, l, shift, out);
    }
    return out;
  }
  if (low + form.offset < range.low || high + form.offset > range.high) {
    // The other way round: eight steps go one way and seven the other.
    l.step = -l.step;
    for (int& k : l.steps) k = -k;
    std::tie(low, high) = std::pair(-high, -low);
  }
  if (low + form.offset < range.low || high + form.offset > range.high) return out;
  write_shifted(id, source, x, l, form.offset, out);
  return out;
}

}  // namespace

bool has_lattice(CodecId id) {
  return id == CodecId::q4_0 || id == CodecId::q4_1 || id == CodecId::q5_0 || id == CodecId::q5_1 ||
         id == CodecId::q8_0;
}

bool encode_on_lattice(CodecId id, CodecId source, const float* x, std::byte* block) {
  const codec::Codec& codec = codec::codec_of(id);
  const bool with_start = codec.integer_form->has_min;
  const CodeRange range = code_range(id);
  const double own = precision_of(source);
  const auto [least, largest] = std::minmax_element(x, x + kN);
  Lattice l;
  const double start = with_start ? static_cast<double>(*least) : 0.0;
  const double span = with_start ? static_cast<double>(*largest) - start
                                 : static_cast<double>(std::max(std::fabs(*least), std::fabs(*largest)));
  if (!(span > 0)) return false;  // one value only: the search has it exactly
  // The span is one step, two, ...: the longest step that explains all, of the longest whose stored form is
  // as exact as the source. (Three steps of a half are none.)
  Written best;
  for (int n = 1; n <= range.high - range.low && best.error > 0; ++n) {
    l.step = span / n;
    l.start = start;
    if (!explains(x, 2.0 * own, l)) continue;
    refine(x, with_start, l);
    const Written found = write(id, source, x, l);
    if (found.error < best.error) best = found;
  }
  // A unit in the source's last place, and the rounding of scale and start as halves.
  if (!(best.error <= 2.0 * own + 0x1p-10)) return false;
  std::memcpy(block, best.block.data(), codec.block_bytes);
  return true;
}

bool lies_on_lattice(CodecId id, const QuantizedTensor& tensor) {
  const codec::Codec& from = codec::codec_of(tensor.codec);
  if (!has_lattice(id) || !from.is_plain_float() || tensor.shape.cols() % kN != 0) return false;
  const std::size_t blocks = tensor.blocks().size() / from.block_bytes / kN;
  constexpr std::size_t kLooks = 16;
  std::array<float, kN> x{};
  std::array<std::byte, 64> ignored{};
  bool any = false;
  for (std::size_t look = 0; look < std::min(kLooks, blocks); ++look) {
    const std::size_t b = blocks * look / std::min(kLooks, blocks);
    from.decode(tensor.blocks().data() + b * kN * from.block_bytes, x.data(), kN);
    if (std::ranges::all_of(x, [&](float v) { return v == x[0]; })) continue;
    if (!encode_on_lattice(id, tensor.codec, x.data(), ignored.data())) return false;
    any = true;
  }
  return any;
}

}  // namespace mote::quantize
