// Feedback with second moments from a statistics file or observed by the job itself: on a mixture of experts,
// which no other way of feedback takes, and on a dense model whose statistics have no tokens.
#include "quantize/stored_feedback.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "calibrate/observer.h"
#include "calibrate/statistics_file.h"
#include "codec/codec.h"
#include "engine/test_runtime.h"
#include "engine/tiny_gguf.h"
#include "formats/checkpoint.h"
#include "formats/gguf_reader.h"
#include "mote/calibrate.h"
#include "quantize/quantize.h"
#include "testing/environment.h"
#include "testing/quantize_jobs.h"

namespace mote::quantize {
namespace {

using engine::testing::load_exact;
using engine::testing::runtime_of;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

std::vector<float> values_of(const formats::TensorSource& source, std::size_t index) {
  const auto in = source.read(index);
  EXPECT_TRUE(in);
  std::vector<float> out(in->shape.element_count().value().value_or(0));
  const codec::Codec& codec = codec::codec_of(in->codec);
  codec.decode(in->blocks().data(), out.data(), out.size() / codec.block_elements);
  return out;
}

// Keys may differ: they name the statistics. but: of other tensors than those that are named so.
void expect_same_tensors(const fs::path& one, const fs::path& other, std::string_view but = "nothing") {
  const auto a = formats::GgufFile::open(one);
  const auto b = formats::GgufFile::open(other);
  ASSERT_TRUE(a && b);
  ASSERT_EQ((*a)->tensors().size(), (*b)->tensors().size());
  for (std::size_t i = 0; i < (*a)->tensors().size(); ++i) {
    if ((*a)->tensors()[i].name.find(but) != std::string::npos) continue;
    const auto x = (*a)->stored(i);
    const auto y = (*b)->stored(i);
    EXPECT_TRUE(std::equal(x.begin(), x.end(), y.begin(), y.end())) << (*a)->tensors()[i].name;
  }
}

class StoredFeedback : public ::testing::Test {
 protected:
  // Statistics of a model without a tokenizer.
  void observe(const fs::path& model_path, bool with_moments, std::size_t windows_wanted = 40,
               bool with_tokens = true) {
    const auto runtime = runtime_of(2);
    const auto model = load_exact(*runtime, model_path);
    calibrate::Windows windows;
    windows.window = 32;
    Rng rng(3);
    for (std::size_t i = 0; i < windows_wanted * windows.window; ++i) {
      windows.tokens.push_back(static_cast<TokenId>(rng.next_below(40)));
    }
    auto store = calibrate::SpilledMoments::create(folder_);
    ASSERT_TRUE(store);
    const auto inputs =
        calibrate::observe(*runtime, *model, windows, nullptr, {}, with_moments ? store->get() : nullptr);
    ASSERT_TRUE(inputs);
    calibrate::Statistics s;
    s.inputs = *inputs;
    s.windows = windows.count();
    s.window = windows.window;
    if (with_tokens) s.tokens = windows.tokens;
    if (with_moments) s.moments = std::move(*store);
    ASSERT_TRUE(calibrate::write_statistics(s, statistics_));
  }
  fs::path mixture() {
    return engine::testing::write_tiny_gguf(folder_ / "mixture.gguf", {.architecture = "qwen2moe",
                                                                       .codec = CodecId::f32,
                                                                       .width = 64,
                                                                       .experts = true,
                                                                       .shared_expert = true});
  }
  // Of the bundled stories, with the windows of two lengths that leave no tokens.
  void calibrate_stories() {
    const auto runtime = runtime_of(2);
    calibrate::CalibrateOptions o;
    o.input = testing::stories();
    o.text.files = {testing::story_text(folder_)};
    o.text.max_windows = 10;
    o.text.window = 64;
    o.second_moments = true;
    o.output = folder_ / "first.gguf";
    ASSERT_TRUE(calibrate::calibrate(*runtime, o));
    o.text.window = 63;
    o.merge = {o.output};
    o.output = statistics_;
    ASSERT_TRUE(calibrate::calibrate(*runtime, o));
  }
  QuantizeOptions options(const fs::path& input, const std::string& name, Method method) {
    QuantizeOptions o;
    o.input = input;
    o.output = folder_ / name;
    o.type = "Q4_0";
    o.pure = true;
    o.method = method;
    o.statistics = statistics_;
    return o;
  }
  // What a tensor of a file loses of its products with the inputs, by their moments: squared, over the same
  // of the products. damping: times the mean of the squares, added to each.
  double lost(const fs::path& original, const fs::path& file, const std::string& tensor, double damping = 0) {
    const auto a = formats::GgufFile::open(original);
    const auto b = formats::GgufFile::open(file);
    const auto statistics = calibrate::read_statistics(statistics_);
    EXPECT_TRUE(a && b && statistics);
    const std::size_t index = *(*a)->find(tensor);
    const std::vector<float> w = values_of(**a, index);
    const std::vector<float> q = values_of(**b, *(*b)->find(tensor));
    const auto moments = calibrate::MeanMoments::of(*statistics, **a, index);
    EXPECT_TRUE(moments && *moments);
    const std::size_t cols = (*moments)->cols();
    const std::size_t rows = w.size() / cols / (*moments)->matrices();
    double error = 0;
    double norm = 0;
    for (std::size_t m = 0; m < (*moments)->matrices(); ++m) {
      std::vector<double> h = *(*moments)->matrix(m);
      double mean = 0;
      for (std::size_t i = 0; i < cols; ++i) mean += h[i * cols + i] / static_cast<double>(cols);
      for (std::size_t i = 0; i < cols; ++i) h[i * cols + i] += damping * mean;
      for (std::size_t r = m * rows; r < (m + 1) * rows; ++r) {
        for (std::size_t i = 0; i < cols; ++i) {
          for (std::size_t j = 0; j < cols; ++j) {
            const double wi = w[r * cols + i];
            const double wj = w[r * cols + j];
            error += (wi - q[r * cols + i]) * h[i * cols + j] * (wj - q[r * cols + j]);
            norm += wi * h[i * cols + j] * wj;
          }
        }
      }
    }
    return error / norm;
  }

