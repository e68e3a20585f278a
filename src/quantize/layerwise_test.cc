// Method feedback from model to file: does what comes out answer like the original (the bundled agent)? Do
// text, statistics, threads and a job that was stopped give the same bytes (a smaller model)?
#include "quantize/layerwise.h"
#include "quantize/fed_tensor.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "calibrate/statistics_file.h"
#include "codec/codec.h"
#include "engine/session.h"
#include "engine/test_runtime.h"
#include "formats/gguf_reader.h"
#include "model/model.h"
#include "mote/calibrate.h"
#include "quantize/quantize.h"
#include "testing/environment.h"
#include "testing/quantize_jobs.h"

namespace mote::quantize {
namespace {

using engine::testing::runtime_of;

namespace fs = std::filesystem;

// All that a file holds but its keys, which name the statistics that it was made with.
std::string tensors(const fs::path& path) {
  const auto file = formats::GgufFile::open(path);
  EXPECT_TRUE(file);
  return file ? mote::testing::content_of(path).substr((*file)->data_offset()) : std::string();
}

// Text of the kind that the model knows; the held-out half is not calibrated with.
fs::path half_of_the_text(const fs::path& folder, bool second) {
  const std::string all =
      mote::testing::content_of(mote::testing::source_path("models/agent/demo_test.jsonl"));
  const std::size_t middle = all.find('\n', all.size() / 2);
  const fs::path path = folder / (second ? "second.txt" : "first.txt");
  std::ofstream(path, std::ios::binary) << (second ? all.substr(middle) : all.substr(0, middle));
  return path;
}

QuantizeOptions options_of(const fs::path& out, const std::string& type, const fs::path& data) {
  QuantizeOptions o;
  o.input = testing::agent();
  o.output = out;
  o.type = type;
  o.pure = true;
  o.embedding_type = "Q8_0";
  if (!data.empty()) {
    o.method = Method::feedback;
    o.text.files = {data};
    o.text.window = 128;
    o.text.max_windows = 8;
  }
  return o;
}

// Two windows of 64 tokens for the smaller model.
QuantizeOptions small_options(const fs::path& folder) {
  QuantizeOptions o = options_of(folder / "out.gguf", "Q4_0", testing::story_text(folder));
  o.input = testing::stories();
  o.text.window = 64;
  o.text.max_windows = 2;
  return o;
}

std::vector<float> logits_of(engine::Runtime& runtime, const fs::path& path, const std::string& text) {
  engine::LoadOptions load;
  load.activations = engine::Activations::f32;
  const auto model = engine::LoadedModel::load(runtime, path, load);
  EXPECT_TRUE(model) << (model ? "" : format_error(model.error()));
  auto tokens = (*model)->tokenizer()->encode(text);
  EXPECT_TRUE(tokens);
  tokens->resize(200);
  auto session = engine::Session::create(runtime, *model, {.context = 256});
  EXPECT_TRUE(session);
  const auto logits = (*session)->feed(*tokens, engine::LogitsWanted::all);
  EXPECT_TRUE(logits);
  return {logits->begin(), logits->end()};
}

double squared_distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

TEST(Layerwise, AnswersMoreLikeTheOriginalThanASearchDoes) {
  const fs::path folder = mote::testing::fresh_folder();
  const fs::path data = half_of_the_text(folder, false);
  const std::string held_out = mote::testing::content_of(half_of_the_text(folder, true));
  const auto runtime = runtime_of(2);
  const std::vector<float> original = logits_of(*runtime, testing::agent(), held_out);
  for (const std::string type : {"Q4_0", "Q3_K_M", "Q2_K"}) {
    const fs::path searched = folder / ("searched-" + type + ".gguf");
    const fs::path fed = folder / ("fed-" + type + ".gguf");
    ASSERT_TRUE(quantize(*runtime, options_of(searched, type, {})));
    const auto report = quantize(*runtime, options_of(fed, type, data));
    ASSERT_TRUE(report) << format_error(report.error());
    EXPECT_EQ(fs::file_size(fed), fs::file_size(searched));
    const double before = squared_distance(logits_of(*runtime, searched, held_out), original);
    const double after = squared_distance(logits_of(*runtime, fed, held_out), original);
    EXPECT_LT(after, 0.8 * before) << type;
    std::size_t with_feedback = 0;
    for (const TensorReport& tensor : report->tensors) {
      if (tensor.method != "feedback") continue;
      ++with_feedback;
      EXPECT_GT(tensor.error, 0.0) << tensor.name;
      EXPECT_LT(tensor.error, 0.2) << tensor.name;
    }
    EXPECT_EQ(with_feedback, 5U * 7U + 1U);  // with the embedding, which is the head too
  }
}

// The embedding is the head too, and has more rows than are fed back at a time.
TEST(Layerwise, TheHeadAnswersToWhatItMultiplies) {
  const fs::path folder = mote::testing::fresh_folder();
  const fs::path data = half_of_the_text(folder, false);
  const std::string held_out = mote::testing::content_of(half_of_the_text(folder, true));
  const auto runtime = runtime_of(2);
  const std::vector<float> original = logits_of(*runtime, testing::agent(), held_out);
  const auto distance = [&](const std::string& name, const fs::path& text) {
    QuantizeOptions o = options_of(folder / name, "F16", text);
    o.embedding_type = "Q4_0";
    const auto report = quantize(*runtime, o);
    EXPECT_TRUE(report) << (report ? "" : format_error(report.error()));
    EXPECT_EQ(report->tensors.front().name, "token_embd.weight");
    EXPECT_GT(report->tensors.front().shape.front(), kFeedbackRows);
    EXPECT_EQ(report->tensors.front().method, text.empty() ? "search" : "feedback");
    return squared_distance(logits_of(*runtime, folder / name, held_out), original);
  };
  EXPECT_LT(distance("fed.gguf", data), 0.75 * distance("searched.gguf", {}));
}

TEST(Layerwise, ThreadsAndInstructionSetsGiveTheSameBytes) {
  testing::expect_same_bytes_everywhere(small_options(mote::testing::fresh_folder()));
}

// What the smaller model has not: super-blocks of 256, and a head that is fed back in two parts.
TEST(Layerwise, ThreadsAndInstructionSetsGiveTheSameBytesOfSuperBlocks) {
  const fs::path folder = mote::testing::fresh_folder();
  QuantizeOptions o = options_of(folder / "out.gguf", "F16", half_of_the_text(folder, false));
  o.embedding_type = "Q6_K";
  o.tensor_types = {{"blk.0.ffn_down", "Q3_K"}, {"blk.0.attn_output", "Q4_K"}, {"blk.0.attn_v", "IQ3_S"}};
  o.text.window = 64;
  o.text.max_windows = 2;
  testing::expect_same_bytes_everywhere(o);
}

TEST(Layerwise, MixedTypesAndFactorsComeOutRight) {
  // NVFP4 has a factor beside each matrix, IQ3_S and F16 no codes of their own to feed back.
  const fs::path folder = mote::testing::fresh_folder();
  const fs::path data = half_of_the_text(folder, false);
  const std::string held_out = mote::testing::content_of(half_of_the_text(folder, true));
  const auto runtime = runtime_of(2);
  QuantizeOptions o = options_of(folder / "mixed.gguf", "Q5_0", data);
  o.pure = false;
  o.tensor_types = {{"ffn_down", "NVFP4"}, {"attn_q", "IQ3_S"}, {"attn_k", "F16"}};
  o.text.max_windows = 16;
  ASSERT_TRUE(quantize(*runtime, o));
  QuantizeOptions plain = options_of(folder / "plain.gguf", "Q5_0", {});
  plain.pure = false;
  plain.tensor_types = o.tensor_types;
  ASSERT_TRUE(quantize(*runtime, plain));
  const std::vector<float> original = logits_of(*runtime, testing::agent(), held_out);
  const double fed = squared_distance(logits_of(*runtime, folder / "mixed.gguf", held_out), original);
  EXPECT_LT(fed, squared_distance(logits_of(*runtime, folder / "plain.gguf", held_out), original));
}

// Moments are as large for a type of patterns, which has no feedback of its own.
TEST(Layerwise, PlansTheMemoryOfTypesOfPatternsToo) {
  const fs::path folder = mote::testing::fresh_folder();
  const fs::path data = half_of_the_text(folder, false);
  const auto runtime = runtime_of(2);
  std::vector<std::uint64_t> planned;
  for (const std::string type : {"IQ3_S", "Q3_K"}) {
    QuantizeOptions o = options_of(folder / "x.gguf", type, data);
    o.max_memory = 1;  // refused once it is planned
    o.on_memory = [&](std::uint64_t bytes) { planned.push_back(bytes); };
    const auto report = quantize(*runtime, o);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code.name, "QUANT_MEMORY");
  }
  ASSERT_EQ(planned.size(), 2U);
  EXPECT_EQ(planned[0], planned[1]);
}

TEST(Layerwise, AJobThatWasStoppedEndsWithTheSameBytes) {
  testing::expect_same_bytes_after_stop(
      small_options(mote::testing::fresh_folder()),
      [](const QuantizeProgress& p) { return p.name == "blk.2.ffn_up.weight"; });
}

// Neither by feedback nor by the search; NVFP4 has a factor beside it, which the matrices behind it see.
TEST(Layerwise, AResumedJobMakesNothingTwice) {
  QuantizeOptions o = small_options(mote::testing::fresh_folder());
  o.tensor_types = {{"ffn_gate", "NVFP4"}, {"attn_q", "F16"}};
  const auto runtime = runtime_of(2);
  ASSERT_TRUE(quantize(*runtime, o));
  const std::string whole = mote::testing::content_of(o.output);
  o.output += ".stopped";
  CancelToken cancel;
  o.cancel = &cancel;
  std::set<std::string> begun;
  o.progress = [&](const QuantizeProgress& p) {
    if (p.name == "blk.3.ffn_down.weight") cancel.request();
    begun.emplace(p.name);
  };
  ASSERT_FALSE(quantize(*runtime, o));
  EXPECT_TRUE(begun.contains("blk.2.ffn_gate.weight"));
  cancel.reset();
  begun.clear();
  o.progress = [&](const QuantizeProgress& p) { begun.emplace(p.name); };
  const auto report = quantize(*runtime, o);
  ASSERT_TRUE(report) << format_error(report.error());
  EXPECT_TRUE(mote::testing::content_of(o.output) == whole);
  std::size_t resumed = 0;
  for (const TensorReport& t : report->tensors) {
    EXPECT_NE(t.resumed, begun.contains(t.name)) << t.name;
    resumed += t.resumed ? 1 : 0;
  }
  EXPECT_EQ(resumed, 1U + 3U * 7U + 6U);  // the embedding, three blocks, and a fourth without ffn_down
}

TEST(Layerwise, ATextThatIsTooShortIsRefused) {
  const fs::path folder = mote::testing::fresh_folder();
  std::ofstream(folder / "short.txt") << "turn on the light";
  const auto report = quantize(*runtime_of(1), options_of(folder / "out.gguf", "Q4_0", folder / "short.txt"));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code.name, "CALIBRATION_SHORT");
  EXPECT_FALSE(fs::exists(folder / "out.gguf"));
  EXPECT_FALSE(fs::exists(folder / "out.gguf.part"));
}

