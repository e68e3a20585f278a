#include "quantize/feedback/feedback.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <optional>
#include <vector>

#include "codec/codec.h"
#include "quantize/feedback/block_codes.h"
#include "quantize/feedback/refit.h"
#include "quantize/level_table.h"
#include "quantize/quantize.h"
#include "tensor/aligned_buffer.h"

namespace mote::quantize {
namespace {

// A format's levels: whole numbers, or the values of its table.
struct Levels {
  CodeRange range;
  float offset;  // level = code - offset where there is no table
  bool has_table;
  alignas(64) float table[16];

  explicit Levels(CodecId id) : range(code_range(id)), offset(0), has_table(false), table() {
    if (const LevelTable* levels = level_table(id)) {
      has_table = true;
      std::ranges::copy(levels->values, table);
    } else {
      offset = static_cast<float>(codec::codec_of(id).integer_form->offset);
    }
  }
  [[nodiscard]] float of(std::uint8_t code) const {
    return has_table ? table[code] : static_cast<float>(code) - offset;
  }
};

struct Format {
  const codec::Codec& codec;
  const codec::IntegerForm& form;
  Levels levels;
  explicit Format(CodecId id) : codec(codec::codec_of(id)), form(*codec.integer_form), levels(id) {}
};

// Scratch of one thread for sixteen rows.
class Band {
 public:
  Band(const FeedbackJob& job, const Format& format, const Curvature& curvature)
      : job_(job),
        format_(format),
        curvature_(curvature),
        cols_(curvature.cols),
        floats_(kParts * kLanes * cols_ * sizeof(float)),
        lane_codes_(kLanes * cols_),
        codes_(cols_),
        searched_(cols_),
        scale_(cols_),
        min_(cols_),
        error_(cols_),
        gradient_(cols_),
        up_(cols_),
        down_(cols_),
        diagonal_(cols_),
        levels_(cols_),
        factors_(cols_ / format.codec.block_elements) {
    if (has_factors(job.type)) refit_.emplace(job.type, *job.kernels, curvature);
    for (std::size_t i = 0; i < cols_; ++i) diagonal_[i] = curvature.hessian[i * cols_ + i];
  }
  [[nodiscard]] bool ready() const { return floats_.size() > 0; }

  // Encodes `count` rows; errors are added to the sums.
  void encode(const float* rows, std::size_t count, std::byte* out, EncodeError& sums) {
    encode_search(*job_.search, job_.type, rows, curvature_.importance.data(), out, count, cols_,
                  job_.scales);
    sweep(rows, count, out);
    const std::size_t row_bytes = cols_ / format_.codec.block_elements * format_.codec.block_bytes;
    for (std::size_t lane = 0; lane < count; ++lane) {
      finish_row(rows + lane * cols_, lane, out + lane * row_bytes, sums);
    }
  }

 private:
  static constexpr std::size_t kParts = 5;  // of floats_: what Sweep takes

  float* part(std::size_t i) { return floats_.as<float>() + i * kLanes * cols_; }

  // Codes, scales and mins of each element of a row as it is stored.
  void unpack(const std::byte* blocks, std::uint8_t* codes) {
    float scales[16];
    float mins[16];
    const std::size_t elements = format_.codec.block_elements;
    const std::size_t group = format_.form.group_elements;
    for (std::size_t b = 0; b < cols_ / elements; ++b) {
      unpack_block(job_.type, blocks + b * format_.codec.block_bytes, codes + b * elements, scales, mins);
      for (std::size_t i = 0; i < elements; ++i) {
        scale_[b * elements + i] = scales[i / group];
        min_[b * elements + i] = format_.form.has_min ? mins[i / group] : 0.0F;
      }
    }
  }

  void sweep(const float* rows, std::size_t count, const std::byte* searched) {
    const std::size_t row_bytes = cols_ / format_.codec.block_elements * format_.codec.block_bytes;
    float* const x = part(0);
    float* const scale = part(1);
    float* const inverse = part(2);
    float* const min = part(3);
    std::memset(floats_.data(), 0, floats_.size());
    for (std::size_t lane = 0; lane < count; ++lane) {
      unpack(searched + lane * row_bytes, codes_.data());
      for (std::size_t k = 0; k < cols_; ++k) {
        const std::size_t column = curvature_.order[k];
        const std::size_t at = k * kLanes + lane;
        x[at] = rows[lane * cols_ + column];
        scale[at] = scale_[column];
        inverse[at] = std::fabs(scale_[column]) > kLeastScale ? 1.0F / scale_[column] : 0.0F;
        min[at] = min_[column];
      }
    }
    const Levels& levels = format_.levels;
    const Sweep s{cols_,
                  x,
                  scale,
                  inverse,
                  min,
                  curvature_.coupling.data(),
                  static_cast<float>(levels.range.low) - levels.offset,
                  static_cast<float>(levels.range.high) - levels.offset,
                  levels.has_table ? levels.table : nullptr,
                  part(4),
                  lane_codes_.data()};
    job_.kernels->sweep(s);
  }

