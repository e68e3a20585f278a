// Types chosen for a size, on the bundled agent.
#include "quantize/allocate/allocation.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "codec/codec.h"
#include "engine/session.h"
#include "engine/test_runtime.h"
#include "formats/gguf_writer.h"
#include "quantize/allocate/sensitivity.h"
#include "quantize/quantize.h"
#include "testing/environment.h"
#include "testing/quantize_jobs.h"

namespace mote::quantize {
namespace {

using engine::testing::load_exact;
using engine::testing::runtime_of;

namespace fs = std::filesystem;

using testing::agent;

fs::path text() { return mote::testing::source_path("models/agent/demo_test.jsonl"); }

std::vector<TokenId> tokens_of(const engine::LoadedModel& model, std::size_t count) {
  auto tokens = model.tokenizer()->encode(mote::testing::content_of(text()));
  EXPECT_TRUE(tokens);
  tokens->resize(count);
  return *tokens;
}

std::vector<float> logits_of(engine::Runtime& runtime, const fs::path& path,
                             const std::vector<TokenId>& tokens) {
  auto session = engine::Session::create(runtime, load_exact(runtime, path), {.context = tokens.size()});
  EXPECT_TRUE(session);
  const auto logits = (*session)->feed(tokens, engine::LogitsWanted::all);
  EXPECT_TRUE(logits);
  return {logits->begin(), logits->end()};
}

double divergence(const float* p, const float* q, std::size_t n) {
  double sum_p = 0;
  double sum_q = 0;
  for (std::size_t i = 0; i < n; ++i) {
    sum_p += std::exp(static_cast<double>(p[i]));
    sum_q += std::exp(static_cast<double>(q[i]));
  }
  double out = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double a = static_cast<double>(p[i]) - std::log(sum_p);
    out += std::exp(a) * (a - (static_cast<double>(q[i]) - std::log(sum_q)));
  }
  return out;
}

QuantizedTensor rounded(const formats::TensorSource& source, std::size_t index, CodecId type) {
  const auto in = source.read(index);
  EXPECT_TRUE(in);
  const codec::Codec& from = codec::codec_of(in->codec);
  const codec::Codec& to = codec::codec_of(type);
  std::vector<float> values(in->shape.rows() * in->shape.cols());
  from.decode(in->blocks().data(), values.data(), values.size() / from.block_elements);
  const auto blocks =
      std::make_shared<std::vector<std::byte>>(values.size() / to.block_elements * to.block_bytes);
  to.encode_rtn(values.data(), blocks->data(), values.size() / to.block_elements);
  QuantizedTensor out;
  out.codec = type;
  out.shape = in->shape;
  out.planes = {std::span<const std::byte>(*blocks)};
  out.owner = blocks;
  return out;
}

// The model with one tensor replaced, as a file of its own.
fs::path with_replaced(const engine::LoadedModel& model, std::size_t index, const QuantizedTensor& tensor) {
  const formats::TensorSource& source = *model.model().canonical;
  std::vector<formats::TensorInfo> infos(source.tensors().begin(), source.tensors().end());
  infos[index].codec = tensor.codec;
  const fs::path path = mote::testing::fresh_folder() / "one.gguf";
  auto writer = formats::GgufWriter::create(path, model.model().metadata(), infos, "one");
  EXPECT_TRUE(writer);
  for (std::size_t i = 0; i < infos.size(); ++i) {
    const auto own = source.read(i);
    EXPECT_TRUE(own);
    EXPECT_TRUE((*writer)->write(i, i == index ? tensor.blocks() : own->blocks()));
  }
  EXPECT_TRUE((*writer)->finish());
  return path;
}

// What a probe says is what a file with that one tensor in the other type does, by sessions of the engine and
// the definition of the divergence.
TEST(Sensitivity, IsTheDivergenceOfAModelWithOneTensorReplaced) {
  const auto runtime = runtime_of(2);
  const auto model = load_exact(*runtime, agent());
  const formats::TensorSource& source = *model->model().canonical;
  const std::vector<TokenId> tokens = tokens_of(*model, 2 * 64);
  std::vector<std::size_t> tensors;
  for (const std::string name : {"blk.0.attn_q.weight", "blk.2.ffn_down.weight", "token_embd.weight"}) {
    ASSERT_TRUE(source.find(name)) << name;
    tensors.push_back(*source.find(name));
  }
  SensitivityOptions options;
  options.window = 64;
  options.windows = 2;
  const auto found = probe_tensors(
      *runtime, *model, tokens, tensors,
      [&](std::size_t i) -> Result<QuantizedTensor> { return rounded(source, i, CodecId::q4_0); }, options);
  ASSERT_TRUE(found) << format_error(found.error());
  const std::size_t vocab = model->vocab();
  for (std::size_t k = 0; k < tensors.size(); ++k) {
    const fs::path path = with_replaced(*model, tensors[k], rounded(source, tensors[k], CodecId::q4_0));
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t w = 0; w < 2; ++w) {
      const std::vector<TokenId> window(tokens.begin() + static_cast<std::ptrdiff_t>(w * 64),
                                        tokens.begin() + static_cast<std::ptrdiff_t>(w * 64 + 64));
      const std::vector<float> p = logits_of(*runtime, agent(), window);
      const std::vector<float> q = logits_of(*runtime, path, window);
      for (std::size_t at = 32; at < 64; at += 2, ++count)
        sum += divergence(&p[at * vocab], &q[at * vocab], vocab);
    }
    const double expected = sum / static_cast<double>(count);
    EXPECT_GT(expected, 1e-6);
    EXPECT_NEAR((*found)[k], expected, 1e-3 * expected) << source.tensors()[tensors[k]].name;
  }
}

