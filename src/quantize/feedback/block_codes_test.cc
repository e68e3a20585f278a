#include "quantize/feedback/block_codes.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "codec/codec.h"
#include "quantize/level_table.h"
#include "quantize/search.h"

namespace mote::quantize {
namespace {

std::vector<CodecId> formats() {
  std::vector<CodecId> out;
  for (const codec::Codec& codec : codec::all_codecs()) {
    if (has_factors(codec.id)) out.push_back(codec.id);
  }
  return out;
}

// A row of one block with weights of both signs.
std::vector<std::byte> encoded(CodecId id, std::uint64_t seed) {
  const codec::Codec& codec = codec::codec_of(id);
  Rng rng(seed);
  std::vector<float> x(codec.block_elements);
  for (float& v : x) v = static_cast<float>(rng.next_normal()) * 0.02F;
  std::vector<std::byte> block(codec.block_bytes);
  encode_search(kSearchBaseline, id, x.data(), nullptr, block.data(), 1, x.size());
  return block;
}

TEST(BlockCodes, KnowsTheFormatsOfIndependentCodes) {
  EXPECT_EQ(formats().size(), 14U);
  EXPECT_TRUE(has_free_codes(CodecId::int3_g64_asym));
  EXPECT_FALSE(has_factors(CodecId::int3_g64_asym));
  EXPECT_TRUE(has_free_codes(CodecId::nf4));
  EXPECT_FALSE(has_factors(CodecId::nf4));
  EXPECT_FALSE(has_free_codes(CodecId::f16));
  EXPECT_FALSE(has_free_codes(CodecId::iq3_s));
}

TEST(BlockCodes, WritingWhatABlockHasChangesNothing) {
  for (const CodecId id : formats()) {
    const codec::Codec& codec = codec::codec_of(id);
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      const std::vector<std::byte> before = encoded(id, seed);
      std::uint8_t codes[256];
      float scales[16];
      float mins[16];
      codec.integer_form->unpack(before.data(), codes, scales, mins);
      std::vector<std::byte> after = before;
      rewrite_block(id, after.data(), codes, block_factors(id, before.data()));
      EXPECT_EQ(after, before) << codec.name << " " << seed;
    }
  }
}

TEST(BlockCodes, OfAffineGroupsTakeNewCodesAndKeepScaleAndZeroPoint) {
  for (const CodecId id : {CodecId::int4_g32_sym, CodecId::int3_g64_asym, CodecId::int8_g128_asym}) {
    const codec::Codec& codec = codec::codec_of(id);
    std::vector<std::byte> block = encoded(id, 3);
    const std::size_t header = codec.block_bytes - codec.block_elements * codec.integer_form->code_bits / 8;
    const std::vector<std::byte> before(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(header));
    std::vector<std::uint8_t> codes(codec.block_elements);
    const CodeRange range = code_range(id);
    for (std::size_t i = 0; i < codes.size(); ++i) {
      codes[i] = static_cast<std::uint8_t>(i * 5 % (range.high + 1U));
    }
    rewrite_block(id, block.data(), codes.data(), {});
    EXPECT_TRUE(std::equal(before.begin(), before.end(), block.begin())) << codec.name;
    std::vector<std::uint8_t> again(codes.size());
    float scales[16];
    float mins[16];
    codec.integer_form->unpack(block.data(), again.data(), scales, mins);
    EXPECT_EQ(again, codes) << codec.name;
  }
}

// Indices of a table's values: what is read is what is written, and what the block decodes to.
TEST(BlockCodes, OfTablesAreIndicesOfRisingValues) {
  for (const CodecId id :
       {CodecId::iq4_nl, CodecId::iq4_xs, CodecId::mxfp4, CodecId::nvfp4, CodecId::nf4, CodecId::fp4}) {
    const codec::Codec& codec = codec::codec_of(id);
    const LevelTable* table = level_table(id);
    ASSERT_NE(table, nullptr);
    EXPECT_TRUE(std::ranges::is_sorted(table->values));
    EXPECT_EQ(table->last, id == CodecId::iq4_nl || id == CodecId::iq4_xs || id == CodecId::nf4 ? 15 : 14);
    std::vector<std::byte> block = encoded(id, 5);
    std::uint8_t codes[256];
    std::uint8_t again[256];
    float scales[16];
    float mins[16];
    for (const bool changed : {false, true}) {
      unpack_block(id, block.data(), codes, scales, mins);
      const std::vector<std::byte> before = block;
      if (changed) {
        for (std::size_t i = 0; i < codec.block_elements; ++i) {
          codes[i] = static_cast<std::uint8_t>(i * 7 % (table->last + 1U));
        }
      }
      rewrite_block(id, block.data(), codes,
                    has_factors(id) ? block_factors(id, block.data()) : BlockFactors{});
      if (!changed) {
        EXPECT_EQ(block, before) << codec.name;
      }
      unpack_block(id, block.data(), again, scales, mins);
      EXPECT_TRUE(std::equal(codes, codes + codec.block_elements, again)) << codec.name;
      std::vector<float> decoded(codec.block_elements);
      codec.decode(block.data(), decoded.data(), 1);
      for (std::size_t i = 0; i < decoded.size(); ++i) {
        EXPECT_EQ(decoded[i], scales[i / codec.integer_form->group_elements] * table->values[codes[i]])
            << codec.name;
      }
    }
  }
  EXPECT_EQ(level_table(CodecId::q4_0), nullptr);
}

// Any codes and factors: the block decodes to scale * level - min, with the integers of the scales as they
// were.
TEST(BlockCodes, NewCodesAndFactorsAreWhatTheBlockDecodesTo) {
  for (const CodecId id : formats()) {
    const codec::Codec& codec = codec::codec_of(id);
    const codec::IntegerForm& form = *codec.integer_form;
    const CodeRange range = code_range(id);
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      std::vector<std::byte> block = encoded(id, seed);
      std::uint8_t codes[256];
      float scales[16];
      float mins[16];
      form.unpack(block.data(), codes, scales, mins);
      const BlockFactors old = block_factors(id, block.data());
      Rng rng(seed + 100);
      for (std::size_t i = 0; i < codec.block_elements; ++i) {
        codes[i] = static_cast<std::uint8_t>(range.low + rng.next_u64() % (range.high - range.low + 1U));
      }
      const Half scale = float_to_half(half_to_float(old.scale) * 1.5F);
      const Half min = float_to_half(half_to_float(old.min) * 0.5F);
      rewrite_block(id, block.data(), codes, {scale, min});
      std::vector<float> decoded(codec.block_elements);
      codec.decode(block.data(), decoded.data(), 1);
      const float grown =
          half_to_float(old.scale) == 0.0F ? 0.0F : half_to_float(scale) / half_to_float(old.scale);
      const float shrunk =
          half_to_float(old.min) == 0.0F ? 0.0F : half_to_float(min) / half_to_float(old.min);
      for (std::size_t i = 0; i < codec.block_elements; ++i) {
        const std::size_t g = i / form.group_elements;
        const float level = form.table != nullptr ? static_cast<float>(form.table[codes[i]])
                                                  : static_cast<float>(codes[i] - form.offset);
        const float expected = scales[g] * grown * level - (form.has_min ? mins[g] * shrunk : 0.0F);
        ASSERT_NEAR(decoded[i], expected, 1e-6F) << codec.name << " " << seed << " " << i;
      }
    }
  }
}

}  // namespace
}  // namespace mote::quantize