  // v = H e for the codes given; returns e^T H e.
  double loss_of(const float* row, const std::uint8_t* codes) {
    std::ranges::fill(gradient_, 0.0F);
    for (std::size_t i = 0; i < cols_; ++i) {
      error_[i] = scale_[i] * format_.levels.of(codes[i]) - min_[i] - row[i];
      if (error_[i] != 0.0F) {
        job_.kernels->add_scaled(gradient_.data(), error_[i], curvature_.hessian.data() + i * cols_, cols_);
      }
    }
    return error_times_gradient();
  }

  [[nodiscard]] double error_times_gradient() const {
    double sum = 0;
    for (std::size_t i = 0; i < cols_; ++i) sum += static_cast<double>(error_[i]) * gradient_[i];
    return sum;
  }

  void set_steps(std::size_t i) {
    const Levels& levels = format_.levels;
    const std::uint8_t code = codes_[i];
    const float here = levels.of(code);
    up_[i] =
        code < levels.range.high ? scale_[i] * (levels.of(static_cast<std::uint8_t>(code + 1)) - here) : 0.0F;
    down_[i] =
        code > levels.range.low ? scale_[i] * (levels.of(static_cast<std::uint8_t>(code - 1)) - here) : 0.0F;
  }

  // The first element whose step has exactly this gain; the arithmetic is least_gain()'s.
  std::size_t find_gain(const std::vector<float>& step, float gain) const {
    std::size_t i = 0;
    while (2.0F * step[i] * gradient_[i] + step[i] * step[i] * diagonal_[i] != gain) ++i;
    return i;
  }

  // Moves the code whose step lowers the loss most, again and again. error_ and gradient_ are of codes_.
  void move_codes() {
    for (std::size_t i = 0; i < cols_; ++i) set_steps(i);
    const auto most = static_cast<std::size_t>(job_.moves * static_cast<double>(cols_));
    for (std::size_t n = 0; n < most; ++n) {
      const float up = job_.kernels->least_gain(up_.data(), gradient_.data(), diagonal_.data(), cols_);
      const float down = job_.kernels->least_gain(down_.data(), gradient_.data(), diagonal_.data(), cols_);
      if (!(std::min(up, down) < 0.0F)) return;
      const std::vector<float>& steps = up <= down ? up_ : down_;
      const std::size_t i = find_gain(steps, std::min(up, down));
      const float step = steps[i];
      codes_[i] = static_cast<std::uint8_t>(codes_[i] + (up <= down ? 1 : -1));
      error_[i] += step;
      job_.kernels->add_scaled(gradient_.data(), step, curvature_.hessian.data() + i * cols_, cols_);
      set_steps(i);
    }
  }

  // The better of what was searched and what was swept and moved, goes to `out`, which holds the former.
  void finish_row(const float* row, std::size_t lane, std::byte* out, EncodeError& sums) {
    unpack(out, searched_.data());
    const double before = loss_of(row, searched_.data());
    for (std::size_t k = 0; k < cols_; ++k) {
      // A table that is not full ends with its largest value more than once.
      codes_[curvature_.order[k]] =
          std::min(static_cast<std::uint8_t>(lane_codes_[k * kLanes + lane] + format_.levels.range.low),
                   format_.levels.range.high);
    }
    for (std::size_t b = 0; refit_ && b < factors_.size(); ++b) {
      factors_[b] = block_factors(job_.type, out + b * format_.codec.block_bytes);
    }
    loss_of(row, codes_.data());
    const unsigned refits = refit_ ? job_.refits : 0;
    for (unsigned n = 0; n == 0 || n < refits; ++n) {
      const bool better = n < refits && refit_factors(row, out);
      if (n > 0 && !better) break;  // nothing to move anew
      move_codes();
    }
    // Exact, where moves have summed up roundings.
    double after = loss_of(row, codes_.data());
    if (after < before) {
      const std::size_t elements = format_.codec.block_elements;
      for (std::size_t b = 0; b < cols_ / elements; ++b) {
        std::byte* block = out + b * format_.codec.block_bytes;
        rewrite_block(job_.type, block, codes_.data() + b * elements, factors_[b]);
      }
    } else {
      after = before;
    }
    sums.squared_error += after;
    sums.searched_error += before;
    sums.squared_norm += norm_of(row);
  }

