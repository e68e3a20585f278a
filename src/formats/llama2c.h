// llama2.c checkpoints, the legacy fp32 layout (karpathy/llama2.c, run.c): seven little-endian int32, then
// the tensors in a fixed order. No magic, no names: the header decides the exact file size, which is the only
// check there is, so it is exact.
//
// Tensors carry GGUF's names, so that everything above sees a llama model. Rotary pairs are adjacent rows, as
// in GGUF files of architecture "llama". Layers of one kind lie together in the file; here each layer is a
// tensor of its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "formats/mapped_source.h"
#include "mote/result.h"

namespace mote::formats {

// Far above every model of this format; bounds the tensor list that a header can ask for.
inline constexpr std::uint32_t kMaxLlama2cLayers = 1'024;

struct Llama2cHeader {
  std::uint32_t dim = 0;  // embedding length
  std::uint32_t hidden_dim = 0;
  std::uint32_t n_layers = 0;
  std::uint32_t n_heads = 0;
  std::uint32_t n_kv_heads = 0;
  std::uint32_t vocab_size = 0;  // without the sign that says "untied" in the file
  std::uint32_t seq_len = 0;
  bool tied = true;  // the output head is the embedding

  [[nodiscard]] std::uint32_t head_dim() const { return n_heads == 0 ? 0 : dim / n_heads; }
};

class Llama2cFile final : public MappedSource {
 public:
  // Errors of sys::MappedFile::open; LLAMA2C_HEADER, LLAMA2C_SIZE, LLAMA2C_VERSION (the newer layouts with
  // magic), FORMAT_PICKLE.
  static Result<std::unique_ptr<Llama2cFile>> open(const std::filesystem::path& path);

  [[nodiscard]] const Llama2cHeader& header() const { return header_; }

 private:
  Llama2cHeader header_;
};

}  // namespace mote::formats
