// Size arithmetic that cannot wrap. Every size that a file, a command line or a request influences is
// computed with Checked; three CVEs of a peer came from single unchecked sums (CVE-2025-53630,
// CVE-2026-27940, CVE-2026-33298).
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>

namespace mote {

// A u64 that remembers an overflow: once wrapped, always invalid. The value is only reachable through
// value().
class Checked {
 public:
  constexpr Checked() = default;
  template <std::integral T>
  constexpr Checked(T value)  // NOLINT(google-explicit-constructor): `Checked(a) * b + c` reads as it should
      : value_(static_cast<std::uint64_t>(value)), valid_(value >= T{0}) {}

  // Nothing where any step overflowed or a negative number went in.
  [[nodiscard]] constexpr std::optional<std::uint64_t> value() const {
    return valid_ ? std::optional<std::uint64_t>(value_) : std::nullopt;
  }
  [[nodiscard]] constexpr bool valid() const { return valid_; }

  friend constexpr Checked operator+(Checked a, Checked b) {
    Checked r;
    r.valid_ = !__builtin_add_overflow(a.value_, b.value_, &r.value_) && a.valid_ && b.valid_;
    return r;
  }
  friend constexpr Checked operator-(Checked a, Checked b) {
    Checked r;
    r.valid_ = !__builtin_sub_overflow(a.value_, b.value_, &r.value_) && a.valid_ && b.valid_;
    return r;
  }
  friend constexpr Checked operator*(Checked a, Checked b) {
    Checked r;
    r.valid_ = !__builtin_mul_overflow(a.value_, b.value_, &r.value_) && a.valid_ && b.valid_;
    return r;
  }
  // Rounds up to a multiple of `alignment`, which must not be zero.
  [[nodiscard]] constexpr Checked aligned_up(std::uint64_t alignment) const {
    const std::uint64_t rest = value_ % alignment;
    return rest == 0 ? *this : *this + (alignment - rest);
  }

 private:
  std::uint64_t value_ = 0;
  bool valid_ = true;
};

}  // namespace mote
