// Persistent workers that spin briefly between jobs and park when idle. One job at a time: a parallel region
// with one call per worker and a barrier at its end. Kernels are single threaded; who owns the pool splits
// the work.
//
// Why spinning: a decode step has about five regions per layer, a sleeping barrier costs 26-29 us in a
// virtual machine where a spinning one costs 0.2 us.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace mote::sys {

// A borrowed callable: no allocation, valid during the call it is passed to.
template <typename Signature>
class FunctionRef;
template <typename R, typename... Args>
class FunctionRef<R(Args...)> {
 public:
  template <typename F>
  FunctionRef(F&& f)  // NOLINT(google-explicit-constructor,bugprone-forwarding-reference-overload)
      : object_(const_cast<void*>(static_cast<const void*>(&f))), call_([](void* object, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(args...);
        }) {}
  R operator()(Args... args) const { return call_(object_, args...); }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

// A pool never has more.
inline constexpr unsigned kMaxThreads = 1024;

// How long a worker waits for the next region before it sleeps. Long enough to bridge the serial stretches
// between two regions of a decode step, short enough that an idle program does not hold a core.
inline constexpr std::chrono::microseconds kUsualSpin{60};

class ThreadPool {
 public:
  // `threads` includes the calling thread; 0 means one per physical core that this process may use.
  explicit ThreadPool(unsigned threads = 0, std::chrono::microseconds spin = kUsualSpin);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] unsigned size() const;
  // How many workers take part in regions, size() at first: where memory sets the pace, few do as much as
  // all. Those that do not take part sleep. Clamped to 1 to size(); costs nothing until the next region.
  void set_width(unsigned width);
  [[nodiscard]] unsigned width() const;

  // Calls work(worker, width()) once on workers 0 to width() - 1, the caller among them, and returns when all
  // have finished. Not reentrant: a region may not start another. `work` may not throw.
  void run(FunctionRef<void(unsigned worker, unsigned workers)> work);

  // Splits [0, count) into chunks of `chunk` items claimed in order by idle workers; work(begin, end).
  void parallel_for(std::size_t count, std::size_t chunk,
                    FunctionRef<void(std::size_t begin, std::size_t end)> work);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Another width for the life of the object.
class WidthOf {
 public:
  WidthOf(ThreadPool& pool, unsigned width) : pool_(pool), before_(pool.width()) { pool.set_width(width); }
  ~WidthOf() { pool_.set_width(before_); }
  WidthOf(const WidthOf&) = delete;
  WidthOf& operator=(const WidthOf&) = delete;

 private:
  ThreadPool& pool_;
  unsigned before_;
};

}  // namespace mote::sys