  // w^T H w
  double norm_of(const float* row) {
    std::ranges::fill(gradient_, 0.0F);
    for (std::size_t i = 0; i < cols_; ++i) {
      error_[i] = row[i];
      job_.kernels->add_scaled(gradient_.data(), row[i], curvature_.hessian.data() + i * cols_, cols_);
    }
    return error_times_gradient();
  }

  // Factors anew for codes_, and what the row is off with them; gradient_ is that of codes_ before and after.
  // False where they stay.
  bool refit_factors(const float* row, const std::byte* blocks) {
    for (std::size_t i = 0; i < cols_; ++i) levels_[i] = format_.levels.of(codes_[i]);
    if (!(refit_->run(levels_, blocks, gradient_, factors_) > 0)) return false;
    apply_factors(blocks);
    for (std::size_t i = 0; i < cols_; ++i) error_[i] = scale_[i] * levels_[i] - min_[i] - row[i];
    return true;
  }

  // scale_ and min_ as the codec will read them with the factors.
  void apply_factors(const std::byte* blocks) {
    const std::size_t elements = format_.codec.block_elements;
    for (std::size_t b = 0; b < factors_.size(); ++b) {
      codec::ScaleCodes integers{};
      std::ranges::fill(integers.scales, std::int8_t{1});
      std::ranges::fill(integers.mins, std::int8_t{1});
      if (format_.form.unpack_scales != nullptr) {
        format_.form.unpack_scales(blocks + b * format_.codec.block_bytes, integers);
      }
      const float scale = half_to_float(factors_[b].scale);
      const float min = half_to_float(factors_[b].min);
      for (std::size_t i = 0; i < elements; ++i) {
        const std::size_t group = i / format_.form.group_elements;
        scale_[b * elements + i] = scale * static_cast<float>(integers.scales[group]);
        min_[b * elements + i] = format_.form.has_min ? min * static_cast<float>(integers.mins[group]) : 0.0F;
      }
    }
  }

  // Below, a scale counts as 0: its inverse would overflow.
  static constexpr float kLeastScale = 1e-30F;

