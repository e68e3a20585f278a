#include "quantize/encode_tensor.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <new>
#include <vector>

#include "base/strings.h"
#include "codec/codec.h"
#include "model/spec.h"
#include "quantize/lattice.h"
#include "quantize/presets.h"
#include "quantize/search_affine.h"
#include "tensor/aligned_buffer.h"

namespace mote::quantize {
namespace {

// A band's two buffers of floats (256 KiB together) stay in the second-level cache.
constexpr std::size_t kBandElements = 32'768;
constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

struct BandResult {
  double squared_error = 0;
  double squared_norm = 0;
  std::size_t nonfinite = kNone;  // first such element of the source, counted from the band's start
  bool bad_result = false;        // something decodes to infinity or NaN
  bool on_lattice = true;         // all blocks
};

bool is_finite(float v) { return (std::bit_cast<std::uint32_t>(v) & 0x7F80'0000U) != 0x7F80'0000U; }

bool all_finite(const float* x, std::size_t n) {
  std::uint32_t any = 0;  // no early exit: the loop vectorises
  for (std::size_t i = 0; i < n; ++i) any |= is_finite(x[i]) ? 0U : 1U;
  return any == 0;
}

// Blocks that lie on the type's lattice anew, as exactly that; whether all did.
bool rewrite_on_lattice(CodecId id, CodecId source, const float* values, std::byte* out, std::size_t count) {
  const codec::Codec& codec = codec::codec_of(id);
  bool all = true;
  for (std::size_t b = 0; b < count / codec.block_elements; ++b) {
    all =
        encode_on_lattice(id, source, values + b * codec.block_elements, out + b * codec.block_bytes) && all;
  }
  return all;
}

struct Plan {
  const codec::Codec& from;
  const codec::Codec& to;
  std::size_t rows, cols, band_rows;
  std::size_t matrix_rows;  // that share their importance
  bool on_lattice;          // blocks are looked at for that

  [[nodiscard]] std::size_t bands() const { return (rows + band_rows - 1) / band_rows; }
  [[nodiscard]] std::size_t band_elements() const { return band_rows * cols; }
};

// work(first row, count, importance) for runs of rows that share their importance.
template <typename F>
void by_matrix(const Plan& plan, const EncodeJob& job, std::size_t first_row, std::size_t rows,
               const F& work) {
  for (std::size_t r = 0; r < rows;) {
    const std::size_t matrix = (first_row + r) / plan.matrix_rows;
    const std::size_t count = std::min(rows - r, (matrix + 1) * plan.matrix_rows - (first_row + r));
    work(r, count, job.importance.empty() ? nullptr : job.importance.data() + matrix * plan.cols);
    r += count;
  }
}

// Squares weighted by the importance of their column, row by row.
void add_weighted(const float* values, const float* decoded, const float* importance, std::size_t rows,
                  std::size_t cols, BandResult& result) {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) {
      const auto x = static_cast<double>(values[r * cols + c]);
      const double e = static_cast<double>(decoded[r * cols + c]) - x;
      const auto weight = static_cast<double>(importance[c]);
      result.squared_error += weight * e * e;
      result.squared_norm += weight * x * x;
    }
  }
}

BandResult encode_band(const Plan& plan, const EncodeJob& job, std::size_t first_row, const std::byte* in,
                       std::byte* out, std::size_t rows, float* values, float* decoded) {
  BandResult result;
  const std::size_t count = rows * plan.cols;
  if (plan.from.id == CodecId::f16) {
    job.kernels->widen_halves(in, values, count);
  } else {
    plan.from.decode(in, values, count / plan.from.block_elements);
  }
  if (!all_finite(values, count)) {
    const float* first = std::find_if_not(values, values + count, is_finite);
    result.nonfinite = static_cast<std::size_t>(first - values);
    return result;
  }
  if (job.factor != 1.0F) {
    const float inverse = 1.0F / job.factor;
    for (std::size_t i = 0; i < count; ++i) values[i] *= inverse;
  }
  if (job.method == Method::search && has_search(job.type)) {
    const std::size_t row_bytes = plan.cols / plan.to.block_elements * plan.to.block_bytes;
    by_matrix(plan, job, first_row, rows, [&](std::size_t r, std::size_t n, const float* importance) {
      encode_search(*job.kernels, job.type, job.weighting, values + r * plan.cols, importance,
                    out + r * row_bytes, n, plan.cols, job.scales);
    });
  } else if (!plan.to.has_gguf_type()) {
    encode_folder_rows(job.type, job.scales, values, out, rows, plan.cols);
  } else {
    plan.to.encode_rtn(values, out, count / plan.to.block_elements);
  }
  result.on_lattice = plan.on_lattice && rewrite_on_lattice(job.type, plan.from.id, values, out, count);
  plan.to.decode(out, decoded, count / plan.to.block_elements);
  const BandSums sums = job.kernels->compare(values, decoded, count);
  result.bad_result = !sums.finite;
  if (job.importance.empty()) {
    result.squared_error = sums.squared_error;
    result.squared_norm = sums.squared_norm;
    return result;
  }
  by_matrix(plan, job, first_row, rows, [&](std::size_t r, std::size_t n, const float* importance) {
    add_weighted(values + r * plan.cols, decoded + r * plan.cols, importance, n, plan.cols, result);
  });
  return result;
}

}  // namespace

