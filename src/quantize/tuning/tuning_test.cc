// Method learned from model to file, on bundled models.
#include "quantize/tuning/tuning.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "calibrate/windows.h"
#include "codec/codec.h"
#include "engine/session.h"
#include "engine/test_runtime.h"
#include "quantize/presets.h"
#include "quantize/quantize.h"
#include "testing/environment.h"
#include "testing/quantize_jobs.h"

namespace mote::quantize {
namespace {

using engine::testing::runtime_of;

namespace fs = std::filesystem;

class Tuning : public ::testing::Test {
 protected:
  QuantizeOptions options(const std::string& name, const std::string& type, Method method) {
    QuantizeOptions o;
    o.input = testing::agent();
    o.output = folder_ / name;
    o.type = type;
    o.pure = true;
    o.method = method;
    o.text.files = {mote::testing::source_path("models/agent/demo_test.jsonl")};
    o.text.window = 64;
    o.text.max_windows = 20;
    return o;
  }
  QuantizeOptions small_options(const std::string& name, Method method) {
    QuantizeOptions o = options(name, "Q4_0", method);
    o.input = testing::stories();
    o.text.files = {testing::story_text(folder_)};
    return o;
  }
  // Windows of the same text, cut as the job cuts them.
  static std::vector<TokenId> tokens_of(const engine::LoadedModel& model, const QuantizeOptions& o) {
    const auto windows = calibrate::windows_of(model, o.text);
    EXPECT_TRUE(windows);
    return windows->tokens;
  }
  static std::vector<float> logits_of(engine::Runtime& runtime, const fs::path& path,
                                      std::span<const TokenId> tokens) {
    const auto model = engine::testing::load_exact(runtime, path);
    engine::SessionOptions with;
    with.context = tokens.size();
    with.kv_key_type = with.kv_value_type = engine::KvType::f32;
    auto session = engine::Session::create(runtime, model, with);
    EXPECT_TRUE(session);
    const auto logits = (*session)->feed(tokens, engine::LogitsWanted::all);
    EXPECT_TRUE(logits);
    return {logits->begin(), logits->end()};
  }
  // Mean KL in nats by its definition.
  static double divergence(const std::vector<float>& p, const std::vector<float>& q, std::size_t vocab) {
    double sum = 0;
    for (std::size_t at = 0; at < p.size(); at += vocab) {
      double sum_p = 0;
      double sum_q = 0;
      for (std::size_t v = 0; v < vocab; ++v) {
        sum_p += std::exp(static_cast<double>(p[at + v]));
        sum_q += std::exp(static_cast<double>(q[at + v]));
      }
      for (std::size_t v = 0; v < vocab; ++v) {
        const double log_p = p[at + v] - std::log(sum_p);
        sum += std::exp(log_p) * (log_p - q[at + v] + std::log(sum_q));
      }
    }
    return sum / static_cast<double>(p.size() / vocab);
  }

