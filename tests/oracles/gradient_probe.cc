// The derivatives of a loss by every matrix of a decoder, for comparison with another implementation.
//
//   gradient_probe MODEL TOKENS TEACHER OUT
//
// TOKENS: int32 ids, one window; TEACHER: float32 logits [ids][vocabulary]. The loss is the mean divergence
// of the model's distributions from the teacher's. OUT: float32, the loss; then of each block the derivatives
// by q, k, v, output, gate, up and down (gate only where there is one), then that by the head and that by the
// embedded tokens [ids][width], as they enter the first block.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include "codec/codec.h"
#include "engine/loaded_model.h"
#include "engine/runtime.h"
#include "grad/block_gradient.h"
#include "grad/head_gradient.h"

namespace {

using namespace mote;

template <typename T>
T value_or_exit(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", format_error(result.error()).c_str());
    std::exit(1);
  }
  return std::move(*result);
}

template <typename T>
std::vector<T> read(const char* path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  std::vector<T> out(bytes.size() / sizeof(T));
  std::copy_n(bytes.data(), out.size() * sizeof(T), reinterpret_cast<char*>(out.data()));
  return out;
}

std::vector<float> floats_of(const engine::Linear& linear) {
  const kernels::PackedMatrix& m = linear.matrix;
  std::vector<float> out(m.rows * m.cols);
  if (m.rows > 0) codec::codec_of(m.codec).decode(m.blocks.data(), out.data(), out.size());
  return out;
}

struct Block {
  std::array<std::vector<float>, grad::kBlockMatrices> values;
  grad::BlockMatrices matrices;
  std::array<std::vector<float>, grad::kBlockMatrices> gradients;
  explicit Block(const engine::BlockWeights& b) {
    const std::array<const engine::Linear*, grad::kBlockMatrices> linears{
        &b.q, &b.k, &b.v, &b.attn_output, &b.ffn.gate, &b.ffn.up, &b.ffn.down};
    for (std::size_t i = 0; i < linears.size(); ++i) {
      values[i] = floats_of(*linears[i]);
      matrices[i] = {values[i].data(), linears[i]->matrix.rows, linears[i]->matrix.cols};
      gradients[i].resize(values[i].size());
    }
  }
};

void add_rows(std::vector<float>& to, std::size_t cols, std::size_t first, std::size_t count,
              const float* rows) {
  static std::mutex lock;
  const std::scoped_lock hold(lock);
  for (std::size_t i = 0; i < count * cols; ++i) to[first * cols + i] += rows[i];
}

int run(char** args) {
  auto runtime = value_or_exit(engine::Runtime::create({}));
  engine::LoadOptions load;
  load.activations = engine::Activations::f32;
  load.need_tokenizer = false;
  const auto model = value_or_exit(engine::LoadedModel::load(*runtime, args[1], load));
  const auto tokens = read<std::int32_t>(args[2]);
  const auto teacher = read<float>(args[3]);
  const model::ModelSpec& spec = model->spec();
  const engine::Weights& weights = model->weights();
  const std::size_t n = tokens.size();
  if (n == 0 || teacher.size() != n * spec.vocab || !grad::has_block_gradient(spec)) return 2;

  std::vector<std::vector<float>> hidden(spec.blocks + std::size_t{1}, std::vector<float>(n * spec.width));
  const codec::Codec& codec = codec::codec_of(weights.embedding.codec);
  for (std::size_t t = 0; t < n; ++t) {
    const std::size_t row = static_cast<std::size_t>(tokens[t]) * spec.width;
    float* const out = hidden[0].data() + t * spec.width;
    codec.decode(weights.embedding.blocks().data() + row * codec.block_bytes, out, spec.width);
    for (std::size_t i = 0; i < spec.width; ++i) out[i] *= static_cast<float>(spec.embedding_scale);
  }
  std::vector<Block> blocks;
  for (const engine::BlockWeights& b : weights.blocks) blocks.emplace_back(b);
  grad::BlockGradient block(*runtime, spec, n);
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    block.forward(b, weights.blocks[b], blocks[b].matrices, hidden[b].data(), hidden[b + 1].data());
  }
  const std::vector<float> head = floats_of(weights.head);
  std::vector<float> by_head(head.size());
  std::vector<float> gradient(n * spec.width);
  const grad::TeacherLogits logits = [&](std::size_t first, std::size_t count, float* out) {
    std::copy_n(teacher.data() + first * spec.vocab, count * spec.vocab, out);
  };
  const grad::TakeRows take_head = [&](std::size_t first, std::size_t count, const float* rows) {
    add_rows(by_head, spec.width, first, count, rows);
  };
  grad::HeadGradient last(*runtime, spec);
  const double loss = last.run(weights.output_norm, {head.data(), spec.vocab, spec.width},
                               hidden.back().data(), n, logits, gradient.data(), &take_head);
  for (std::size_t b = blocks.size(); b-- > 0;) {
    const grad::TakeBlockRows take = [&](grad::BlockMatrix which, std::size_t first, std::size_t count,
                                         const float* rows) {
      const auto m = static_cast<std::size_t>(which);
      add_rows(blocks[b].gradients[m], blocks[b].matrices[m].cols, first, count, rows);
    };
    block.forward(b, weights.blocks[b], blocks[b].matrices, hidden[b].data(), hidden[b + 1].data());
    block.backward(gradient.data(), &take);
  }
  std::ofstream out(args[4], std::ios::binary);
  const auto write = [&](const std::vector<float>& values) {
    out.write(reinterpret_cast<const char*>(values.data()),
              static_cast<std::streamsize>(values.size() * sizeof(float)));
  };
  write({static_cast<float>(loss / static_cast<double>(n))});
  for (const Block& b : blocks) {
    for (const std::vector<float>& g : b.gradients) write(g);
  }
  write(by_head);
  write(gradient);
  return out.good() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  return run(argv);
}
