// Attention of one layer as the engine runs it, one thread: 32 heads of 64 elements over 8 of keys, 4096
// positions. Layers take turns, so that keys and values come from memory as they do in a model.
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/rng.h"
#include "chosen_kernels.h"
#include "engine/attention.h"
#include "engine/kv_cache.h"
#include "roof.h"
#include "sys/thread_pool.h"

namespace mote::bench {
namespace {

constexpr std::size_t kPositions = 4096;
constexpr engine::AttentionShape kShape{.heads = 32, .kv_heads = 8, .head_dim = 64, .scale = 0.125F};

// Filling it takes longer than measuring it.
engine::KvCache& cache(engine::KvType type) {
  static std::optional<engine::KvCache> last;
  if (last && last->shape().key_type == type) return *last;
  last.reset();
  engine::KvShape shape{
      .layers = 16, .kv_heads = kShape.kv_heads, .head_dim = kShape.head_dim, .context = kPositions};
  shape.key_type = type;
  shape.value_type = type;
  last = engine::KvCache::create(shape, table());
  if (!last) std::exit(1);
  std::vector<float> row(kShape.head_dim);
  Rng rng(1);
  for (float& x : row) x = static_cast<float>(rng.next_normal());
  for (std::size_t position = 0; position < kPositions; ++position) {
    for (std::size_t layer = 0; layer < shape.layers; ++layer) {
      for (std::size_t head = 0; head < kShape.kv_heads; ++head) {
        last->store_key(layer, head, position, row.data());
        last->store_value(layer, head, position, row.data());
      }
    }
  }
  return *last;
}

// The last `tokens` positions ask.
void attention(benchmark::State& state, engine::KvType type) {
  const auto tokens = static_cast<std::size_t>(state.range(0));
  engine::KvCache& keys_and_values = cache(type);
  const std::size_t width = kShape.heads * kShape.head_dim;
  std::vector<float> q(tokens * width);
  Rng rng(2);
  for (float& x : q) x = static_cast<float>(rng.next_normal());
  std::vector<float> out(q.size());
  sys::ThreadPool pool(1);
  const auto run = engine::Attention::create(kShape, kPositions, 1, table());
  if (run == nullptr) std::exit(1);
  const engine::Slice slice{.cache = &keys_and_values, .first = kPositions - tokens, .n = tokens};
  const std::size_t layers = keys_and_values.shape().layers;
  const std::size_t stored = *keys_and_values.shape().bytes();
  const Peaks peaks = measure_peaks(other_memory(stored));
  std::size_t layer = 0;
  for (auto _ : state) {
    run->run(pool, {&slice, 1}, layer, q.data(), 0, out.data());
    benchmark::DoNotOptimize(out.data());
    layer = (layer + 1) % layers;
  }
  // Token t sees the positions before it and itself.
  const double seen = static_cast<double>(tokens) * static_cast<double>(2 * kPositions - tokens + 1) / 2;
  const double scores = seen * static_cast<double>(kShape.heads);
  const double of_product = 2 * scores * static_cast<double>(kShape.head_dim);
  const bool has_integer_keys = keys_and_values.has_integer_keys();
  // The maximum off and to the sum beside the exponential.
  report(state,
         {.integer_operations = has_integer_keys ? of_product : 0,
          .float_operations = of_product * (has_integer_keys ? 1 : 2) + scores * (kExpOperations + 2),
          .bytes = static_cast<double>(stored / layers + 2 * q.size() * sizeof(float))},
         peaks);
}
BENCHMARK_CAPTURE(attention, f16, engine::KvType::f16)->Arg(1)->Arg(8)->Arg(512);
BENCHMARK_CAPTURE(attention, q8_0, engine::KvType::q8_0)->Arg(1)->Arg(8)->Arg(512);

}  // namespace
}  // namespace mote::bench
