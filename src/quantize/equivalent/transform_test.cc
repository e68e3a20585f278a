// Transforms from model to file, on the bundled agent.
#include "quantize/equivalent/transform.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "calibrate/observer.h"
#include "codec/codec.h"
#include "engine/session.h"
#include "engine/test_runtime.h"
#include "model/model.h"
#include "mote/tokenizer.h"
#include "quantize/equivalent/choose_maps.h"
#include "quantize/equivalent/equivalent_source.h"
#include "quantize/quantize.h"
#include "quantize/search.h"
#include "testing/environment.h"
#include "testing/quantize_jobs.h"

namespace mote::quantize {
namespace {

namespace fs = std::filesystem;

using engine::testing::runtime_of;

fs::path text_in(const fs::path& folder) {
  const std::string all =
      mote::testing::content_of(mote::testing::source_path("models/agent/demo_test.jsonl"));
  const fs::path path = folder / "text.txt";
  std::ofstream(path, std::ios::binary) << all.substr(0, 60000);
  return path;
}

QuantizeOptions options_in(const fs::path& folder, const std::string& name, const std::string& type) {
  QuantizeOptions o;
  o.input = testing::agent();
  o.output = folder / name;
  o.type = type;
  o.pure = true;
  o.embedding_type = "Q8_0";
  o.text.files = {text_in(folder)};
  o.text.window = 128;
  o.text.max_windows = 8;
  return o;
}

class Transforms : public ::testing::Test {
 protected:
  QuantizeOptions small_options(const std::string& name) {
    QuantizeOptions o = options_in(folder_, name, "Q4_0");
    o.input = testing::stories();
    o.text.files = {testing::story_text(folder_)};
    o.text.window = 64;
    o.text.max_windows = 2;
    return o;
  }
  Calibration calibration() {
    auto made = prepare_calibration(*runtime_, options_in(folder_, "x.gguf", "Q4_0"), {});
    EXPECT_TRUE(made) << (made ? "" : format_error(made.error()));
    return std::move(*made);
  }
  TransformTypes types(const engine::LoadedModel& model, CodecId type) {
    TransformTypes out;
    for (const formats::TensorInfo& t : model.model().canonical->tensors()) {
      out.tensors.push_back(t.name.starts_with("blk.") && t.shape.rank() == 2 ? type : t.codec);
    }
    return out;
  }

