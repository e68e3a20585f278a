#include "engine/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/rng.h"
#include "engine/hadamard.h"
#include "engine/kv_cache.h"
#include "kernels/select.h"
#include "sys/cpu_features.h"

namespace mote::engine {
namespace {

std::vector<float> random_floats(std::size_t n, std::uint64_t seed, double scale = 1.0) {
  Rng rng(seed);
  std::vector<float> out(n);
  for (float& x : out) x = static_cast<float>(rng.next_normal() * scale);
  return out;
}

struct Problem {
  AttentionShape shape;
  std::size_t positions;
  std::size_t window = 0;
  std::vector<float> q, k, v;  // [positions][heads * dim], [positions][kv heads * dim]
};

Problem make_problem(std::size_t heads, std::size_t kv_heads, std::size_t dim, std::size_t positions) {
  return {.shape = {.heads = heads, .kv_heads = kv_heads, .head_dim = dim, .scale = 0.125F},
          .positions = positions,
          .window = 0,
          .q = random_floats(positions * heads * dim, 1, 3.0),
          .k = random_floats(positions * kv_heads * dim, 2),
          .v = random_floats(positions * kv_heads * dim, 3)};
}

// softmax(q k^T * scale) v of the paper, in double, one query at a time.
std::vector<double> attention_by_definition(const Problem& p) {
  const std::size_t dim = p.shape.head_dim;
  std::vector<double> out(p.q.size());
  for (std::size_t t = 0; t < p.positions; ++t) {
    for (std::size_t h = 0; h < p.shape.heads; ++h) {
      const std::size_t kv = h / p.shape.group();
      const float* q = p.q.data() + (t * p.shape.heads + h) * dim;
      const std::size_t last = p.shape.causal ? t : p.positions - 1;
      std::vector<double> weights(last + 1);
      double total = 0;
      for (std::size_t s = 0; s <= last; ++s) {
        if (p.window > 0 && t - s >= p.window) continue;  // t - s is positive: windows are causal
        double dot = 0;
        for (std::size_t d = 0; d < dim; ++d) {
          dot += static_cast<double>(q[d]) * static_cast<double>(p.k[(s * p.shape.kv_heads + kv) * dim + d]);
        }
        double score = dot * static_cast<double>(p.shape.scale);
        const auto cap = static_cast<double>(p.shape.cap);
        if (cap > 0) score = cap * std::tanh(score / cap);
        weights[s] = std::exp(score);
        total += weights[s];
      }
      for (std::size_t s = 0; s <= last; ++s) {
        for (std::size_t d = 0; d < dim; ++d) {
          out[(t * p.shape.heads + h) * dim + d] +=
              weights[s] / total * static_cast<double>(p.v[(s * p.shape.kv_heads + kv) * dim + d]);
        }
      }
    }
  }
  return out;
}

void store(const Problem& p, KvCache& cache, std::size_t position) {
  const std::size_t dim = p.shape.head_dim;
  for (std::size_t h = 0; h < p.shape.kv_heads; ++h) {
    cache.store_key(0, h, position, p.k.data() + (position * p.shape.kv_heads + h) * dim);
    cache.store_value(0, h, position, p.v.data() + (position * p.shape.kv_heads + h) * dim);
  }
}

// Feeds the problem in pieces of `piece` tokens.
std::vector<float> attention_in_pieces(const Problem& p, KvType keys, KvType values,
                                       const kernels::KernelTable& ops, std::size_t piece, unsigned threads) {
  sys::ThreadPool pool(threads);
  const KvShape shape{.layers = 1,
                      .kv_heads = p.shape.kv_heads,
                      .head_dim = p.shape.head_dim,
                      .context = p.positions,
                      .key_type = keys,
                      .value_type = values};
  auto cache = KvCache::create(shape, ops);
  const auto attention = Attention::create(p.shape, p.positions, threads, ops);
  std::vector<float> out(p.q.size());
  const std::size_t width = p.shape.heads * p.shape.head_dim;
  for (std::size_t t = 0; t < p.positions; t += piece) {
    const std::size_t n = std::min(piece, p.positions - t);
    for (std::size_t i = 0; i < n; ++i) store(p, *cache, t + i);
    const Slice slice{.cache = &*cache, .first = t, .n = n};
    attention->run(pool, {&slice, 1}, 0, p.q.data() + t * width, p.window, out.data() + t * width);
  }
  return out;
}

std::vector<float> attention_in_pieces(const Problem& p, KvType type, const kernels::KernelTable& ops,
                                       std::size_t piece, unsigned threads) {
  return attention_in_pieces(p, type, type, ops, piece, threads);
}

std::vector<kernels::KernelTable> available_tables() {
  sys::CpuFeatures features = sys::detect_cpu_features();
  features.amx_int8 = features.amx_int8 && sys::request_tiles();
  std::vector<kernels::KernelTable> out;
  for (const kernels::Isa isa : kernels::available_isas(features)) {
    out.push_back(*kernels::select_kernels(features, isa));
  }
  return out;
}

double root_mean_square_error(const std::vector<float>& got, const std::vector<double>& expected) {
  double error = 0;
  double norm = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    error += std::pow(static_cast<double>(got[i]) - expected[i], 2);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(error / norm);
}

TEST(Attention, EqualsTheDefinitionOnEveryInstructionSet) {
  for (const auto& [heads, kv_heads, dim, positions] :
       {std::array<std::size_t, 4>{9, 3, 64, 300}, {4, 4, 24, 40}, {8, 1, 128, 530}, {2, 1, 10, 17}}) {
    const Problem p = make_problem(heads, kv_heads, dim, positions);
    const std::vector<double> expected = attention_by_definition(p);
    for (const kernels::KernelTable& table : available_tables()) {
      const std::vector<float> got = attention_in_pieces(p, KvType::f32, table, positions, 2);
      EXPECT_LT(root_mean_square_error(got, expected), 1e-6) << heads << " heads of " << dim;
    }
  }
}

// Rows that lose nothing: whole numbers up to `most`, which is among each 32, times a power of two.
std::vector<float> whole_numbers(std::size_t n, int most, float step, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> out(n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto drawn = static_cast<int>(rng.next_below(2 * static_cast<std::uint64_t>(most) + 1)) - most;
    out[i] = step * static_cast<float>(i % 32 == 0 ? -most : drawn);
  }
  return out;
}

void turn(std::vector<float>& rows, std::size_t dim, float scale) {
  for (std::size_t i = 0; i < rows.size(); i += dim) hadamard(rows.data() + i, dim);
  for (float& x : rows) x *= scale;
}

// The only loss of integer keys is the rounding of keys and queries. Query scales are 127 times a power of
// two by 127, so exact; keys of 4 bits are -8 to 7 in steps of the scale.
TEST(Attention, IntegerKeysEqualTheDefinitionWhereRoundingLosesNothing) {
  for (const KvType type : {KvType::q8_0, KvType::q4_0}) {
    for (const auto& [heads, kv_heads, dim, positions] :
         {std::array<std::size_t, 4>{9, 3, 64, 300}, {8, 1, 128, 530}, {2, 2, 32, 17}}) {
      Problem p = make_problem(heads, kv_heads, dim, positions);
      p.q = whole_numbers(p.q.size(), 127, 0x1p-5F, 7);
      p.k = whole_numbers(p.k.size(), type == KvType::q8_0 ? 127 : 7,
                          type == KvType::q8_0 ? 0x1p-7F : 0x1p-3F, 8);
      if (type == KvType::q4_0) {
        for (std::size_t i = 0; i < p.k.size(); i += 32) p.k[i] = -1.0F;  // -8 steps
        // Turned once more, these are what is rounded: H (H x) / n = x.
        turn(p.q, dim, 1.0F);
        turn(p.k, dim, 1.0F / static_cast<float>(dim));
      }
      p.window = dim == 128 ? 100 : 0;
      const std::vector<double> expected = attention_by_definition(p);
      for (const kernels::KernelTable& table : available_tables()) {
        const std::vector<float> got = attention_in_pieces(p, type, KvType::f32, table, positions, 2);
        EXPECT_LT(root_mean_square_error(got, expected), 1e-5) << to_string(type) << ", heads of " << dim;
      }
    }
  }
}

TEST(Attention, StoredTypesLoseAsMuchAsTheirBitsSay) {
  const Problem p = make_problem(6, 2, 64, 100);
  const std::vector<double> expected = attention_by_definition(p);
  const auto error = [&](KvType type) {
    return root_mean_square_error(attention_in_pieces(p, type, available_tables()[0], 100, 1), expected);
  };
  EXPECT_LT(error(KvType::f16), 1e-3);
  EXPECT_LT(error(KvType::q8_0), 2e-2);
  EXPECT_LT(error(KvType::q4_0), 3e-1);
  EXPECT_GT(error(KvType::q4_0), 2e-2);  // would be smaller only if the type were not used
}

// Two elements of each key far above the others, as models have them: 0.63 without turning.
TEST(Attention, KeysOfFourBitsSurviveLargeElements) {
  Problem p = make_problem(4, 2, 64, 200);
  for (std::size_t i = 0; i < p.k.size(); ++i) p.k[i] *= i % 64 == 5 || i % 64 == 37 ? 10.0F : 0.5F;
  for (std::size_t i = 0; i < p.q.size(); ++i) p.q[i] *= i % 64 == 5 || i % 64 == 37 ? 0.05F : 1.0F;
  const std::vector<double> expected = attention_by_definition(p);
  const std::vector<float> got =
      attention_in_pieces(p, KvType::q4_0, KvType::f32, available_tables()[0], 200, 1);
  EXPECT_LT(root_mean_square_error(got, expected), 0.3);
}

// The same for values, and what is rounded is turned back: an error of 0.35 without.
TEST(Attention, ValuesOfFourBitsSurviveLargeElements) {
  Problem p = make_problem(4, 2, 64, 200);
  for (std::size_t i = 0; i < p.v.size(); ++i) p.v[i] *= i % 64 == 5 || i % 64 == 37 ? 10.0F : 1.0F;
  std::vector<double> expected = attention_by_definition(p);
  std::vector<float> got = attention_in_pieces(p, KvType::f32, KvType::q4_0, available_tables()[0], 200, 1);
  // Of the small elements.
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (i % 64 == 5 || i % 64 == 37) got[i] = 0.0F, expected[i] = 0;
  }
  EXPECT_LT(root_mean_square_error(got, expected), 0.2);
}

TEST(Attention, IsTheSameBitForBitInAnyPiecesAndOnAnyThreads) {
  const Problem p = make_problem(6, 2, 32, 300);
  for (const KvType type : {KvType::f16, KvType::f32, KvType::q8_0, KvType::q4_0}) {
    for (const kernels::KernelTable& table : available_tables()) {
      const std::vector<float> whole = attention_in_pieces(p, type, table, 300, 1);
      for (const std::size_t piece : {1U, 7U, 256U}) {
        EXPECT_EQ(whole, attention_in_pieces(p, type, table, piece, 2)) << to_string(type) << " by " << piece;
      }
    }
  }
}

// Windows that end inside a tile, inside a split, and beyond the first splits.
TEST(Attention, WindowsAndCapsEqualTheDefinitionInAnyPieces) {
  for (const std::size_t window : {1U, 33U, 256U, 300U, 2000U}) {
    Problem p = make_problem(4, 2, 32, 700);
    p.window = window;
    p.shape.cap = window == 33 ? 0.7F : 0.0F;
    const std::vector<double> expected = attention_by_definition(p);
    for (const kernels::KernelTable& table : available_tables()) {
      const std::vector<float> whole = attention_in_pieces(p, KvType::f32, table, 700, 2);
      EXPECT_LT(root_mean_square_error(whole, expected), 1e-6) << window;
      for (const std::size_t piece : {1U, 100U}) {
        EXPECT_EQ(whole, attention_in_pieces(p, KvType::f32, table, piece, 3)) << window << " by " << piece;
      }
    }
  }
}

TEST(Attention, WithoutCausalityEveryPositionIsSeen) {
  for (const std::size_t positions : {1U, 5U, 300U}) {
    Problem p = make_problem(4, 4, 16, positions);
    p.shape.causal = false;
    const std::vector<double> expected = attention_by_definition(p);
    // All positions are stored before any is asked for only where they come together.
    const std::vector<float> got = attention_in_pieces(p, KvType::f32, available_tables()[0], positions, 2);
    EXPECT_LT(root_mean_square_error(got, expected), 1e-6) << positions;
  }
}

}  // namespace
}  // namespace mote::engine
