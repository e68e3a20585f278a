// A flag that a signal handler or another thread raises and long work polls.
#pragma once

#include <atomic>

#include "mote/error.h"

namespace mote {

// Of every operation that takes a CancelToken.
inline constexpr ErrorCode kCancelled{"CANCELLED", ErrorKind::cancelled};

class CancelToken {
 public:
  void request() noexcept { flag_.store(true, std::memory_order_relaxed); }  // async-signal-safe
  void reset() noexcept { flag_.store(false, std::memory_order_relaxed); }
  [[nodiscard]] bool requested() const noexcept { return flag_.load(std::memory_order_relaxed); }
  [[nodiscard]] const std::atomic<bool>& flag() const noexcept { return flag_; }

 private:
  std::atomic<bool> flag_{false};
  static_assert(std::atomic<bool>::is_always_lock_free);
};

}  // namespace mote
