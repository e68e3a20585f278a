#include "codec/affine.h"

#include <cmath>
#include <cstring>

#include "codec/bit_stream.h"

namespace mote::codec {
namespace {

constexpr std::size_t kMostElements = 128;  // of a block

// v in [low, high], low where it is NaN, to the nearest whole number, ties to even. |low| and |high| are far
// below 2^22: adding 1.5 * 2^23 leaves the float no bits behind the point.
int round_even(float v, float low, float high) {
  constexpr float kNoFraction = 12582912.0F;
  v = v > low ? v : low;
  v = v < high ? v : high;
  return static_cast<int>((v + kNoFraction) - kNoFraction);
}

bool is_finite(float v) { return (std::bit_cast<std::uint32_t>(v) & 0x7F800000U) != 0x7F800000U; }

}  // namespace

std::optional<AffineFormat> affine_format(CodecId id) {
  const auto first = static_cast<std::size_t>(CodecId::int2_g32_sym);
  const auto index = static_cast<std::size_t>(id) - first;
  if (static_cast<std::size_t>(id) < first || index >= kAffineFormats) return std::nullopt;
  return affine_format_at(index);
}

std::optional<CodecId> find_affine(unsigned bits, std::uint64_t group, bool asymmetric) {
  for (std::size_t i = 0; i < kAffineFormats; ++i) {
    const AffineFormat f = affine_format_at(i);
    if (f.bits == bits && f.asymmetric == asymmetric && group == (f.per_row ? 0 : f.group)) {
      return static_cast<CodecId>(static_cast<std::size_t>(CodecId::int2_g32_sym) + i);
    }
  }
  return std::nullopt;
}

AffineScale plain_affine_scale(const AffineFormat& format, ScaleType type, Range range) {
  const auto steps = static_cast<float>(format.largest());
  const auto middle = static_cast<float>(format.middle());
  if (!format.asymmetric) {
    const float low = std::fabs(range.min);
    const float high = std::fabs(range.max);
    // A NaN passes through: it is in both ends.
    const float largest = low > high ? low : high;
    return {rounded_to(type, largest / (steps / 2.0F)), static_cast<std::uint8_t>(format.middle())};
  }
  const float low = range.min > 0.0F ? 0.0F : range.min;
  const float high = range.max < 0.0F ? 0.0F : range.max;
  const float scale = rounded_to(type, (high - low) / steps);
  if (scale == 0.0F) return {scale, 0};
  const int zero = round_even(-middle - low / scale, -middle, steps - middle) + format.middle();
  return {scale, static_cast<std::uint8_t>(zero)};
}

void affine_codes(const AffineFormat& format, AffineScale scale, const float* x, std::size_t n,
                  std::uint8_t* codes) {
  if (scale.scale == 0.0F) {
    std::memset(codes, scale.zero, n);
    return;
  }
  // Counted from the middle, as signed codes are: sums with small numbers round less, and the ties are those
  // of the reference.
  const int middle = format.middle();
  const auto shift = static_cast<float>(static_cast<int>(scale.zero) - middle);
  const auto low = static_cast<float>(-middle);
  const auto high = static_cast<float>(format.largest() - middle);
  for (std::size_t i = 0; i < n; ++i) {
    codes[i] = static_cast<std::uint8_t>(round_even(x[i] / scale.scale + shift, low, high) + middle);
  }
}

AffineScale affine_scale(const AffineFormat& format, const std::byte* block) {
  AffineScale out;
  std::memcpy(&out.scale, block, sizeof out.scale);
  out.zero = format.asymmetric ? std::to_integer<std::uint8_t>(block[4])
                               : static_cast<std::uint8_t>(format.middle());
  return out;
}

void write_affine_block(const AffineFormat& format, AffineScale scale, const std::uint8_t* codes,
                        std::byte* block) {
  std::memcpy(block, &scale.scale, sizeof scale.scale);
  if (format.asymmetric) block[4] = static_cast<std::byte>(scale.zero);
  pack_stream(format.bits, codes, block + format.header_bytes(), format.group);
}

void affine_block_codes(const AffineFormat& format, const std::byte* block, std::uint8_t* codes) {
  unpack_stream(format.bits, block + format.header_bytes(), codes, format.group);
}

void unpack_affine(const AffineFormat& format, const std::byte* block, std::uint8_t* codes, float* scales,
                   float* mins) {
  const AffineScale s = affine_scale(format, block);
  const float min = s.scale * static_cast<float>(static_cast<int>(s.zero) - format.middle());
  for (std::size_t g = 0; g < format.group / 32; ++g) {
    scales[g] = s.scale;
    mins[g] = format.asymmetric ? min : 0.0F;
  }
  affine_block_codes(format, block, codes);
}

void decode_affine(const AffineFormat& format, const std::byte* blocks, float* out, std::size_t block_count) {
  std::uint8_t codes[kMostElements];
  for (std::size_t b = 0; b < block_count; ++b) {
    const std::byte* block = blocks + b * format.block_bytes();
    const AffineScale s = affine_scale(format, block);
    affine_block_codes(format, block, codes);
    float* of_block = out + b * format.group;
    for (std::size_t i = 0; i < format.group; ++i) {
      of_block[i] = s.scale * static_cast<float>(static_cast<int>(codes[i]) - static_cast<int>(s.zero));
    }
  }
}

void encode_affine(const AffineFormat& format, const float* in, std::byte* blocks, std::size_t block_count) {
  std::uint8_t codes[kMostElements];
  for (std::size_t b = 0; b < block_count; ++b) {
    const float* x = in + b * format.group;
    const AffineScale s = plain_affine_scale(format, ScaleType::f32, range_of(x, format.group));
    affine_codes(format, s, x, format.group, codes);
    write_affine_block(format, s, codes, blocks + b * format.block_bytes());
  }
}

bool is_finite_affine(const AffineFormat& format, const std::byte* blocks, std::size_t block_count) {
  bool finite = true;
  for (std::size_t b = 0; b < block_count; ++b) {
    const AffineScale s = affine_scale(format, blocks + b * format.block_bytes());
    // The farthest that a code can be from the zero point.
    const int zero = s.zero;
    const int above = format.largest() - zero;
    finite &= is_finite(s.scale * static_cast<float>(zero > above ? zero : above));
  }
  return finite;
}

}  // namespace mote::codec