  fs::path folder_ = mote::testing::fresh_folder();
};

// The engine's own forward, which shares nothing with the learner's, judges what was stored: on the windows
// that were held out it diverges as the report says, and less than after feedback alone.
TEST_F(Tuning, WhatIsStoredIsWhatWasMeasuredAndBetter) {
  const auto runtime = runtime_of(2);
  for (const std::string type : {"Q4_0", "Q2_K"}) {
    // Half an hour under a sanitizer, for nothing that the small model does not run through.
    if (mote::testing::kSanitized && type != "Q4_0") continue;
    const auto options_of = [&](const std::string& name, Method method) {
      QuantizeOptions o = type == "Q4_0" ? small_options(name, method) : options(name, type, method);
      o.text.window = 128;
      o.text.max_windows = 20;
      return o;
    };
    const QuantizeOptions learned = options_of("learned-" + type + ".gguf", Method::learned);
    const QuantizeOptions fed = options_of("fed-" + type + ".gguf", Method::feedback);
    const auto report = quantize(*runtime, learned);
    ASSERT_TRUE(report) << format_error(report.error());
    ASSERT_TRUE(quantize(*runtime, fed));
    ASSERT_TRUE(report->learning);
    EXPECT_EQ(fs::file_size(learned.output), fs::file_size(fed.output));
    const auto model = engine::testing::load_exact(*runtime, learned.input);
    const std::vector<TokenId> tokens = tokens_of(*model, learned);
    ASSERT_EQ(tokens.size(), 20U * 128U);
    double before = 0;
    double after = 0;
    for (const std::size_t held_out : {9U, 19U}) {
      const auto window = std::span(tokens).subspan(held_out * 128, 128);
      const std::vector<float> original = logits_of(*runtime, learned.input, window);
      before += divergence(original, logits_of(*runtime, fed.output, window), model->vocab()) / 2;
      after += divergence(original, logits_of(*runtime, learned.output, window), model->vocab()) / 2;
    }
    EXPECT_NEAR(report->learning->before, before, 0.01 * before) << type;
    EXPECT_NEAR(report->learning->after, after, 0.02 * after) << type;
    // A little: the text is one of 18 windows, in docs/results.md it is larger.
    EXPECT_LT(after, (type == "Q4_0" ? 0.97 : 0.995) * before) << type;
    std::size_t count = 0;
    for (const TensorReport& t : report->tensors) count += t.method == "learned" ? 1 : 0;
    EXPECT_EQ(count, 5U * 7U + 1U) << type;  // with the embedding, which is the head too
  }
}

TEST_F(Tuning, ThreadsAndInstructionSetsGiveTheSameBytes) {
  QuantizeOptions o = small_options("out.gguf", Method::learned);
  o.text.max_windows = 3;
  testing::expect_same_bytes_everywhere(o);
}

// One that was stopped goes on where it was: with the tensor that feedback was at, or with the round.
TEST_F(Tuning, AJobThatWasStoppedWhileItLearnsGoesOnWithTheRound) {
  QuantizeOptions o = small_options("out.gguf", Method::learned);
  o.text.max_windows = 3;
  std::vector<std::size_t> steps;
  std::set<std::string> begun;
  testing::expect_same_bytes_after_stop(
      o,
      [&](const QuantizeProgress& p) {
        if (p.what != "learning") return false;
        EXPECT_EQ(p.tensor_count, 4U * 2U);  // rounds over what is not held out
        return p.tensor == 5;                // the second step of the third round
      },
      [&](const QuantizeProgress& p) {
        if (p.what == "learning") steps.push_back(p.tensor);
        if (p.what == "quantizing") begun.emplace(p.name);
      });
  EXPECT_EQ(steps, (std::vector<std::size_t>{4, 5, 6, 7}));
  EXPECT_FALSE(begun.contains("blk.0.attn_q.weight"));
  EXPECT_TRUE(begun.contains("output_norm.weight"));  // nothing to learn there
}

// Also where a round did not help and the next one takes smaller steps.
TEST_F(Tuning, FromAnyRoundOnItEndsTheSame) {
  const auto runtime = runtime_of(2);
  const QuantizeOptions o = small_options("out.gguf", Method::learned);
  const auto model = engine::testing::load_exact(*runtime, o.input);
  const std::vector<TokenId> tokens = tokens_of(*model, o);
  const formats::TensorSource& source = *model->model().canonical;
  const codec::Codec& q4_0 = codec::codec_of(CodecId::q4_0);
  std::vector<NewTensor> rounded(source.tensors().size());
  for (std::size_t i = 0; i < rounded.size(); ++i) {
    if (!is_quantizable(source.tensors()[i])) continue;
    const auto in = source.read(i);
    ASSERT_TRUE(in);
    std::vector<float> values(in->shape.element_count().value().value_or(0));
    const codec::Codec& from = codec::codec_of(in->codec);
    from.decode(in->blocks().data(), values.data(), values.size() / from.block_elements);
    rounded[i].type = CodecId::q4_0;
    rounded[i].blocks.resize(values.size() / q4_0.block_elements * q4_0.block_bytes);
    q4_0.encode_rtn(values.data(), rounded[i].blocks.data(), values.size() / q4_0.block_elements);
  }
  std::vector<TuningState> states;
  TuningOptions how;
  how.window = 64;
  how.rate = 2e-2;
  how.keep = [&](const TuningState& state) -> Result<void> {
    states.push_back(state);
    return {};
  };
  const std::span<const TokenId> some = std::span(tokens).first(5 * how.window);
  std::vector<NewTensor> whole = rounded;
  const auto result = tune_factors(*runtime, *model, some, how, whole);
  ASSERT_TRUE(result) << format_error(result.error());
  ASSERT_EQ(states.size(), how.rounds);
  EXPECT_LT(states.back().rate, how.rate);               // some round did not help
  EXPECT_LT(states.back().after, states.back().before);  // and some did
  how.keep = {};
  for (const TuningState& state : states) {
    how.from = state;
    std::vector<NewTensor> resumed = rounded;
    const auto again = tune_factors(*runtime, *model, some, how, resumed);
    ASSERT_TRUE(again) << format_error(again.error());
    EXPECT_EQ(again->before, result->before);
    EXPECT_EQ(again->after, result->after);
    for (std::size_t i = 0; i < whole.size(); ++i) {
      EXPECT_TRUE(resumed[i].blocks == whole[i].blocks) << state.rounds << " " << source.tensors()[i].name;
    }
  }
  // Of another model: as if there were none.
  how.from->factors.pop_back();
  std::vector<NewTensor> afresh = rounded;
  std::size_t steps = 0;
  how.begin = [&](std::size_t, std::size_t) { ++steps; };
  ASSERT_TRUE(tune_factors(*runtime, *model, some, how, afresh));
  EXPECT_EQ(steps, how.rounds * 4);
}

TEST_F(Tuning, AJobThatWasStoppedBeforeItLearnsGoesOnAtTheTensor) {
  QuantizeOptions o = small_options("out.gguf", Method::learned);
  o.text.max_windows = 3;
  std::set<std::string> begun;
  testing::expect_same_bytes_after_stop(
      o, [](const QuantizeProgress& p) { return p.name == "blk.3.attn_k.weight"; },
      [&](const QuantizeProgress& p) { begun.emplace(p.name); });
  EXPECT_FALSE(begun.contains("token_embd.weight"));
  EXPECT_FALSE(begun.contains("blk.2.ffn_down.weight"));
  EXPECT_TRUE(begun.contains("blk.3.attn_k.weight"));
  EXPECT_TRUE(begun.contains("blk.4.ffn_down.weight"));
}

TEST_F(Tuning, OneWindowLeavesNothingToHoldOut) {
  QuantizeOptions o = options("out.gguf", "Q4_0", Method::learned);
  o.text.max_windows = 1;
  const auto report = quantize(*runtime_of(1), o);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code.name, "CALIBRATION_SHORT");
  EXPECT_FALSE(fs::exists(o.output));
}

TEST_F(Tuning, TypesWithoutFreeCodesStayAsFeedbackLeavesThem) {
  const auto runtime = runtime_of(2);
  QuantizeOptions o = options("learned.gguf", "Q4_K", Method::learned);
  o.text.max_windows = 3;
  o.tensor_types = {{"ffn_down", "IQ3_S"}, {"attn_q", "F16"}};
  const auto report = quantize(*runtime, o);
  ASSERT_TRUE(report) << format_error(report.error());
  for (const TensorReport& t : report->tensors) {
    if (t.name.find("ffn_down") != std::string::npos) {
      EXPECT_EQ(t.method, "search");
    }
    if (t.name.find("attn_k") != std::string::npos) {
      EXPECT_EQ(t.method, "learned");
    }
  }
  EXPECT_LE(report->learning->after, report->learning->before);
}

TEST_F(Tuning, MoreMemoryThanAllowedIsRefusedBeforehand) {
  QuantizeOptions o = options("out.gguf", "Q4_0", Method::learned);
  std::uint64_t learned = 0;
  o.on_memory = [&](std::uint64_t bytes) { learned = bytes; };
  o.max_memory = 1;
  const auto report = quantize(*runtime_of(1), o);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code.name, "QUANT_MEMORY");
  o.method = Method::feedback;
  std::uint64_t fed = 0;
  o.on_memory = [&](std::uint64_t bytes) { fed = bytes; };
  ASSERT_FALSE(quantize(*runtime_of(1), o));
  EXPECT_GT(learned, fed + 3'000'000);  // with the encoded model at least
}

}  // namespace
}  // namespace mote::quantize
