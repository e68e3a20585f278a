// A small model in a file, and what the tests of whole jobs do with one. Only tests include this.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "formats/gguf_writer.h"
#include "quantize/presets.h"
#include "quantize/quantize.h"
#include "tensor/float16.h"
#include "testing/environment.h"

namespace mote::quantize::testing {

using namespace mote::testing;

// A llama of two blocks with rows of 256 and 512, random halves, and no tokenizer: the quantizer asks for
// none.
inline constexpr std::uint64_t kWidth = 256;
inline constexpr std::uint64_t kHidden = 512;
inline constexpr std::uint64_t kVocab = 300;

struct Source {
  formats::Metadata metadata;
  std::vector<formats::TensorInfo> tensors;
  std::vector<std::vector<std::byte>> data;

  void add(std::string name, const Shape& shape, Rng& rng) {
    const bool vector = shape.rank() == 1;
    const std::size_t count = *shape.element_count().value();
    std::vector<std::byte> bytes(count * (vector ? 4 : 2));
    for (std::size_t i = 0; i < count; ++i) {
      if (vector) {
        const float v = 1.0F;
        std::memcpy(bytes.data() + 4 * i, &v, 4);
      } else {
        const Half h = float_to_half(static_cast<float>(0.05 * rng.next_normal()));
        std::memcpy(bytes.data() + 2 * i, &h, 2);
      }
    }
    tensors.push_back({std::move(name), vector ? CodecId::f32 : CodecId::f16, shape, bytes.size()});
    data.push_back(std::move(bytes));
  }
};

inline Source small_llama() {
  Source s;
  formats::Metadata& m = s.metadata;
  m.set_string("general.architecture", "llama");
  m.set_string("general.name", "small");
  m.set_u32("llama.context_length", 128);
  m.set_u32("llama.embedding_length", kWidth);
  m.set_u32("llama.block_count", 2);
  m.set_u32("llama.feed_forward_length", kHidden);
  m.set_u32("llama.attention.head_count", 4);
  m.set_u32("llama.attention.head_count_kv", 2);
  m.set_f32("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  m.set_u32("llama.rope.dimension_count", 64);
  m.set_u32("llama.vocab_size", kVocab);
  Rng rng(3);
  s.add("token_embd.weight", Shape{kVocab, kWidth}, rng);
  s.add("output_norm.weight", Shape{kWidth}, rng);
  for (const std::string b : {"blk.0.", "blk.1."}) {
    s.add(b + "attn_norm.weight", Shape{kWidth}, rng);
    s.add(b + "attn_q.weight", Shape{kWidth, kWidth}, rng);
    s.add(b + "attn_k.weight", Shape{kWidth / 2, kWidth}, rng);
    s.add(b + "attn_v.weight", Shape{kWidth / 2, kWidth}, rng);
    s.add(b + "attn_output.weight", Shape{kWidth, kWidth}, rng);
    s.add(b + "ffn_norm.weight", Shape{kWidth}, rng);
    s.add(b + "ffn_gate.weight", Shape{kHidden, kWidth}, rng);
    s.add(b + "ffn_up.weight", Shape{kHidden, kWidth}, rng);
    s.add(b + "ffn_down.weight", Shape{kWidth, kHidden}, rng);
  }
  return s;
}

inline std::filesystem::path write_model(const Source& source) {
  const std::filesystem::path path = fresh_folder() / "small-f16.gguf";
  auto writer = formats::GgufWriter::create(path, source.metadata, source.tensors, "test");
  EXPECT_TRUE(writer);
  for (std::size_t i = 0; i < source.data.size(); ++i) EXPECT_TRUE((*writer)->write(i, source.data[i]));
  EXPECT_TRUE((*writer)->finish());
  return path;
}

inline QuantizeOptions options_for(const std::filesystem::path& input, std::string type) {
  QuantizeOptions options;
  options.input = input;
  options.output = fresh_folder() / "out.gguf";
  options.type = std::move(type);
  return options;
}

inline std::uint64_t fnv1a(std::string_view bytes) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return hash;
}

// The presets that need the importance of inputs, and those that can be written without.
inline std::vector<Preset> presets_for(bool importance) {
  std::vector<Preset> presets;
  for (const Preset& preset : all_presets()) {
    const bool needs_importance = preset.mix == Mix::iq1 || preset.mix == Mix::iq2_xs ||
                                  preset.mix == Mix::iq3_xs || preset.mix == Mix::iq3_xxs ||
                                  preset.type == CodecId::iq2_xs;
    if (needs_importance == importance) presets.push_back(preset);
  }
  return presets;
}

}  // namespace mote::quantize::testing
