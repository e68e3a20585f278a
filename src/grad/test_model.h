// For tests: a tiny model of any architecture with its matrices as floats.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "codec/codec.h"
#include "engine/test_runtime.h"
#include "engine/tiny_gguf.h"
#include "grad/block_gradient.h"

namespace mote::grad::testing {

struct TinyModel {
  std::unique_ptr<engine::Runtime> runtime;
  std::shared_ptr<const engine::LoadedModel> loaded;

  // `path`: of the file to write, in a folder of the test.
  TinyModel(const std::filesystem::path& path, std::string_view architecture, unsigned threads = 2,
            bool parallel = false)
      : runtime(engine::testing::runtime_of(threads)) {
    engine::testing::TinyGguf options;
    options.architecture = architecture;
    options.codec = CodecId::f32;
    options.parallel = parallel;
    loaded = engine::testing::load_exact(*runtime, engine::testing::write_tiny_gguf(path, options));
  }
  [[nodiscard]] const model::ModelSpec& spec() const { return loaded->spec(); }
  [[nodiscard]] const engine::BlockWeights& block(std::size_t i) const { return loaded->weights().blocks[i]; }
};

// A matrix's own floats.
inline std::vector<float> floats_of(const engine::Linear& linear) {
  const kernels::PackedMatrix& m = linear.matrix;
  std::vector<float> out(m.rows * m.cols);
  if (m.rows > 0) codec::codec_of(m.codec).decode(m.blocks.data(), out.data(), out.size());
  return out;
}

struct Floats {
  std::array<std::vector<float>, kBlockMatrices> values;
  BlockMatrices matrices;
  explicit Floats(const engine::BlockWeights& b) {
    const std::array<const engine::Linear*, kBlockMatrices> linears{
        &b.q, &b.k, &b.v, &b.attn_output, &b.ffn.gate, &b.ffn.up, &b.ffn.down};
    for (std::size_t i = 0; i < kBlockMatrices; ++i) {
      values[i] = floats_of(*linears[i]);
      matrices[i] = {values[i].data(), linears[i]->matrix.rows, linears[i]->matrix.cols};
    }
  }
};

}  // namespace mote::grad::testing
