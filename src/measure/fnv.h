// FNV-1a, 64 bits (Fowler, Noll, Vo; RFC 9923): recognises accidental change. No protection against intent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mote::measure {

class Fnv {
 public:
  void add(std::span<const std::byte> bytes) {
    for (const std::byte b : bytes) {
      value_ = (value_ ^ static_cast<std::uint64_t>(b)) * 0x100000001B3ULL;
    }
  }
  // Little endian.
  void add_u64(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8)
      value_ = (value_ ^ ((number >> shift) & 0xFFU)) * 0x100000001B3ULL;
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xCBF29CE484222325ULL;
};

}  // namespace mote::measure
