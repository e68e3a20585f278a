// Codes one after another in a little-endian stream of bits: code i has bits i * kBits and up, whatever byte
// they fall into. It is the order of every public layout of integer groups within a row or column, three bits
// across bytes and words included, so that one routine reads them all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace mote::codec {

// Eight codes fill kBits bytes. n is a multiple of 8.
template <unsigned kBits>
inline void unpack_stream(const std::byte* in, std::uint8_t* codes, std::size_t n) {
  constexpr std::uint64_t kMask = (1U << kBits) - 1U;
  for (std::size_t i = 0; i < n; i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, in + i / 8 * kBits, kBits);
    for (std::size_t k = 0; k < 8; ++k)
      codes[i + k] = static_cast<std::uint8_t>((word >> (kBits * k)) & kMask);
  }
}

template <unsigned kBits>
inline void pack_stream(const std::uint8_t* codes, std::byte* out, std::size_t n) {
  constexpr std::uint64_t kMask = (1U << kBits) - 1U;
  for (std::size_t i = 0; i < n; i += 8) {
    std::uint64_t word = 0;
    for (std::size_t k = 0; k < 8; ++k) word |= (codes[i + k] & kMask) << (kBits * k);
    std::memcpy(out + i / 8 * kBits, &word, kBits);
  }
}

// The same for a number of bits that is known at run time: 2, 3, 4 or 8.
inline void unpack_stream(unsigned bits, const std::byte* in, std::uint8_t* codes, std::size_t n) {
  switch (bits) {
    case 2:
      return unpack_stream<2>(in, codes, n);
    case 3:
      return unpack_stream<3>(in, codes, n);
    case 4:
      return unpack_stream<4>(in, codes, n);
    default:
      std::memcpy(codes, in, n);
  }
}

inline void pack_stream(unsigned bits, const std::uint8_t* codes, std::byte* out, std::size_t n) {
  switch (bits) {
    case 2:
      return pack_stream<2>(codes, out, n);
    case 3:
      return pack_stream<3>(codes, out, n);
    case 4:
      return pack_stream<4>(codes, out, n);
    default:
      std::memcpy(out, codes, n);
  }
}

}  // namespace mote::codec
