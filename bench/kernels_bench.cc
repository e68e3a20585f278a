// Kernels one by one: GB/s of what is streamed, Gop/s (two per multiply-add) of what is computed. Single
// threaded.
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/rng.h"
#include "codec/codec.h"
#include "kernels/linear.h"
#include "kernels/select.h"
#include "peak.h"

namespace mote::bench {
namespace {

using kernels::KernelTable;

const KernelTable& table() {
  static const KernelTable chosen = [] {
    const char* name = std::getenv("MOTE_ISA");
    std::optional<kernels::Isa> forced;
    if (name != nullptr) {
      const auto isa = kernels::parse_isa(name);
      if (!isa) {
        std::cerr << format_error(isa.error()) << '\n';
        std::exit(2);
      }
      forced = *isa;
    }
    sys::CpuFeatures features = sys::detect_cpu_features();
    features.amx_int8 = features.amx_int8 && sys::request_tiles();
    const auto selected = kernels::select_kernels(features, forced);
    if (!selected) {
      std::cerr << format_error(selected.error()) << '\n';
      std::exit(2);
    }
    return *selected;
  }();
  return chosen;
}

struct Weights {
  std::vector<std::byte> blocks;
  kernels::PackedMatrix packed;
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
  for (auto _ : state) {
    kernels::matmul(table(), w.packed, a, y.data(), rows, 0, w.packed.tile_count(), scratch.data());
    benchmark::DoNotOptimize(y.data());
  }
  const double times = static_cast<double>(state.iterations());
  state.counters["GB/s"] =
      benchmark::Counter(times * static_cast<double>(w.packed.bytes()) * 1e-9, benchmark::Counter::kIsRate);
  state.counters["Gop/s"] = benchmark::Counter(times * 2.0 * static_cast<double>(rows * cols * n) * 1e-9,
                                               benchmark::Counter::kIsRate);
}

// Decode of a matrix beyond every cache, small batches, prompts at the widths of small models.
void decode_sizes(benchmark::internal::Benchmark* b) {
  for (const int n : {1, 2, 4, 8, 16}) b->Args({65536, 2048, n});
  b->Args({1536, 576, 1});
}
void prompt_sizes(benchmark::internal::Benchmark* b) {
  for (const int n : {17, 32, 96, 512}) b->Args({1536, 576, n});
  b->Args({576, 1536, 512})->Args({2048, 2048, 512});
}
BENCHMARK_CAPTURE(matmul, q4_0, CodecId::q4_0, true)->Apply(decode_sizes)->Apply(prompt_sizes);
BENCHMARK_CAPTURE(matmul, q8_0, CodecId::q8_0, true)->Apply(decode_sizes)->Apply(prompt_sizes);
BENCHMARK_CAPTURE(matmul, q4_k, CodecId::q4_k, true)
    ->Args({65536, 2048, 1})
    ->Args({2048, 2048, 1})
    ->Args({2048, 2048, 512});
BENCHMARK_CAPTURE(matmul, q5_0, CodecId::q5_0, true)->Args({1536, 576, 1})->Apply(prompt_sizes);
BENCHMARK_CAPTURE(matmul, q6_k, CodecId::q6_k, true)->Args({65536, 2048, 1})->Args({2048, 2048, 512});
BENCHMARK_CAPTURE(matmul, f16, CodecId::f16, false)->Args({65536, 2048, 1})->Apply(prompt_sizes);
BENCHMARK_CAPTURE(matmul, f32, CodecId::f32, false)->Args({32768, 2048, 1})->Apply(prompt_sizes);
BENCHMARK_CAPTURE(matmul, q4_0_decoded, CodecId::q4_0, false)->Args({1536, 576, 512});

void quantize_row(benchmark::State& state) {
  const auto cols = static_cast<std::size_t>(state.range(0));
  std::vector<float> x(cols, 0.5F);
  std::vector<std::int8_t> codes(cols);
  std::vector<float> scales(cols / 32);
  std::vector<std::int32_t> sums(cols / 16);
  for (auto _ : state) {
    table().quantize_row(x.data(), cols, codes.data(), scales.data(), sums.data());
    benchmark::DoNotOptimize(codes.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(quantize_row)->Arg(576)->Arg(1536);

void silu_mul(benchmark::State& state) {
  std::vector<float> gate(1536, 0.5F);
  std::vector<float> out(1536);
  for (auto _ : state) {
    table().silu_mul(gate.data(), gate.data(), out.data(), gate.size());
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations() * 1536);
}
BENCHMARK(silu_mul);

void softmax(benchmark::State& state) {
  std::vector<float> x(512, 0.5F);
  for (auto _ : state) {
    table().softmax(x.data(), x.size());
    benchmark::DoNotOptimize(x.data());
  }
  state.SetItemsProcessed(state.iterations() * 512);
}
BENCHMARK(softmax);

void rms_norm(benchmark::State& state) {
  std::vector<float> x(576, 0.5F);
  std::vector<float> out(576);
  for (auto _ : state) {
    table().rms_norm(x.data(), x.data(), out.data(), x.size(), 1e-5F);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations() * 576);
}
BENCHMARK(rms_norm);

// Attention of a head group over a block of 64 positions of 64 elements: n queries.
void attention_block(benchmark::State& state) {
  constexpr std::size_t kPositions = 64;
  constexpr std::size_t kDim = 64;
  const auto n = static_cast<std::size_t>(state.range(0));
  std::vector<std::uint16_t> keys(kPositions * kDim, 0x3000);
  std::vector<float> block(kPositions * kDim);
  std::vector<float> q(n * kDim, 0.1F);
  std::vector<float> scores(n * kPositions);
  std::vector<float> out(n * kDim);
  for (auto _ : state) {
    table().f16_to_f32(keys.data(), block.data(), block.size());
    table().matmul_f32({.w = block.data(),
                        .w_stride = kDim,
                        .rows = kPositions,
                        .x = q.data(),
                        .x_stride = kDim,
                        .n = n,
                        .cols = kDim,
                        .y = scores.data(),
                        .y_stride = kPositions});
    for (std::size_t i = 0; i < n; ++i) {
      benchmark::DoNotOptimize(table().exp_sum(scores.data() + i * kPositions, kPositions, 1.0F));
    }
    table().weighted_sum({.weights = scores.data(),
                          .weights_stride = kPositions,
                          .n = n,
                          .values = block.data(),
                          .values_stride = kDim,
                          .count = kPositions,
                          .dim = kDim,
                          .out = out.data(),
                          .out_stride = kDim});
    benchmark::DoNotOptimize(out.data());
  }
  state.counters["Gop/s"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * static_cast<double>(4 * n * kPositions * kDim) * 1e-9,
      benchmark::Counter::kIsRate);
}
BENCHMARK(attention_block)->Arg(1)->Arg(3)->Arg(96)->Arg(192);

void peak_integer(benchmark::State& state) {
  double operations = 0;
  for (auto _ : state) operations += integer_operations(100000);
  state.counters["Gop/s"] = benchmark::Counter(operations * 1e-9, benchmark::Counter::kIsRate);
}
BENCHMARK(peak_integer);

void peak_float(benchmark::State& state) {
  double operations = 0;
  for (auto _ : state) operations += float_operations(100000);
  state.counters["Gop/s"] = benchmark::Counter(operations * 1e-9, benchmark::Counter::kIsRate);
}
BENCHMARK(peak_float);

void read_memory(benchmark::State& state) {
  std::vector<std::byte> data(static_cast<std::size_t>(state.range(0)) << 20U, std::byte{1});
  for (auto _ : state) benchmark::DoNotOptimize(read_all(data.data(), data.size()));
  state.counters["GB/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(data.size()) * 1e-9,
                         benchmark::Counter::kIsRate);
}
BENCHMARK(read_memory)->Arg(16)->Arg(128)->Arg(512);

}  // namespace
}  // namespace mote::bench

BENCHMARK_MAIN();