  fs::path folder_ = mote::testing::fresh_folder();
  fs::path statistics_ = folder_ / "s.gguf";
};

TEST_F(StoredFeedback, ExpertsAnswerToTheirOwnInputs) {
  const fs::path model = mixture();
  observe(model, true);
  const auto runtime = runtime_of(2);
  const QuantizeOptions fed = options(model, "fed.gguf", Method::feedback);
  const QuantizeOptions searched = options(model, "searched.gguf", Method::search);
  const auto report = quantize(*runtime, fed);
  ASSERT_TRUE(report) << format_error(report.error());
  ASSERT_TRUE(quantize(*runtime, searched));
  EXPECT_EQ(fs::file_size(fed.output), fs::file_size(searched.output));
  EXPECT_GT(report->planned_memory, 64U * 64U * 40U);
  std::size_t count = 0;
  for (const TensorReport& t : report->tensors) {
    if (t.method != "feedback") continue;
    SCOPED_TRACE(t.name);
    ++count;
    const double after = lost(model, fed.output, t.name);
    const double before = lost(model, searched.output, t.name);
    EXPECT_LT(after, 0.9 * before);
    EXPECT_GT(t.searched_error, t.error);
    EXPECT_NEAR(t.error, lost(model, fed.output, t.name, 0.01), 1e-3 * t.error);
  }
  EXPECT_EQ(count, 2U * (4 + 3 + 3) + 1U);  // attention, experts, the shared one; the head
}

TEST_F(StoredFeedback, WithoutMomentsAndTokensAMixtureHasNoFeedback) {
  const fs::path model = mixture();
  observe(model, false, 40, false);
  const auto report = quantize(*runtime_of(1), options(model, "fed.gguf", Method::feedback));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code.name, "QUANT_METHOD");
  EXPECT_THAT(report.error().hint, HasSubstr("--data"));
}

// IQ2_XS and IQ3_XXS besides: types of patterns, which need importances, for experts and for the head.
TEST_F(StoredFeedback, AMixtureWithTokensAloneIsObservedByTheJob) {
  const fs::path model = engine::testing::write_tiny_gguf(
      folder_ / "mixture.gguf",
      {.architecture = "qwen2moe", .codec = CodecId::f32, .width = 256, .experts = true});
  observe(model, true);
  QuantizeOptions given = options(model, "given.gguf", Method::feedback);
  given.tensor_types = {{"ffn_down_exps", "IQ2_XS"}};
  given.output_type = "IQ3_XXS";
  ASSERT_TRUE(quantize(*runtime_of(2), given));
  observe(model, false);
  QuantizeOptions seen = options(model, "seen.gguf", Method::feedback);
  seen.tensor_types = given.tensor_types;
  seen.output_type = given.output_type;
  std::size_t observing = 0;
  seen.progress = [&](const QuantizeProgress& p) { observing += p.what == "observing" ? 1 : 0; };
  const auto report = quantize(*runtime_of(1), seen);
  ASSERT_TRUE(report) << format_error(report.error());
  EXPECT_GT(observing, 40U);
  EXPECT_GT(report->planned_memory, 40U * 32U * 256U * sizeof(float));  // hidden states of all tokens
  expect_same_tensors(given.output, seen.output);
  for (const auto& left : fs::directory_iterator(folder_)) {
    const std::string name = left.path().filename().string();
    EXPECT_TRUE(name.find(".part") == std::string::npos && name.find("spill") == std::string::npos) << name;
  }
}

// The same codes as by way of a file; where importances choose them, as good ones, since the file rounds
// sums.
TEST_F(StoredFeedback, ATextIsEnoughForAMixture) {
  const auto stories = formats::open_checkpoint(testing::stories());
  ASSERT_TRUE(stories);
  const auto tokenizer = load_tokenizer(*stories);
  ASSERT_TRUE(tokenizer);
  const fs::path model =
      engine::testing::write_tiny_gguf(folder_ / "mixture.gguf", {.architecture = "qwen3moe",
                                                                  .codec = CodecId::f32,
                                                                  .width = 256,
                                                                  .experts = true,
                                                                  .tokenizer = tokenizer->get()});
  const auto runtime = runtime_of(2);
  calibrate::CalibrateOptions c;
  c.input = model;
  c.output = statistics_;
  c.text.files = {testing::story_text(folder_)};
  c.text.window = 64;
  c.text.max_windows = 20;
  c.second_moments = true;
  ASSERT_TRUE(calibrate::calibrate(*runtime, c));
  QuantizeOptions given = options(model, "given.gguf", Method::feedback);
  given.tensor_types = {{"ffn_down_exps", "IQ2_XS"}};
  ASSERT_TRUE(quantize(*runtime, given));
  QuantizeOptions text = given;
  text.output = folder_ / "text.gguf";
  text.statistics.clear();
  text.text = c.text;
  const auto report = quantize(*runtime, text);
  ASSERT_TRUE(report) << format_error(report.error());
  expect_same_tensors(given.output, text.output, "ffn_down_exps");
  const std::string name = "blk.1.ffn_down_exps.weight";
  EXPECT_LT(lost(model, text.output, name), 1.02 * lost(model, given.output, name));
  QuantizeOptions blind = options(model, "blind.gguf", Method::search);
  blind.statistics.clear();
  blind.tensor_types = {{"ffn_down_exps", "Q2_K"}};  // more bits, no importances
  ASSERT_TRUE(quantize(*runtime, blind));
  EXPECT_LT(lost(model, text.output, name), lost(model, blind.output, name));
  // Statistics that lack a tensor are no hindrance: what is missing is observed.
  auto partial = calibrate::read_statistics(statistics_);
  ASSERT_TRUE(partial);
  partial->moments = nullptr;
  ASSERT_EQ(partial->inputs.erase(name), 1U);
  ASSERT_TRUE(calibrate::write_statistics(*partial, statistics_));
  QuantizeOptions filled = text;
  filled.statistics = statistics_;
  filled.output = folder_ / "filled.gguf";
  ASSERT_TRUE(quantize(*runtime, filled));
  expect_same_tensors(filled.output, text.output, "blk.0.ffn_down_exps");
  text.text.max_windows = 1;
  text.output = folder_ / "short.gguf";
  const auto few = quantize(*runtime, text);
  ASSERT_TRUE(few) << format_error(few.error());
  EXPECT_THAT(few->warnings, ::testing::Contains(HasSubstr("matrices saw fewer than")));
}

TEST_F(StoredFeedback, EncodersAreObservedByTheJob) {
  for (const std::string_view architecture : {"bert", "nomic-bert"}) {
    SCOPED_TRACE(architecture);
    const fs::path model =
        engine::testing::write_tiny_gguf(folder_ / (std::string(architecture) + ".gguf"),
                                         {.architecture = architecture, .codec = CodecId::f32, .width = 64});
    observe(model, false);
    const auto runtime = runtime_of(2);
    const QuantizeOptions fed = options(model, std::string(architecture) + "-fed.gguf", Method::feedback);
    const QuantizeOptions searched =
        options(model, std::string(architecture) + "-searched.gguf", Method::search);
    const auto report = quantize(*runtime, fed);
    ASSERT_TRUE(report) << format_error(report.error());
    ASSERT_TRUE(quantize(*runtime, searched));
    observe(model, true);
    std::size_t count = 0;
    for (const TensorReport& t : report->tensors) {
      if (t.method != "feedback") continue;
      ++count;
      EXPECT_LT(lost(model, fed.output, t.name), 0.9 * lost(model, searched.output, t.name)) << t.name;
    }
    EXPECT_GE(count, 2U * 5U);
  }
}

TEST_F(StoredFeedback, WhatWillBeObservedIsPlannedWithoutIt) {
  const fs::path model = mixture();
  observe(model, false);
  QuantizeOptions o = options(model, "fed.gguf", Method::feedback);
  o.dry_run = true;
  const auto planned = quantize(*runtime_of(1), o);
  o.dry_run = false;
  const auto made = quantize(*runtime_of(1), o);
  ASSERT_TRUE(planned && made);
  ASSERT_EQ(planned->tensors.size(), made->tensors.size());
  for (std::size_t i = 0; i < made->tensors.size(); ++i) {
    EXPECT_EQ(planned->tensors[i].method, made->tensors[i].method) << made->tensors[i].name;
  }
  o.max_memory = 1;
  const auto refused = quantize(*runtime_of(1), o);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code.name, "QUANT_MEMORY");
}