QuantizeOptions options_of(const fs::path& out, const std::string& type) {
  QuantizeOptions o;
  o.input = agent();
  o.output = out;
  o.type = type;
  o.method = Method::search;
  o.text.files = {text()};
  o.text.window = 128;
  o.text.max_windows = 8;
  return o;
}

double squared_distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += static_cast<double>(a[i] - b[i]) * static_cast<double>(a[i] - b[i]);
  return sum;
}

TEST(Allocation, AFileForASizeIsNotLargerThanAPresetsAndAnswersBetter) {
  const fs::path folder = mote::testing::fresh_folder();
  const auto runtime = runtime_of(2);
  const std::vector<TokenId> tokens = tokens_of(*load_exact(*runtime, agent()), 300);
  const std::vector<float> original = logits_of(*runtime, agent(), tokens);
  for (const std::string type : {"Q4_K_M", "Q3_K_M"}) {
    const fs::path preset = folder / (type + ".gguf");
    const fs::path sized = folder / (type + "-sized.gguf");
    ASSERT_TRUE(quantize(*runtime, options_of(preset, type)));
    QuantizeOptions options = options_of(sized, "");
    options.max_bytes = fs::file_size(preset);
    const auto report = quantize(*runtime, options);
    ASSERT_TRUE(report) << format_error(report.error());
    EXPECT_LE(fs::file_size(sized), fs::file_size(preset)) << type;
    EXPECT_GT(fs::file_size(sized), fs::file_size(preset) * 95 / 100) << type;
    EXPECT_EQ(report->bytes, fs::file_size(sized));
    EXPECT_LT(squared_distance(logits_of(*runtime, sized, tokens), original),
              0.9 * squared_distance(logits_of(*runtime, preset, tokens), original))
        << type;
  }
}

TEST(Allocation, KeepsTheTypesThatAreNamedAndTheBitsThatAreAsked) {
  const auto runtime = runtime_of(2);
  QuantizeOptions options = options_of(mote::testing::fresh_folder() / "x.gguf", "");
  options.max_bpw = 5.0;
  options.embedding_type = "Q8_0";
  options.tensor_types = {{"attn_v", "Q6_K"}};
  options.dry_run = true;
  const auto report = quantize(*runtime, options);
  ASSERT_TRUE(report) << format_error(report.error());
  EXPECT_LE(report->bpw, 5.0);
  EXPECT_GT(report->bpw, 4.8);
  double expected = 0;
  for (const TensorReport& t : report->tensors) {
    if (t.name == "token_embd.weight") {
      EXPECT_EQ(t.type, "Q8_0");
    } else if (t.name.find("attn_v") != std::string::npos) {
      EXPECT_EQ(t.type, "Q6_K") << t.name;
    }
    EXPECT_GE(t.expected_kld, 0.0);
    expected += t.expected_kld;
  }
  EXPECT_GT(expected, 0.0);
  EXPECT_FALSE(fs::exists(options.output));
}

