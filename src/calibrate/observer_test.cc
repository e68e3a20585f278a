// What an observer sums up against the inputs of the matrices by other ways: run_to() for those of a block,
// and for experts their definition in double precision.
#include "calibrate/observer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>
#include "engine/test_runtime.h"

#include "codec/codec.h"
#include "engine/tiny_gguf.h"
#include "formats/gguf_reader.h"
#include "model/tensor_names.h"
#include "testing/environment.h"

namespace mote::calibrate {
namespace {

using engine::testing::load_exact;
using engine::testing::runtime_of;

namespace fs = std::filesystem;
using engine::BlockInput;
using engine::testing::TinyGguf;
using Sums = SumsByTensor;

constexpr std::size_t kWindow = 9;
constexpr std::size_t kWindows = 3;
constexpr TokenId kVocab = 40;  // of a tiny model

std::vector<TokenId> tokens_of(std::size_t count) {
  Rng rng(5);
  std::vector<TokenId> out(count);
  for (TokenId& id : out) id = static_cast<TokenId>(rng.next_u64() % kVocab);
  return out;
}

fs::path tiny(const TinyGguf& options) {
  return engine::testing::write_tiny_gguf(testing::fresh_folder() / "tiny.gguf", options);
}

Result<Sums> observe(engine::Runtime& runtime, const engine::LoadedModel& model,
                     const std::vector<TokenId>& tokens, std::size_t window) {
  auto observer = Observer::create(runtime, model, window);
  EXPECT_TRUE(observer);
  for (std::size_t at = 0; at < tokens.size(); at += window) {
    (*observer)->add(std::span(tokens).subspan(at, window));
  }
  return (*observer)->by_tensor();
}

// ---------------------------------------------------------------- the other way

// One row more for a matrix of `matrices`.
template <typename T>
void add_row(InputSums& into, std::size_t matrices, std::size_t matrix, std::span<const T> row) {
  into.counts.resize(matrices);
  into.squares.resize(matrices * row.size());
  into.sums.resize(matrices * row.size());
  ++into.counts[matrix];
  for (std::size_t c = 0; c < row.size(); ++c) {
    const auto x = static_cast<double>(row[c]);
    into.sums[matrix * row.size() + c] += x;
    into.squares[matrix * row.size() + c] += x * x;
  }
}

class Naive {
 public:
  Naive(engine::Runtime& runtime, const engine::LoadedModel& model, std::size_t window)
      : model_(model), spec_(model.spec()), source_(*model.model().canonical) {
    const engine::KvShape shape{spec_.blocks, spec_.kv_heads,      spec_.head_dim,
                                window,       engine::KvType::f32, engine::KvType::f32};
    auto cache = engine::KvCache::create(shape, runtime.kernels());
    EXPECT_TRUE(cache);
    cache_.emplace(std::move(*cache));
    forward_ = engine::Forward::create(runtime, spec_, model.weights(), window, window);
  }

  void add(std::span<const TokenId> tokens) {
    const std::array<engine::Slice, 1> slices{engine::Slice{&*cache_, 0, tokens.size()}};
    forward_->embed(tokens, slices);
    for (std::uint32_t layer = 0; layer < spec_.blocks; ++layer) {
      const std::span<float> hidden = forward_->hidden();
      const std::vector<float> before(hidden.begin(), hidden.end());
      const auto rows_at = [&](BlockInput input) {
        std::ranges::copy(before, forward_->hidden().begin());
        forward_->run_to(layer, input, slices);
        return forward_->input();
      };
      const std::string block = "blk." + std::to_string(layer) + ".";
      sum(rows_at(BlockInput::attention), spec_.width, block, {"attn_q", "attn_k", "attn_v", "attn_qkv"});
      sum(rows_at(BlockInput::attention_output), spec_.q_width(), block, {"attn_output"});
      if (spec_.experts.count == 0) {
        sum(rows_at(BlockInput::ffn), spec_.width, block, {"ffn_gate", "ffn_up"});
        sum(rows_at(BlockInput::ffn_down), spec_.hidden, block, {"ffn_down"});
      } else {
        const std::span<const float> rows = rows_at(BlockInput::ffn);
        sum(rows, spec_.width, block, {"ffn_gate_shexp", "ffn_up_shexp"});
        for (std::size_t t = 0; t < tokens.size(); ++t) {
          mix(block, rows.subspan(t * spec_.width, spec_.width));
        }
      }
      std::ranges::copy(before, forward_->hidden().begin());
      forward_->run(layer, layer + 1, slices);
    }
    if (spec_.causal) {
      sum(forward_->normalized(0, tokens.size()), spec_.width, "",
          {spec_.tied_head ? "token_embd" : "output"});
    }
  }

