#include "quantize/search_table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>

#include "codec/codec.h"
#include "codec/rounding.h"
#include "quantize/level_table.h"

namespace mote::quantize {
namespace {

constexpr std::size_t kMostElements = 64;

// Indices of the values that are nearest times the scale.
void nearest(const LevelTable& table, float scale, const float* x, std::size_t n, std::uint8_t* index) {
  float middle[16];
  for (std::size_t k = 1; k <= table.last; ++k) {
    middle[k] = scale * (0.5F * (table.values[k - 1] + table.values[k]));
  }
  for (std::size_t i = 0; i < n; ++i) {
    std::uint8_t at = 0;
    for (std::size_t k = 1; k <= table.last; ++k) at = x[i] > middle[k] ? static_cast<std::uint8_t>(k) : at;
    index[i] = at;
  }
}

float error_of(const LevelTable& table, float scale, const float* x, const float* u, std::size_t n,
               const std::uint8_t* index) {
  float sum = 0.0F;
  for (std::size_t i = 0; i < n; ++i) {
    const float e = x[i] - scale * table.values[index[i]];
    sum += u[i] * (e * e);
  }
  return sum;
}

// The best of the scales tried so far, and its codes.
struct Best {
  const LevelTable& table;
  const float* x;
  const float* u;
  std::size_t n;
  float error = INFINITY;
  float scale = 0.0F;
  std::uint8_t index[kMostElements] = {};

  bool try_scale(float candidate) {
    std::uint8_t tried[kMostElements];
    nearest(table, candidate, x, n, tried);
    const float found = error_of(table, candidate, x, u, n, tried);
    if (!(found < error)) return false;
    error = found;
    scale = candidate;
    std::copy_n(tried, n, index);
    return true;
  }
  void codes(std::uint8_t* out) const {
    for (std::size_t i = 0; i < n; ++i) out[i] = table.codes[index[i]];
  }
};

// x as the plain rounding of the format has it.
template <typename Block>
Block rounded(void (*encode)(const float*, std::byte*, std::size_t) noexcept, const float* x) {
  std::byte bytes[sizeof(Block)];
  encode(x, bytes, 1);
  Block block;
  std::memcpy(&block, bytes, sizeof block);
  return block;
}

void search_table4(CodecId id, void (*encode)(const float*, std::byte*, std::size_t) noexcept, const float* x,
                   const float* u, codec::BlockTable4& out) {
  constexpr std::size_t kN = codec::BlockTable4::kElements;
  out = rounded<codec::BlockTable4>(encode, x);
  const LevelTable& table = *level_table(id);
  Best best{table, x, u, kN};
  const float plain = codec::absmax(x, kN);
  if (!(plain > 0.0F)) return;
  best.try_scale(plain);
  // Cutting the largest values off, or leaving the outermost levels to few.
  for (int share = 70; share <= 120; share += 2) best.try_scale(plain * (static_cast<float>(share) / 100.0F));
  // The scale that suits the codes, codes for the scale, while that helps.
  for (int turn = 0; turn < 4; ++turn) {
    float xv = 0.0F;
    float vv = 0.0F;
    for (std::size_t i = 0; i < kN; ++i) {
      const float value = table.values[best.index[i]];
      xv += u[i] * value * x[i];
      vv += u[i] * value * value;
    }
    if (!(vv > 0.0F) || !(xv > 0.0F) || !best.try_scale(xv / vv)) break;
  }
  std::uint8_t codes[kN];
  best.codes(codes);
  std::memcpy(out.absmax, &best.scale, sizeof best.scale);
  codec::pack_table4(codes, out);
}

}  // namespace

void search_mxfp4(const float* x, const float* u, codec::BlockMxfp4& out) {
  constexpr std::size_t kN = codec::BlockMxfp4::kElements;
  out = rounded<codec::BlockMxfp4>(codec::encode_mxfp4, x);
  Best best{*level_table(CodecId::mxfp4), x, u, kN};
  const int plain = out.e;
  int exponent = plain;
  // The plain exponent puts the largest value between 4 and 8 where the format ends at 6.
  for (const int e : {plain, plain - 1, plain + 1, plain - 2}) {
    if (e < 0 || e > 250) continue;
    if (best.try_scale(codec::half_exponent(static_cast<std::uint8_t>(e)))) exponent = e;
  }
  if (!std::isfinite(best.error)) return;
  std::uint8_t codes[kN];
  best.codes(codes);
  codec::pack_mxfp4(codes, static_cast<std::uint8_t>(exponent), out);
}

void search_nvfp4(const float* x, const float* u, codec::BlockNvfp4& out) {
  constexpr std::size_t kSub = 16;
  out = rounded<codec::BlockNvfp4>(codec::encode_nvfp4, x);
  std::uint8_t codes[codec::BlockNvfp4::kElements];
  std::uint8_t scales[4];
  for (std::size_t s = 0; s < 4; ++s) {
    const float* sub = x + s * kSub;
    Best best{*level_table(CodecId::nvfp4), sub, u + s * kSub, kSub};
    const float largest = codec::absmax(sub, kSub);
    scales[s] = out.d[s];
    best.try_scale(codec::half_ue4m3(scales[s]));
    // From the largest value far beyond the end of the format, as something that hardly counts may lie, to
    // amid its values, should those suit the few elements of a group better.
    const std::uint8_t first = codec::nearest_ue4m3(largest / 16.0F);
    const std::uint8_t last = codec::nearest_ue4m3(largest / 1.5F);
    for (std::uint8_t d = first; d <= last && d < 0x7F; ++d) {
      if (best.try_scale(codec::half_ue4m3(d))) scales[s] = d;
    }
    best.codes(codes + s * kSub);
  }
  codec::pack_nvfp4(codes, scales, out);
}

void search_nf4(const float* x, const float* u, codec::BlockTable4& out) {
  search_table4(CodecId::nf4, codec::encode_nf4, x, u, out);
}

void search_fp4(const float* x, const float* u, codec::BlockTable4& out) {
  search_table4(CodecId::fp4, codec::encode_fp4, x, u, out);
}

TernaryCodes search_ternary_values(const float* x, const float* u) {
  constexpr std::size_t kN = 256;
  std::array<std::uint16_t, kN> order;
  std::iota(order.begin(), order.end(), std::uint16_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint16_t a, std::uint16_t b) { return std::fabs(x[a]) > std::fabs(x[b]); });
  // With the n largest as ones the error is sum u x^2 - xs^2 / us, at the scale xs / us.
  double xs = 0;
  double us = 0;
  double gain = 0;
  double scale = 0;
  for (const std::uint16_t i : order) {
    xs += static_cast<double>(u[i]) * static_cast<double>(std::fabs(x[i]));
    us += static_cast<double>(u[i]);
    if (us > 0 && xs * xs / us > gain) {
      gain = xs * xs / us;
      scale = xs / us;
    }
  }
  TernaryCodes out;
  out.scale = float_to_half(static_cast<float>(scale));
  const float stored = half_to_float(out.scale);
  for (std::size_t i = 0; i < kN; ++i) {
    const bool one = std::fabs(x[i]) > 0.5F * stored;
    out.codes[i] = static_cast<std::uint8_t>(one ? (x[i] > 0.0F ? 2 : 0) : 1);
  }
  return out;
}

}  // namespace mote::quantize
