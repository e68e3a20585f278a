// Products with weights of each type: one column (generation), few (batches, drafts), many (prompts).
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/rng.h"
#include "chosen_kernels.h"
#include "codec/codec.h"
#include "kernels/linear.h"
#include "roof.h"

namespace mote::bench {
namespace {

struct Weights {
  std::vector<std::byte> blocks;
  kernels::PackedMatrix packed;
  [[nodiscard]] std::span<const std::byte> memory() const {
    return packed.integer ? std::span<const std::byte>{packed.tiles, packed.bytes()} : packed.blocks;
  }
};

// The last matrix made, since making one takes longer than measuring it.
const Weights& weights(CodecId id, std::size_t rows, std::size_t cols, bool integer) {
  static std::string made;
  static std::unique_ptr<Weights> last;
  const codec::Codec& codec = codec::codec_of(id);
  const std::string key = std::string(codec.name) + " " + std::to_string(rows) + " " + std::to_string(cols) +
                          (integer ? " i" : " f");
  if (key == made) return *last;
  last.reset();
  auto w = std::make_unique<Weights>();
  std::vector<float> row(cols);
  Rng rng(1);
  for (float& v : row) v = static_cast<float>(rng.next_normal());
  const std::size_t row_bytes = cols / codec.block_elements * codec.block_bytes;
  w->blocks.resize(rows * row_bytes);
  for (std::size_t r = 0; r < rows; ++r) {
    codec.encode_rtn(row.data(), w->blocks.data() + r * row_bytes, r < 16 ? cols / codec.block_elements : 0);
    if (r >= 16)
      std::copy_n(w->blocks.begin(), row_bytes,
                  w->blocks.begin() + static_cast<std::ptrdiff_t>(r * row_bytes));
  }
  QuantizedTensor tensor;
  tensor.codec = id;
  tensor.shape = Shape{rows, cols};
  tensor.planes = {w->blocks};
  auto packed = kernels::prepare_pack(tensor, integer);
  if (!packed) std::exit(1);
  kernels::pack_tiles(tensor, *packed, 0, packed->tile_count());
  w->packed = std::move(*packed);
  last = std::move(w);
  made = key;
  return *last;
}

void matmul(benchmark::State& state, CodecId id, bool integer) {
  const auto rows = static_cast<std::size_t>(state.range(0));
  const auto cols = static_cast<std::size_t>(state.range(1));
  const auto n = static_cast<std::size_t>(state.range(2));
  const Weights& w = weights(id, rows, cols, integer);
  std::vector<float> values(n * cols);
  Rng rng(2);
  for (float& v : values) v = static_cast<float>(rng.next_normal());
  AlignedBuffer buffer(kernels::activation_scratch_bytes(n, cols));
  kernels::Activations a;
  a.n = n;
  a.cols = cols;
  a.values = values.data();
  kernels::bind_activation_scratch(a, buffer.data());
  kernels::quantize_activations(table(), a, 0, n);
  AlignedBuffer scratch(kernels::matmul_scratch_bytes(w.packed, n));
  std::vector<float> y(n * rows);
  const Peaks peaks = measure_peaks(w.memory());
  for (auto _ : state) {
    kernels::matmul(table(), w.packed, a, y.data(), rows, 0, w.packed.tile_count(), scratch.data());
    benchmark::DoNotOptimize(y.data());
  }
  const double operations = 2.0 * static_cast<double>(rows * cols * n);
  const std::size_t column_bytes = integer ? cols + cols / 32 * sizeof(float) : cols * sizeof(float);
  report(state,
         {.integer_operations = integer ? operations : 0,
          .float_operations = integer ? 0 : operations,
          .bytes = static_cast<double>(w.packed.bytes() + n * (column_bytes + rows * sizeof(float)))},
         peaks);
}

// Generation and small batches: a matrix beyond every cache, and one of a small model. Prompts: the widths of
// small models and a square matrix.
void sizes(benchmark::internal::Benchmark* b) {
  for (const int n : {1, 2, 4, 8, 16}) b->Args({65536, 2048, n});
  b->Args({2048, 2048, 1});
  for (const int n : {17, 96, 512}) b->Args({2048, 2048, n});
}
// Rows of 576, as super-blocks do not have.
void narrow_sizes(benchmark::internal::Benchmark* b) {
  b->Args({1536, 576, 1})->Args({1536, 576, 512})->Args({576, 1536, 512});
}
// 16 and 32 bits: the same bytes as 65536 rows of 8.
void wide_sizes(benchmark::internal::Benchmark* b) {
  for (const int n : {1, 2, 4, 8, 16}) b->Args({32768, 2048, n});
  for (const int n : {17, 96, 512}) b->Args({2048, 2048, n});
}
BENCHMARK_CAPTURE(matmul, q4_0, CodecId::q4_0, true)->Apply(sizes)->Apply(narrow_sizes);
BENCHMARK_CAPTURE(matmul, q8_0, CodecId::q8_0, true)->Apply(sizes)->Apply(narrow_sizes);
BENCHMARK_CAPTURE(matmul, q4_k, CodecId::q4_k, true)->Apply(sizes);
BENCHMARK_CAPTURE(matmul, q5_k, CodecId::q5_k, true)->Apply(sizes);
BENCHMARK_CAPTURE(matmul, q6_k, CodecId::q6_k, true)->Apply(sizes);
BENCHMARK_CAPTURE(matmul, iq4_nl, CodecId::iq4_nl, true)->Apply(sizes);
BENCHMARK_CAPTURE(matmul, f16, CodecId::f16, false)->Apply(wide_sizes);
BENCHMARK_CAPTURE(matmul, f32, CodecId::f32, false)->Apply(wide_sizes);
BENCHMARK_CAPTURE(matmul, q4_0_decoded, CodecId::q4_0, false)->Args({2048, 2048, 512});

}  // namespace
}  // namespace mote::bench
