#include "measure/bench.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>

#include "base/rng.h"
#include "engine/session.h"
#include "measure/energy.h"

namespace mote::measure {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<TokenId> random_tokens(std::size_t count, std::size_t vocabulary, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<TokenId> tokens(count);
  for (TokenId& t : tokens) t = static_cast<TokenId>(rng.next_below(vocabulary));
  return tokens;
}

// Seconds until the first logits, and of the whole run.
struct Timing {
  double first = 0;
  double total = 0;
};

using Sessions = std::vector<std::unique_ptr<engine::Session>>;

// Tokens of each session, so that experts are not all asked for the same.
using Texts = std::vector<std::vector<TokenId>>;

Texts random_texts(std::size_t sessions, std::size_t count, std::size_t vocabulary, std::uint64_t seed) {
  Texts out;
  for (std::size_t i = 0; i < sessions; ++i) {
    out.push_back(random_tokens(count, vocabulary, seed + 1000 * i));
  }
  return out;
}

// Tokens [first, first + count) of each text to its session.
Result<void> feed_all(const Sessions& sessions, const Texts& texts, std::size_t first, std::size_t count,
                      engine::LogitsWanted wanted, const CancelToken* cancel) {
  std::vector<engine::Feed> feeds;
  feeds.reserve(sessions.size());
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    feeds.push_back({.session = sessions[i].get(),
                     .tokens = std::span(texts[i]).subspan(first, count),
                     .wanted = wanted});
  }
  MOTE_TRY(engine::feed_together(feeds, cancel));
  return {};
}

Result<Timing> run_once(const Sessions& sessions, const BenchCase& test, const Texts& texts,
                        const CancelToken* cancel) {
  Timing timing;
  for (const auto& session : sessions) session->truncate(test.depth);
  const Clock::time_point start = Clock::now();
  if (test.prompt > 0) {
    MOTE_TRY(feed_all(sessions, texts, 0, test.prompt, engine::LogitsWanted::last, cancel));
    timing.first = seconds_since(start);
  }
  for (std::size_t i = test.prompt; i < test.prompt + test.generated; ++i) {
    MOTE_TRY(feed_all(sessions, texts, i, 1, engine::LogitsWanted::last, cancel));
    if (i == 0) timing.first = seconds_since(start);
  }
  timing.total = seconds_since(start);
  return timing;
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  const double median = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2.0;
  return {median, values.front(), values.back()};
}

std::string name_of(const BenchCase& test) {
  std::string name = test.prompt > 0 ? "pp" + std::to_string(test.prompt) : "";
  if (test.generated > 0) name += (name.empty() ? "tg" : "+tg") + std::to_string(test.generated);
  return name;
}

Result<BenchResult> run_bench(engine::Runtime& runtime,
                              const std::shared_ptr<const engine::LoadedModel>& model, const BenchCase& test,
                              const BenchOptions& options) {
  engine::SessionOptions session_options = options.session;
  const std::size_t count = test.prompt + test.generated;
  session_options.context = test.depth + count;
  const double bytes_per_token = static_cast<double>(model->bytes_per_token());
  const Texts before = random_texts(test.parallel, test.depth, model->vocab(), 1);
  const Texts texts = random_texts(test.parallel, count, model->vocab(), 2);
  MOTE_ASSIGN(const Sessions sessions,
              engine::Session::create_several(runtime, model, session_options, test.parallel));
  MOTE_TRY(feed_all(sessions, before, 0, test.depth, engine::LogitsWanted::none, options.cancel));

  BenchResult result;
  std::vector<double> rates;
  std::vector<double> firsts;
  const EnergyCounter energy;
  double joules = 0;
  bool has_energy = true;
  for (std::size_t i = 0; i <= options.repetitions; ++i) {
    if (options.progress) options.progress(i, options.repetitions + 1);
    const EnergyCounter::Reading before_run = energy.read();
    MOTE_ASSIGN(const Timing timing, run_once(sessions, test, texts, options.cancel));
    const std::optional<double> used = energy.joules_since(before_run);
    if (i == 0) {
      result.ttft_cold_seconds = timing.first;
      continue;
    }
    rates.push_back(static_cast<double>(test.parallel * count) / std::max(timing.total, 1e-9));
    firsts.push_back(timing.first);
    has_energy = has_energy && used.has_value();
    joules += used.value_or(0);
  }
  result.ttft_warm_seconds = spread_of(std::move(firsts)).median;
  if (has_energy && !rates.empty()) {
    result.joules_per_token = joules / static_cast<double>(rates.size() * test.parallel * count);
  }
  result.tokens_per_second = spread_of(std::move(rates));
  if (test.prompt == 0) {
    const double steps = result.tokens_per_second.median / static_cast<double>(test.parallel);
    result.bandwidth_gbps = bytes_per_token * steps / 1e9;
  }
  result.peak_rss_bytes = peak_rss_bytes();
  return result;
}

std::uint64_t peak_rss_bytes() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024U;  // Linux counts in KiB
}

}  // namespace mote::measure