TEST(Allocation, SaysWhatTheLeastSizeIs) {
  const auto runtime = runtime_of(1);
  QuantizeOptions options = options_of(mote::testing::fresh_folder() / "x.gguf", "");
  options.max_bytes = 1'000'000;
  const auto report = quantize(*runtime, options);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code.name, "QUANT_BUDGET");
  EXPECT_NE(report.error().message.find("at least"), std::string::npos) << report.error().message;
  EXPECT_FALSE(fs::exists(options.output));
}

TEST(Allocation, AModelThatIsQuantizedIsRefusedBeforeItIsProbed) {
  const auto runtime = runtime_of(1);
  const fs::path folder = mote::testing::fresh_folder();
  ASSERT_TRUE(quantize(*runtime, options_of(folder / "first.gguf", "Q8_0")));
  QuantizeOptions options = options_of(folder / "x.gguf", "");
  options.input = folder / "first.gguf";
  options.max_bpw = 5;
  bool probed = false;
  options.progress = [&](const QuantizeProgress&) { probed = true; };
  const auto report = quantize(*runtime, options);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code.name, "QUANT_REQUANTIZE");
  EXPECT_FALSE(probed);
}

// The headers of several files count too.
TEST(Allocation, FilesThatAreLargerTogetherAreRefused) {
  const auto runtime = runtime_of(2);
  QuantizeOptions options = options_of(mote::testing::fresh_folder() / "x.gguf", "");
  options.max_bytes = 3'000'000;
  options.split_max_tensors = 1;
  const auto report = quantize(*runtime, options);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code.name, "QUANT_BUDGET");
  EXPECT_NE(report.error().message.find("headers"), std::string::npos) << report.error().message;
  EXPECT_TRUE(fs::is_empty(options.output.parent_path()));
}

// What holds of any model, on a smaller one. Its rows are too short for 256 elements a block.
QuantizeOptions small_options(const fs::path& folder) {
  QuantizeOptions o = options_of(folder / "x.gguf", "");
  o.input = testing::stories();
  o.text.files = {testing::story_text(folder)};
  o.text.window = 64;
  o.text.max_windows = 4;
  o.max_bpw = 6;
  return o;
}

// The texts weigh the search: a job that was stopped does not go on with others.
TEST(Allocation, AnotherTextStartsTheJobAfresh) {
  const auto runtime = runtime_of(2);
  QuantizeOptions options = small_options(mote::testing::fresh_folder());
  CancelToken cancel;
  options.cancel = &cancel;
  options.progress = [&](const QuantizeProgress& p) {
    if (p.what == "quantizing" && p.name == "blk.3.ffn_up.weight") cancel.request();
  };
  ASSERT_FALSE(quantize(*runtime, options));
  cancel.reset();
  options.progress = {};
  options.text.max_windows = 3;
  const auto report = quantize(*runtime, options);
  ASSERT_TRUE(report) << format_error(report.error());
  for (const TensorReport& t : report->tensors) EXPECT_FALSE(t.resumed) << t.name;
}

// What was measured is not measured again, and decides the same.
TEST(Allocation, AStoppedJobGoesOnWithTheTensorItWasAt) {
  for (const std::string_view stage : {"comparing types", "probing"}) {
    std::vector<std::string> compared;
    std::vector<std::string> probed;
    testing::expect_same_bytes_after_stop(
        small_options(mote::testing::fresh_folder()),
        [&](const QuantizeProgress& p) { return p.what == stage && p.name == "blk.2.ffn_up.weight"; },
        [&](const QuantizeProgress& p) {
          if (p.what == "comparing types") compared.emplace_back(p.name);
          if (p.what == "probing") probed.emplace_back(p.name);
        });
    ASSERT_FALSE(probed.empty());
    if (stage == "probing") {
      EXPECT_TRUE(compared.empty());
      EXPECT_EQ(probed.front(), "blk.2.ffn_up.weight");
    } else {
      ASSERT_FALSE(compared.empty());
      EXPECT_EQ(compared.front(), "blk.2.ffn_up.weight");
      EXPECT_GT(probed.size(), compared.size());
    }
  }
}

