// Method search with statistics of the inputs: what weighs more comes out better, experts are weighed one by
// one, and statistics that do not fit are refused before anything is written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "base/rng.h"
#include "calibrate/statistics.h"
#include "calibrate/statistics_file.h"
#include "codec/codec.h"
#include "engine/tiny_gguf.h"
#include "formats/gguf_reader.h"
#include "quantize/presets.h"
#include "quantize/quantize.h"
#include "quantize/search.h"
#include "testing/environment.h"

namespace mote::quantize {
namespace {

namespace fs = std::filesystem;
using calibrate::InputSums;
using calibrate::Statistics;
using engine::testing::TinyGguf;
using ::testing::HasSubstr;

fs::path model_of(std::uint32_t width, bool experts = false) {
  return engine::testing::write_tiny_gguf(testing::fresh_folder() / "model.gguf",
                                          {.architecture = experts ? "qwen3moe" : "llama",
                                           .codec = CodecId::f16,
                                           .width = width,
                                           .experts = experts});
}

struct Decoded {
  CodecId codec = CodecId::f32;
  Shape shape;
  std::vector<std::byte> blocks;
  std::vector<float> values;
};

std::map<std::string, Decoded> tensors_of(const fs::path& path) {
  std::map<std::string, Decoded> out;
  const auto file = formats::GgufFile::open(path);
  EXPECT_TRUE(file);
  for (std::size_t i = 0; i < (*file)->tensors().size(); ++i) {
    const auto read = (*file)->read(i);
    EXPECT_TRUE(read);
    const std::span<const std::byte> blocks = read->blocks();
    Decoded tensor{read->codec, read->shape, {blocks.begin(), blocks.end()}, {}};
    const codec::Codec& codec = codec::codec_of(read->codec);
    tensor.values.resize(*read->shape.element_count().value());
    codec.decode(blocks.data(), tensor.values.data(), tensor.values.size() / codec.block_elements);
    out[(*file)->tensors()[i].name] = std::move(tensor);
  }
  return out;
}

// Of every matrix but the embedding; inputs whose mean squares differ by orders of magnitude.
Statistics random_statistics(const fs::path& model, std::uint64_t seed = 1) {
  Rng rng(seed);
  Statistics out;
  out.windows = 10;
  out.window = 512;
  for (const auto& [name, tensor] : tensors_of(model)) {
    if (tensor.shape.rank() < 2 || name == "token_embd.weight") continue;
    const std::size_t matrices = tensor.shape.rank() == 3 ? tensor.shape[0] : 1;
    InputSums& of = out.inputs[name];
    for (std::size_t m = 0; m < matrices; ++m) {
      const std::uint64_t count = 1000 + 100 * m;
      of.counts.push_back(count);
      for (std::size_t c = 0; c < tensor.shape.cols(); ++c) {
        of.squares.push_back(
            static_cast<float>(static_cast<double>(count) * std::exp(2 * rng.next_normal())));
      }
    }
  }
  return out;
}

fs::path saved(const Statistics& statistics) {
  const fs::path path = testing::fresh_folder() / "statistics.gguf";
  EXPECT_TRUE(calibrate::write_statistics(statistics, path));
  return path;
}

QuantizeOptions options_for(const fs::path& model, std::string type, const fs::path& statistics) {
  QuantizeOptions o;
  o.input = model;
  o.output = testing::fresh_folder() / "out.gguf";
  o.type = std::move(type);
  o.statistics = statistics;
  o.pure = true;
  return o;
}

QuantizeReport good(const QuantizeOptions& options, unsigned threads = 2,
                    const sys::CpuFeatures& features = sys::detect_cpu_features()) {
  sys::ThreadPool pool(threads);
  auto report = quantize(pool, options, features);
  EXPECT_TRUE(report) << (report ? "" : format_error(report.error()));
  return report ? std::move(*report) : QuantizeReport();
}

// Squared error over squared norm, each column weighted by its mean square.
double weighted_error(const Decoded& original, const Decoded& made, const InputSums& sums) {
  const std::size_t cols = original.shape.cols();
  double error = 0;
  double norm = 0;
  double mean = 0;
  for (const double s : sums.squares) mean += s / static_cast<double>(cols);
  for (std::size_t i = 0; i < original.values.size(); ++i) {
    const double weight = std::max(sums.squares[i % cols] / mean, 1e-4);
    const auto x = static_cast<double>(original.values[i]);
    error += weight * std::pow(static_cast<double>(made.values[i]) - x, 2);
    norm += weight * x * x;
  }
  return error / norm;
}

TEST(Weighted, WhatWeighsMoreComesOutBetterAndTheErrorSaysSo) {
  const fs::path model = model_of(256);
  const Statistics statistics = random_statistics(model);
  const fs::path file = saved(statistics);
  const auto original = tensors_of(model);
  for (const std::string type : {"Q4_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q6_K", "IQ4_NL", "IQ4_XS", "IQ3_S",
                                 "TQ2_0", "NVFP4", "MXFP4", "Q2_0"}) {
    SCOPED_TRACE(type);
    const QuantizeOptions plain = options_for(model, type, {});
    const QuantizeOptions weighted = options_for(model, type, file);
    good(plain);
    const QuantizeReport report = good(weighted);
    const auto before = tensors_of(plain.output);
    const auto after = tensors_of(weighted.output);
    double ratio = 0;
    for (const auto& [name, sums] : statistics.inputs) {
      SCOPED_TRACE(name);
      Decoded made = after.at(name);
      Decoded unweighted = before.at(name);
      const std::string factor = name.substr(0, name.size() - 6) + "scale";
      if (after.contains(factor)) {
        for (float& x : made.values) x *= after.at(factor).values[0];
        for (float& x : unweighted.values) x *= before.at(factor).values[0];
      }
      const double error = weighted_error(original.at(name), made, sums);
      ratio += error / weighted_error(original.at(name), unweighted, sums) /
               static_cast<double>(statistics.inputs.size());
      const auto row = std::ranges::find(report.tensors, name, &TensorReport::name);
      ASSERT_NE(row, report.tensors.end());
      EXPECT_NEAR(row->error, error, 1e-5 * error);
    }
    if (has_search(*find_type(type))) {
      EXPECT_LT(ratio, 0.95);
    } else {
      EXPECT_DOUBLE_EQ(ratio, 1.0);  // rounded: nothing to choose
    }
  }
}

TEST(Weighted, TensorsWithoutStatisticsAreAsBefore) {
  const fs::path model = model_of(256);
  Statistics statistics = random_statistics(model);
  statistics.inputs.erase("blk.0.attn_q.weight");
  const QuantizeOptions plain = options_for(model, "Q4_K", {});
  const QuantizeOptions weighted = options_for(model, "Q4_K", saved(statistics));
  good(plain);
  good(weighted);
  const auto before = tensors_of(plain.output);
  const auto after = tensors_of(weighted.output);
  for (const std::string name : {"blk.0.attn_q.weight", "token_embd.weight"}) {
    EXPECT_EQ(after.at(name).blocks, before.at(name).blocks) << name;
  }
  EXPECT_NE(after.at("blk.1.attn_q.weight").blocks, before.at("blk.1.attn_q.weight").blocks);
}

// Rows of an expert that end within a band (288 columns) and at its end (256).
TEST(Weighted, EveryExpertIsWeighedByItsOwnInputs) {
  for (const auto& [width, type] : {std::pair{288U, "Q4_0"}, {256U, "Q4_K"}}) {
    SCOPED_TRACE(type);
    const fs::path model = model_of(width, true);
    const Statistics statistics = random_statistics(model);
    const QuantizeOptions options = options_for(model, type, saved(statistics));
    const QuantizeReport report = good(options);
    const auto original = tensors_of(model);
    const CodecId id = *find_type(type);
    const codec::Codec& codec = codec::codec_of(id);
    std::size_t stacks = 0;
    for (const auto& [name, made] : tensors_of(options.output)) {
      if (made.shape.rank() != 3) continue;
      SCOPED_TRACE(name);
      ++stacks;
      ASSERT_EQ(made.codec, id);
      const std::size_t experts = made.shape[0];
      const std::size_t rows = made.shape[1];
      const std::size_t cols = made.shape[2];
      const std::vector<float> importance = calibrate::importance_of(statistics, name, cols);
      ASSERT_EQ(importance.size(), experts * cols);
      const Decoded& from = original.at(name);
      double error = 0;
      double norm = 0;
      for (std::size_t e = 0; e < experts; ++e) {
        const std::size_t bytes = rows * cols / codec.block_elements * codec.block_bytes;
        std::vector<std::byte> alone(bytes);
        encode_search(search_kernels({}), id, from.values.data() + e * rows * cols,
                      importance.data() + e * cols, alone.data(), rows, cols);
        const auto found = made.blocks.begin() + static_cast<std::ptrdiff_t>(e * bytes);
        EXPECT_TRUE(std::equal(alone.begin(), alone.end(), found)) << "expert " << e;
        for (std::size_t i = 0; i < rows * cols; ++i) {
          const auto x = static_cast<double>(from.values[e * rows * cols + i]);
          const double off = static_cast<double>(made.values[e * rows * cols + i]) - x;
          const auto weight = static_cast<double>(importance[e * cols + i % cols]);
          error += weight * off * off;
          norm += weight * x * x;
        }
      }
      const auto row = std::ranges::find(report.tensors, name, &TensorReport::name);
      EXPECT_NEAR(row->error, error / norm, 1e-9 * error / norm);
    }
    EXPECT_EQ(stacks, 6U);
  }
}

TEST(Weighted, TheOlderFormOfAFileWeighsTheSame) {
  // As importances of a .dat are those of the same means, up to roundings that seldom matter: so the errors.
  const fs::path model = model_of(256, true);
  const Statistics statistics = random_statistics(model);
  const fs::path dat = testing::fresh_folder() / "imatrix.dat";
  ASSERT_TRUE(calibrate::write_statistics(statistics, dat));
  const QuantizeReport from_gguf = good(options_for(model, "Q4_0", saved(statistics)));
  const QuantizeReport from_dat = good(options_for(model, "Q4_0", dat));
  ASSERT_EQ(from_gguf.tensors.size(), from_dat.tensors.size());
  for (std::size_t i = 0; i < from_dat.tensors.size(); ++i) {
    const double error = from_gguf.tensors[i].error;
    // Experts lean on one another by their counts, which the older form rounds.
    EXPECT_NEAR(from_dat.tensors[i].error, error, 0.02 * error) << from_dat.tensors[i].name;
  }
}

TEST(Weighted, ThreadsAndInstructionSetsGiveTheSameBytes) {
  for (const bool experts : {false, true}) {
    const fs::path model = model_of(256, experts);
    const fs::path file = saved(random_statistics(model));
    for (const std::string type : {"Q4_0", "Q4_K_M", "IQ4_XS", "IQ3_S"}) {
      std::string first;
      for (const auto& [threads, features] :
           {std::pair{1U, sys::CpuFeatures()}, {3U, sys::CpuFeatures()}, {2U, sys::detect_cpu_features()}}) {
        QuantizeOptions options = options_for(model, type, file);
        options.pure = false;
        good(options, threads, features);
        if (first.empty()) first = mote::testing::content_of(options.output);
        EXPECT_TRUE(mote::testing::content_of(options.output) == first) << type << " " << threads;
      }
    }
  }
}

TEST(Weighted, AJobThatWasStoppedEndsWithTheSameBytes) {
  const fs::path model = model_of(256);
  const fs::path file = saved(random_statistics(model));
  const QuantizeOptions whole = options_for(model, "Q4_K_M", file);
  good(whole);
  for (const std::size_t stop : {0U, 3U, 11U}) {
    QuantizeOptions options = options_for(model, "Q4_K_M", file);
    CancelToken cancel;
    options.cancel = &cancel;
    options.progress = [&](const QuantizeProgress& p) {
      if (p.tensor == stop) cancel.request();
    };
    sys::ThreadPool pool(2);
    const auto stopped = quantize(pool, options);
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code.name, "CANCELLED");
    cancel.reset();
    options.progress = nullptr;
    const QuantizeReport report = good(options);
    EXPECT_EQ(std::ranges::count(report.tensors, true, &TensorReport::resumed),
              static_cast<std::ptrdiff_t>(stop));
    EXPECT_TRUE(mote::testing::content_of(options.output) == mote::testing::content_of(whole.output)) << stop;
  }
}

TEST(Weighted, OtherStatisticsDoNotResumeTheOldJob) {
  const fs::path model = model_of(256);
  const fs::path file = saved(random_statistics(model, 1));
  QuantizeOptions options = options_for(model, "Q4_0", file);
  CancelToken cancel;
  options.cancel = &cancel;
  const auto stop_at_5 = [&](const QuantizeProgress& p) {
    if (p.tensor == 5) cancel.request();
  };
  options.progress = stop_at_5;
  sys::ThreadPool pool(1);
  ASSERT_FALSE(quantize(pool, options));
  cancel.reset();
  // As many bytes under the same name.
  const Statistics other = random_statistics(model, 2);
  ASSERT_TRUE(calibrate::write_statistics(other, file));
  ASSERT_FALSE(quantize(pool, options));
  cancel.reset();
  options.progress = nullptr;
  const QuantizeReport same = good(options);
  EXPECT_EQ(std::ranges::count(same.tensors, true, &TensorReport::resumed), 5);  // of the second run
  const QuantizeOptions fresh = options_for(model, "Q4_0", saved(other));
  good(fresh);
  EXPECT_TRUE(mote::testing::content_of(options.output) == mote::testing::content_of(fresh.output));
  // None at all is another job too.
  QuantizeOptions without = options_for(model, "Q4_0", file);
  without.cancel = &cancel;
  without.progress = stop_at_5;
  ASSERT_FALSE(quantize(pool, without));
  cancel.reset();
  without.progress = nullptr;
  without.statistics.clear();
  for (const TensorReport& t : good(without).tensors) EXPECT_FALSE(t.resumed) << t.name;
}

TEST(Weighted, StatisticsThatDoNotFitAreRefusedByTheTensorsName) {
  const fs::path model = model_of(256);
  const std::string tensor = "blk.1.ffn_down.weight";
  const auto refuses = [&](const char* code, const std::string& names, const Statistics& statistics) {
    SCOPED_TRACE(code);
    for (const bool dry_run : {false, true}) {
      QuantizeOptions options = options_for(model, "Q4_0", saved(statistics));
      options.dry_run = dry_run;
      sys::ThreadPool pool(1);
      const auto report = quantize(pool, options);
      ASSERT_FALSE(report);
      EXPECT_EQ(report.error().code.name, code);
      EXPECT_THAT(report.error().message, HasSubstr("'" + names + "'"));
      EXPECT_EQ(report.error().file, options.statistics.string());
      EXPECT_TRUE(fs::is_empty(options.output.parent_path()));
    }
  };
  Statistics other = random_statistics(model);
  other.inputs[tensor].squares.resize(256);
  refuses("STATISTICS_MODEL", tensor, other);
  Statistics none;
  none.inputs["blk.9.other.weight"] = {{1000}, {1, 2}, {}};
  refuses("STATISTICS_MODEL", "blk.9.other.weight", none);
  refuses("STATISTICS_MODEL", "blk.0.ffn_down.weight", random_statistics(model_of(288)));
  Statistics few = random_statistics(model);
  few.inputs[tensor].counts = {calibrate::kLeastTokens - 1};
  refuses("STATISTICS_SHORT", tensor, few);
  Statistics negative = random_statistics(model);
  negative.inputs[tensor].squares[7] = -1;
  refuses("STATISTICS_NONFINITE", tensor, negative);
}

TEST(Weighted, DamagedFilesAreRefused) {
  const fs::path model = model_of(256);
  const fs::path file = saved(random_statistics(model));
  const auto code_of = [&] {
    const QuantizeOptions options = options_for(model, "Q4_0", file);
    sys::ThreadPool pool(1);
    const auto report = quantize(pool, options);
    EXPECT_FALSE(report);
    EXPECT_TRUE(fs::is_empty(options.output.parent_path()));
    return report ? "" : std::string(report.error().code.name);
  };
  // A NaN where the first sum lies.
  const auto opened = formats::GgufFile::open(file);
  const std::size_t at =
      static_cast<std::size_t>((*opened)->stored(0).data() - (*opened)->files()[0]->bytes().data());
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::fstream(file, std::ios::binary | std::ios::in | std::ios::out)
      .seekp(static_cast<std::streamoff>(at))
      .write(reinterpret_cast<const char*>(&nan), sizeof nan);
  EXPECT_EQ(code_of(), "STATISTICS_NONFINITE");
  fs::resize_file(file, fs::file_size(file) / 2);
  EXPECT_EQ(code_of(), "GGUF_TRUNCATED");
  std::ofstream(file) << "none";
  EXPECT_EQ(code_of(), "STATISTICS_FILE");
  fs::remove(file);
  EXPECT_EQ(code_of(), "INPUT_MISSING");
}

}  // namespace
}  // namespace mote::quantize
