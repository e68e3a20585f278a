// How fast a model runs: prompt processing (pp) and generation (tg), each several times, medians first, since
// a machine that does other things too has outliers on one side only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/loaded_model.h"
#include "engine/runtime.h"
#include "mote/cancel.h"
#include "mote/result.h"
#include "mote/session_options.h"

namespace mote::measure {

struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
};
// Median of an even count is the mean of the middle two. All zero for no values.
Spread spread_of(std::vector<double> values);

// A prompt at once (pp), then tokens one by one (tg); at least one of them.
struct BenchCase {
  std::size_t prompt = 512;
  std::size_t generated = 0;
  std::size_t depth = 0;     // tokens in the session before the clock starts
  std::size_t parallel = 1;  // sessions, fed together: each has tokens of its own
};
std::string name_of(const BenchCase& test);  // "pp512", "tg128", "pp512+tg128"

struct BenchOptions {
  std::size_t repetitions = 5;
  engine::SessionOptions session;  // context is set to what the case needs
  const CancelToken* cancel = nullptr;
  std::function<void(std::size_t done, std::size_t total)> progress;  // repetitions
};

struct BenchResult {
  Spread tokens_per_second;  // of all sessions together
  // Generation alone: weight bytes per token x steps per second / 1e9; 0 with a prompt.
  double bandwidth_gbps = 0;
  std::uint64_t peak_rss_bytes = 0;  // of the process so far
  double ttft_cold_seconds = 0;      // first run of the session until its first logits
  double ttft_warm_seconds = 0;      // median of the repetitions
  std::optional<double>
      joules_per_token;  // of all sessions' tokens, whole package; where a counter can be read
};

// One untimed warm-up, then the repetitions. Tokens are drawn from a seeded generator: speed does not depend
// on them. Errors: those of Session, CANCELLED.
Result<BenchResult> run_bench(engine::Runtime& runtime,
                              const std::shared_ptr<const engine::LoadedModel>& model, const BenchCase& test,
                              const BenchOptions& options);

// Larger than the last-level caches of today's servers, small enough for a board with 1 GB.
inline constexpr std::size_t kProbeBytes = std::size_t{256} << 20;

// Reads as much as `bytes` with all workers, the best of a few passes, in 1e9 bytes per second.
// OUT_OF_MEMORY.
Result<double> probe_read_bandwidth(sys::ThreadPool& pool, std::size_t bytes);

// Peak resident memory of this process.
std::uint64_t peak_rss_bytes();

}  // namespace mote::measure
