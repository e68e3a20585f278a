// For tests: GGUF models of a few kilobytes with random weights, of any architecture.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "codec/codec.h"
#include "formats/gguf_writer.h"
#include "model/arch.h"
#include "model/gguf_keys.h"
#include "model/tensor_names.h"
#include "mote/tokenizer.h"

namespace mote::engine::testing {

struct TinyGguf {
  std::string_view architecture = "llama";
  CodecId codec = CodecId::q4_0;  // of every matrix that may be quantized
  std::uint32_t width = 32;       // a multiple of the codec's block
  bool experts = false;
  bool shared_expert = false;  // beside them, with its gate
  bool parallel = false;       // attention and feed-forward network read the same input
  std::uint64_t seed = 1;
  std::string_view nan_in = {};          // the tensor whose first scale is a NaN; empty: none
  const Tokenizer* tokenizer = nullptr;  // whose tokens the model has; null: 40 tokens and no tokenizer
};

inline void fill(Rng& rng, const formats::TensorInfo& info, std::vector<std::byte>& bytes) {
  const codec::Codec& codec = codec::codec_of(info.codec);
  std::vector<float> values(info.shape.element_count().value().value_or(0));
  const bool norm = info.shape.rank() < 2;
  for (float& x : values) x = (norm ? 1.0F : 0.0F) + 0.2F * static_cast<float>(rng.next_normal());
  const std::size_t blocks = values.size() / codec.block_elements;
  bytes.resize(blocks * codec.block_bytes);
  codec.encode_rtn(values.data(), bytes.data(), blocks);
}

// Writes the file and returns its path.
inline std::filesystem::path write_tiny_gguf(const std::filesystem::path& path,
                                             const TinyGguf& options = {}) {
  const model::ArchEntry* arch = model::find_arch_by_gguf_name(options.architecture);
  model::ModelSpec spec = model::spec_of_arch(*arch);
  spec.vocab = 40;  // the last tile is not full
  if (options.tokenizer != nullptr)
    spec.vocab = static_cast<std::uint32_t>(options.tokenizer->vocabulary_size());
  spec.context = 64;
  spec.width = options.width;
  spec.blocks = 2;
  spec.hidden = 2 * options.width;
  spec.heads = 2;
  spec.kv_heads = 1;
  spec.head_dim = options.width;  // so that q has twice the width and k and v have once
  spec.rope.dims = options.width;
  spec.local_rope.dims = options.width;
  if (!spec.causal) spec.head_dim = spec.rope.dims = options.width / 2;  // encoders have no key for it
  if (!spec.causal) spec.kv_heads = spec.heads;
  if (options.experts) {
    spec.experts.count = 3;
    spec.experts.used = 2;
    spec.experts.hidden = options.width;
    spec.experts.shared_hidden = options.shared_expert ? 2 * options.width : 0;
  }
  EXPECT_TRUE(model::validate(spec)) << options.architecture;
  formats::Metadata metadata = model::metadata_from_spec(spec);
  if (options.tokenizer != nullptr) {
    EXPECT_TRUE(write_gguf_keys(*options.tokenizer, metadata, spec.vocab));
  }
  // What only tensors say, as they are written here.
  auto read = model::spec_from_metadata(metadata);
  EXPECT_TRUE(read) << format_error(read.error());
  read->experts.shared_gate = options.experts && options.shared_expert;
  read->parallel_residual = options.parallel;
  std::vector<formats::TensorInfo> infos;
  for (const model::TensorNeed& need : model::needed_tensors(*read)) {
    const bool quantized = need.shape.rank() >= 2 && !model::is_kept_float(need.role);
    infos.push_back(
        {.name = need.name, .codec = quantized ? options.codec : CodecId::f32, .shape = need.shape});
  }
  auto writer = formats::GgufWriter::create(path, metadata, infos, "tiny");
  EXPECT_TRUE(writer) << format_error(writer.error());
  Rng rng(options.seed);
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < infos.size(); ++i) {
    fill(rng, infos[i], bytes);
    if (infos[i].name == options.nan_in) {  // of Q4_0: a block begins with its scale
      constexpr std::uint16_t kNan = 0x7E00;
      std::memcpy(bytes.data(), &kNan, sizeof kNan);
    }
    EXPECT_TRUE((*writer)->write(i, bytes));
  }
  EXPECT_TRUE((*writer)->finish());
  return path;
}

}  // namespace mote::engine::testing