TEST(Layerwise, NoWindowsAreRefused) {
  const fs::path folder = mote::testing::fresh_folder();
  QuantizeOptions o = options_of(folder / "out.gguf", "Q4_0", half_of_the_text(folder, false));
  o.text.window = 0;
  const auto report = quantize(*runtime_of(1), o);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code.name, "CALIBRATION_WINDOW");
}

// ---------------------------------------------------------------- statistics instead of a text

// Two windows of 64 tokens for the smaller model.
class FromStatistics : public ::testing::Test {
 protected:
  void SetUp() override {
    calibrate::CalibrateOptions o;
    o.input = text_.input;
    o.output = statistics_;
    o.text = text_.text;
    const auto report = calibrate::calibrate(*runtime_of(2), o);
    ASSERT_TRUE(report) << format_error(report.error());
  }
  QuantizeOptions with_text(const std::string& name) {
    QuantizeOptions o = text_;
    o.output = folder_ / name;
    return o;
  }
  QuantizeOptions with_statistics(const std::string& name) {
    QuantizeOptions o = options_of(folder_ / name, "Q4_0", {});
    o.input = text_.input;
    o.method = Method::feedback;
    o.statistics = statistics_;
    return o;
  }
  static QuantizeReport good(engine::Runtime& runtime, const QuantizeOptions& o) {
    auto report = quantize(runtime, o);
    EXPECT_TRUE(report) << (report ? "" : format_error(report.error()));
    return report ? std::move(*report) : QuantizeReport();
  }
  // Nothing is written then.
  static void fails(const std::string& code, const QuantizeOptions& o) {
    const auto report = quantize(*runtime_of(1), o);
    ASSERT_FALSE(report) << code;
    EXPECT_EQ(report.error().code.name, code) << format_error(report.error());
    EXPECT_EQ(report.error().file, o.statistics.string());
    EXPECT_FALSE(fs::exists(o.output));
    EXPECT_FALSE(fs::exists(o.output.string() + ".part"));
  }
  void change(const std::function<void(calibrate::Statistics&)>& how) {
    auto read = calibrate::read_statistics(statistics_);
    ASSERT_TRUE(read);
    how(*read);
    ASSERT_TRUE(calibrate::write_statistics(*read, statistics_));
  }

