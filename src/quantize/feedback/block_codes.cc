#include "quantize/feedback/block_codes.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "codec/affine.h"
#include "codec/iq4_nl.h"
#include "codec/iq4_xs.h"
#include "codec/mxfp4.h"
#include "codec/nvfp4.h"
#include "codec/q2_k.h"
#include "codec/q3_k.h"
#include "codec/q4_0.h"
#include "codec/q4_1.h"
#include "codec/q4_k.h"
#include "codec/q5_0.h"
#include "codec/q5_1.h"
#include "codec/q5_k.h"
#include "codec/q6_k.h"
#include "codec/q8_0.h"
#include "codec/table4.h"
#include "codec/tq1_0.h"
#include "codec/tq2_0.h"
#include "quantize/level_table.h"

namespace mote::quantize {
namespace {

constexpr Half kSign = 0x8000;

template <typename Block>
Block load(const std::byte* bytes) {
  Block block;
  std::memcpy(&block, bytes, sizeof block);
  return block;
}

template <typename Block>
void store(const Block& block, std::byte* bytes) {
  std::memcpy(bytes, &block, sizeof block);
}

// The integers of a super-block's scales as the packing functions take them: `Bias` added.
template <std::size_t Groups, int Bias>
std::array<std::uint8_t, 16> stored_codes(const std::int8_t* values) {
  std::array<std::uint8_t, 16> out{};
  for (std::size_t g = 0; g < Groups; ++g) out[g] = static_cast<std::uint8_t>(values[g] + Bias);
  return out;
}

codec::ScaleCodes scale_codes(const codec::IntegerForm& form, const std::byte* block) {
  codec::ScaleCodes codes;
  form.unpack_scales(block, codes);
  return codes;
}

template <typename Block>
using PackOne = void (*)(const std::uint8_t*, Half, Block&) noexcept;

template <typename Block>
void rewrite_one(std::byte* bytes, const std::uint8_t* codes, Half d, PackOne<Block> pack) {
  Block block;
  pack(codes, d, block);
  store(block, bytes);
}

template <typename Block>
void rewrite_affine(std::byte* bytes, const std::uint8_t* codes, BlockFactors f,
                    void (*pack)(const std::uint8_t*, Half, Half, Block&) noexcept) {
  Block block;
  pack(codes, f.scale, static_cast<Half>(f.min ^ kSign), block);  // the block adds what factors subtract
  store(block, bytes);
}

template <std::size_t Groups, typename Block>
void rewrite_k(const codec::IntegerForm& form, std::byte* bytes, const std::uint8_t* codes, BlockFactors f,
               void (*pack)(const std::uint8_t*, const std::uint8_t*, const std::uint8_t*, Half, Half,
                            Block&) noexcept) {
  const codec::ScaleCodes of = scale_codes(form, bytes);
  Block block = load<Block>(bytes);
  pack(codes, stored_codes<Groups, 0>(of.scales).data(), stored_codes<Groups, 0>(of.mins).data(), f.scale,
       f.min, block);
  store(block, bytes);
}

template <std::size_t Groups, typename Block>
void rewrite_biased(const codec::IntegerForm& form, std::byte* bytes, const std::uint8_t* codes, Half d,
                    void (*pack)(const std::uint8_t*, const std::uint8_t*, Half, Block&) noexcept) {
  const codec::ScaleCodes of = scale_codes(form, bytes);
  Block block = load<Block>(bytes);
  pack(codes, stored_codes<Groups, 32>(of.scales).data(), d, block);
  store(block, bytes);
}

bool is_ternary(CodecId id) { return id == CodecId::tq1_0 || id == CodecId::tq2_0; }

// Codes as they are stored.
void to_stored(const LevelTable& table, std::size_t n, const std::uint8_t* codes, std::uint8_t* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = table.codes[codes[i]];
}

}  // namespace

bool has_factors(CodecId id) { return (id >= CodecId::q4_0 && id <= CodecId::iq4_xs) || is_ternary(id); }

bool has_free_codes(CodecId id) {
  return has_factors(id) || level_table(id) != nullptr || codec::affine_format(id).has_value();
}

void unpack_block(CodecId id, const std::byte* block, std::uint8_t* codes, float* scales, float* mins) {
  const codec::Codec& codec = codec::codec_of(id);
  codec.integer_form->unpack(block, codes, scales, mins);
  const LevelTable* table = level_table(id);
  if (table == nullptr) return;
  std::array<std::uint8_t, 16> index{};
  for (std::size_t code = 0; code < 16; ++code) {
    // A second zero is not in the table: it has the index of the first.
    const auto of_code = std::ranges::find(table->codes, static_cast<std::uint8_t>(code));
    const auto zero = std::ranges::find(table->values, 0.0F);
    index[code] = static_cast<std::uint8_t>(of_code != table->codes.end() ? of_code - table->codes.begin()
                                                                          : zero - table->values.begin());
  }
  for (std::size_t i = 0; i < codec.block_elements; ++i) codes[i] = index[codes[i]];
  if (id != CodecId::nf4 && id != CodecId::fp4) return;
  // Their integer form is near the table only.
  float absmax = 0;
  std::memcpy(&absmax, load<codec::BlockTable4>(block).absmax, sizeof absmax);
  for (std::size_t g = 0; g < codec.block_elements / codec.integer_form->group_elements; ++g)
    scales[g] = absmax;
}

CodeRange code_range(CodecId id) {
  if (const LevelTable* table = level_table(id)) return {0, table->last};
  if (is_ternary(id)) return {0, 2};
  const codec::IntegerForm& form = *codec::codec_of(id).integer_form;
  const auto high = static_cast<std::uint8_t>((1U << form.code_bits) - 1U);
  return {static_cast<std::uint8_t>(id == CodecId::q8_0 ? 1 : 0), high};
}

BlockFactors block_factors(CodecId id, const std::byte* block) {
  const codec::IntegerForm& form = *codec::codec_of(id).integer_form;
  if (form.unpack_scales != nullptr) {
    const codec::ScaleCodes codes = scale_codes(form, block);
    return {codes.factor, form.has_min ? codes.min_factor : Half{0}};
  }
  switch (id) {
    case CodecId::q4_1: {
      const auto in = load<codec::BlockQ41>(block);
      return {in.d, static_cast<Half>(in.m ^ kSign)};
    }
    case CodecId::q5_1: {
      const auto in = load<codec::BlockQ51>(block);
      return {in.d, static_cast<Half>(in.m ^ kSign)};
    }
    case CodecId::tq1_0:
      return {load<codec::BlockTq10>(block).d, 0};
    case CodecId::tq2_0:
      return {load<codec::BlockTq20>(block).d, 0};
    default:
      // Q4_0, Q5_0, Q8_0 and IQ4_NL begin with their scale.
      return {load<Half>(block), 0};
  }
}

void rewrite_block(CodecId id, std::byte* block, const std::uint8_t* codes, BlockFactors f) {
  const codec::IntegerForm& form = *codec::codec_of(id).integer_form;
  std::uint8_t stored[codec::BlockTable4::kElements];
  switch (id) {
    case CodecId::mxfp4: {
      auto out = load<codec::BlockMxfp4>(block);
      to_stored(*level_table(id), codec::BlockMxfp4::kElements, codes, stored);
      codec::pack_mxfp4(stored, out.e, out);
      return store(out, block);
    }
    case CodecId::nvfp4: {
      const auto in = load<codec::BlockNvfp4>(block);
      auto out = in;
      to_stored(*level_table(id), codec::BlockNvfp4::kElements, codes, stored);
      codec::pack_nvfp4(stored, in.d, out);
      return store(out, block);
    }
    case CodecId::nf4:
    case CodecId::fp4: {
      auto out = load<codec::BlockTable4>(block);
      to_stored(*level_table(id), codec::BlockTable4::kElements, codes, stored);
      codec::pack_table4(stored, out);
      return store(out, block);
    }
    case CodecId::tq1_0:
      return rewrite_one<codec::BlockTq10>(block, codes, f.scale, codec::pack_tq1_0);
    case CodecId::tq2_0:
      return rewrite_one<codec::BlockTq20>(block, codes, f.scale, codec::pack_tq2_0);
    case CodecId::q4_0:
      return rewrite_one<codec::BlockQ40>(block, codes, f.scale, codec::pack_q4_0);
    case CodecId::q5_0:
      return rewrite_one<codec::BlockQ50>(block, codes, f.scale, codec::pack_q5_0);
    case CodecId::q8_0:
      return rewrite_one<codec::BlockQ80>(block, codes, f.scale, codec::pack_q8_0);
    case CodecId::iq4_nl:
      return rewrite_one<codec::BlockIq4Nl>(block, codes, f.scale, codec::pack_iq4_nl);
    case CodecId::q4_1:
      return rewrite_affine<codec::BlockQ41>(block, codes, f, codec::pack_q4_1);
    case CodecId::q5_1:
      return rewrite_affine<codec::BlockQ51>(block, codes, f, codec::pack_q5_1);
    case CodecId::q2_k:
      return rewrite_k<16, codec::BlockQ2K>(form, block, codes, f, codec::pack_q2_k);
    case CodecId::q4_k:
      return rewrite_k<8, codec::BlockQ4K>(form, block, codes, f, codec::pack_q4_k);
    case CodecId::q5_k:
      return rewrite_k<8, codec::BlockQ5K>(form, block, codes, f, codec::pack_q5_k);
    case CodecId::q3_k:
      return rewrite_biased<16, codec::BlockQ3K>(form, block, codes, f.scale, codec::pack_q3_k);
    case CodecId::iq4_xs:
      return rewrite_biased<8, codec::BlockIq4Xs>(form, block, codes, f.scale, codec::pack_iq4_xs);
    case CodecId::q6_k: {
      const codec::ScaleCodes of = scale_codes(form, block);
      auto out = load<codec::BlockQ6K>(block);
      codec::pack_q6_k(codes, of.scales, f.scale, out);
      return store(out, block);
    }
    default:
      if (const auto format = codec::affine_format(id)) {
        codec::write_affine_block(*format, codec::affine_scale(*format, block), codes, block);
      }
      return;
  }
}

}  // namespace mote::quantize