TEST_F(StoredFeedback, AStoppedJobThatObservesEndsWithTheSameBytes) {
  const fs::path model = mixture();
  observe(model, false);
  for (const std::string_view at : {"observing", "quantizing"}) {
    SCOPED_TRACE(at);
    std::size_t steps = 0;
    testing::expect_same_bytes_after_stop(
        options(model, std::string(at) + ".gguf", Method::feedback),
        [&](const QuantizeProgress& p) { return p.what == at && ++steps == 6; });
  }
}

// Where one that was quantized alone has the same moments, an expert has the same codes.
TEST_F(StoredFeedback, AnExpertIsQuantizedAsItWouldBeAlone) {
  const fs::path model = mixture();
  observe(model, true);
  const auto file = formats::GgufFile::open(model);
  const auto statistics = calibrate::read_statistics(statistics_);
  ASSERT_TRUE(file && statistics);
  const std::string name = "blk.1.ffn_down_exps.weight";
  const std::size_t index = *(*file)->find(name);
  const auto in = (*file)->read(index);
  const auto moments = calibrate::MeanMoments::of(*statistics, **file, index);
  ASSERT_TRUE(in && moments && *moments);
  sys::ThreadPool pool(2);
  const FeedbackJob job{
      .type = CodecId::q4_0, .search = &kSearchBaseline, .kernels = &kFeedbackBaseline, .cancel = nullptr};
  const codec::Codec& q4_0 = codec::codec_of(CodecId::q4_0);
  const std::size_t row_bytes = in->shape.cols() / q4_0.block_elements * q4_0.block_bytes;
  std::vector<std::byte> all(in->shape.rows() * row_bytes);
  const float factor = 2.0F;
  ASSERT_TRUE(encode_with_moments(pool, job, **moments, name, *in, factor, all));
  const std::size_t rows = in->shape.rows() / 3;
  const std::vector<float> values = values_of(**file, index);
  for (std::size_t m = 0; m < 3; ++m) {
    const auto curvature =
        curvature_of(pool, kFeedbackBaseline, *(*moments)->matrix(m), in->shape.cols(), 0.01);
    ASSERT_TRUE(curvature);
    std::vector<float> own(values.begin() + static_cast<std::ptrdiff_t>(m * rows * in->shape.cols()),
                           values.begin() + static_cast<std::ptrdiff_t>((m + 1) * rows * in->shape.cols()));
    for (float& x : own) x /= factor;
    std::vector<std::byte> alone(rows * row_bytes);
    ASSERT_TRUE(encode_feedback(pool, job, *curvature, own, alone));
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(),
                           all.begin() + static_cast<std::ptrdiff_t>(m * rows * row_bytes)))
        << m;
  }
}

