#include "quantize/search_affine.h"

#include <algorithm>
#include <vector>

#include "codec/codec.h"
#include "codec/fp8.h"
#include "codec/rounding.h"

namespace mote::quantize {
namespace {

using codec::AffineFormat;
using codec::AffineScale;

constexpr std::size_t kChains = 8;

float sum_of(const float (&chains)[kChains]) {
  float sum = 0.0F;
  for (const float c : chains) sum += c;
  return sum;
}

// What codes for a scale and zero point are worth: with q = code - zero the least error over scales is
// sum u x^2 - (sum u x q)^2 / sum u q^2, at the scale (sum u x q) / (sum u q^2).
struct Fit {
  float xq = 0.0F;
  float qq = 0.0F;
  [[nodiscard]] float gain() const { return qq > 0.0F && xq > 0.0F ? xq / qq * xq : 0.0F; }
  [[nodiscard]] float scale() const { return qq > 0.0F ? xq / qq : 0.0F; }
};

// q is rounded as x times the inverse, which the last digit of a quotient may differ from: candidates only.
Fit fit_for(const AffineFormat& format, float scale, int zero, std::span<const float> x,
            std::span<const float> u) {
  const float inverse = codec::inverse_or_zero(scale);
  const auto low = static_cast<float>(-zero);
  const auto high = static_cast<float>(format.largest() - zero);
  float xq[kChains] = {};
  float qq[kChains] = {};
  for (std::size_t i = 0; i < x.size(); i += kChains) {
    for (std::size_t k = 0; k < kChains; ++k) {
      float v = x[i + k] * inverse;
      v = v > low ? v : low;
      v = v < high ? v : high;
      const float q = (v + 12582912.0F) - 12582912.0F;  // whole: 1.5 * 2^23 leaves no bits behind the point
      const float uq = u[i + k] * q;
      xq[k] += uq * x[i + k];
      qq[k] += uq * q;
    }
  }
  return {sum_of(xq), sum_of(qq)};
}

// Codes and their error for a scale as it is stored.
float error_of(const AffineFormat& format, AffineScale scale, std::span<const float> x,
               std::span<const float> u, std::vector<std::uint8_t>& codes) {
  codec::affine_codes(format, scale, x.data(), x.size(), codes.data());
  float sums[kChains] = {};
  for (std::size_t i = 0; i < x.size(); i += kChains) {
    for (std::size_t k = 0; k < kChains; ++k) {
      const int q = static_cast<int>(codes[i + k]) - static_cast<int>(scale.zero);
      const float e = x[i + k] - scale.scale * static_cast<float>(q);
      sums[k] += u[i + k] * e * e;
    }
  }
  return sum_of(sums);
}

Fit fit_of_codes(int zero, std::span<const float> x, std::span<const float> u,
                 const std::vector<std::uint8_t>& codes) {
  float xq[kChains] = {};
  float qq[kChains] = {};
  for (std::size_t i = 0; i < x.size(); i += kChains) {
    for (std::size_t k = 0; k < kChains; ++k) {
      const auto q = static_cast<float>(static_cast<int>(codes[i + k]) - zero);
      xq[k] += u[i + k] * q * x[i + k];
      qq[k] += u[i + k] * q * q;
    }
  }
  return {sum_of(xq), sum_of(qq)};
}

// Scales to try, as shares of the plain one: few bits gain from cutting the largest values off.
struct Grid {
  int from, to, step;  // thousandths
};
Grid grid_of(unsigned bits) {
  switch (bits) {
    case 2:
      return {400, 1150, 30};
    case 3:
      return {550, 1100, 25};
    case 4:
      return {700, 1080, 20};
    default:
      return {970, 1010, 5};
  }
}

// Blocks that share scale and zero point.
void write_blocks(const AffineFormat& format, AffineScale scale, const std::vector<std::uint8_t>& codes,
                  std::byte* out) {
  for (std::size_t b = 0; b < codes.size() / format.group; ++b) {
    codec::write_affine_block(format, scale, codes.data() + b * format.group, out + b * format.block_bytes());
  }
}

void plain_affine(const AffineFormat& format, codec::ScaleType scales, std::span<const float> x,
                  std::vector<std::uint8_t>& codes, std::byte* out) {
  codes.resize(x.size());
  const AffineScale scale = codec::plain_affine_scale(format, scales, codec::range_of(x.data(), x.size()));
  codec::affine_codes(format, scale, x.data(), x.size(), codes.data());
  write_blocks(format, scale, codes, out);
}

void plain_fp8(codec::ScaleType scales, const float* x, std::byte* out, std::size_t cols) {
  const float scale = codec::rounded_to(scales, codec::absmax(x, cols) / codec::kLargestE4m3);
  for (std::size_t i = 0; i < cols; i += codec::BlockFp8::kElements, out += sizeof(codec::BlockFp8)) {
    codec::write_fp8_block(scale, x + i, out);
  }
}

}  // namespace

void encode_folder_rows(CodecId id, codec::ScaleType scales, const float* x, std::byte* out, std::size_t rows,
                        std::size_t cols) {
  const codec::Codec& codec = codec::codec_of(id);
  const auto format = codec::affine_format(id);
  std::vector<std::uint8_t> codes;
  for (std::size_t r = 0; r < rows; ++r, x += cols) {
    if (id == CodecId::fp8) {
      plain_fp8(scales, x, out, cols);
    } else if (!format) {
      codec.encode_rtn(x, out, cols / codec.block_elements);
    } else if (format->per_row) {
      plain_affine(*format, scales, {x, cols}, codes, out);
    } else {
      for (std::size_t b = 0; b < cols / format->group; ++b) {
        plain_affine(*format, scales, {x + b * format->group, format->group}, codes,
                     out + b * format->block_bytes());
      }
    }
    out += cols / codec.block_elements * codec.block_bytes;
  }
}

void search_affine(const AffineFormat& format, codec::ScaleType scales, std::span<const float> x,
                   std::span<const float> u, std::byte* out) {
  std::vector<std::uint8_t> codes(x.size());
  const codec::Range range = codec::range_of(x.data(), x.size());
  const AffineScale plain = codec::plain_affine_scale(format, scales, range);
  AffineScale best = plain;
  float least = error_of(format, plain, x, u, codes);
  Fit candidate;
  int candidate_zero = plain.zero;
  const Grid grid = grid_of(format.bits);
  for (int share = grid.from; share <= grid.to; share += grid.step) {
    const float scale = plain.scale * (static_cast<float>(share) / 1000.0F);
    if (!format.asymmetric) {
      const Fit fit = fit_for(format, scale, plain.zero, x, u);
      if (fit.gain() > candidate.gain()) candidate = fit;
      continue;
    }
    // Both ends cut by as much: zero keeps its place in the middle of what is left, or moves by one.
    const float centre = (range.min + range.max) / 2.0F * codec::inverse_or_zero(scale);
    const int middle =
        codec::round_clamped(static_cast<float>(format.largest()) / 2.0F - centre, 0, format.largest());
    for (int zero = std::max(0, middle - 1); zero <= std::min(format.largest(), middle + 1); ++zero) {
      const Fit fit = fit_for(format, scale, zero, x, u);
      if (fit.gain() > candidate.gain()) {
        candidate = fit;
        candidate_zero = zero;
      }
    }
  }
  // The scale that suits the codes, codes for the scale as stored, in turn while that helps. From the best
  // candidate, and from plain rounding.
  std::vector<std::uint8_t> tried(x.size());
  for (const bool from_candidate : {true, false}) {
    const auto zero = static_cast<std::uint8_t>(from_candidate ? candidate_zero : plain.zero);
    Fit fit = candidate;
    if (!from_candidate) {
      codec::affine_codes(format, plain, x.data(), x.size(), tried.data());
      fit = fit_of_codes(zero, x, u, tried);
    }
    float before = -1.0F;
    for (int turn = 0; turn < 4; ++turn) {
      const AffineScale scale{codec::rounded_to(scales, fit.scale()), zero};
      if (!(scale.scale > 0.0F)) break;
      const float error = error_of(format, scale, x, u, tried);
      if (error < least) {
        least = error;
        best = scale;
      }
      if (before >= 0.0F && !(error < before)) break;
      before = error;
      fit = fit_of_codes(zero, x, u, tried);
    }
  }
  codec::affine_codes(format, best, x.data(), x.size(), codes.data());
  write_blocks(format, best, codes, out);
}

}  // namespace mote::quantize
