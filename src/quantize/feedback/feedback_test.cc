#include "quantize/feedback/feedback.h"

#include <cmath>
#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "codec/codec.h"
#include "codec/table4.h"
#include "quantize/feedback/block_codes.h"
#include "quantize/feedback/random_inputs.h"

namespace mote::quantize {
namespace {

using testing::moments;
using testing::random_inputs;
using testing::solve;

constexpr std::size_t kCols = 256;  // whole super-blocks

struct Problem {
  std::size_t cols;
  std::vector<double> h;
  std::vector<float> rows;

  Problem(std::uint64_t seed, std::size_t count, std::size_t columns) : cols(columns), rows(count * columns) {
    const std::vector<double> x = random_inputs(seed, 2 * cols, cols);
    h = moments(x, x, cols);
    Rng rng(seed + 1);
    for (float& w : rows) w = static_cast<float>(rng.next_normal()) * 0.02F;
  }
  [[nodiscard]] std::size_t count() const { return rows.size() / cols; }
};

FeedbackJob job_of(CodecId type, double moves) {
  FeedbackJob job;
  job.type = type;
  job.search = &kSearchBaseline;
  job.kernels = &kFeedbackBaseline;
  job.moves = moves;
  return job;
}

std::vector<std::byte> room(CodecId type, const Problem& p) {
  const codec::Codec& codec = codec::codec_of(type);
  return std::vector<std::byte>(p.rows.size() / codec.block_elements * codec.block_bytes);
}

std::vector<std::byte> encoded(const FeedbackJob& job, const Problem& p, const Curvature& c,
                               EncodeError* error = nullptr) {
  sys::ThreadPool pool(2);
  std::vector<std::byte> out = room(job.type, p);
  const auto result = encode_feedback(pool, job, c, p.rows, out);
  EXPECT_TRUE(result);
  if (result && error != nullptr) *error = *result;
  return out;
}

Curvature curvature(const Problem& p) {
  sys::ThreadPool pool(1);
  auto c = curvature_of(pool, kFeedbackBaseline, p.h, p.cols, 0.01);
  EXPECT_TRUE(c);
  return std::move(*c);
}

std::vector<std::byte> searched(CodecId type, const Problem& p, const Curvature& c) {
  std::vector<std::byte> out = room(type, p);
  encode_search(kSearchBaseline, type, p.rows.data(), c.importance.data(), out.data(), p.count(), p.cols);
  return out;
}

std::vector<float> decoded(CodecId type, const std::vector<std::byte>& blocks, std::size_t count) {
  const codec::Codec& codec = codec::codec_of(type);
  std::vector<float> out(count);
  codec.decode(blocks.data(), out.data(), count / codec.block_elements);
  return out;
}

// Of each row: (y - w)^T H (y - w) with the damped H.
std::vector<double> losses(const Problem& p, const Curvature& c, const std::vector<float>& y) {
  std::vector<double> out(p.count(), 0.0);
  for (std::size_t r = 0; r < p.count(); ++r) {
    for (std::size_t i = 0; i < p.cols; ++i) {
      const double ei = static_cast<double>(y[r * p.cols + i]) - p.rows[r * p.cols + i];
      for (std::size_t j = 0; j < p.cols; ++j) {
        const double ej = static_cast<double>(y[r * p.cols + j]) - p.rows[r * p.cols + j];
        out[r] += ei * static_cast<double>(c.hessian[i * p.cols + j]) * ej;
      }
    }
  }
  return out;
}

double sum(const std::vector<double>& v) {
  double out = 0;
  for (const double x : v) out += x;
  return out;
}

const std::vector<CodecId>& formats() {
  static const std::vector<CodecId> kAll{
      CodecId::q4_0,  CodecId::q4_1,  CodecId::q5_0,  CodecId::q5_1, CodecId::q8_0,   CodecId::q2_k,
      CodecId::q3_k,  CodecId::q4_k,  CodecId::q5_k,  CodecId::q6_k, CodecId::iq4_nl, CodecId::iq4_xs,
      CodecId::tq1_0, CodecId::tq2_0, CodecId::mxfp4, CodecId::nf4,  CodecId::fp4};
  return kAll;
}

// What the codes of a format may stand for, times its scales, as its description has it.
std::vector<float> levels_of(CodecId type) {
  if (type == CodecId::nf4) return {codec::kNf4Values.begin(), codec::kNf4Values.end()};
  if (type == CodecId::fp4) return {codec::kFp4TableValues.begin(), codec::kFp4TableValues.end()};
  if (type == CodecId::tq1_0 || type == CodecId::tq2_0) return {-1.0F, 0.0F, 1.0F};
  const codec::IntegerForm& form = *codec::codec_of(type).integer_form;
  std::vector<float> out;
  for (int code = type == CodecId::q8_0 ? 1 : 0; code < 1 << form.code_bits; ++code) {
    out.push_back(static_cast<float>(form.table != nullptr ? form.table[code] : code - form.offset));
  }
  return out;
}

std::string name_of(CodecId id) { return std::string(codec::codec_of(id).name); }

// Inputs that tell nothing apart pass nothing on: every element is rounded to the nearest level of its scale,
// by search of all of them.
TEST(Feedback, WithUncorrelatedInputsIsRoundingToTheNearest) {
  for (const CodecId type : formats()) {
    Problem p(7, 20, kCols);
    std::fill(p.h.begin(), p.h.end(), 0.0);
    for (std::size_t i = 0; i < kCols; ++i) p.h[i * kCols + i] = 2.0;
    const Curvature c = curvature(p);
    std::vector<std::byte> blocks = encoded(job_of(type, 0.1), p, c);
    const codec::Codec& codec = codec::codec_of(type);
    const codec::IntegerForm& form = *codec.integer_form;
    const std::vector<float> levels = levels_of(type);
    const std::vector<float> found = decoded(type, blocks, p.rows.size());
    for (std::size_t i = 0; i < p.rows.size(); ++i) {
      std::uint8_t codes[256];
      float scales[16];
      float mins[16];
      const std::byte* block = blocks.data() + i / codec.block_elements * codec.block_bytes;
      form.unpack(block, codes, scales, mins);
      const std::size_t group = i % codec.block_elements / form.group_elements;
      // Their integer form is near the table only.
      if (type == CodecId::nf4 || type == CodecId::fp4) std::memcpy(&scales[group], block, sizeof(float));
      float least = INFINITY;
      for (const float level : levels) {
        least = std::min(least,
                         std::abs(scales[group] * level - (form.has_min ? mins[group] : 0.0F) - p.rows[i]));
      }
      ASSERT_NEAR(std::abs(found[i] - p.rows[i]), least, 1e-7F) << name_of(type) << " " << i;
    }
  }
}

TEST(Feedback, LowersTheLossOfEveryFormatAndTellsWhatItIs) {
  for (const CodecId type : formats()) {
    const Problem p(11, 40, kCols);
    const Curvature c = curvature(p);
    EncodeError error;
    const std::vector<float> after = decoded(type, encoded(job_of(type, 0.1), p, c, &error), p.rows.size());
    const std::vector<double> found = losses(p, c, after);
    const std::vector<double> before = losses(p, c, decoded(type, searched(type, p, c), p.rows.size()));
    for (std::size_t r = 0; r < p.count(); ++r) EXPECT_LE(found[r], before[r] * (1 + 1e-4)) << name_of(type);
    EXPECT_LT(sum(found), 0.8 * sum(before)) << name_of(type);
    EXPECT_NEAR(error.squared_error, sum(found), 1e-3 * sum(found)) << name_of(type);
    EXPECT_NEAR(error.searched_error, sum(before), 1e-3 * sum(before)) << name_of(type);
    const std::vector<float> nothing(p.rows.size(), 0.0F);
    EXPECT_NEAR(error.squared_norm, sum(losses(p, c, nothing)), 1e-3 * error.squared_norm) << name_of(type);
  }
}

// GPTQ as its paper has it: with the inverse of H and its upper Cholesky factor, in double precision.
std::vector<std::uint8_t> classic_codes(const Problem& p, const Curvature& c, std::size_t row,
                                        const float* scales) {
  const std::size_t n = p.cols;
  std::vector<double> inverse(n * n);
  std::vector<double> h(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) h[i * n + j] = c.hessian[c.order[i] * n + c.order[j]];
  }
  for (std::size_t j = 0; j < n; ++j) {
    std::vector<double> unit(n, 0.0);
    unit[j] = 1.0;
    const std::vector<double> column = solve(h, unit);
    for (std::size_t i = 0; i < n; ++i) inverse[i * n + j] = column[i];
  }
  // inverse = U^T U
  std::vector<double> u(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i; j < n; ++j) {
      double v = inverse[i * n + j];
      for (std::size_t k = 0; k < i; ++k) v -= u[k * n + i] * u[k * n + j];
      u[i * n + j] = i == j ? std::sqrt(v) : v / u[i * n + i];
    }
  }
  std::vector<double> w(n);
  for (std::size_t k = 0; k < n; ++k) w[k] = p.rows[row * n + c.order[k]];
  std::vector<std::uint8_t> codes(n);
  for (std::size_t k = 0; k < n; ++k) {
    const double scale = scales[c.order[k] / 32];
    const double level = std::min(7.0, std::max(-8.0, std::nearbyint(w[k] / scale)));
    codes[c.order[k]] = static_cast<std::uint8_t>(level + 8.0);
    const double error = (w[k] - scale * level) / u[k * n + k];
    for (std::size_t j = k; j < n; ++j) w[j] -= error * u[k * n + j];
  }
  return codes;
}