  fs::path folder_ = mote::testing::fresh_folder();
  fs::path statistics_ = folder_ / "statistics.gguf";
  QuantizeOptions text_ = small_options(folder_);
};

class AgentFromStatistics : public FromStatistics {
 protected:
  AgentFromStatistics() {
    text_.input = testing::agent();
    text_.text.files = {half_of_the_text(folder_, false)};
  }
};

TEST_F(FromStatistics, GivesTheBytesOfTheTextThatTheyAreOf) {
  const auto runtime = runtime_of(2);
  good(*runtime, with_text("text.gguf"));
  good(*runtime, with_statistics("whole.gguf"));
  EXPECT_TRUE(tensors(folder_ / "text.gguf") == tensors(folder_ / "whole.gguf"));
  // Fewer of the same windows.
  QuantizeOptions one = with_text("text.gguf");
  one.text.max_windows = 1;
  good(*runtime, one);
  QuantizeOptions first = with_statistics("first.gguf");
  first.text.max_windows = 1;
  good(*runtime, first);
  EXPECT_TRUE(tensors(folder_ / "text.gguf") == tensors(folder_ / "first.gguf"));
}

TEST_F(FromStatistics, ThreadsAndInstructionSetsGiveTheSameBytes) {
  std::string first;
  for (const Method method : {Method::feedback, Method::search}) {
    first.clear();
    const auto check = [&](engine::Runtime& runtime, const std::string& name) {
      QuantizeOptions o = with_statistics(name + ".gguf");
      o.method = method;
      good(runtime, o);
      if (first.empty()) first = mote::testing::content_of(o.output);
      EXPECT_TRUE(mote::testing::content_of(o.output) == first) << name;
    };
    check(*runtime_of(1), "one");
    check(*runtime_of(3), "three");
    check(*runtime_of(2, kernels::Isa::reference), "reference");
  }
}