  const FeedbackJob& job_;
  const Format& format_;
  const Curvature& curvature_;
  std::size_t cols_;
  AlignedBuffer floats_;
  std::vector<std::uint8_t> lane_codes_;
  std::vector<std::uint8_t> codes_;
  std::vector<std::uint8_t> searched_;
  std::vector<float> scale_, min_, error_, gradient_, up_, down_, diagonal_, levels_;
  std::vector<BlockFactors> factors_;
  std::optional<Refit> refit_;
};

Error no_memory(std::size_t cols) {
  return {kOutOfMemory,
          "no memory to quantize rows of " + std::to_string(cols) + " with feedback",
          "use fewer threads",
          {},
          {}};
}

bool stopped(const FeedbackJob& job) { return job.cancel != nullptr && job.cancel->requested(); }

Result<EncodeError> encode_bands(sys::ThreadPool& pool, const FeedbackJob& job, const Curvature& curvature,
                                 std::span<const float> rows, std::span<std::byte> out) {
  const Format format(job.type);
  const std::size_t cols = curvature.cols;
  const std::size_t count = rows.size() / cols;
  const std::size_t row_bytes = cols / format.codec.block_elements * format.codec.block_bytes;
  std::vector<Band> bands;
  bands.reserve(pool.size());
  for (unsigned i = 0; i < pool.size(); ++i) bands.emplace_back(job, format, curvature);
  if (!std::ranges::all_of(bands, &Band::ready)) return no_memory(cols);
  std::vector<EncodeError> sums((count + kLanes - 1) / kLanes);
  std::atomic<std::size_t> next{0};
  pool.run([&](unsigned worker, unsigned) {
    for (std::size_t b = next.fetch_add(1); b < sums.size() && !stopped(job); b = next.fetch_add(1)) {
      const std::size_t first = b * kLanes;
      bands[worker].encode(rows.data() + first * cols, std::min(kLanes, count - first),
                           out.data() + first * row_bytes, sums[b]);
    }
  });
  if (stopped(job)) return Error{kCancelled, "quantizing stopped", {}, {}, {}};
  EncodeError total;
  for (const EncodeError& s : sums) {
    total.squared_error += s.squared_error;
    total.searched_error += s.searched_error;
    total.squared_norm += s.squared_norm;
  }
  return total;
}

// Sixteen rows as [cols][kLanes] doubles, three of them.
struct DriftScratch {
  explicit DriftScratch(std::size_t columns) : cols(columns), buffer(3 * columns * kLanes * sizeof(double)) {}
  [[nodiscard]] double* part(std::size_t i) { return buffer.as<double>() + i * cols * kLanes; }
  std::size_t cols;
  AlignedBuffer buffer;
};

void correct_band(const FeedbackKernels& kernels, const Curvature& c, std::span<const double> drift,
                  double share, DriftScratch& scratch, float* rows, std::size_t count) {
  const std::size_t n = c.cols;
  double* const w = scratch.part(0);
  double* const a = scratch.part(1);
  double* const z = scratch.part(2);
  std::memset(scratch.buffer.data(), 0, scratch.buffer.size());
  for (std::size_t lane = 0; lane < count; ++lane) {
    for (std::size_t i = 0; i < n; ++i) w[i * kLanes + lane] = rows[lane * n + i];
  }
  alignas(64) double sum[kLanes];
  // L a = W D, in the factor's order.
  for (std::size_t r = 0; r < n; ++r) {
    const std::size_t column = c.order[n - 1 - r];
    kernels.combine(w, drift.data() + column * n, n, a + r * kLanes);
    kernels.combine(a, c.lower.data() + r * n, r, sum);
    const double inverse = 1.0 / c.lower[r * n + r];
    for (std::size_t l = 0; l < kLanes; ++l) a[r * kLanes + l] = (a[r * kLanes + l] - sum[l]) * inverse;
  }
  // L^T z = a.
  for (std::size_t r = n; r-- > 0;) {
    kernels.combine(z + (r + 1) * kLanes, c.upper.data() + r * n + r + 1, n - 1 - r, sum);
    const double inverse = 1.0 / c.upper[r * n + r];
    for (std::size_t l = 0; l < kLanes; ++l) z[r * kLanes + l] = (a[r * kLanes + l] - sum[l]) * inverse;
    const std::size_t column = c.order[n - 1 - r];
    for (std::size_t lane = 0; lane < count; ++lane) {
      rows[lane * n + column] = static_cast<float>(w[column * kLanes + lane] + share * z[r * kLanes + lane]);
    }
  }
}

}  // namespace

const FeedbackKernels& feedback_kernels(const sys::CpuFeatures& features) {
#if defined(__x86_64__)
  if (features.avx512) return kFeedbackAvx512;
  if (features.avx2) return kFeedbackAvx2;
#else
  static_cast<void>(features);
#endif
  return kFeedbackBaseline;
}

Result<EncodeError> encode_feedback(sys::ThreadPool& pool, const FeedbackJob& job, const Curvature& curvature,
                                    std::span<const float> rows, std::span<std::byte> out) {
  try {
    return encode_bands(pool, job, curvature, rows, out);
  } catch (const std::bad_alloc&) {
    return no_memory(curvature.cols);
  }
}

Result<void> correct_drift(sys::ThreadPool& pool, const FeedbackKernels& kernels, const Curvature& curvature,
                           std::span<const double> drift, double share, std::span<float> rows) {
  const std::size_t n = curvature.cols;
  const std::size_t count = rows.size() / n;
  try {
    std::vector<DriftScratch> scratch;
    scratch.reserve(pool.size());
    for (unsigned i = 0; i < pool.size(); ++i) scratch.emplace_back(n);
    if (!std::ranges::all_of(scratch, [](const DriftScratch& s) { return s.buffer.size() > 0; }))
      return no_memory(n);
    std::atomic<std::size_t> next{0};
    pool.run([&](unsigned worker, unsigned) {
      for (std::size_t first = next.fetch_add(kLanes); first < count; first = next.fetch_add(kLanes)) {
        correct_band(kernels, curvature, drift, share, scratch[worker], rows.data() + first * n,
                     std::min(kLanes, count - first));
      }
    });
  } catch (const std::bad_alloc&) {
    return no_memory(n);
  }
  return {};
}

}  // namespace mote::quantize
