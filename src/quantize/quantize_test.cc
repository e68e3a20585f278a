#include "quantize/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "base/rng.h"
#include "codec/codec.h"
#include "formats/gguf_reader.h"
#include "formats/gguf_writer.h"
#include "quantize/presets.h"
#include "tensor/float16.h"
#include "testing/environment.h"
#include "testing/small_llama.h"

namespace mote::quantize {
namespace {

namespace fs = std::filesystem;
using mote::testing::content_of;
using testing::fnv1a;
using testing::kHidden;
using testing::kVocab;
using testing::kWidth;
using testing::options_for;
using testing::small_llama;
using testing::Source;
using testing::write_model;

std::vector<Preset> written_presets() { return testing::presets_for(false); }

class EveryPreset : public ::testing::TestWithParam<Preset> {};

TEST_P(EveryPreset, GivesTheSameFileForAnyNumberOfThreads) {
  const fs::path input = write_model(small_llama());
  std::vector<std::string> files;
  for (const unsigned threads : {1U, 2U, 3U}) {
    sys::ThreadPool pool(threads);
    const QuantizeOptions options = options_for(input, std::string(GetParam().name));
    const sys::CpuFeatures features = threads == 3 ? sys::detect_cpu_features() : sys::CpuFeatures();
    const auto report = quantize(pool, options, features);
    ASSERT_TRUE(report) << report.error().message;
    files.push_back(content_of(options.output));
    EXPECT_EQ(report->bytes, files.back().size());
  }
  EXPECT_EQ(files[0], files[1]);
  EXPECT_EQ(files[0], files[2]);
}

// Sums of squares taken from the files themselves, not from the job.
TEST_P(EveryPreset, ReportsTheErrorThatTheFileHas) {
  const Source source = small_llama();
  const fs::path input = write_model(source);
  sys::ThreadPool pool(2);
  const QuantizeOptions options = options_for(input, std::string(GetParam().name));
  const auto report = quantize(pool, options);
  ASSERT_TRUE(report) << report.error().message;
  const auto opened = formats::GgufFile::open(options.output);
  ASSERT_TRUE(opened);
  std::size_t row = 0;
  for (std::size_t i = 0; i < source.tensors.size(); ++i, ++row) {
    const TensorReport& t = report->tensors[row];
    ASSERT_EQ(t.name, source.tensors[i].name);
    const CodecId type = *find_type(t.type);
    const codec::Codec& codec = codec::codec_of(type);
    const auto tensor = (*opened)->read(row);
    ASSERT_TRUE(tensor);
    ASSERT_EQ(tensor->codec, type);
    const std::size_t count = *Shape(t.shape).element_count().value();
    std::vector<float> decoded(count);
    codec.decode(tensor->blocks().data(), decoded.data(), count / codec.block_elements);
    if (row + 1 < report->tensors.size() && report->tensors[row + 1].name.ends_with(".scale")) {
      ++row;  // a factor for the whole tensor
      float factor = 0.0F;
      std::memcpy(&factor, (*opened)->read(row)->blocks().data(), sizeof factor);
      for (float& v : decoded) v *= factor;
    }
    std::vector<float> original(count);
    codec::codec_of(*find_type(t.source_type)).decode(source.data[i].data(), original.data(), count);
    double error = 0;
    double norm = 0;
    for (std::size_t k = 0; k < count; ++k) {
      error += std::pow(static_cast<double>(original[k]) - static_cast<double>(decoded[k]), 2);
      norm += std::pow(static_cast<double>(original[k]), 2);
    }
    // Scaling by a factor rounds every value.
    EXPECT_NEAR(t.error, error / norm, 1e-9 + (type == CodecId::nvfp4 ? 1e-5 : 1e-9) * error / norm)
        << t.name;
  }
  EXPECT_EQ(row, report->tensors.size());
}

INSTANTIATE_TEST_SUITE_P(Presets, EveryPreset, ::testing::ValuesIn(written_presets()),
                         [](const auto& preset) { return std::string(preset.param.name); });

TEST(Quantize, ReproducesTheRecordedBytes) {
  const fs::path input = write_model(small_llama());
  std::map<std::string, std::uint64_t> recorded;
  std::ifstream golden(testing::source_path("tests/golden/quantize_small.txt"));
  for (std::string name, hash; golden >> name >> hash;) recorded[name] = std::stoull(hash, nullptr, 16);
  for (const Preset& preset : written_presets()) {
    for (const Method method : {Method::rtn, Method::search}) {
      sys::ThreadPool pool(2);
      QuantizeOptions options = options_for(input, std::string(preset.name));
      options.method = method;
      ASSERT_TRUE(quantize(pool, options, sys::detect_cpu_features()));
      const std::string key = std::string(preset.name) + "/" + std::string(to_string(method));
      char hash[17];
      std::snprintf(hash, sizeof hash, "%016llx",
                    static_cast<unsigned long long>(fnv1a(content_of(options.output))));
      EXPECT_EQ(recorded[key], fnv1a(content_of(options.output))) << "now " << key << " " << hash;
    }
  }
}

TEST(Quantize, AJobStoppedAtAnyTensorResumesToTheSameBytes) {
  const fs::path input = write_model(small_llama());
  sys::ThreadPool pool(2);
  const QuantizeOptions whole = options_for(input, "Q4_K_M");
  ASSERT_TRUE(quantize(pool, whole));
  const std::string expected = content_of(whole.output);
  const std::size_t tensors = small_llama().tensors.size();
  for (std::size_t stop = 0; stop < tensors; ++stop) {
    QuantizeOptions options = options_for(input, "Q4_K_M");
    CancelToken cancel;
    options.cancel = &cancel;
    options.progress = [&](const QuantizeProgress& p) {
      if (p.tensor == stop) cancel.request();
    };
    const auto stopped = quantize(pool, options);
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code.name, "CANCELLED");
    EXPECT_FALSE(fs::exists(options.output));
    cancel.reset();
    options.progress = nullptr;
    const auto resumed = quantize(pool, options);
    ASSERT_TRUE(resumed) << resumed.error().message;
    std::size_t kept = 0;
    for (const TensorReport& t : resumed->tensors) kept += t.resumed ? 1U : 0U;
    EXPECT_EQ(kept, stop);
    EXPECT_EQ(content_of(options.output), expected);
  }
}

TEST(Quantize, AnotherTypeDoesNotResumeTheOldJob) {
  const fs::path input = write_model(small_llama());
  sys::ThreadPool pool(1);
  QuantizeOptions options = options_for(input, "Q4_0");
  CancelToken cancel;
  options.cancel = &cancel;
  options.progress = [&](const QuantizeProgress& p) {
    if (p.tensor == 5) cancel.request();
  };
  ASSERT_FALSE(quantize(pool, options));
  cancel.reset();
  options.progress = nullptr;
  options.method = Method::rtn;
  const auto report = quantize(pool, options);
  ASSERT_TRUE(report);
  for (const TensorReport& t : report->tensors) EXPECT_FALSE(t.resumed) << t.name;
}

TEST(Quantize, RefusesValuesThatAreNotFinite) {
  Source source = small_llama();
  const Half nan = 0x7E00;
  std::memcpy(source.data[3].data() + 2 * (7 * kWidth + 11), &nan, 2);
  const fs::path input = write_model(source);
  sys::ThreadPool pool(2);
  for (const char* type : {"Q4_0", "Q6_K", "F16"}) {
    QuantizeOptions options = options_for(input, type);
    const auto report = quantize(pool, options);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code.name, "MODEL_NONFINITE");
    EXPECT_NE(report.error().message.find(source.tensors[3].name), std::string::npos)
        << report.error().message;
    if (std::string(type) != "F16") {
      EXPECT_NE(report.error().message.find("row 7, column 11"), std::string::npos) << report.error().message;
    }
    EXPECT_FALSE(fs::exists(options.output));
  }
}