  Sums sums;

 private:
  void sum(std::span<const float> rows, std::size_t cols, const std::string& block,
           std::initializer_list<const char*> names) {
    for (const char* name : names) {
      const std::string tensor = block + name + ".weight";
      if (!source_.find(tensor)) continue;
      for (std::size_t at = 0; at < rows.size(); at += cols) {
        add_row(sums[tensor], 1, 0, rows.subspan(at, cols));
      }
    }
  }

  // Decoded values of a tensor; `matrix` of several.
  std::vector<double> values_of(const std::string& tensor, std::size_t matrix = 0) {
    const auto read = source_.read(*source_.find(tensor));
    EXPECT_TRUE(read);
    const codec::Codec& codec = codec::codec_of(read->codec);
    std::vector<float> all(*read->shape.element_count().value());
    codec.decode(read->blocks().data(), all.data(), all.size() / codec.block_elements);
    const std::size_t size = read->shape.rank() == 3 ? all.size() / spec_.experts.count : all.size();
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(matrix * size);
    return {first, first + static_cast<std::ptrdiff_t>(size)};
  }

  static std::vector<double> product(const std::vector<double>& w, std::span<const float> x) {
    std::vector<double> out(w.size() / x.size(), 0.0);
    for (std::size_t r = 0; r < out.size(); ++r) {
      for (std::size_t c = 0; c < x.size(); ++c) out[r] += w[r * x.size() + c] * static_cast<double>(x[c]);
    }
    return out;
  }

  // silu(gate x) * (up x).
  static std::vector<double> hidden_of(const std::vector<double>& gate, const std::vector<double>& up,
                                       std::span<const float> x) {
    const std::vector<double> g = product(gate, x);
    std::vector<double> out = product(up, x);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] *= g[i] / (1 + std::exp(-g[i]));
    return out;
  }

  void mix(const std::string& block, std::span<const float> x) {
    EXPECT_EQ(spec_.activation, model::Activation::silu);
    const std::size_t experts = spec_.experts.count;
    const std::vector<double> scores = product(values_of(block + "ffn_gate_inp.weight"), x);
    std::vector<std::size_t> order(experts);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    for (std::size_t i = 0; i < spec_.experts.used; ++i) {
      const std::size_t e = order[i];
      std::vector<double> gate;
      std::vector<double> up;
      if (spec_.fused_gate_up) {
        const std::string name = block + "ffn_gate_up_exps.weight";
        add_row(sums[name], experts, e, x);
        gate = values_of(name, e);
        const auto half = gate.begin() + static_cast<std::ptrdiff_t>(gate.size() / 2);
        up.assign(half, gate.end());
        gate.erase(half, gate.end());
      } else {
        for (const char* name : {"ffn_gate_exps.weight", "ffn_up_exps.weight"}) {
          add_row(sums[block + name], experts, e, x);
        }
        gate = values_of(block + "ffn_gate_exps.weight", e);
        up = values_of(block + "ffn_up_exps.weight", e);
      }
      add_row(sums[block + "ffn_down_exps.weight"], experts, e,
              std::span<const double>(hidden_of(gate, up, x)));
    }
    if (spec_.experts.shared_hidden == 0) return;
    const std::vector<double> hidden =
        hidden_of(values_of(block + "ffn_gate_shexp.weight"), values_of(block + "ffn_up_shexp.weight"), x);
    add_row(sums[block + "ffn_down_shexp.weight"], 1, 0, std::span<const double>(hidden));
  }

