// What is done to weights once: tiles packed when a model is loaded, and the quantizer's search.
#include <cstdlib>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/rng.h"
#include "chosen_kernels.h"
#include "codec/codec.h"
#include "kernels/linear.h"
#include "quantize/search.h"
#include "roof.h"

namespace mote::bench {
namespace {

// Nothing is computed: blocks are read and tiles written.
void pack(benchmark::State& state, CodecId id) {
  const auto rows = static_cast<std::size_t>(state.range(0));
  const auto cols = static_cast<std::size_t>(state.range(1));
  const codec::Codec& codec = codec::codec_of(id);
  std::vector<float> values(rows * cols);
  Rng rng(1);
  for (float& v : values) v = static_cast<float>(rng.next_normal());
  std::vector<std::byte> blocks(rows * cols / codec.block_elements * codec.block_bytes);
  codec.encode_rtn(values.data(), blocks.data(), rows * cols / codec.block_elements);
  QuantizedTensor tensor;
  tensor.codec = id;
  tensor.shape = Shape{rows, cols};
  tensor.planes = {blocks};
  auto packed = kernels::prepare_pack(tensor, true);
  if (!packed) std::exit(1);
  const Peaks peaks = measure_peaks(other_memory(blocks.size() + packed->bytes()));
  for (auto _ : state) {
    kernels::pack_tiles(tensor, *packed, 0, packed->tile_count());
    benchmark::DoNotOptimize(packed->tiles);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(rows * cols));
  report(state,
         {.integer_operations = 0,
          .float_operations = 0,
          .bytes = static_cast<double>(blocks.size() + packed->bytes())},
         peaks);
}
BENCHMARK_CAPTURE(pack, q4_0, CodecId::q4_0)->Args({2048, 2048});
BENCHMARK_CAPTURE(pack, q8_0, CodecId::q8_0)->Args({2048, 2048});
BENCHMARK_CAPTURE(pack, q4_k, CodecId::q4_k)->Args({2048, 2048});
BENCHMARK_CAPTURE(pack, q6_k, CodecId::q6_k)->Args({2048, 2048});

// An evaluation of codes for a scale: a product and two additions that round it; the residual by a product
// and a difference; its two weighted forms; three sums of products. Without fused steps, so at best half the
// peak.
constexpr double kEvaluation = 3 + 2 + 2 + 3 * 2;

// The search of sixteen blocks of 32. `evaluations`: starts at each end of the range, rounds of codes and
// scales in turn, and three to finish, as search_kernels.inc has them.
void search(benchmark::State& state, quantize::SearchKernels::BlockKernel quantize::SearchKernels::* kernel,
            double evaluations) {
  sys::CpuFeatures allowed = features();
  const kernels::Isa isa = isa_of("matmul_f32");
  allowed.avx512 = allowed.avx512 && isa == kernels::Isa::avx512;
  allowed.avx2 = allowed.avx2 && isa != kernels::Isa::reference;
  const quantize::SearchKernels& chosen = quantize::search_kernels(allowed);
  constexpr std::size_t kElements = quantize::kMaxBlock * quantize::kLanes;
  AlignedBuffer buffer(2 * kElements * sizeof(float));
  auto* x = buffer.as<float>();
  float* u = x + kElements;
  Rng rng(1);
  for (std::size_t i = 0; i < kElements; ++i) x[i] = static_cast<float>(rng.next_normal()), u[i] = 1.0F;
  quantize::BlockCodes out;
  const Peaks peaks = measure_peaks(other_memory(2 * kElements * sizeof(float)));
  for (auto _ : state) {
    (chosen.*kernel)(x, u, out);
    benchmark::DoNotOptimize(out);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kElements));
  report(state,
         {.integer_operations = 0,
          .float_operations = static_cast<double>(kElements) * evaluations * kEvaluation,
          .bytes = static_cast<double>(2 * kElements * sizeof(float) + sizeof out)},
         peaks);
}
BENCHMARK_CAPTURE(search, q4_0, &quantize::SearchKernels::q4_0, 2 * 10 + 3 + 3);
BENCHMARK_CAPTURE(search, q8_0, &quantize::SearchKernels::q8_0, 10 + 2 + 3);

}  // namespace
}  // namespace mote::bench