TEST_F(StoredFeedback, AnExpertThatSawNothingIsQuantizedAllTheSame) {
  const fs::path model = mixture();
  observe(model, true, 2);
  auto s = calibrate::read_statistics(statistics_);
  ASSERT_TRUE(s);
  // Nothing came by at all.
  const auto file = formats::GgufFile::open(model);
  class Zeros : public calibrate::MomentStore {
   public:
    [[nodiscard]] std::span<const calibrate::MomentEntry> entries() const override { return {&entry_, 1}; }
    [[nodiscard]] Result<std::vector<float>> read(std::size_t, std::size_t) const override {
      return std::vector<float>(calibrate::packed_size(64), 0.0F);
    }

   private:
    calibrate::MomentEntry entry_{"blk.0.ffn_down_exps.weight", 64, {0, 0, 0}};
  };
  s->moments = std::make_shared<Zeros>();
  s->inputs.at("blk.0.ffn_down_exps.weight").counts = {0, 0, 0};
  ASSERT_TRUE(calibrate::write_statistics(*s, statistics_));
  const auto report = quantize(*runtime_of(1), options(model, "fed.gguf", Method::feedback));
  ASSERT_TRUE(report) << format_error(report.error());
}

TEST_F(StoredFeedback, ADenseModelNeedsNoTokens) {
  calibrate_stories();
  ASSERT_TRUE(calibrate::read_statistics(statistics_)->tokens.empty());
  const auto runtime = runtime_of(2);
  const QuantizeOptions fed = options(testing::stories(), "fed.gguf", Method::feedback);
  const QuantizeOptions searched = options(testing::stories(), "searched.gguf", Method::search);
  const auto report = quantize(*runtime, fed);
  ASSERT_TRUE(report) << format_error(report.error());
  ASSERT_TRUE(quantize(*runtime, searched));
  // The original as a file of its own, whose tensors have the names of the statistics.
  QuantizeOptions whole = options(testing::stories(), "whole.gguf", Method::rtn);
  whole.type = "F32";
  ASSERT_TRUE(quantize(*runtime, whole));
  std::size_t count = 0;
  for (const TensorReport& t : report->tensors) {
    if (t.method != "feedback") continue;
    ++count;
    EXPECT_LT(lost(whole.output, fed.output, t.name), 0.7 * lost(whole.output, searched.output, t.name))
        << t.name;
  }
  EXPECT_EQ(count, 5U * 7U + 1U);
}

