// Bit planes that several formats share: nibbles of elements 16 (or 32) apart, two-bit fields of elements 32
// apart, single bits of elements 32 apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace mote::codec {

// kHalf bytes hold 2 * kHalf codes: byte j has element j in its low nibble, element j + kHalf in its high
// one.
template <std::size_t kHalf>
inline void pack_nibbles(const std::uint8_t* codes, std::uint8_t* bytes) {
  for (std::size_t j = 0; j < kHalf; ++j) {
    bytes[j] = static_cast<std::uint8_t>((codes[j] & 15) | (codes[j + kHalf] & 15) << 4);
  }
}

template <std::size_t kHalf>
inline void unpack_nibbles(const std::uint8_t* bytes, std::uint8_t* codes) {
  for (std::size_t j = 0; j < kHalf; ++j) {
    codes[j] = bytes[j] & 15;
    codes[j + kHalf] = bytes[j] >> 4;
  }
}

// 32 bytes hold two bits of 128 codes: bits 2k and 2k + 1 of byte j are those of element 32 k + j. They stand
// at `shift` in the code.
inline void pack_crumbs(const std::uint8_t* codes, int shift, std::uint8_t* bytes) {
  for (std::size_t j = 0; j < 32; ++j) {
    int byte = 0;
    for (std::size_t k = 0; k < 4; ++k) byte |= ((codes[32 * k + j] >> shift) & 3) << (2 * k);
    bytes[j] = static_cast<std::uint8_t>(byte);
  }
}

inline void merge_crumbs(const std::uint8_t* bytes, int shift, std::uint8_t* codes) {
  for (std::size_t k = 0; k < 4; ++k) {
    for (std::size_t j = 0; j < 32; ++j) {
      codes[32 * k + j] = static_cast<std::uint8_t>(codes[32 * k + j] | ((bytes[j] >> (2 * k)) & 3) << shift);
    }
  }
}

// 32 bytes hold one bit of 256 codes: bit b of byte j is that of element 32 b + j. It stands at `shift` in
// the code.
inline void pack_bit_plane(const std::uint8_t* codes, int shift, std::uint8_t* bytes) {
  for (std::size_t j = 0; j < 32; ++j) {
    int byte = 0;
    for (std::size_t b = 0; b < 8; ++b) byte |= ((codes[32 * b + j] >> shift) & 1) << b;
    bytes[j] = static_cast<std::uint8_t>(byte);
  }
}

inline void merge_bit_plane(const std::uint8_t* bytes, int shift, std::uint8_t* codes) {
  for (std::size_t b = 0; b < 8; ++b) {
    for (std::size_t j = 0; j < 32; ++j) {
      codes[32 * b + j] = static_cast<std::uint8_t>(codes[32 * b + j] | ((bytes[j] >> b) & 1) << shift);
    }
  }
}

// Bit i of `bits` to bit `at` of byte i of the result.
inline std::uint64_t spread_bits(std::uint8_t bits, unsigned at) {
  // Copy the byte to all, keep bit i in byte i, carry it to bit 7 (1 to 0x80 plus 0x7F stays within the
  // byte).
  const std::uint64_t kept = (bits * 0x0101010101010101ULL) & 0x8040201008040201ULL;
  return ((kept + 0x7F7F7F7F7F7F7F7FULL) & 0x8080808080808080ULL) >> (7U - at);
}

// 4 bytes hold bit 4 of 32 codes in element order (Q5_0, Q5_1).
inline void pack_fifth_bits(const std::uint8_t* codes, std::uint8_t* bytes) {
  for (std::size_t k = 0; k < 4; ++k) {
    int byte = 0;
    for (std::size_t i = 0; i < 8; ++i) byte |= ((codes[8 * k + i] >> 4) & 1) << i;
    bytes[k] = static_cast<std::uint8_t>(byte);
  }
}

inline void merge_fifth_bits(const std::uint8_t* bytes, std::uint8_t* codes) {
  for (std::size_t k = 0; k < 4; ++k) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, codes + 8 * k, sizeof(eight));
    eight |= spread_bits(bytes[k], 4);
    std::memcpy(codes + 8 * k, &eight, sizeof(eight));
  }
}

}  // namespace mote::codec
