#include "quantize/lattice.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "codec/codec.h"
#include "engine/runtime.h"
#include "formats/gguf_reader.h"
#include "mote/quantize.h"
#include "quantize/feedback/block_codes.h"
#include "tensor/float16.h"
#include "testing/environment.h"

namespace mote::quantize {
namespace {

constexpr CodecId kTypes[] = {CodecId::q4_0, CodecId::q4_1, CodecId::q5_0, CodecId::q5_1, CodecId::q8_0};

float through(CodecId source, float x) {
  if (source == CodecId::f16) return half_to_float(float_to_half(x));
  if (source == CodecId::bf16) return bhalf_to_float(float_to_bhalf(x));
  return x;
}

// A block of random codes within 1 / `part` of the format's range, as a checkpoint of type `source` has it.
std::vector<float> block_of(CodecId id, CodecId source, Rng& rng, int part) {
  const codec::Codec& codec = codec::codec_of(id);
  const CodeRange range = code_range(id);
  const int middle = (range.low + range.high + 1) / 2;
  const int half = std::max(1, (range.high - range.low) / 2 / part);
  std::vector<std::uint8_t> codes(32);
  for (std::uint8_t& c : codes) {
    const int low = std::max<int>(range.low, middle - half);
    const int high = std::min<int>(range.high, middle + half);
    c = static_cast<std::uint8_t>(
        low + static_cast<int>(rng.next_below(static_cast<std::uint64_t>(high - low + 1))));
  }
  const float step =
      (rng.next_below(2) == 0 ? 1.0F : -1.0F) * (0.001F + 0.01F * static_cast<float>(rng.next_double()));
  const bool has_min = codec.integer_form->has_min;
  const BlockFactors factors{float_to_half(has_min ? std::abs(step) : step),
                             has_min ? float_to_half(8.3F * std::abs(step)) : Half{0}};
  std::vector<std::byte> block(codec.block_bytes);
  rewrite_block(id, block.data(), codes.data(), factors);
  std::vector<float> x(32);
  codec.decode(block.data(), x.data(), 1);
  for (float& v : x) v = through(source, v);
  return x;
}

// Whatever part of the range a block uses, its values come back as the checkpoint has them.
TEST(Lattice, ValuesOfAFormatsLatticeComeBackExactly) {
  for (const CodecId id : kTypes) {
    for (const CodecId source : {CodecId::f32, CodecId::f16}) {
      for (const int part : {1, 2, 4}) {
        Rng rng(17);
        for (int n = 0; n < 300; ++n) {
          const std::vector<float> x = block_of(id, source, rng, part);
          std::vector<std::byte> out(codec::codec_of(id).block_bytes);
          ASSERT_TRUE(encode_on_lattice(id, source, x.data(), out.data()))
              << codec::codec_of(id).name << " 1/" << part << " " << n;
          std::vector<float> y(32);
          codec::codec_of(id).decode(out.data(), y.data(), 1);
          for (std::size_t i = 0; i < 32; ++i) {
            ASSERT_EQ(through(source, y[i]), x[i]) << codec::codec_of(id).name << " 1/" << part << " " << n;
          }
        }
      }
    }
  }
}

// bfloat16 keeps eight bits: the step is found to about that, and each value to its own rounding.
TEST(Lattice, ValuesThatBfloat16HasRoundedComeBackWithinTheirRounding) {
  for (const CodecId id : {CodecId::q4_0, CodecId::q4_1}) {
    Rng rng(18);
    for (int n = 0; n < 300; ++n) {
      const std::vector<float> x = block_of(id, CodecId::bf16, rng, 1);
      std::vector<std::byte> out(codec::codec_of(id).block_bytes);
      ASSERT_TRUE(encode_on_lattice(id, CodecId::bf16, x.data(), out.data()))
          << codec::codec_of(id).name << " " << n;
      std::vector<float> y(32);
      codec::codec_of(id).decode(out.data(), y.data(), 1);
      float largest = 0;
      for (const float v : x) largest = std::max(largest, std::abs(v));
      for (std::size_t i = 0; i < 32; ++i) ASSERT_NEAR(y[i], x[i], 0x1p-7F * largest);
    }
  }
}

TEST(Lattice, OrdinaryWeightsAreNone) {
  Rng rng(19);
  std::vector<std::byte> out(64, std::byte{0x5A});
  const std::vector<std::byte> before = out;
  for (int n = 0; n < 2000; ++n) {
    std::vector<float> x(32);
    for (float& v : x) v = half_to_float(float_to_half(0.02F * static_cast<float>(rng.next_normal())));
    for (const CodecId id : kTypes) {
      ASSERT_FALSE(encode_on_lattice(id, CodecId::f16, x.data(), out.data())) << codec::codec_of(id).name;
    }
    // Nor a lattice with one value beside it.
    x = block_of(CodecId::q4_0, CodecId::f16, rng, 1);
    x[n % 32] += 0.37F * std::abs(x[(n + 1) % 32]) + 0.0007F;
    if (encode_on_lattice(CodecId::q4_0, CodecId::f16, x.data(), out.data())) {
      std::vector<float> y(32);
      codec::codec_of(CodecId::q4_0).decode(out.data(), y.data(), 1);
      for (std::size_t i = 0; i < 32; ++i) ASSERT_NEAR(y[i], x[i], 0x1p-9F * std::abs(x[i]) + 1e-9F);
      out = before;
    }
  }
  EXPECT_EQ(out, before);
}

// A model whose weights training has put on Q4_0's lattice (here: an earlier quantizing, written as F16) is
// kept as it is, by the search and within feedback.
TEST(Lattice, AModelOnTheLatticeLosesNothing) {
  const std::filesystem::path folder = testing::fresh_folder();
  const auto runtime = engine::Runtime::create();
  ASSERT_TRUE(runtime);
  const auto job = [&](const std::filesystem::path& in, const std::string& name, const std::string& type,
                       bool feedback) {
    QuantizeOptions o;
    o.input = in;
    o.output = folder / name;
    o.type = type;
    o.pure = true;
    o.embedding_type = "F16";
    o.allow_requantize = true;
    if (feedback) {
      o.method = Method::feedback;
      o.text.files = {testing::source_path("models/agent/demo_test.jsonl")};
      o.text.window = 64;
      o.text.max_windows = 2;
    }
    auto report = quantize(**runtime, o);
    EXPECT_TRUE(report) << (report ? "" : format_error(report.error()));
    return std::move(*report);
  };
  job(testing::source_path("models/agent"), "first.gguf", "Q4_0", false);
  job(folder / "first.gguf", "trained.gguf", "F16", false);
  const auto trained = formats::GgufFile::open(folder / "trained.gguf");
  ASSERT_TRUE(trained);
  for (const bool feedback : {false, true}) {
    const QuantizeReport report = job(folder / "trained.gguf", "again.gguf", "Q4_0", feedback);
    const auto again = formats::GgufFile::open(folder / "again.gguf");
    ASSERT_TRUE(again);
    std::size_t seen = 0;
    for (std::size_t i = 0; i < report.tensors.size(); ++i) {
      if (report.tensors[i].type != "Q4_0") continue;
      EXPECT_EQ(report.tensors[i].method, "lattice") << report.tensors[i].name;
      EXPECT_LT(report.tensors[i].error, 1e-7) << report.tensors[i].name;
      const auto expected = (*trained)->read(*(*trained)->find(report.tensors[i].name));
      const auto found = (*again)->read(*(*again)->find(report.tensors[i].name));
      ASSERT_TRUE(expected && found);
      const std::size_t count = expected->shape.rows() * expected->shape.cols();
      std::vector<float> x(count);
      std::vector<float> y(count);
      codec::codec_of(CodecId::f16).decode(expected->blocks().data(), x.data(), count);
      codec::codec_of(CodecId::q4_0).decode(found->blocks().data(), y.data(), count / 32);
      std::size_t different = 0;
      for (std::size_t k = 0; k < count; ++k) {
        if (through(CodecId::f16, y[k]) != x[k]) ++different;
      }
      EXPECT_EQ(different, 0U) << report.tensors[i].name;
      ++seen;
    }
    EXPECT_EQ(seen, 5U * 7U);
  }
}

}  // namespace
}  // namespace mote::quantize
