#include "quantize/search.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "codec/affine.h"
#include "codec/iq4_nl.h"
#include "codec/iq4_xs.h"
#include "codec/q2_k.h"
#include "codec/q3_k.h"
#include "codec/q4_0.h"
#include "codec/q4_1.h"
#include "codec/q4_k.h"
#include "codec/q5_0.h"
#include "codec/q5_1.h"
#include "codec/q5_k.h"
#include "codec/q6_k.h"
#include "codec/q8_0.h"
#include "codec/tq1_0.h"
#include "codec/tq2_0.h"
#include "quantize/search_affine.h"
#include "quantize/search_patterns.h"
#include "quantize/search_table.h"
#include "quantize/search_ternary.h"

namespace mote::quantize {
namespace {

// A batch as the kernels want it, filled lane by lane.
struct Batch {
  alignas(64) float x[kMaxBlock * kLanes];
  alignas(64) float u[kMaxBlock * kLanes];

  void set(std::size_t lane, const float* values, const float* weights, std::size_t n) {
    for (std::size_t k = 0; k < n; ++k) {
      x[k * kLanes + lane] = values[k];
      u[k * kLanes + lane] = weights[k];
    }
  }
  void clear(std::size_t lane, std::size_t n) {
    for (std::size_t k = 0; k < n; ++k) x[k * kLanes + lane] = u[k * kLanes + lane] = 0.0F;
  }
};

void lane_codes(const std::uint8_t* codes, std::size_t lane, std::size_t n, std::uint8_t* out) {
  for (std::size_t k = 0; k < n; ++k) out[k] = codes[k * kLanes + lane];
}

// Sums run in element order: part of the promise of identical bytes.
float mean_square(const float* x, std::size_t n) {
  float sum = 0.0F;
  for (std::size_t k = 0; k < n; ++k) sum += x[k] * x[k];
  return sum / static_cast<float>(n);
}

// Formats of two bits and less, whose elements cost importance alone: with the gain kept (pattern_search.h),
// more for the large ones does not lower divergence, see docs/results.md.
bool has_tiny_patterns(CodecId id) {
  return id == CodecId::iq1_s || id == CodecId::iq1_m || id == CodecId::iq2_xxs || id == CodecId::iq2_xs ||
         id == CodecId::iq2_s;
}

// Weights of n consecutive elements. `importance` is theirs, or null.
void fill_weights(Weighting weighting, const float* x, const float* importance, float row_mean_square,
                  std::size_t n, float* u) {
  if (importance != nullptr) {
    for (std::size_t k = 0; k < n; ++k) u[k] = importance[k] * std::sqrt(row_mean_square + x[k] * x[k]);
    return;
  }
  switch (weighting) {
    case Weighting::flat:
      std::fill_n(u, n, 1.0F);
      return;
    case Weighting::magnitude:
    case Weighting::steep: {
      const float rms = std::sqrt(mean_square(x, n)) * (weighting == Weighting::steep ? 0.25F : 1.0F);
      for (std::size_t k = 0; k < n; ++k) u[k] = rms + std::fabs(x[k]);
      return;
    }
    case Weighting::square:
      for (std::size_t k = 0; k < n; ++k) u[k] = x[k] * x[k];
      return;
  }
}

// Where the elements of the matrix and their weights come from.
struct Matrix {
  Weighting weighting;
  const float* x;
  const float* importance;
  std::size_t rows, cols;
  bool importance_alone;
  // Mean square of the row asked for last, with importance only; blocks come row by row.
  std::size_t row = SIZE_MAX;
  float row_square = 0.0F;