TEST(Feedback, GivesTheCodesOfTheFormWithAnInverse) {
  std::size_t swept = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const Problem p(seed, 9, 64);
    const Curvature c = curvature(p);
    const std::vector<std::byte> blocks = encoded(job_of(CodecId::q4_0, 0.0), p, c);
    const std::vector<std::byte> plain = searched(CodecId::q4_0, p, c);
    const codec::IntegerForm& form = *codec::codec_of(CodecId::q4_0).integer_form;
    for (std::size_t row = 0; row < p.count(); ++row) {
      std::uint8_t codes[64];
      std::uint8_t plain_codes[64];
      float scales[2];
      float mins[2];
      for (std::size_t b = 0; b < 2; ++b) {
        form.unpack(blocks.data() + (row * 2 + b) * 18, codes + 32 * b, scales + b, mins + b);
        form.unpack(plain.data() + (row * 2 + b) * 18, plain_codes + 32 * b, scales + b, mins + b);
      }
      const std::vector<std::uint8_t> expected = classic_codes(p, c, row, scales);
      const std::vector<std::uint8_t> found(codes, codes + 64);
      // A row that the sweep made worse keeps what the search gave it.
      if (found == std::vector<std::uint8_t>(plain_codes, plain_codes + 64)) continue;
      EXPECT_EQ(found, expected) << seed << " " << row;
      ++swept;
    }
  }
  EXPECT_GT(swept, 90U);
}

