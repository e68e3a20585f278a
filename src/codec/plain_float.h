// F32, F16, BF16 and F64 as codecs with one element per block, so that readers and writers need no special
// case.
//
//   F32   4 bytes  IEEE binary32, little endian
//   F16   2 bytes  IEEE binary16
//   BF16  2 bytes  upper half of a binary32
//   F64   8 bytes  IEEE binary64; read as the nearest float, which is an infinity beyond 3.4e38
//
// Narrowing rounds to nearest, ties to even; too large becomes infinity; NaN stays NaN (quiet).
#pragma once

#include <cstddef>

namespace mote::codec {

void decode_f32(const std::byte* blocks, float* out, std::size_t count) noexcept;
void decode_f16(const std::byte* blocks, float* out, std::size_t count) noexcept;
void decode_bf16(const std::byte* blocks, float* out, std::size_t count) noexcept;
void decode_f64(const std::byte* blocks, float* out, std::size_t count) noexcept;

void encode_f32(const float* in, std::byte* blocks, std::size_t count) noexcept;
void encode_f16(const float* in, std::byte* blocks, std::size_t count) noexcept;
void encode_bf16(const float* in, std::byte* blocks, std::size_t count) noexcept;
void encode_f64(const float* in, std::byte* blocks, std::size_t count) noexcept;

// True where every element is finite (as a float, for F64).
bool is_finite_f32(const std::byte* blocks, std::size_t count) noexcept;
bool is_finite_f16(const std::byte* blocks, std::size_t count) noexcept;
bool is_finite_bf16(const std::byte* blocks, std::size_t count) noexcept;
bool is_finite_f64(const std::byte* blocks, std::size_t count) noexcept;

}  // namespace mote::codec