TEST(Quantize, RefusesToQuantizeTwiceUnlessAsked) {
  const fs::path input = write_model(small_llama());
  sys::ThreadPool pool(1);
  const QuantizeOptions first = options_for(input, "Q8_0");
  ASSERT_TRUE(quantize(pool, first));
  QuantizeOptions second = options_for(first.output, "Q4_0");
  const auto refused = quantize(pool, second);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code.name, "QUANT_REQUANTIZE");
  second.allow_requantize = true;
  EXPECT_TRUE(quantize(pool, second));
}

TEST(Quantize, RefusesToOverwriteItsInput) {
  const fs::path input = write_model(small_llama());
  const std::string before = content_of(input);
  sys::ThreadPool pool(1);
  QuantizeOptions options = options_for(input, "Q8_0");
  options.output = input;
  const auto report = quantize(pool, options);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code.name, "QUANT_IN_PLACE");
  EXPECT_EQ(content_of(input), before);
}

TEST(Quantize, ADryRunGivesTheSizeAndWritesNothing) {
  const fs::path input = write_model(small_llama());
  sys::ThreadPool pool(1);
  QuantizeOptions options = options_for(input, "IQ4_XS");
  options.dry_run = true;
  const auto planned = quantize(pool, options);
  ASSERT_TRUE(planned);
  EXPECT_FALSE(fs::exists(options.output));
  options.dry_run = false;
  const auto real = quantize(pool, options);
  ASSERT_TRUE(real);
  EXPECT_EQ(planned->bytes, real->bytes);
  EXPECT_DOUBLE_EQ(planned->bpw, real->bpw);
}