  const engine::LoadedModel& model_;
  const model::ModelSpec& spec_;
  const formats::TensorSource& source_;
  std::optional<engine::KvCache> cache_;
  std::unique_ptr<engine::Forward> forward_;
};

// Values of experts are rounded by the engine. Of a square: 1e-4, or 1e-6 of the largest of its matrix, where
// products cancel; of a sum: 1e-4 of the size that it can have.
void are_close(const InputSums& found, const InputSums& expected) {
  ASSERT_EQ(found.squares.size(), expected.squares.size());
  ASSERT_EQ(found.sums.size(), expected.sums.size());
  const std::size_t cols = found.squares.size() / found.counts.size();
  for (std::size_t i = 0; i < found.squares.size(); ++i) {
    const auto own = expected.squares.begin() + static_cast<std::ptrdiff_t>(i / cols * cols);
    const double largest = *std::max_element(own, own + static_cast<std::ptrdiff_t>(cols));
    EXPECT_NEAR(found.squares[i], expected.squares[i], 1e-4 * expected.squares[i] + 1e-6 * largest) << i;
    const double size = std::sqrt(expected.squares[i] * static_cast<double>(expected.counts[i / cols]));
    EXPECT_NEAR(found.sums[i], expected.sums[i], 1e-4 * size) << i;
  }
}

// Everything that is multiplied has sums, and they are those of the other way: the same bits where the rows
// are.
void agrees(const TinyGguf& options, std::size_t window) {
  SCOPED_TRACE(std::string(options.architecture) + " " + std::to_string(window));
  const auto runtime = runtime_of(2);
  const auto model = load_exact(*runtime, tiny(options));
  const std::vector<TokenId> tokens = tokens_of(window * kWindows);
  const auto found = observe(*runtime, *model, tokens, window);
  ASSERT_TRUE(found) << format_error(found.error());
  Naive naive(*runtime, *model, window);
  for (std::size_t at = 0; at < tokens.size(); at += window) naive.add(std::span(tokens).subspan(at, window));
  for (const auto& [name, expected] : naive.sums) {
    SCOPED_TRACE(name);
    const auto sums = found->find(name);
    ASSERT_NE(sums, found->end());
    EXPECT_EQ(sums->second.counts, expected.counts);
    if (name.find("ffn_down_exps") != std::string::npos || name.find("ffn_down_shexp") != std::string::npos) {
      are_close(sums->second, expected);
    } else {
      EXPECT_EQ(sums->second.squares, expected.squares);
      EXPECT_EQ(sums->second.sums, expected.sums);
    }
  }
  EXPECT_EQ(found->size(), naive.sums.size());
  for (const model::TensorNeed& need : model::needed_tensors(model->spec())) {
    if (need.shape.rank() < 2 || model::is_kept_float(need.role)) continue;
    if (need.role == model::Role::token_embd && !(model->spec().tied_head && model->spec().causal)) continue;
    EXPECT_TRUE(found->contains(need.name)) << need.name;
  }
}

// ---------------------------------------------------------------- second moments

// x x^T of the rows that a tap shows, in double precision and without any order but that of the tokens.
using Products = std::map<std::string, std::vector<std::vector<double>>>;  // [matrix][packed]

Products products_of(engine::Runtime& runtime, const engine::LoadedModel& model,
                     const std::vector<TokenId>& tokens, std::size_t window) {
  const model::ModelSpec& spec = model.spec();
  const formats::TensorSource& source = *model.model().canonical;
  const engine::KvShape shape{spec.blocks, spec.kv_heads,       spec.head_dim,
                              window,      engine::KvType::f32, engine::KvType::f32};
  auto cache = engine::KvCache::create(shape, runtime.kernels());
  EXPECT_TRUE(cache);
  const auto forward = engine::Forward::create(runtime, spec, model.weights(), window, window);
  Products out;
  const auto add = [&](const std::string& name, std::size_t matrices, std::size_t matrix, std::size_t cols,
                       std::span<const float> rows) {
    auto& of = out[name];
    of.resize(matrices);
    for (auto& one : of) one.resize(cols * (cols + 1) / 2);
    for (std::size_t at = 0; at < rows.size(); at += cols) {
      std::size_t n = 0;
      for (std::size_t i = 0; i < cols; ++i) {
        for (std::size_t j = 0; j <= i; ++j) {
          of[matrix][n++] += static_cast<double>(rows[at + i]) * static_cast<double>(rows[at + j]);
        }
      }
    }
  };
  forward->set_tap([&](const engine::TappedInput& in) {
    static const std::map<BlockInput, std::vector<std::string>> kFirst{
        {BlockInput::attention, {"attn_q", "attn_qkv"}},
        {BlockInput::attention_output, {"attn_output"}},
        {BlockInput::ffn, {"ffn_gate", "ffn_gate_shexp", "ffn_up"}},
        {BlockInput::ffn_down, {"ffn_down"}},
        {BlockInput::expert, {"ffn_gate_exps", "ffn_gate_up_exps"}},
        {BlockInput::expert_down, {"ffn_down_exps"}},
        {BlockInput::shared_down, {"ffn_down_shexp"}}};
    for (const std::string& name : kFirst.at(in.input)) {
      const std::string tensor = "blk." + std::to_string(in.layer) + "." + name + ".weight";
      if (!source.find(tensor)) continue;
      const bool of_expert = in.input == BlockInput::expert || in.input == BlockInput::expert_down;
      add(tensor, of_expert ? spec.experts.count : 1, in.expert, in.cols, in.rows);
      break;
    }
  });
  for (std::size_t at = 0; at < tokens.size(); at += window) {
    const std::array<engine::Slice, 1> slices{engine::Slice{&*cache, 0, window}};
    forward->embed(std::span(tokens).subspan(at, window), slices);
    forward->run(0, spec.blocks, slices);
    const std::string head = spec.tied_head ? "token_embd.weight" : "output.weight";
    if (spec.causal) add(head, 1, 0, spec.width, forward->normalized(0, window));
  }
  return out;
}

void moments_agree(const TinyGguf& options) {
  SCOPED_TRACE(std::string(options.architecture));
  const auto runtime = runtime_of(2);
  const auto model = load_exact(*runtime, tiny(options));
  Windows windows;
  windows.window = kWindow;
  windows.tokens = tokens_of(kWindow * kWindows);
  const auto store = SpilledMoments::create(testing::fresh_folder());
  ASSERT_TRUE(store);
  std::vector<std::size_t> steps;
  const auto by_block = observe(
      *runtime, *model, windows, nullptr,
      [&](std::size_t done, std::size_t total) { steps.push_back(done * 100 + total); }, store->get());
  ASSERT_TRUE(by_block) << format_error(by_block.error());
  const std::size_t all = kWindows * (model->spec().blocks + 1);
  ASSERT_EQ(steps.size(), all);
  for (std::size_t i = 0; i < all; ++i) EXPECT_EQ(steps[i], i * 100 + all);
  // Other sums are those of windows one after the other.
  const auto plain = observe(*runtime, *model, windows, nullptr);
  ASSERT_TRUE(plain);
  ASSERT_EQ(by_block->size(), plain->size());
  for (const auto& [name, sums] : *plain) {
    EXPECT_EQ(by_block->at(name).counts, sums.counts) << name;
    EXPECT_EQ(by_block->at(name).squares, sums.squares) << name;
    EXPECT_EQ(by_block->at(name).sums, sums.sums) << name;
  }
  const Products expected = products_of(*runtime, *model, windows.tokens, kWindow);
  ASSERT_EQ((*store)->entries().size(), expected.size());
  for (std::size_t e = 0; e < expected.size(); ++e) {
    const MomentEntry& entry = (*store)->entries()[e];
    SCOPED_TRACE(entry.tensor);
    ASSERT_TRUE(expected.contains(entry.tensor));
    const auto& matrices = expected.at(entry.tensor);
    ASSERT_EQ(entry.matrices(), matrices.size());
    EXPECT_EQ(entry.counts, by_block->at(entry.tensor).counts);
    EXPECT_TRUE(by_block->contains(entry.tensor));
    for (std::size_t m = 0; m < matrices.size(); ++m) {
      const auto found = (*store)->read(e, m);
      ASSERT_TRUE(found);
      ASSERT_EQ(found->size(), matrices[m].size());
      double largest = 0;
      for (const double x : matrices[m]) largest = std::max(largest, std::abs(x));
      for (std::size_t i = 0; i < found->size(); ++i) {
        EXPECT_NEAR((*found)[i], matrices[m][i], 1e-6 * largest) << m << " " << i;
      }
    }
  }
}

TEST(Observer, SecondMomentsAreThoseOfTheRows) {
  for (const model::ArchEntry& arch : model::all_archs()) {
    if (!arch.gguf_name.ends_with("moe")) moments_agree({.architecture = arch.gguf_name});
  }
  for (const std::string_view architecture : {"llama", "qwen2moe", "qwen3moe", "granitemoe"}) {
    moments_agree({.architecture = architecture, .experts = true});
  }
  moments_agree({.architecture = "qwen2moe", .experts = true, .shared_expert = true});
}

TEST(Observer, SumsUpWhatDenseModelsMultiply) {
  // Fused matrices, norms behind, none before, learned positions, an encoder: whatever there is.
  for (const model::ArchEntry& arch : model::all_archs()) {
    if (arch.gguf_name.ends_with("moe")) continue;
    agrees({.architecture = arch.gguf_name}, kWindow);
  }
}

TEST(Observer, SumsUpWhereAttentionAndNetworkShareTheirInput) {
  agrees({.architecture = "stablelm", .parallel = true}, kWindow);
}

TEST(Observer, SumsUpPerExpertWhatThoseTokensGaveItThatChoseIt) {
  for (const std::string_view architecture : {"llama", "qwen2moe", "qwen3moe", "granitemoe"}) {
    agrees({.architecture = architecture, .experts = true}, kWindow);
    agrees({.architecture = architecture, .codec = CodecId::f32, .experts = true}, 1);
  }
}

TEST(Observer, SumsUpWhatTheSharedExpertMultiplies) {
  const TinyGguf options{.architecture = "qwen2moe", .experts = true, .shared_expert = true};
  agrees(options, kWindow);
  agrees(options, 1);
}

TEST(Observer, ThreadsAndInstructionSetsGiveTheSameSums) {
  using kernels::Isa;
  for (const bool experts : {false, true}) {
    const fs::path path =
        tiny({.architecture = experts ? "qwen2moe" : "gemma2", .experts = experts, .shared_expert = experts});
    std::optional<Sums> first;
    const auto check = [&](unsigned threads, std::optional<Isa> isa) {
      const auto runtime = runtime_of(threads, isa);
      if (runtime == nullptr) return;  // this processor lacks it
      SCOPED_TRACE(std::string(to_string(runtime->isa())) + " " + std::to_string(threads));
      const auto model = load_exact(*runtime, path);
      const auto sums = observe(*runtime, *model, tokens_of(kWindow * kWindows), kWindow);
      ASSERT_TRUE(sums);
      if (!first) first = *sums;
      for (const auto& [name, expected] : *first) {
        EXPECT_EQ(sums->at(name).squares, expected.squares) << name;
        EXPECT_EQ(sums->at(name).sums, expected.sums) << name;
        EXPECT_EQ(sums->at(name).counts, expected.counts) << name;
      }
    };
    check(1, Isa::reference);
    for (const unsigned threads : {1U, 3U}) check(threads, {});
    for (const Isa isa : {Isa::avx2, Isa::avxvnni, Isa::avx512, Isa::avx512vnni, Isa::amx, Isa::neon,
                          Isa::dotprod, Isa::i8mm}) {
      check(2, isa);
    }
  }
}

TEST(Observer, WindowsDoNotSeeOneAnother) {
  const auto runtime = runtime_of(1);
  const auto model = load_exact(*runtime, tiny({}));
  const std::vector<TokenId> tokens = tokens_of(kWindow);
  std::vector<TokenId> twice = tokens;
  twice.insert(twice.end(), tokens.begin(), tokens.end());
  const auto once = observe(*runtime, *model, tokens, kWindow);
  const auto both = observe(*runtime, *model, twice, kWindow);
  for (const auto& [name, sums] : *once) {
    EXPECT_EQ(both->at(name).counts[0], 2 * kWindow);
    for (std::size_t c = 0; c < sums.squares.size(); ++c) {
      EXPECT_NEAR(both->at(name).squares[c], 2 * sums.squares[c], 1e-12 * sums.squares[c]) << name;
    }
  }
}

// A norm's weights put to `value` in the file.
void overwrite(const fs::path& path, const std::string& tensor, float value) {
  std::size_t at = 0;
  std::size_t count = 0;
  {
    const auto file = formats::GgufFile::open(path);
    ASSERT_TRUE(file);
    const std::span<const std::byte> bytes = (*file)->stored(*(*file)->find(tensor));
    at = static_cast<std::size_t>(bytes.data() - (*file)->files()[0]->bytes().data());
    count = bytes.size() / sizeof value;
  }
  std::fstream out(path, std::ios::binary | std::ios::in | std::ios::out);
  out.seekp(static_cast<std::streamoff>(at));
  for (std::size_t i = 0; i < count; ++i) out.write(reinterpret_cast<const char*>(&value), sizeof value);
}

TEST(Observer, ActivationsThatAreNotFiniteAreRefused) {
  // Gate times up exceeds what a float holds, or only its square does.
  for (const float scale : {1e30F, 1e15F}) {
    const fs::path path = tiny({});
    overwrite(path, "blk.0.ffn_norm.weight", scale);
    const auto runtime = runtime_of(1);
    const auto model = load_exact(*runtime, path);
    const auto sums = observe(*runtime, *model, tokens_of(kWindow), kWindow);
    ASSERT_FALSE(sums) << scale;
    EXPECT_EQ(sums.error().code.name, "STATISTICS_NONFINITE");
    EXPECT_NE(sums.error().message.find("'blk.0.ffn_down.weight'"), std::string::npos)
        << sums.error().message;
  }
}

}  // namespace
}  // namespace mote::calibrate