// With tokens the layers before are known too, and corrected for.
TEST_F(StoredFeedback, TokensAreTheBetterChoice) {
  const auto runtime = runtime_of(2);
  calibrate::CalibrateOptions o;
  o.input = testing::stories();
  o.text.files = {testing::story_text(folder_)};
  o.text.max_windows = 4;
  o.text.window = 64;
  o.output = folder_ / "plain.gguf";
  ASSERT_TRUE(calibrate::calibrate(*runtime, o));
  o.second_moments = true;
  o.output = statistics_;
  ASSERT_TRUE(calibrate::calibrate(*runtime, o));
  const QuantizeOptions both = options(testing::stories(), "both.gguf", Method::feedback);
  ASSERT_TRUE(quantize(*runtime, both));
  QuantizeOptions tokens = options(testing::stories(), "tokens.gguf", Method::feedback);
  tokens.statistics = folder_ / "plain.gguf";
  ASSERT_TRUE(quantize(*runtime, tokens));
  expect_same_tensors(both.output, tokens.output);
}

// As the search says it; no text has gone through the model that could have said it before.
TEST_F(StoredFeedback, WeightsThatAreNotFiniteAreNamed) {
  const fs::path model = mixture();
  observe(model, true);
  {
    const auto file = formats::GgufFile::open(model);
    ASSERT_TRUE(file);
    const auto stored = (*file)->stored(*(*file)->find("blk.1.ffn_up_exps.weight"));
    const auto at = stored.data() - (*file)->files()[0]->bytes().data();
    std::fstream out(model, std::ios::binary | std::ios::in | std::ios::out);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    out.seekp(at + static_cast<std::ptrdiff_t>(sizeof nan * (2 * 64 * 64 + 5)));  // the third expert
    out.write(reinterpret_cast<const char*>(&nan), sizeof nan);
  }
  QuantizeOptions o = options(model, "out.gguf", Method::feedback);
  for (const Method method : {Method::feedback, Method::search}) {
    o.method = method;
    const auto report = quantize(*runtime_of(2), o);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code.name, "MODEL_NONFINITE");
    EXPECT_THAT(report.error().message, HasSubstr("'blk.1.ffn_up_exps.weight'"));
    EXPECT_THAT(report.error().message, HasSubstr("row 128, column 5"));
  }
}