// With as many moves as it takes: no code can be moved by one step and the loss be lower.
TEST(Feedback, MovesEndWhereNoSingleStepHelps) {
  for (const CodecId type : {CodecId::q4_0, CodecId::q5_1, CodecId::iq4_nl, CodecId::q3_k}) {
    const Problem p(13, 6, kCols);
    const Curvature c = curvature(p);
    std::vector<std::byte> blocks = encoded(job_of(type, 20.0), p, c);
    const codec::Codec& codec = codec::codec_of(type);
    const CodeRange range = code_range(type);
    const std::vector<double> before = losses(p, c, decoded(type, blocks, p.rows.size()));
    const std::size_t blocks_per_row = kCols / codec.block_elements;
    for (std::size_t row = 0; row < p.count(); ++row) {
      for (std::size_t column = 0; column < kCols; column += 5) {
        std::byte* block =
            blocks.data() + (row * blocks_per_row + column / codec.block_elements) * codec.block_bytes;
        std::uint8_t codes[256];
        float scales[16];
        float mins[16];
        codec.integer_form->unpack(block, codes, scales, mins);
        std::uint8_t& code = codes[column % codec.block_elements];
        const std::uint8_t kept = code;
        for (const int step : {-1, 1}) {
          if (kept + step < range.low || kept + step > range.high) continue;
          code = static_cast<std::uint8_t>(kept + step);
          rewrite_block(type, block, codes, block_factors(type, block));
          const double moved = losses(p, c, decoded(type, blocks, p.rows.size()))[row];
          EXPECT_GE(moved, before[row] * (1 - 1e-5))
              << name_of(type) << " " << row << " " << column << " " << step;
        }
        code = kept;
        rewrite_block(type, block, codes, block_factors(type, block));
      }
    }
  }
}

