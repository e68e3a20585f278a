#include <atomic>
#include <chrono>
#include <numeric>
#include <string>

#include "measure/bench.h"
#include "tensor/aligned_buffer.h"

namespace mote::measure {
namespace {

constexpr int kPasses = 5;
constexpr std::size_t kPart = std::size_t{1} << 20;

// Eight independent sums, so that the loads and not the additions set the pace.
std::uint64_t sum_of(const std::uint64_t* words, std::size_t count) {
  std::uint64_t sums[8] = {};
  for (std::size_t i = 0; i + 8 <= count; i += 8) {
    for (std::size_t k = 0; k < 8; ++k) sums[k] += words[i + k];
  }
  std::uint64_t total = 0;
  for (const std::uint64_t s : sums) total += s;
  return total;
}

}  // namespace

Result<double> probe_read_bandwidth(sys::ThreadPool& pool, std::size_t bytes) {
  AlignedBuffer buffer(bytes);
  if (buffer.size() == 0) {
    return Error{kOutOfMemory, "no memory for a probe of " + std::to_string(bytes) + " bytes", "", "",
                 std::nullopt};
  }
  auto* words = buffer.as<std::uint64_t>();
  const std::size_t parts = bytes / kPart;
  constexpr std::size_t kWords = kPart / sizeof(std::uint64_t);
  // Pages that were never written are all the same page of zeros, which lies in a cache.
  pool.parallel_for(parts, 1, [&](std::size_t begin, std::size_t end) {
    std::iota(words + begin * kWords, words + end * kWords, begin);
  });
  std::atomic<std::uint64_t> sink{0};  // keeps the sums from being optimised away
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    pool.parallel_for(parts, 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        sink.fetch_add(sum_of(words + i * kWords, kWords), std::memory_order_relaxed);
      }
    });
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double rate = static_cast<double>(parts * kPart) / seconds / 1e9;
    if (rate > best) best = rate;
  }
  return best;
}

}  // namespace mote::measure
