// Jobs with statistics: the types that are not written without, and what is refused by name.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "calibrate/statistics_file.h"
#include "formats/gguf_reader.h"
#include "testing/small_llama.h"

namespace mote::quantize {
namespace {

namespace fs = std::filesystem;
using mote::testing::content_of;
using testing::options_for;
using testing::small_llama;
using testing::write_model;

constexpr std::uint64_t kTokens = 1000;

// Statistics of all matrices but the embedding, some inputs of each far above the rest.
calibrate::Statistics statistics_of(const testing::Source& source) {
  calibrate::Statistics out;
  Rng rng(8);
  for (const formats::TensorInfo& tensor : source.tensors) {
    if (tensor.shape.rank() != 2 || !tensor.name.starts_with("blk.")) continue;
    calibrate::InputSums& sums = out.inputs[tensor.name];
    sums.counts = {kTokens};
    for (std::size_t i = 0; i < tensor.shape.cols(); ++i) {
      const double n = rng.next_normal();
      sums.squares.push_back(static_cast<double>(kTokens) * (n * n * n * n + 0.01));
    }
  }
  out.windows = 1;
  out.window = 512;
  return out;
}

fs::path write(const calibrate::Statistics& statistics) {
  fs::path path = testing::fresh_folder() / "statistics.gguf";
  EXPECT_TRUE(calibrate::write_statistics(statistics, path));
  return path;
}

// All tensors one after the other: the metadata name the statistics' file.
std::string tensors_of(const fs::path& path) {
  std::string out;
  const auto opened = formats::GgufFile::open(path);
  EXPECT_TRUE(opened);
  for (std::size_t i = 0; i < (*opened)->tensors().size(); ++i) {
    const auto tensor = (*opened)->read(i);
    EXPECT_TRUE(tensor);
    out.append(reinterpret_cast<const char*>(tensor->blocks().data()), tensor->blocks().size());
  }
  return out;
}

class WithImportance : public ::testing::TestWithParam<Preset> {};

TEST_P(WithImportance, GivesTheRecordedFileForAnyNumberOfThreadsAndInstructionSet) {
  const fs::path input = write_model(small_llama());
  const fs::path statistics = write(statistics_of(small_llama()));
  std::map<std::string, std::string> recorded;
  std::ifstream golden(testing::source_path("tests/golden/quantize_small.txt"));
  for (std::string name, hash; golden >> name >> hash;) recorded[name] = hash;
  const std::string key = std::string(GetParam().name) + "/stats";
  for (const unsigned threads : {1U, 2U, 3U}) {
    sys::ThreadPool pool(threads);
    QuantizeOptions options = options_for(input, std::string(GetParam().name));
    options.statistics = statistics;
    const sys::CpuFeatures features = threads == 3 ? sys::detect_cpu_features() : sys::CpuFeatures();
    const auto report = quantize(pool, options, features);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->bytes, content_of(options.output).size());
    const std::string bytes = tensors_of(options.output);
    char hash[17];
    std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(testing::fnv1a(bytes)));
    EXPECT_EQ(recorded[key], hash) << "now " << key << " " << hash;
    for (const TensorReport& t : report->tensors) {
      if (t.shape.size() != 2) continue;
      EXPECT_EQ(t.method, "search") << t.name;
      // A bit and a half leaves a sixth of the weighted squares.
      EXPECT_GT(t.error, 0) << t.name;
      EXPECT_LT(t.error, 0.17) << t.name;
    }
  }
}

TEST_P(WithImportance, IsRefusedByNameWithoutStatistics) {
  const fs::path input = write_model(small_llama());
  sys::ThreadPool pool(1);
  const QuantizeOptions options = options_for(input, std::string(GetParam().name));
  const auto report = quantize(pool, options);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code.name, "QUANT_IMPORTANCE");
  EXPECT_NE(report.error().message.find("tensor 'blk.0."), std::string::npos) << report.error().message;
  EXPECT_NE(report.error().hint.find("--stats"), std::string::npos) << report.error().hint;
  EXPECT_FALSE(fs::exists(options.output));
}

INSTANTIATE_TEST_SUITE_P(Presets, WithImportance, ::testing::ValuesIn(testing::presets_for(true)),
                         [](const auto& preset) { return std::string(preset.param.name); });

TEST(Importance, ATensorThatTheStatisticsMissIsNamed) {
  const fs::path input = write_model(small_llama());
  calibrate::Statistics statistics = statistics_of(small_llama());
  statistics.inputs.erase("blk.1.ffn_up.weight");
  QuantizeOptions options = options_for(input, "IQ2_XXS");
  options.statistics = write(statistics);
  sys::ThreadPool pool(1);
  const auto report = quantize(pool, options);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code.name, "QUANT_IMPORTANCE");
  EXPECT_NE(report.error().message.find("blk.1.ffn_up.weight"), std::string::npos) << report.error().message;
}

TEST(Importance, DoesNotMakeRoundingPossible) {
  const fs::path input = write_model(small_llama());
  QuantizeOptions options = options_for(input, "IQ1_S");
  options.statistics = write(statistics_of(small_llama()));
  options.method = Method::rtn;
  sys::ThreadPool pool(1);
  const auto report = quantize(pool, options);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code.name, "QUANT_METHOD");
  EXPECT_NE(report.error().hint.find("--method search"), std::string::npos) << report.error().hint;
}

// llama-quantize makes ffn_down and v of IQ3_XXS no better than the rest where it has an importance matrix.
TEST(Importance, ChangesTheTypesOfPresetsThatAskForIt) {
  const fs::path input = write_model(small_llama());
  QuantizeOptions options = options_for(input, "IQ3_XXS");
  options.statistics = write(statistics_of(small_llama()));
  options.dry_run = true;
  sys::ThreadPool pool(1);
  const auto report = quantize(pool, options);
  ASSERT_TRUE(report) << report.error().message;
  for (const TensorReport& t : report->tensors) {
    if (t.name == "blk.1.ffn_down.weight" || t.name == "blk.1.attn_v.weight") {
      EXPECT_EQ(t.type, "IQ3_XXS") << t.name;
    }
  }
}

}  // namespace
}  // namespace mote::quantize