  fs::path folder_ = mote::testing::fresh_folder();
  std::unique_ptr<engine::Runtime> runtime_ = runtime_of(2);
};

// Statistics that were carried along, against those that the changed model gives itself.
TEST_F(Transforms, StatisticsAreCarriedThrough) {
  Calibration of = calibration();
  auto before = calibrate::observe(*runtime_, *of.model, of.windows, nullptr);
  ASSERT_TRUE(before);
  MapOptions how;
  how.window = of.windows.window;
  how.windows = 4;
  how.rows = 64;
  how.transforms = {Transform::scale, Transform::permute};
  how.search = &search_kernels({});
  auto chosen = choose_maps(*runtime_, *of.model, types(*of.model, CodecId::q4_0), of.windows.tokens, how);
  ASSERT_TRUE(chosen) << format_error(chosen.error());
  EXPECT_GT(chosen->report.scaled, 5U);
  EXPECT_LT(chosen->report.error, 0.98);

  calibrate::Statistics carried;
  carried.inputs = *before;
  carry_statistics(chosen->changes, *of.model->model().canonical, carried);
  engine::LoadOptions load;
  load.activations = engine::Activations::f32;
  load.change_model = [&](model::Model& model) {
    model.canonical = std::make_unique<EquivalentSource>(std::move(model.canonical), chosen->changes);
  };
  const auto changed = engine::LoadedModel::load(*runtime_, testing::agent(), load);
  ASSERT_TRUE(changed);
  const auto after = calibrate::observe(*runtime_, **changed, of.windows, nullptr);
  ASSERT_TRUE(after);
  ASSERT_EQ(after->size(), carried.inputs.size());
  std::size_t moved = 0;
  for (const auto& [name, sums] : *after) {
    const calibrate::InputSums& expected = carried.inputs.at(name);
    for (std::size_t c = 0; c < sums.squares.size(); ++c) {
      ASSERT_NEAR(expected.squares[c] / (sums.squares[c] + 1e-9), 1.0, 1e-3) << name << " " << c;
      moved += std::abs(sums.squares[c] / (before->at(name).squares[c] + 1e-9) - 1.0) > 0.01 ? 1 : 0;
    }
  }
  EXPECT_GT(moved, 1000U);  // and it is another set of numbers
}

TEST_F(Transforms, EachLowersTheErrorThatItIsChosenBy) {
  Calibration of = calibration();
  MapOptions how;
  how.window = of.windows.window;
  how.rows = 64;
  how.search = &search_kernels({});
  for (const Transform transform : {Transform::scale, Transform::permute, Transform::rotate}) {
    how.transforms = {transform};
    const auto chosen =
        choose_maps(*runtime_, *of.model, types(*of.model, CodecId::q3_k), of.windows.tokens, how);
    ASSERT_TRUE(chosen) << format_error(chosen.error());
    EXPECT_LE(chosen->report.error, 1.0) << to_string(transform);
    const TransformReport& r = chosen->report;
    EXPECT_EQ(r.scaled > 0, transform == Transform::scale);
    EXPECT_EQ(r.permuted > 0, transform == Transform::permute && r.error < 1.0);
    EXPECT_EQ(r.rotated > 0, transform == Transform::rotate && r.error < 1.0);
  }
}

// Where no type changes there is nothing to make better.
TEST_F(Transforms, MatricesThatStayFloatsAreLeftAlone) {
  Calibration of = calibration();
  MapOptions how;
  how.window = of.windows.window;
  how.windows = 1;
  how.transforms = {Transform::scale, Transform::permute, Transform::rotate};
  how.search = &search_kernels({});
  const auto chosen =
      choose_maps(*runtime_, *of.model, types(*of.model, CodecId::f16), of.windows.tokens, how);
  ASSERT_TRUE(chosen);
  EXPECT_TRUE(chosen->changes.empty());
}

TEST_F(Transforms, AwqIsReportedAndItsFileLoads) {
  QuantizeOptions o = options_in(folder_, "awq.gguf", "Q4_0");
  o.method = Method::awq;
  const auto report = quantize(*runtime_, o);
  ASSERT_TRUE(report) << format_error(report.error());
  ASSERT_TRUE(report->transforms);
  EXPECT_GT(report->transforms->scaled, 5U);
  std::size_t rows = 0;
  for (const TensorReport& t : report->tensors) rows += t.method == "awq" ? 1 : 0;
  EXPECT_EQ(rows, 5U * 7U + 1U);  // with the head
  engine::testing::load_exact(*runtime_, o.output);
}

TEST_F(Transforms, ThreadsAndInstructionSetsGiveTheSameBytes) {
  MapOptions how;
  how.window = 64;
  how.windows = 1;
  how.rows = 8;
  how.transforms = {Transform::scale, Transform::permute, Transform::rotate};
  TensorChanges first;
  const auto check = [&](engine::Runtime& runtime) {
    how.search = &search_kernels(runtime.features());
    auto of = prepare_calibration(runtime, small_options("x.gguf"), {});
    ASSERT_TRUE(of);
    const auto chosen =
        choose_maps(runtime, *of->model, types(*of->model, CodecId::q4_0), of->windows.tokens, how);
    ASSERT_TRUE(chosen) << format_error(chosen.error());
    ASSERT_GT(chosen->changes.size(), 10U);
    if (first.empty()) first = chosen->changes;
    EXPECT_TRUE(chosen->changes == first);
  };
  check(*runtime_of(1));
  check(*runtime_of(3));
  check(*runtime_of(2, kernels::Isa::reference));
}

TEST_F(Transforms, AJobThatWasStoppedEndsWithTheSameBytes) {
  QuantizeOptions o = small_options("out.gguf");
  o.method = Method::feedback;
  o.transforms = {Transform::scale};
  testing::expect_same_bytes_after_stop(
      o, [](const QuantizeProgress& p) { return p.name == "blk.2.ffn_up.weight"; });
}

// What is written of norms in 16 bits is exactly what the factors were made for.
TEST_F(Transforms, FactorsSuitNormsThatAreWrittenInSixteenBits) {
  Calibration of = calibration();
  MapOptions how;
  how.window = of.windows.window;
  how.windows = 1;
  how.rows = 32;
  how.transforms = {Transform::scale};
  how.search = &search_kernels({});
  const auto again = model::open_model(testing::agent());
  ASSERT_TRUE(again);
  const formats::TensorSource& source = *again->canonical;
  for (const float offset : {0.0F, 1.0F}) {
    TransformTypes wanted = types(*of.model, CodecId::q4_0);
    wanted.vectors = CodecId::bf16;
    wanted.norm_offset = offset;
    const auto chosen = choose_maps(*runtime_, *of.model, wanted, of.windows.tokens, how);
    ASSERT_TRUE(chosen) << format_error(chosen.error());
    std::size_t channels = 0;
    std::size_t off = 0;
    for (const auto& [index, change] : chosen->changes) {
      const formats::TensorInfo& info = source.tensors()[index];
      if (info.shape.rank() != 1) continue;
      const auto read = source.read(index);
      ASSERT_TRUE(read);
      std::vector<float> gains(info.shape.cols());
      codec::codec_of(read->codec).decode(read->blocks().data(), gains.data(), gains.size());
      for (std::size_t c = 0; c < gains.size(); ++c) {
        const float written = gains[c] * change.row_factor[c] - offset;
        std::byte bytes[2];
        float stored = 0;
        codec::codec_of(CodecId::bf16).encode_rtn(&written, bytes, 1);
        codec::codec_of(CodecId::bf16).decode(bytes, &stored, 1);
        ++channels;
        // Off by the rounding of floats, not of bfloat16 (0.004).
        off += std::abs(stored - written) > 1e-6F * std::max(1.0F, std::abs(written)) ? 1 : 0;
      }
    }
    EXPECT_GT(channels, 1000U);
    // Beside an offset a gain near 0 has no bits left; it keeps what it had.
    EXPECT_LE(off, offset > 0 ? channels / 50 : 0) << offset;
  }
}

TEST_F(Transforms, AFolderHoldsTheChangedNormsToo) {
  const auto text = mote::testing::content_of(text_in(folder_));
  const auto logits = [&](const fs::path& path) {
    engine::LoadOptions load;
    load.activations = engine::Activations::f32;
    const auto model = engine::LoadedModel::load(*runtime_, path, load);
    EXPECT_TRUE(model) << (model ? "" : format_error(model.error()));
    auto tokens = (*model)->tokenizer()->encode(text.substr(30000, 2000));
    auto session = engine::Session::create(*runtime_, *model, {.context = 1024});
    const auto out = (*session)->feed(*tokens, engine::LogitsWanted::all);
    return std::vector<float>(out->begin(), out->end());
  };
  const std::vector<float> original = logits(testing::agent());
  const auto error_of = [&](const std::string& name, Method method, std::vector<Transform> transforms) {
    QuantizeOptions o = options_in(folder_, name, "int3-g128-asym");
    o.pure = false;
    o.embedding_type.clear();
    o.method = method;
    o.transforms = std::move(transforms);
    const auto report = quantize(*runtime_, o);
    EXPECT_TRUE(report) << (report ? "" : format_error(report.error()));
    const std::vector<float> own = logits(folder_ / name);
    double sum = 0;
    for (std::size_t i = 0; i < own.size(); ++i) sum += std::pow(own[i] - original[i], 2);
    return sum;
  };
  const double searched = error_of("search", Method::search, {});
  EXPECT_LT(error_of("scaled", Method::search, {Transform::scale}), 0.9 * searched);
  EXPECT_LT(error_of("awq", Method::awq, {Transform::rotate}), 0.3 * searched);
}

TEST_F(Transforms, QuantizedModelsAreRefused) {
  QuantizeOptions first = options_in(folder_, "q8.gguf", "Q8_0");
  ASSERT_TRUE(quantize(*runtime_, first));
  QuantizeOptions o = options_in(folder_, "out.gguf", "Q4_0");
  o.input = first.output;
  o.allow_requantize = true;
  o.method = Method::awq;
  const auto report = quantize(*runtime_, o);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code.name, "QUANT_METHOD") << format_error(report.error());
  EXPECT_FALSE(fs::exists(o.output));
}

}  // namespace
}  // namespace mote::quantize