// What was measured for one budget says nothing of another, nor of other rules.
TEST(Allocation, AnotherSizeIsMeasuredAfresh) {
  const auto runtime = runtime_of(2);
  const auto compared_after = [&](const std::function<void(QuantizeOptions&)>& change) {
    QuantizeOptions options = small_options(mote::testing::fresh_folder());
    CancelToken cancel;
    options.cancel = &cancel;
    options.progress = [&](const QuantizeProgress& p) {
      if (p.what == "probing") cancel.request();
    };
    EXPECT_FALSE(quantize(*runtime, options));
    cancel.reset();
    std::size_t compared = 0;
    options.progress = [&](const QuantizeProgress& p) { compared += p.what == "comparing types" ? 1 : 0; };
    change(options);
    EXPECT_TRUE(quantize(*runtime, options));
    return compared;
  };
  EXPECT_EQ(compared_after([](QuantizeOptions&) {}), 0U);
  EXPECT_GT(compared_after([](QuantizeOptions& o) { o.max_bpw = 6.25; }), 30U);
  EXPECT_GT(compared_after([](QuantizeOptions& o) { o.tensor_types = {{"blk.0.attn_q", "F16"}}; }), 30U);
  EXPECT_GT(compared_after([](QuantizeOptions& o) { o.text.max_windows = 3; }), 30U);
}

// Files beside the weights change the model and its tokens: what was measured of the model before is void.
TEST(Allocation, AnotherConfigIsMeasuredAfresh) {
  const auto runtime = runtime_of(2);
  const fs::path folder = mote::testing::fresh_folder();
  fs::copy(agent(), folder / "model", fs::copy_options::recursive);
  QuantizeOptions options = options_of(folder / "x.gguf", "");
  options.input = folder / "model";
  options.max_bpw = 5;
  options.text.max_windows = 2;
  CancelToken cancel;
  options.cancel = &cancel;
  options.progress = [&](const QuantizeProgress& p) {
    if (p.what == "probing") cancel.request();
  };
  ASSERT_FALSE(quantize(*runtime, options));
  cancel.reset();
  std::string config = mote::testing::content_of(folder / "model" / "config.json");
  const std::string epsilon = "\"rms_norm_eps\": 1e-05";
  ASSERT_NE(config.find(epsilon), std::string::npos);
  config.replace(config.find(epsilon), epsilon.size(), "\"rms_norm_eps\": 1e-06");
  std::ofstream(folder / "model" / "config.json") << config;
  std::size_t compared = 0;
  options.progress = [&](const QuantizeProgress& p) { compared += p.what == "comparing types" ? 1 : 0; };
  ASSERT_TRUE(quantize(*runtime, options));
  EXPECT_GT(compared, 30U);
}

// With feedback, what is observed for it is held to the limit before it begins, as is a size that cannot be.
TEST(Allocation, LimitsAreSaidBeforeAnythingIsObserved) {
  const auto runtime = runtime_of(1);
  QuantizeOptions options = small_options(mote::testing::fresh_folder());
  options.method = Method::feedback;
  options.progress = [](const QuantizeProgress&) { FAIL(); };
  options.max_memory = 1'000'000;
  const auto memory = quantize(*runtime, options);
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().code.name, "QUANT_MEMORY");
  options.max_memory = 0;
  options.max_bpw = 2;
  const auto size = quantize(*runtime, options);
  ASSERT_FALSE(size);
  EXPECT_EQ(size.error().code.name, "QUANT_BUDGET");
  options.progress = {};
  options.max_bpw = 6;
  EXPECT_TRUE(quantize(*runtime, options));
  // Neither what was put aside nor a log is left.
  for (const auto& entry : fs::directory_iterator(options.output.parent_path())) {
    EXPECT_TRUE(entry.path() == options.output || entry.path().extension() == ".txt") << entry.path();
  }
}

TEST(Allocation, ThreadsDoNotChangeTheChoice) {
  std::vector<std::string> chosen;
  for (const unsigned threads : {1U, 3U}) {
    const auto runtime = runtime_of(threads);
    QuantizeOptions options = small_options(mote::testing::fresh_folder());
    options.method = Method::feedback;
    options.dry_run = true;
    const auto report = quantize(*runtime, options);
    ASSERT_TRUE(report) << format_error(report.error());
    std::string all;
    for (const TensorReport& t : report->tensors) all += std::string(t.type) + " ";
    chosen.push_back(all);
  }
  EXPECT_EQ(chosen[0], chosen[1]);
}

}  // namespace
}  // namespace mote::quantize