  void weights(std::size_t first, std::size_t n, float* u) {
    if (importance == nullptr) return fill_weights(weighting, x + first, nullptr, 0.0F, n, u);
    if (importance_alone) {
      std::copy_n(importance + first % cols, n, u);
      return;
    }
    if (row != first / cols) {
      row = first / cols;
      row_square = mean_square(x + row * cols, cols);
    }
    fill_weights(weighting, x + first, importance + first % cols, row_square, n, u);
  }
  // The n elements from `first`, which lie in one row.
  void load(std::size_t first, std::size_t n, std::size_t lane, Batch& batch) {
    float u[kMaxBlock];
    weights(first, n, u);
    batch.set(lane, x + first, u, n);
  }
};

template <typename Block, typename Pack>
void encode_blocks(SearchKernels::BlockKernel kernel, Matrix& in, std::byte* out, const Pack& pack) {
  constexpr std::size_t kN = Block::kElements;
  const std::size_t blocks = in.rows * in.cols / kN;
  Batch batch;
  BlockCodes codes;
  for (std::size_t first = 0; first < blocks; first += kLanes) {
    const std::size_t count = std::min(kLanes, blocks - first);
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      if (lane < count) {
        in.load((first + lane) * kN, kN, lane, batch);
      } else {
        batch.clear(lane, kN);
      }
    }
    kernel(batch.x, batch.u, codes);
    for (std::size_t lane = 0; lane < count; ++lane) {
      std::uint8_t of_lane[kN];
      lane_codes(codes.codes, lane, kN, of_lane);
      Block block;
      pack(of_lane, codes.scale[lane], codes.offset[lane], block);
      std::memcpy(out + (first + lane) * sizeof(Block), &block, sizeof(Block));
    }
  }
}

// What one super-block stores, in the order of its sub-blocks.
struct SuperBlock {
  std::uint8_t codes[256];
  std::uint8_t scales[16];  // with `bias` added
  std::uint8_t mins[16];
  Half d, dmin;
};

// N: elements of a sub-block; bias: what turns the stored scale into its code.
template <std::size_t N, int Bias, typename Block, typename Pack>
void encode_supers(SearchKernels::SuperKernel kernel, Matrix& in, std::byte* out, const Pack& pack) {
  constexpr std::size_t kSubBlocks = 256 / N;
  constexpr std::size_t kSupers = kLanes / kSubBlocks;
  const std::size_t supers = in.rows * in.cols / 256;
  Batch batch;
  SuperCodes codes;
  for (std::size_t first = 0; first < supers; first += kSupers) {
    const std::size_t count = std::min(kSupers, supers - first);
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      if (lane / kSubBlocks < count) {
        in.load(first * 256 + lane * N, N, lane, batch);
      } else {
        batch.clear(lane, N);
      }
    }
    kernel(batch.x, batch.u, codes);
    for (std::size_t s = 0; s < count; ++s) {
      SuperBlock super;
      for (std::size_t i = 0; i < kSubBlocks; ++i) {
        const std::size_t lane = s * kSubBlocks + i;
        lane_codes(codes.codes, lane, N, super.codes + i * N);
        super.scales[i] = static_cast<std::uint8_t>(codes.scale[lane] + Bias);
        super.mins[i] = static_cast<std::uint8_t>(codes.min[lane]);
      }
      super.d = codes.d[s];
      super.dmin = codes.dmin[s];
      Block block;
      pack(super, block);
      std::memcpy(out + (first + s) * sizeof(Block), &block, sizeof(Block));
    }
  }
}

template <typename Block>
void encode_patterns(Matrix& in, std::byte* out, void (*search)(const float*, const float*, Gain, Block&)) {
  const Gain gain = in.importance != nullptr ? Gain::kept : Gain::least_squares;
  float u[Block::kElements];
  for (std::size_t b = 0; b < in.rows * in.cols / Block::kElements; ++b) {
    in.weights(b * Block::kElements, Block::kElements, u);
    Block block;
    search(in.x + b * Block::kElements, u, gain, block);
    std::memcpy(out + b * sizeof(Block), &block, sizeof(Block));
  }
}

template <typename Block>
void encode_table(Matrix& in, std::byte* out, void (*search)(const float* x, const float* u, Block&)) {
  float u[Block::kElements];
  for (std::size_t b = 0; b < in.rows * in.cols / Block::kElements; ++b) {
    in.weights(b * Block::kElements, Block::kElements, u);
    Block block;
    search(in.x + b * Block::kElements, u, block);
    std::memcpy(out + b * sizeof(Block), &block, sizeof(Block));
  }
}

// A group at a time, or a row where it has one scale.
void encode_affine(const codec::AffineFormat& format, codec::ScaleType scales, Matrix& in, std::byte* out) {
  const std::size_t n = format.per_row ? in.cols : format.group;
  std::vector<float> u(n);
  for (std::size_t first = 0; first < in.rows * in.cols; first += n) {
    in.weights(first, n, u.data());
    search_affine(format, scales, {in.x + first, n}, u, out);
    out += n / format.group * format.block_bytes();
  }
}

}  // namespace