TEST(Quantize, WritesTheKeysThatSayWhatItIs) {
  const fs::path input = write_model(small_llama());
  sys::ThreadPool pool(1);
  const QuantizeOptions options = options_for(input, "q4_k");
  ASSERT_TRUE(quantize(pool, options));
  const auto opened = formats::GgufFile::open(options.output);
  ASSERT_TRUE(opened);
  EXPECT_EQ(*(*opened)->metadata().get_uint("general.file_type"), 15U);
  EXPECT_EQ(*(*opened)->metadata().get_uint("general.quantization_version"), 2U);
  EXPECT_EQ(*(*opened)->metadata().get_string("general.name"), "small");
}

TEST(Quantize, ReportsRoundingWhereATypeHasNoSearch) {
  const fs::path input = write_model(small_llama());
  sys::ThreadPool pool(1);
  for (const auto& [type, method] :
       {std::pair{"Q2_0", "rtn"}, {"TQ2_0", "search"}, {"NVFP4", "search"}, {"IQ2_M", "search"}}) {
    const auto report = quantize(pool, options_for(input, type));
    ASSERT_TRUE(report) << report.error().message;
    for (const TensorReport& t : report->tensors) {
      if (t.name == "blk.1.ffn_up.weight") {
        EXPECT_EQ(t.method, method) << type;
      }
    }
  }
}

// Weights far below what the format's scales reach lose no more than others, as a factor stands beside them.
TEST(Quantize, Nvfp4KeepsSmallWeightsByAFactorForTheTensor) {
  Source source = small_llama();
  std::map<std::string, double> errors[2];
  for (int pass = 0; pass < 2; ++pass) {
    if (pass == 1) {
      for (std::size_t i = 0; i < source.data.size(); ++i) {
        if (source.tensors[i].codec != CodecId::f16) continue;
        for (std::size_t k = 0; k < source.data[i].size(); k += 2) {
          Half h = 0;
          std::memcpy(&h, source.data[i].data() + k, 2);
          h = float_to_half(half_to_float(h) * 0x1p-8F);
          std::memcpy(source.data[i].data() + k, &h, 2);
        }
      }
    }
    sys::ThreadPool pool(2);
    const auto report = quantize(pool, options_for(write_model(source), "NVFP4"));
    ASSERT_TRUE(report) << report.error().message;
    for (const TensorReport& t : report->tensors) errors[pass][t.name] = t.error;
  }
  EXPECT_TRUE(errors[0].contains("blk.1.attn_q.scale"));
  const double usual = errors[0]["blk.1.ffn_up.weight"];
  EXPECT_GT(usual, 0.002);
  EXPECT_LT(usual, 0.02);
  EXPECT_NEAR(errors[1]["blk.1.ffn_up.weight"], usual, 0.05 * usual);
}

TEST(Quantize, UnknownTypesAreRefusedBeforeTheModelIsOpened) {
  sys::ThreadPool pool(1);
  const auto report = quantize(pool, options_for("/no/such/model.gguf", "Q4_X"));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code.name, "QUANT_TYPE_UNKNOWN");
}

}  // namespace
}  // namespace mote::quantize