Error nonfinite_error(std::string_view tensor, std::size_t element, std::size_t cols) {
  return Error{model::kModelNonfinite,
               "tensor '" + escape_untrusted(tensor) + "' has an infinity or NaN at row " +
                   with_thousands(element / cols) + ", column " + with_thousands(element % cols),
               "the checkpoint is damaged or was trained into overflow; get it again",
               {},
               {}};
}

Error out_of_range_error(std::string_view tensor, CodecId type) {
  return Error{kQuantVerify,
               "tensor '" + escape_untrusted(tensor) + "' holds values beyond the range of " +
                   std::string(codec::codec_of(type).name),
               "choose another type for it with --tensor-type",
               {},
               {}};
}

Weighting weighting_of(std::string_view name, CodecId type) {
  if (is_embedding(name)) return kEmbeddingWeighting;
  return is_ffn_down(name) ? down_weighting(type) : default_weighting(type);
}

Result<EncodeError> encode_tensor(sys::ThreadPool& pool, const EncodeJob& job, std::string_view name,
                                  const QuantizedTensor& in, std::span<std::byte> out) {
  const std::size_t cols = in.shape.cols();
  const std::size_t rows = in.shape.rows();
  if (rows == 0 || cols == 0) return EncodeError{};
  const std::size_t matrices = std::max<std::size_t>(1, job.importance.size() / cols);
  const Plan plan{codec::codec_of(in.codec),
                  codec::codec_of(job.type),
                  rows,
                  cols,
                  std::max<std::size_t>(1, kBandElements / cols),
                  std::max<std::size_t>(1, rows / matrices),
                  job.method == Method::search && job.factor == 1.0F && lies_on_lattice(job.type, in)};
  const bool weights_fit = job.importance.size() % cols == 0 && rows % matrices == 0;
  const auto expected = codec::tensor_bytes(plan.to, in.shape).value();
  const auto available = codec::tensor_bytes(plan.from, in.shape).value();
  if (!expected || *expected != out.size() || !available || *available != in.blocks().size() ||
      !weights_fit) {
    return Error{
        kQuantVerify, "tensor '" + escape_untrusted(name) + "' has other sizes than planned", {}, {}, {}};
  }
  const std::size_t from_row = in.blocks().size() / rows;
  const std::size_t to_row = out.size() / rows;
  const std::size_t workers = pool.size();
  AlignedBuffer scratch(workers * 2 * plan.band_elements() * sizeof(float));
  std::vector<BandResult> results;
  try {
    results.resize(plan.bands());
  } catch (const std::bad_alloc&) {
    scratch = AlignedBuffer();
  }
  if (scratch.size() == 0) {
    return Error{kOutOfMemory,
                 "no memory for two bands of tensor '" + escape_untrusted(name) + "' on each of " +
                     std::to_string(workers) + " threads",
                 "use fewer threads",
                 {},
                 {}};
  }
  std::atomic<std::size_t> next{0};
  pool.run([&](unsigned worker, unsigned) {
    float* values = scratch.as<float>() + worker * 2 * plan.band_elements();
    float* decoded = values + plan.band_elements();
    while (job.cancel == nullptr || !job.cancel->requested()) {
      const std::size_t band = next.fetch_add(1, std::memory_order_relaxed);
      if (band >= results.size()) return;
      const std::size_t first = band * plan.band_rows;
      results[band] =
          encode_band(plan, job, first, in.blocks().data() + first * from_row, out.data() + first * to_row,
                      std::min(plan.band_rows, rows - first), values, decoded);
    }
  });
  if (job.cancel != nullptr && job.cancel->requested()) {
    return Error{kCancelled,
                 "quantizing stopped inside tensor '" + escape_untrusted(name) + "'",
                 "run the same command again to go on",
                 {},
                 {}};
  }
  EncodeError total;
  total.on_lattice = plan.on_lattice;
  for (std::size_t band = 0; band < results.size(); ++band) {
    const BandResult& r = results[band];
    if (r.nonfinite != kNone) return nonfinite_error(name, band * plan.band_elements() + r.nonfinite, cols);
    if (r.bad_result) return out_of_range_error(name, job.type);
    total.squared_error += r.squared_error;
    total.squared_norm += r.squared_norm;
    total.on_lattice = total.on_lattice && r.on_lattice;
  }
  return total;
}

float largest_magnitude(sys::ThreadPool& pool, const QuantizedTensor& in) {
  const codec::Codec& codec = codec::codec_of(in.codec);
  const std::size_t blocks = in.blocks().size() / codec.block_bytes;
  constexpr std::size_t kChunkBlocks = 16;  // 256 elements each at most
  // Magnitudes of floats order like their bits, any NaN above infinity.
  std::atomic<std::uint32_t> largest{0};
  pool.parallel_for(blocks, kBandElements / codec.block_elements, [&](std::size_t begin, std::size_t end) {
    float values[kChunkBlocks * 256];
    std::uint32_t found = 0;
    for (std::size_t b = begin; b < end; b += kChunkBlocks) {
      const std::size_t count = std::min(kChunkBlocks, end - b);
      codec.decode(in.blocks().data() + b * codec.block_bytes, values, count);
      for (std::size_t i = 0; i < count * codec.block_elements; ++i) {
        found = std::max(found, std::bit_cast<std::uint32_t>(values[i]) & 0x7FFF'FFFFU);
      }
    }
    std::uint32_t seen = largest.load();
    while (seen < found && !largest.compare_exchange_weak(seen, found)) {
    }
  });
  return std::bit_cast<float>(largest.load());
}

}  // namespace mote::quantize