TEST_F(FromStatistics, AJobThatWasStoppedEndsWithTheSameBytes) {
  const auto runtime = runtime_of(2);
  good(*runtime, with_statistics("whole.gguf"));
  QuantizeOptions o = with_statistics("stopped.gguf");
  CancelToken cancel;
  o.cancel = &cancel;
  o.progress = [&](const QuantizeProgress& p) {
    if (p.name == "blk.2.ffn_up.weight") cancel.request();
  };
  ASSERT_FALSE(quantize(*runtime, o));
  cancel.reset();
  o.progress = {};
  good(*runtime, o);
  EXPECT_TRUE(mote::testing::content_of(o.output) == mote::testing::content_of(folder_ / "whole.gguf"));
}

TEST_F(FromStatistics, WithoutTokensThereIsNothingToFeedBack) {
  change([](calibrate::Statistics& s) { s.tokens.clear(); });
  fails("QUANT_METHOD", with_statistics("out.gguf"));
  // A text beside them will do, and so does the search.
  QuantizeOptions both = with_text("both.gguf");
  both.statistics = statistics_;
  QuantizeOptions search = with_statistics("search.gguf");
  search.method = Method::search;
  const auto runtime = runtime_of(2);
  good(*runtime, both);
  good(*runtime, search);
  good(*runtime, with_text("text.gguf"));
  EXPECT_TRUE(tensors(both.output) == tensors(folder_ / "text.gguf"));
}