const SearchKernels& search_kernels(const sys::CpuFeatures& features) {
#if defined(__x86_64__)
  if (features.avx512) return kSearchAvx512;
  if (features.avx2) return kSearchAvx2;
#else
  static_cast<void>(features);
#endif
  return kSearchBaseline;
}

bool has_search(CodecId id) {
  switch (id) {
    case CodecId::iq1_s:
    case CodecId::iq1_m:
    case CodecId::iq2_xxs:
    case CodecId::iq2_xs:
    case CodecId::iq2_s:
    case CodecId::iq3_xxs:
    case CodecId::iq3_s:
    case CodecId::mxfp4:
    case CodecId::nvfp4:
    case CodecId::nf4:
    case CodecId::fp4:
    case CodecId::tq1_0:
    case CodecId::tq2_0:
      return true;
    default:
      return (id >= CodecId::q4_0 && id <= CodecId::iq4_xs) || codec::affine_format(id).has_value();
  }
}

Weighting default_weighting(CodecId id) {
  switch (id) {
    case CodecId::q3_k:
    case CodecId::iq3_xxs:
    case CodecId::iq3_s:
    case CodecId::iq4_xs:
      return Weighting::steep;
    case CodecId::q2_k:
    case CodecId::q4_k:
    case CodecId::q5_k:
    case CodecId::q6_k:
    case CodecId::iq4_nl:
    case CodecId::mxfp4:
    case CodecId::nvfp4:
    case CodecId::nf4:
    case CodecId::fp4:
    case CodecId::iq1_s:
    case CodecId::iq1_m:
    case CodecId::iq2_xxs:
    case CodecId::iq2_xs:
    case CodecId::iq2_s:
      return Weighting::magnitude;
    default:
      return Weighting::flat;
  }
}

Weighting down_weighting(CodecId id) {
  switch (id) {
    case CodecId::q4_1:
    case CodecId::q5_1:
    case CodecId::q2_k:
    case CodecId::q4_k:
    case CodecId::q5_k:
    case CodecId::tq1_0:
    case CodecId::tq2_0:
      return Weighting::flat;
    case CodecId::q3_k:
    case CodecId::q6_k:
      return Weighting::steep;
    case CodecId::q5_0:
    case CodecId::iq4_nl:
    case CodecId::mxfp4:
    case CodecId::nvfp4:
    case CodecId::nf4:
    case CodecId::fp4:
    case CodecId::iq4_xs:
    case CodecId::iq3_xxs:
    case CodecId::iq3_s:
    case CodecId::iq1_s:
    case CodecId::iq1_m:
    case CodecId::iq2_xxs:
    case CodecId::iq2_xs:
    case CodecId::iq2_s:
      return Weighting::magnitude;
    default:
      return Weighting::square;
  }
}

void encode_search(const SearchKernels& kernels, CodecId id, const float* x, const float* importance,
                   std::byte* out, std::size_t rows, std::size_t cols, codec::ScaleType scales) {
  encode_search(kernels, id, default_weighting(id), x, importance, out, rows, cols, scales);
}

