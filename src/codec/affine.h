// Affine groups, int{2,3,4,8}-g{32,64,128}-{sym,asym} and int{2,3,4,8}-row-{sym,asym}: neighbours in a row
// under one scale and, where asymmetric, one zero point. One file group for all of them, by parameters.
//
//   byte  0..3   scale  float32
//   byte  4      zero   asym only: the code that stands for zero
//   then         codes  element i in bits i * b and up of a little-endian stream of bits
//   x[i] = scale * (code[i] - zero),   zero = 2^(b - 1) where symmetric
//
// No file has these blocks: they are what the public layouts of Hugging Face folders (compressed-tensors,
// GPTQ, AWQ; formats/hf_quantized/) become in memory. A float32 holds any file's scale exactly. What the
// layouts share is the order of bits within a row, so codes are copied, not chosen anew.
//
// `row`: blocks of 32 whose scale and zero point are those of their whole row. Repeating them keeps a block
// the unit of everything that works from the codec table; who writes a row chooses one pair for it
// (quantize/affine_rows.h), and the writer of folders checks that.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "codec/codec.h"
#include "codec/rounding.h"
#include "codec/scale_type.h"

namespace mote::codec {

struct AffineFormat {
  unsigned bits;      // 2, 3, 4, 8
  std::size_t group;  // elements of a block; 32 where per_row
  bool per_row;       // blocks of a row have the same scale and zero point
  bool asymmetric;

  [[nodiscard]] constexpr int middle() const { return 1 << (bits - 1); }
  [[nodiscard]] constexpr int largest() const { return (1 << bits) - 1; }
  [[nodiscard]] constexpr std::size_t header_bytes() const { return asymmetric ? 5 : 4; }
  [[nodiscard]] constexpr std::size_t block_bytes() const { return header_bytes() + group * bits / 8; }
};

inline constexpr std::size_t kAffineFormats = 32;

// The i-th of them, in the order of CodecId.
constexpr AffineFormat affine_format_at(std::size_t i) {
  constexpr unsigned kBits[] = {2, 3, 4, 8};
  constexpr std::size_t kGroups[] = {32, 64, 128, 32};
  const std::size_t group = i / 2 % 4;
  return {kBits[i / 8], kGroups[group], group == 3, i % 2 == 1};
}

// Nothing for other codecs.
std::optional<AffineFormat> affine_format(CodecId id);
// group: 32, 64, 128, or 0 for a whole row. Nothing where there is no such format.
std::optional<CodecId> find_affine(unsigned bits, std::uint64_t group, bool asymmetric);

// What the elements of a group share. `zero` is 2^(b - 1) where symmetric.
struct AffineScale {
  float scale = 0.0F;
  std::uint8_t zero = 0;
  bool operator==(const AffineScale&) const = default;
};

// Plain rounding, as compressed-tensors and GPTQ do it: symmetric max |x| / ((2^b - 1) / 2), asymmetric (max
// - min) / (2^b - 1) over a range that holds zero, the zero point where zero comes to lie. The scale is
// rounded to `type` before the zero point and the codes are chosen. A range that is not finite gives a scale
// that is not.
AffineScale plain_affine_scale(const AffineFormat& format, ScaleType type, Range range);
// Nearest codes, ties to even; all are those of zero where the scale is 0.
void affine_codes(const AffineFormat& format, AffineScale scale, const float* x, std::size_t n,
                  std::uint8_t* codes);

AffineScale affine_scale(const AffineFormat& format, const std::byte* block);
void write_affine_block(const AffineFormat& format, AffineScale scale, const std::uint8_t* codes,
                        std::byte* block);
// codes: format.group of them.
void affine_block_codes(const AffineFormat& format, const std::byte* block, std::uint8_t* codes);

void unpack_affine(const AffineFormat& format, const std::byte* block, std::uint8_t* codes, float* scales,
                   float* mins);
void decode_affine(const AffineFormat& format, const std::byte* blocks, float* out, std::size_t block_count);
void encode_affine(const AffineFormat& format, const float* in, std::byte* blocks, std::size_t block_count);
bool is_finite_affine(const AffineFormat& format, const std::byte* blocks, std::size_t block_count);

// The table's rows.
namespace affine_detail {

struct Name {
  char text[16] = {};
  std::size_t length = 0;
};

constexpr Name name_of(AffineFormat f) {
  Name name;
  const auto add = [&](std::string_view part) {
    for (const char c : part) name.text[name.length++] = c;
  };
  add("int");
  name.text[name.length++] = static_cast<char>('0' + f.bits);
  add(f.per_row ? "-row" : f.group == 32 ? "-g32" : f.group == 64 ? "-g64" : "-g128");
  add(f.asymmetric ? "-asym" : "-sym");
  return name;
}

template <std::size_t kIndex>
struct Row {
  static constexpr AffineFormat kFormat = affine_format_at(kIndex);
  static constexpr Name kName = name_of(kFormat);

  static void unpack(const std::byte* block, std::uint8_t* codes, float* scales, float* mins) noexcept {
    unpack_affine(kFormat, block, codes, scales, mins);
  }
  static void decode(const std::byte* blocks, float* out, std::size_t block_count) noexcept {
    decode_affine(kFormat, blocks, out, block_count);
  }
  static void encode(const float* in, std::byte* blocks, std::size_t block_count) noexcept {
    encode_affine(kFormat, in, blocks, block_count);
  }
  static bool is_finite(const std::byte* blocks, std::size_t block_count) noexcept {
    return is_finite_affine(kFormat, blocks, block_count);
  }
  // Groups of 64 and 128 show their scale once for every 32 elements. min = scale * (zero - 2^(b - 1)): both
  // products are exact for scales of at most 16 bits, so that the form says what decode() says; for other
  // scales it may be off by a float's last bit.
  static constexpr IntegerForm kForm{.group_elements = 32,
                                     .code_bits = kFormat.bits,
                                     .offset = kFormat.middle(),
                                     .table = nullptr,
                                     .has_min = kFormat.asymmetric,
                                     .unpack = unpack};
  static constexpr Codec codec() {
    return {static_cast<CodecId>(static_cast<std::size_t>(CodecId::int2_g32_sym) + kIndex),
            std::string_view(kName.text, kName.length),
            kNoGgufType,
            static_cast<std::uint32_t>(kFormat.group),
            static_cast<std::uint32_t>(kFormat.block_bytes()),
            decode,
            encode,
            &kForm,
            is_finite};
  }
};

}  // namespace affine_detail

constexpr std::array<Codec, kAffineFormats> affine_codecs() {
  return []<std::size_t... kIndices>(std::index_sequence<kIndices...>) {
    return std::array<Codec, kAffineFormats>{affine_detail::Row<kIndices>::codec()...};
  }(std::make_index_sequence<kAffineFormats>());
}

}  // namespace mote::codec
