#include "sys/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include "sys/cpu_features.h"

namespace mote::sys {

namespace {

constexpr int kPausesPerClockRead = 32;

// Of a store that a notify follows. libstdc++'s notify first looks whether anybody waits, and a waiter counts
// itself before it looks at the word. With a release store the processor may look for waiters before others
// see the store: the waiter then sleeps on the old value and nobody wakes it. Sequential consistency puts the
// store in front.
constexpr std::memory_order kBeforeNotify = std::memory_order_seq_cst;

void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield" ::: "memory");
#endif
}

// Returns when `word` is no longer `old`: spins for about `spin`, then sleeps.
template <typename Word>
void wait_while(const std::atomic<Word>& word, Word old, std::chrono::microseconds spin) {
  const auto deadline = std::chrono::steady_clock::now() + spin;
  do {
    for (int i = 0; i < kPausesPerClockRead; ++i) {
      if (word.load(std::memory_order_acquire) != old) return;
      pause_cpu();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  while (word.load(std::memory_order_acquire) == old) word.wait(old, std::memory_order_acquire);
}

}  // namespace

// A region: the caller writes `job`, sets `running`, advances `region`, which also says how many workers take
// part; each of these runs the job and counts `running` down; the caller leaves when it is 0. A worker that
// sees a region without it sleeps until `awake` is above its index again. It may miss any number of such
// regions, but none that it takes part in, since the caller waits for it there. The words live on cache lines
// of their own.
struct ThreadPool::State {
  static constexpr std::uint32_t kWidthBits = 11;
  static_assert(kMaxThreads < (1U << kWidthBits));
  alignas(64) std::atomic<std::uint32_t> region{0};
  alignas(64) std::atomic<std::uint32_t> running{0};
  alignas(64) std::atomic<std::uint32_t> awake{0};                         // workers that regions have now
  alignas(64) const FunctionRef<void(unsigned, unsigned)>* job = nullptr;  // published by `region`
  bool stop = false;                                                       // published by `region`
  unsigned size = 1;                                                       // written before the first region
  std::chrono::microseconds spin{0};                                       // written before the first region
  unsigned width = 1;                                                      // of the next region
  std::vector<std::thread> threads;

  void work(unsigned index) {
    std::uint32_t seen = 0;
    for (;;) {
      wait_while(region, seen, spin);
      seen = region.load(std::memory_order_acquire);
      const unsigned members = seen & ((1U << kWidthBits) - 1U);
      if (index >= members) {
        for (std::uint32_t now = awake.load(std::memory_order_acquire); now <= index;
             now = awake.load(std::memory_order_acquire)) {
          awake.wait(now, std::memory_order_acquire);
        }
        continue;
      }
      if (stop) return;
      (*job)(index, members);
      if (running.fetch_sub(1, kBeforeNotify) == 1) running.notify_one();
    }
  }

  void begin_region(unsigned members) {
    const std::uint32_t counted = (region.load(std::memory_order_relaxed) >> kWidthBits) + 1;
    const unsigned before = awake.load(std::memory_order_relaxed);
    region.store(counted << kWidthBits | members, kBeforeNotify);
    region.notify_all();
    if (before == members) return;
    awake.store(members, kBeforeNotify);
    if (members > before) awake.notify_all();
  }
};

ThreadPool::ThreadPool(unsigned threads, std::chrono::microseconds spin) : state_(std::make_unique<State>()) {
  state_->spin = spin;
  if (threads == 0) threads = detect_cpu_features().physical_cores;
  threads = std::clamp(threads, 1U, kMaxThreads);
  State* state = state_.get();
  state->threads.reserve(threads - 1);
  for (unsigned i = 1; i < threads; ++i) {
    try {
      state->threads.emplace_back([state, i] { state->work(i); });
    } catch (const std::system_error&) {
      break;  // the system grants fewer: a pool of fewer gives the same results
    }
  }
  state->size = static_cast<unsigned>(state->threads.size()) + 1;
  state->width = state->size;
}

ThreadPool::~ThreadPool() {
  state_->stop = true;
  state_->begin_region(state_->size);
  for (std::thread& thread : state_->threads) thread.join();
}

unsigned ThreadPool::size() const { return state_->size; }
unsigned ThreadPool::width() const { return state_->width; }
void ThreadPool::set_width(unsigned width) { state_->width = std::clamp(width, 1U, state_->size); }

void ThreadPool::run(FunctionRef<void(unsigned, unsigned)> work) {
  State& state = *state_;
  const unsigned members = state.width;
  if (members == 1) {
    work(0, 1);
    return;
  }
  state.job = &work;
  state.running.store(members - 1, std::memory_order_relaxed);
  state.begin_region(members);
  work(0, members);
  for (std::uint32_t left = state.running.load(std::memory_order_acquire); left != 0;
       left = state.running.load(std::memory_order_acquire)) {
    wait_while(state.running, left, state.spin);
  }
}

void ThreadPool::parallel_for(std::size_t count, std::size_t chunk,
                              FunctionRef<void(std::size_t, std::size_t)> work) {
  if (count == 0) return;
  chunk = std::max<std::size_t>(chunk, 1);
  if (count <= chunk || width() == 1) {
    for (std::size_t begin = 0; begin < count;) {
      const std::size_t end = begin + std::min(chunk, count - begin);
      work(begin, end);
      begin = end;
    }
    return;
  }
  std::atomic<std::size_t> next{0};
  const std::size_t chunks = (count - 1) / chunk + 1;
  run([&](unsigned, unsigned) {
    for (std::size_t i = next.fetch_add(1, std::memory_order_relaxed); i < chunks;
         i = next.fetch_add(1, std::memory_order_relaxed)) {
      const std::size_t begin = i * chunk;
      work(begin, begin + std::min(chunk, count - begin));
    }
  });
}

}  // namespace mote::sys