void encode_search(const SearchKernels& kernels, CodecId id, Weighting weighting, const float* x,
                   const float* importance, std::byte* out, std::size_t rows, std::size_t cols,
                   codec::ScaleType stored) {
  Matrix in{weighting, x, importance, rows, cols, has_tiny_patterns(id)};
  switch (id) {
    default:
      if (const auto format = codec::affine_format(id)) encode_affine(*format, stored, in, out);
      return;
    case CodecId::mxfp4:
      return encode_table<codec::BlockMxfp4>(in, out, search_mxfp4);
    case CodecId::nvfp4:
      return encode_table<codec::BlockNvfp4>(in, out, search_nvfp4);
    case CodecId::nf4:
      return encode_table<codec::BlockTable4>(in, out, search_nf4);
    case CodecId::fp4:
      return encode_table<codec::BlockTable4>(in, out, search_fp4);
    case CodecId::tq1_0:
      return encode_table<codec::BlockTq10>(in, out, [](const float* values, const float* u, auto& block) {
        const TernaryCodes found = search_ternary_values(values, u);
        codec::pack_tq1_0(found.codes, found.scale, block);
      });
    case CodecId::tq2_0:
      return encode_table<codec::BlockTq20>(in, out, [](const float* values, const float* u, auto& block) {
        const TernaryCodes found = search_ternary_values(values, u);
        codec::pack_tq2_0(found.codes, found.scale, block);
      });
    case CodecId::iq1_s:
      return encode_patterns<codec::BlockIq1S>(in, out, search_iq1_s);
    case CodecId::iq1_m:
      return encode_patterns<codec::BlockIq1M>(in, out, search_iq1_m);
    case CodecId::iq2_xxs:
      return encode_patterns<codec::BlockIq2Xxs>(in, out, search_iq2_xxs);
    case CodecId::iq2_xs:
      return encode_patterns<codec::BlockIq2Xs>(in, out, search_iq2_xs);
    case CodecId::iq3_xxs:
      return encode_patterns<codec::BlockIq3Xxs>(in, out, search_iq3_xxs);
    case CodecId::iq2_s:
      return encode_patterns<codec::BlockIq2S>(in, out, search_iq2_s);
    case CodecId::iq3_s:
      return encode_patterns<codec::BlockIq3S>(in, out, search_iq3_s);
    case CodecId::q4_0:
      return encode_blocks<codec::BlockQ40>(
          kernels.q4_0, in, out,
          [](const std::uint8_t* codes, Half d, Half, auto& block) { codec::pack_q4_0(codes, d, block); });
    case CodecId::q4_1:
      return encode_blocks<codec::BlockQ41>(kernels.q4_1, in, out, codec::pack_q4_1);
    case CodecId::q5_0:
      return encode_blocks<codec::BlockQ50>(
          kernels.q5_0, in, out,
          [](const std::uint8_t* codes, Half d, Half, auto& block) { codec::pack_q5_0(codes, d, block); });
    case CodecId::q5_1:
      return encode_blocks<codec::BlockQ51>(kernels.q5_1, in, out, codec::pack_q5_1);
    case CodecId::q8_0:
      return encode_blocks<codec::BlockQ80>(kernels.q8_0, in, out,
                                            [](std::uint8_t* codes, Half d, Half, auto& block) {
                                              // The kernel counts from -127, the block from -128.
                                              for (std::size_t k = 0; k < 32; ++k) ++codes[k];
                                              codec::pack_q8_0(codes, d, block);
                                            });
    case CodecId::iq4_nl:
      return encode_blocks<codec::BlockIq4Nl>(
          kernels.iq4_nl, in, out,
          [](const std::uint8_t* codes, Half d, Half, auto& block) { codec::pack_iq4_nl(codes, d, block); });
    case CodecId::q2_k:
      return encode_supers<16, 0, codec::BlockQ2K>(
          kernels.q2_k, in, out, [](const SuperBlock& s, auto& block) {
            codec::pack_q2_k(s.codes, s.scales, s.mins, s.d, s.dmin, block);
          });
    case CodecId::q3_k:
      return encode_supers<16, 32, codec::BlockQ3K>(
          kernels.q3_k, in, out,
          [](const SuperBlock& s, auto& block) { codec::pack_q3_k(s.codes, s.scales, s.d, block); });
    case CodecId::q4_k:
      return encode_supers<32, 0, codec::BlockQ4K>(
          kernels.q4_k, in, out, [](const SuperBlock& s, auto& block) {
            codec::pack_q4_k(s.codes, s.scales, s.mins, s.d, s.dmin, block);
          });
    case CodecId::q5_k:
      return encode_supers<32, 0, codec::BlockQ5K>(
          kernels.q5_k, in, out, [](const SuperBlock& s, auto& block) {
            codec::pack_q5_k(s.codes, s.scales, s.mins, s.d, s.dmin, block);
          });
    case CodecId::q6_k:
      return encode_supers<16, 0, codec::BlockQ6K>(kernels.q6_k, in, out,
                                                   [](const SuperBlock& s, auto& block) {
                                                     std::int8_t scales[16];
                                                     std::memcpy(scales, s.scales, sizeof scales);
                                                     codec::pack_q6_k(s.codes, scales, s.d, block);
                                                   });
    case CodecId::iq4_xs:
      return encode_supers<32, 32, codec::BlockIq4Xs>(
          kernels.iq4_xs, in, out,
          [](const SuperBlock& s, auto& block) { codec::pack_iq4_xs(s.codes, s.scales, s.d, block); });
  }
}

}  // namespace mote::quantize