// All tables that this processor runs.
std::vector<const FeedbackKernels*> all_kernels() {
  std::vector<const FeedbackKernels*> out{&kFeedbackBaseline};
#if defined(__x86_64__)
  const sys::CpuFeatures features = sys::detect_cpu_features();
  if (features.avx2) out.push_back(&kFeedbackAvx2);
  if (features.avx512) out.push_back(&kFeedbackAvx512);
#endif
  return out;
}

TEST(Feedback, ThreadsAndKernelsGiveTheSameBytes) {
  for (const CodecId type : formats()) {
    const Problem p(17, 37, kCols);
    const Curvature c = curvature(p);
    const std::vector<std::byte> expected = encoded(job_of(type, 0.1), p, c);
    for (const unsigned threads : {1U, 3U}) {
      for (const FeedbackKernels* kernels : all_kernels()) {
        sys::ThreadPool pool(threads);
        FeedbackJob job = job_of(type, 0.1);
        job.kernels = kernels;
        std::vector<std::byte> out = room(type, p);
        ASSERT_TRUE(encode_feedback(pool, job, c, p.rows, out));
        EXPECT_EQ(out, expected) << name_of(type) << " " << threads;
      }
    }
  }
}

TEST(Feedback, DriftMovesRowsToTheLeastSquares) {
  constexpr std::size_t kN = 48;
  const std::vector<double> x = random_inputs(3, 200, kN);
  std::vector<double> y = x;
  Rng rng(4);
  for (double& v : y) v += 0.2 * rng.next_normal();
  std::vector<double> difference(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) difference[i] = x[i] - y[i];
  Problem p(5, 19, kN);
  p.h = moments(y, y, kN);
  const Curvature c = curvature(p);
  std::vector<float> moved = p.rows;
  sys::ThreadPool pool(2);
  ASSERT_TRUE(correct_drift(pool, kFeedbackBaseline, c, moments(y, difference, kN), 0.5, moved));
  // The least squares of W X - V Y with the damping's pull towards W: (H + damping) v = H w + y (x - y)^T w +
  // damping w.
  const std::vector<double> cross = moments(y, difference, kN);
  std::vector<double> h(kN * kN);
  for (std::size_t i = 0; i < h.size(); ++i) h[i] = c.hessian[i];
  for (std::size_t r = 0; r < p.count(); ++r) {
    std::vector<double> right(kN, 0.0);
    for (std::size_t i = 0; i < kN; ++i) {
      for (std::size_t j = 0; j < kN; ++j)
        right[i] += (h[i * kN + j] + cross[i * kN + j]) * p.rows[r * kN + j];
    }
    const std::vector<double> v = solve(h, right);
    for (std::size_t i = 0; i < kN; ++i) {
      const double w = p.rows[r * kN + i];
      ASSERT_NEAR(moved[r * kN + i], w + 0.5 * (v[i] - w), 1e-6) << r << " " << i;
    }
  }
  for (const FeedbackKernels* kernels : all_kernels()) {
    sys::ThreadPool three(3);
    std::vector<float> again = p.rows;
    ASSERT_TRUE(correct_drift(three, *kernels, c, cross, 0.5, again));
    EXPECT_EQ(again, moved);
  }
}

TEST(Feedback, StopsWhenTold) {
  const Problem p(19, 40, kCols);
  CancelToken cancel;
  cancel.request();
  FeedbackJob job = job_of(CodecId::q4_0, 0.1);
  job.cancel = &cancel;
  sys::ThreadPool pool(2);
  std::vector<std::byte> out = room(CodecId::q4_0, p);
  const auto result = encode_feedback(pool, job, curvature(p), p.rows, out);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code.name, "CANCELLED");
}

}  // namespace
}  // namespace mote::quantize
