// Writing and reading are inverse: what a folder holds is what was quantized, bit for bit.
#include "formats/hf_quantized/pack.h"

#include <cstring>
#include <fstream>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "codec/affine.h"
#include "codec/codec.h"
#include "formats/checkpoint.h"
#include "testing/environment.h"

namespace mote::formats {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kRows = 64;
constexpr std::uint64_t kCols = 256;

std::vector<CodecId> folder_types() {
  std::vector<CodecId> out;
  for (const codec::Codec& codec : codec::all_codecs()) {
    if (!codec.has_gguf_type()) out.push_back(codec.id);
  }
  return out;
}

// Random codes, scales of the stored type, one for a row where the layout has one.
std::vector<std::byte> random_blocks(CodecId id, codec::ScaleType type, Rng& rng) {
  const codec::Codec& codec = codec::codec_of(id);
  const auto format = codec::affine_format(id);
  const bool per_row = id == CodecId::fp8 || (format && format->per_row);
  const std::uint64_t row_blocks = kCols / codec.block_elements;
  std::vector<std::byte> out(kRows * row_blocks * codec.block_bytes);
  float scale = 0;
  std::byte zero{};
  for (std::uint64_t b = 0; b < kRows * row_blocks; ++b) {
    std::byte* block = out.data() + b * codec.block_bytes;
    for (std::size_t i = 0; i < codec.block_bytes; ++i)
      block[i] = static_cast<std::byte>(rng.next_below(256));
    if (!per_row || b % row_blocks == 0) {
      scale = codec::rounded_to(type, 0.001F + 0.0001F * static_cast<float>(rng.next_below(1000)));
      zero = static_cast<std::byte>(rng.next_below(format ? std::uint64_t{1} << format->bits : 1));
    }
    std::memcpy(block, &scale, sizeof scale);
    if (format && format->asymmetric) block[4] = zero;
  }
  return out;
}

TEST(Pack, WhatIsWrittenIsReadBackBitForBit) {
  Rng rng(21);
  for (const CodecId id : folder_types()) {
    for (const CodecId dense : {CodecId::bf16, CodecId::f16, CodecId::f32}) {
      const PackedWeight weight{id, dense, "model.layers.0.mlp.up_proj", Shape{kRows, kCols}};
      const std::vector<std::byte> blocks = random_blocks(id, folder_scale_type(id, dense), rng);
      const std::string name(codec::codec_of(id).name);
      const auto parts = pack_weight(weight, blocks);
      ASSERT_TRUE(parts) << name << " " << format_error(parts.error());
      const std::vector<StoredTensor> infos = parts_of(weight);
      ASSERT_EQ(parts->size(), infos.size()) << name;
      const fs::path folder = mote::testing::fresh_folder();
      auto writer = SafetensorsWriter::create(folder / "model.safetensors", infos);
      ASSERT_TRUE(writer);
      for (std::size_t i = 0; i < infos.size(); ++i) ASSERT_TRUE(writer->write(i, (*parts)[i])) << name << i;
      ASSERT_TRUE(writer->finish());
      EXPECT_EQ(fs::file_size(folder / "model.safetensors"), SafetensorsWriter::file_bytes(infos));
      Json config;
      config["quantization_config"] = quantization_config(id, dense, {});
      std::ofstream(folder / "config.json") << config.dump();
      const auto opened = open_checkpoint(folder);
      ASSERT_TRUE(opened) << name << " " << format_error(opened.error());
      ASSERT_EQ(opened->source->tensors().size(), 1U) << name;
      EXPECT_EQ(opened->source->tensors()[0].codec, id) << name;
      const auto tensor = opened->source->read(0);
      ASSERT_TRUE(tensor) << name << " " << format_error(tensor.error());
      EXPECT_TRUE(std::equal(blocks.begin(), blocks.end(), tensor->blocks().begin(), tensor->blocks().end()))
          << name;
    }
  }
}

TEST(Pack, ScalesThatTheFileCannotHoldAreAnError) {
  Rng rng(22);
  for (const CodecId id : {CodecId::int4_g64_sym, CodecId::int2_g32_asym, CodecId::fp8}) {
    std::vector<std::byte> blocks = random_blocks(id, codec::ScaleType::f32, rng);
    const auto parts = pack_weight({id, CodecId::f16, "m", Shape{kRows, kCols}}, blocks);
    ASSERT_FALSE(parts);
    EXPECT_EQ(parts.error().code.name, "FOLDER_SCALE");
  }
}

TEST(Pack, SeveralScalesOfARowAreAnError) {
  Rng rng(23);
  for (const CodecId id : {CodecId::int4_row_sym, CodecId::int3_row_asym, CodecId::fp8}) {
    std::vector<std::byte> blocks = random_blocks(id, codec::ScaleType::f16, rng);
    const float other = 0.5F;
    std::memcpy(blocks.data() + 3 * codec::codec_of(id).block_bytes, &other, sizeof other);
    const auto parts = pack_weight({id, CodecId::f16, "m", Shape{kRows, kCols}}, blocks);
    ASSERT_FALSE(parts);
    EXPECT_EQ(parts.error().code.name, "FOLDER_SCALE");
  }
}

TEST(Pack, ChoosesLayoutsByType) {
  EXPECT_EQ(layout_name(CodecId::int4_g128_sym), "compressed-tensors pack-quantized");
  EXPECT_EQ(layout_name(CodecId::int8_row_asym), "compressed-tensors pack-quantized");
  EXPECT_EQ(layout_name(CodecId::int3_g64_asym), "GPTQ v2");
  EXPECT_EQ(layout_name(CodecId::fp4), "bitsandbytes");
  EXPECT_EQ(layout_name(CodecId::fp8), "compressed-tensors float-quantized");
  EXPECT_TRUE(quantize_config(CodecId::int4_g128_sym).is_null());
  EXPECT_EQ(quantize_config(CodecId::int2_g32_sym).dump(),
            R"({"quant_method":"gptq","bits":2,"group_size":32,"sym":true,"desc_act":false,)"
            R"("checkpoint_format":"gptq_v2","pack_dtype":"int32","lm_head":false,"true_sequential":true})");
}

}  // namespace
}  // namespace mote::formats