TEST_F(StoredFeedback, ThreadsAndInstructionSetsGiveTheSameBytes) {
  const fs::path model = mixture();
  observe(model, true);
  testing::expect_same_bytes_everywhere(options(model, "out.gguf", Method::feedback));
}

TEST_F(StoredFeedback, AStoppedJobEndsWithTheSameBytes) {
  const fs::path model = mixture();
  observe(model, true);
  std::vector<std::string> begun;
  testing::expect_same_bytes_after_stop(
      options(model, "out.gguf", Method::feedback),
      [](const QuantizeProgress& p) { return p.name == "blk.1.ffn_up_exps.weight"; },
      [&](const QuantizeProgress& p) {
        if (begun.empty() || begun.back() != p.name) begun.emplace_back(p.name);
      });
  EXPECT_EQ(std::ranges::count(begun, "blk.0.attn_q.weight"), 1);  // named, and taken from the part file
}

TEST_F(StoredFeedback, MemoryIsHeldToALimit) {
  const fs::path model = mixture();
  observe(model, true);
  QuantizeOptions o = options(model, "out.gguf", Method::feedback);
  std::uint64_t told = 0;
  o.on_memory = [&](std::uint64_t bytes) { told = bytes; };
  ASSERT_TRUE(quantize(*runtime_of(1), o));
  o.max_memory = told;
  EXPECT_TRUE(quantize(*runtime_of(1), o));
  o.max_memory = told - 1;
  const auto report = quantize(*runtime_of(1), o);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code.name, "QUANT_MEMORY");
}

}  // namespace
}  // namespace mote::quantize