TEST_F(FromStatistics, TokensThatTheModelCannotTakeAreRefused) {
  QuantizeOptions none = with_statistics("out.gguf");
  none.text.max_windows = 0;
  const auto report = quantize(*runtime_of(1), none);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code.name, "CALIBRATION_WINDOW");
  change([](calibrate::Statistics& s) { s.tokens[3] = 1'000'000; });
  fails("TOKEN_ID", with_statistics("out.gguf"));
  change([](calibrate::Statistics& s) {
    s.window = 1'000'000;
    s.tokens.assign(s.window, 1);
  });
  fails("STATISTICS_MODEL", with_statistics("out.gguf"));
}

// Squared error over squared norm of a tensor in `made`, each column weighted by its sum of squares.
double weighted_error(const fs::path& made, const std::string& tensor, const std::vector<double>& squares) {
  const auto values_of = [&](const formats::TensorSource& source) {
    const auto read = source.read(*source.find(tensor));
    EXPECT_TRUE(read);
    const codec::Codec& codec = codec::codec_of(read->codec);
    std::vector<float> out(*read->shape.element_count().value());
    codec.decode(read->blocks().data(), out.data(), out.size() / codec.block_elements);
    return out;
  };
  const auto original = model::open_model(testing::agent());
  const auto file = formats::GgufFile::open(made);
  EXPECT_TRUE(original && file);
  const std::vector<float> x = values_of(*original->canonical);
  const std::vector<float> y = values_of(**file);
  double error = 0;
  double norm = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double weight = squares[i % squares.size()];
    error += weight * std::pow(static_cast<double>(y[i]) - static_cast<double>(x[i]), 2);
    norm += weight * std::pow(static_cast<double>(x[i]), 2);
  }
  return error / norm;
}

// IQ3_S has no codes to feed back, but weights; Q2_0 is rounded. The first block sees what the original
// does.
TEST_F(AgentFromStatistics, TypesWithoutFeedbackAreWeighed) {
  const auto runtime = runtime_of(2);
  const auto prepared = [&](QuantizeOptions o) {
    o.embedding_type = "F16";
    o.tensor_types = {{"attn_[qk]", "IQ3_S"}, {"ffn_up", "Q2_0"}};
    o.pure = false;
    return o;
  };
  QuantizeOptions plain = prepared(with_statistics("plain.gguf"));
  plain.method = Method::search;
  plain.statistics.clear();
  good(*runtime, plain);
  const auto statistics = calibrate::read_statistics(statistics_);
  ASSERT_TRUE(statistics);
  for (const QuantizeOptions& o : {prepared(with_statistics("fed.gguf")), prepared(with_text("text.gguf"))}) {
    SCOPED_TRACE(o.output);
    const QuantizeReport report = good(*runtime, o);
    for (const std::string name : {"blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.ffn_up.weight"}) {
      const bool is_rounded = name.find("ffn") != std::string::npos;
      if (is_rounded && o.statistics.empty()) continue;  // nothing says what its errors weigh
      const std::vector<double>& squares = statistics->inputs.at(name).squares;
      const double fed = weighted_error(o.output, name, squares);
      const auto row = std::ranges::find(report.tensors, name, &TensorReport::name);
      ASSERT_NE(row, report.tensors.end());
      EXPECT_NEAR(row->error, fed, 0.01 * fed) << name;
      if (is_rounded) continue;
      EXPECT_LT(fed, 0.98 * weighted_error(plain.output, name, squares)) << name;
      EXPECT_EQ(row->method, "search");
    }
  }
}

}  // namespace
}  // namespace mote::quantize
