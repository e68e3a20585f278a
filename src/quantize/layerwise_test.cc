// Method feedback from model to file, on the bundled agent: does what comes out answer like the original?
#include "quantize/layerwise.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/session.h"
#include "quantize/quantize.h"
#include "testing/environment.h"

namespace mote::quantize {
namespace {

namespace fs = std::filesystem;

fs::path agent() { return testing::source_path("models/agent"); }

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::unique_ptr<engine::Runtime> runtime_of(unsigned threads, std::optional<kernels::Isa> isa = {}) {
  engine::RuntimeOptions options;
  options.threads = threads;
  options.isa = isa;
  auto runtime = engine::Runtime::create(options);
  EXPECT_TRUE(runtime);
  return std::move(*runtime);
}

// Text of the kind that the model knows; the held-out half is not calibrated with.
fs::path half_of_the_text(const fs::path& folder, bool second) {
  const std::string all = read(testing::source_path("models/agent/demo_test.jsonl"));
  const std::size_t middle = all.find('\n', all.size() / 2);
  const fs::path path = folder / (second ? "second.txt" : "first.txt");
  std::ofstream(path, std::ios::binary) << (second ? all.substr(middle) : all.substr(0, middle));
  return path;
}

QuantizeOptions options_of(const fs::path& out, const std::string& type, const fs::path& data) {
  QuantizeOptions o;
  o.input = agent();
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
  const fs::path folder = testing::fresh_folder();
  const fs::path data = half_of_the_text(folder, false);
  const std::string held_out = read(half_of_the_text(folder, true));
  const auto runtime = runtime_of(2);
  const std::vector<float> original = logits_of(*runtime, agent(), held_out);
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
    EXPECT_EQ(with_feedback, 5U * 7U);
  }
}

TEST(Layerwise, ThreadsAndInstructionSetsGiveTheSameBytes) {
  const fs::path folder = testing::fresh_folder();
  const fs::path data = half_of_the_text(folder, false);
  std::string first;
  const auto check = [&](engine::Runtime& runtime, const std::string& name) {
    QuantizeOptions o = options_of(folder / (name + ".gguf"), "Q4_0", data);
    o.text.window = 64;
    o.text.max_windows = 2;
    const auto report = quantize(runtime, o);
    ASSERT_TRUE(report) << format_error(report.error());
    const std::string bytes = read(o.output);
    if (first.empty()) first = bytes;
    EXPECT_TRUE(bytes == first) << name;
  };
  check(*runtime_of(1), "one");
  check(*runtime_of(3), "three");
  check(*runtime_of(2, kernels::Isa::reference), "reference");
}

TEST(Layerwise, MixedTypesAndFactorsComeOutRight) {
  // NVFP4 has a factor beside each matrix, IQ3_S and F16 no codes of their own to feed back.
  const fs::path folder = testing::fresh_folder();
  const fs::path data = half_of_the_text(folder, false);
  const std::string held_out = read(half_of_the_text(folder, true));
  const auto runtime = runtime_of(2);
  QuantizeOptions o = options_of(folder / "mixed.gguf", "Q5_0", data);
  o.pure = false;
  o.tensor_types = {{"ffn_down", "NVFP4"}, {"attn_q", "IQ3_S"}, {"attn_k", "F16"}};
  o.text.max_windows = 4;
  ASSERT_TRUE(quantize(*runtime, o));
  QuantizeOptions plain = options_of(folder / "plain.gguf", "Q5_0", {});
  plain.pure = false;
  plain.tensor_types = o.tensor_types;
  ASSERT_TRUE(quantize(*runtime, plain));
  const std::vector<float> original = logits_of(*runtime, agent(), held_out);
  const double fed = squared_distance(logits_of(*runtime, folder / "mixed.gguf", held_out), original);
  EXPECT_LT(fed, squared_distance(logits_of(*runtime, folder / "plain.gguf", held_out), original));
}

TEST(Layerwise, AJobThatWasStoppedEndsWithTheSameBytes) {
  const fs::path folder = testing::fresh_folder();
  const fs::path data = half_of_the_text(folder, false);
  const auto runtime = runtime_of(2);
  QuantizeOptions o = options_of(folder / "whole.gguf", "Q4_0", data);
  o.text.window = 64;
  o.text.max_windows = 2;
  ASSERT_TRUE(quantize(*runtime, o));
  const std::string whole = read(o.output);
  o.output = folder / "stopped.gguf";
  CancelToken cancel;
  o.cancel = &cancel;
  o.progress = [&](const QuantizeProgress& p) {
    if (p.name == "blk.2.ffn_up.weight") cancel.request();
  };
  const auto stopped = quantize(*runtime, o);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code.name, "CANCELLED");
  EXPECT_FALSE(fs::exists(o.output));
  cancel.reset();
  o.progress = {};
  ASSERT_TRUE(quantize(*runtime, o));
  EXPECT_TRUE(read(o.output) == whole);
}

TEST(Layerwise, ATextThatIsTooShortIsRefused) {
  const fs::path folder = testing::fresh_folder();
  std::ofstream(folder / "short.txt") << "turn on the light";
  const auto report = quantize(*runtime_of(1), options_of(folder / "out.gguf", "Q4_0", folder / "short.txt"));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code.name, "CALIBRATION_SHORT");
  EXPECT_FALSE(fs::exists(folder / "out.gguf"));
  EXPECT_FALSE(fs::exists(folder / "out.gguf.part"));
}

TEST(Layerwise, NoWindowsAreRefused) {
  const fs::path folder = testing::fresh_folder();
  QuantizeOptions o = options_of(folder / "out.gguf", "Q4_0", half_of_the_text(folder, false));
  o.text.window = 0;
  const auto report = quantize(*runtime_of(1), o);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code.name, "QUANT_METHOD");
}

}  // namespace
}  // namespace mote::quantize
