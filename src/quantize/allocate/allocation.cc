#include "quantize/allocate/allocation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/strings.h"
#include "calibrate/mean_moments.h"
#include "codec/codec.h"
#include "quantize/allocate/knapsack.h"
#include "quantize/allocate/sensitivity.h"
#include "quantize/encode_tensor.h"
#include "quantize/fed_tensor.h"
#include "quantize/lattice.h"
#include "quantize/stored_feedback.h"

namespace mote::quantize {
namespace {

// Rows of a tensor whose errors after feedback stand for those of all of them.
constexpr std::size_t kSampledRows = 1024;

constexpr std::uint64_t kPadding = 32;  // GGUF's usual alignment of tensors

std::uint64_t padded(std::uint64_t bytes) { return (bytes + kPadding - 1) / kPadding * kPadding; }

// Rows that 256 divides have the k-formats, which are better at equal size; others those in blocks of 32.
std::span<const CodecId> types_for(std::uint64_t cols) {
  using enum CodecId;
  static constexpr std::array kSupers{q2_k, q3_k, iq4_xs, q4_k, q5_k, q6_k, q8_0};
  static constexpr std::array kBlocks{q4_0, iq4_nl, q4_1, q5_0, q5_1, q8_0};
  if (cols % 256 == 0) return kSupers;
  if (cols % 32 == 0) return kBlocks;
  return {};
}

std::uint64_t least_bytes(std::span<const TypeCosts> costs) {
  std::uint64_t least = 0;
  for (const TypeCosts& c : costs) least += *std::ranges::min_element(c.bytes);
  return least;
}

Error too_small(std::uint64_t least, std::uint64_t bytes) {
  return {kQuantBudget,
          "the tensors take " + human_bytes(least) + " at least, more than the " + human_bytes(bytes) +
              " that are left for them",
          "allow more, or start from a smaller model",
          {},
          {}};
}

Error too_large(const formats::TensorInfo& info) {
  return {kOutOfMemory, "tensor '" + escape_untrusted(info.name) + "' is too large", {}, {}, {}};
}

// Whether there is something to choose.
bool is_open(const TypeCosts& costs) { return costs.types.size() > 1; }

class Measuring {
 public:
  Measuring(engine::Runtime& runtime, const Calibration& calibration, const calibrate::Statistics& statistics,
            const AllocationOptions& options)
      : runtime_(runtime),
        calibration_(calibration),
        source_(*calibration.model->model().canonical),
        statistics_(statistics),
        options_(options) {}

  Result<void> run(std::vector<TypeCosts>& out) {
    std::vector<std::size_t> open;
    double weights = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      weights += static_cast<double>(source_.tensors()[i].shape.element_count().value().value_or(0));
      if (is_open(out[i])) open.push_back(i);
    }
    const double bits = 8.0 * static_cast<double>(options_.bytes) / std::max(weights, 1.0);
    for (const std::size_t i : open) MOTE_TRY(add_errors(i, out[i]));
    std::vector<std::size_t> probed(out.size(), 0);
    for (const std::size_t i : open) probed[i] = nearest(out[i], bits);
    const Replacement replaced = [&](std::size_t i) { return in_type(i, out[i].types[probed[i]]); };
    SensitivityOptions how;
    how.cancel = options_.cancel;
    how.begin = [&](std::size_t i) {
      if (options_.begin) options_.begin("probing", i);
    };
    MOTE_ASSIGN(const std::vector<double> kld, probe(open, replaced, std::move(how)));
    for (const std::size_t i : open) {
      TypeCosts& costs = out[i];
      const double error = costs.cost[probed[i]];
      for (double& cost : costs.cost) cost = error > 0 ? kld[i] * cost / error : 0.0;
    }
    return {};
  }

 private:
  // The type that is probed: one that loses something, where there is one, of about as many bits.
  static std::size_t nearest(const TypeCosts& costs, double bits) {
    std::size_t best = 0;
    const auto rank = [&](std::size_t t) {
      const double distance = std::fabs(codec::codec_of(costs.types[t]).bits_per_weight() - bits);
      return std::pair(!(costs.cost[t] > 0), distance);
    };
    for (std::size_t t = 1; t < costs.types.size(); ++t) {
      if (rank(t) < rank(best)) best = t;
    }
    return best;
  }

  Result<EncodeError> encode(std::size_t index, CodecId type, std::span<std::byte> out) {
    const formats::TensorInfo& info = source_.tensors()[index];
    MOTE_ASSIGN(const QuantizedTensor in, source_.read(index));
    const std::vector<float> importance = calibrate::importance_of(statistics_, info.name, info.shape.cols());
    EncodeJob job;
    job.type = type;
    job.kernels = options_.search;
    job.weighting = weighting_of(info.name, type);
    job.importance = importance;
    job.cancel = options_.cancel;
    return encode_tensor(runtime_.pool(), job, info.name, in, out);
  }

  // Divergences by tensor, of all `open` ones.
  Result<std::vector<double>> probe(std::span<const std::size_t> open, const Replacement& replaced,
                                    SensitivityOptions how) {
    std::vector<double> out(source_.tensors().size());
    std::vector<std::size_t> missing;
    for (const std::size_t i : open) {
      std::optional<std::vector<double>> known;
      if (options_.log != nullptr) {
        MOTE_ASSIGN(known, options_.log->find_numbers(Finding::divergence, i, 1));
      }
      if (known) {
        out[i] = known->front();
      } else {
        missing.push_back(i);
      }
    }
    if (missing.empty()) return out;
    how.done = [&](std::size_t i, double divergence) -> Result<void> {
      out[i] = divergence;
      if (options_.log == nullptr) return {};
      return options_.log->put(Finding::divergence, i, {&divergence, 1});
    };
    MOTE_TRY(
        probe_tensors(runtime_, *calibration_.model, calibration_.windows.tokens, missing, replaced, how));
    return out;
  }

  // Relative errors, weighted or of the products after feedback, in the place of costs.
  Result<void> add_errors(std::size_t index, TypeCosts& costs) {
    if (options_.log != nullptr) {
      MOTE_ASSIGN(auto known, options_.log->find_numbers(Finding::type_errors, index, costs.types.size()));
      if (known) {
        costs.cost = std::move(*known);
        return {};
      }
    }
    if (options_.begin) options_.begin("comparing types", index);
    MOTE_ASSIGN(const auto moments, moments_of(index));
    if (moments) {
      MOTE_TRY(add_fed_errors(index, *moments, costs));
    } else {
      std::vector<std::byte> blocks(*std::ranges::max_element(costs.bytes));
      for (std::size_t t = 0; t < costs.types.size(); ++t) {
        MOTE_ASSIGN(const std::uint64_t bytes, bytes_of(index, costs.types[t]));
        MOTE_ASSIGN(const EncodeError error,
                    encode(index, costs.types[t], std::span<std::byte>(blocks).first(bytes)));
        costs.cost[t] = error.relative();
      }
    }
    source_.dont_need(index);
    if (options_.log == nullptr) return {};
    return options_.log->put(Finding::type_errors, index, costs.cost);
  }

  // Those with which the tensor will have feedback; nothing where it will not.
  Result<std::optional<calibrate::MeanMoments>> moments_of(std::size_t index) const {
    if (!options_.feedback) return std::optional<calibrate::MeanMoments>();
    return calibrate::MeanMoments::of(statistics_, source_, index);
  }

  [[nodiscard]] FeedbackJob feedback_in(CodecId type) const {
    return {.type = type, .search = options_.search, .kernels = options_.kernels, .cancel = options_.cancel};
  }

  // Errors after feedback of rows that are spread evenly over the tensor.
  Result<void> add_fed_errors(std::size_t index, const calibrate::MeanMoments& moments, TypeCosts& costs) {
    const formats::TensorInfo& info = source_.tensors()[index];
    MOTE_ASSIGN(const QuantizedTensor in, source_.read(index));
    MOTE_ASSIGN(const Curvature curvature,
                curvature_in(runtime_.pool(), *options_.kernels, moments, 0, info.name));
    const std::size_t count = std::min<std::size_t>(kSampledRows, info.shape.rows());
    std::vector<float> rows;
    std::vector<float> row;
    for (std::size_t r = 0; r < count; ++r) {
      MOTE_TRY(decode_rows(in, {info.name, r * info.shape.rows() / count, 1}, row));
      rows.insert(rows.end(), row.begin(), row.end());
    }
    for (std::size_t t = 0; t < costs.types.size(); ++t) {
      const codec::Codec& to = codec::codec_of(costs.types[t]);
      if (lies_on_lattice(costs.types[t], in)) continue;  // kept exactly, at no cost
      std::vector<std::byte> blocks(rows.size() / to.block_elements * to.block_bytes);
      MOTE_ASSIGN(const EncodeError error,
                  encode_feedback(runtime_.pool(), feedback_in(costs.types[t]), curvature, rows, blocks));
      costs.cost[t] = error.relative();
    }
    return {};
  }

  Result<std::uint64_t> bytes_of(std::size_t index, CodecId type) const {
    const formats::TensorInfo& info = source_.tensors()[index];
    const auto bytes = codec::tensor_bytes(codec::codec_of(type), info.shape).value();
    if (!bytes) return too_large(info);
    return *bytes;
  }

  Result<QuantizedTensor> in_type(std::size_t index, CodecId type) {
    MOTE_ASSIGN(const std::uint64_t bytes, bytes_of(index, type));
    const auto blocks = std::make_shared<std::vector<std::byte>>(bytes);
    MOTE_ASSIGN(const auto moments, moments_of(index));
    MOTE_ASSIGN(const QuantizedTensor in, source_.read(index));
    if (moments && !lies_on_lattice(type, in)) {
      MOTE_TRY(encode_with_moments(runtime_.pool(), feedback_in(type), *moments,
                                   source_.tensors()[index].name, in, 1.0F, *blocks));
    } else {
      MOTE_TRY(encode(index, type, *blocks));
    }
    QuantizedTensor out;
    out.codec = type;
    out.shape = source_.tensors()[index].shape;
    out.planes = {std::span<const std::byte>(*blocks)};
    out.owner = blocks;
    return out;
  }

  engine::Runtime& runtime_;
  const Calibration& calibration_;
  const formats::TensorSource& source_;
  const calibrate::Statistics& statistics_;
  const AllocationOptions& options_;
};

}  // namespace

Result<std::vector<TypeCosts>> candidate_types(std::span<const formats::TensorInfo> tensors,
                                               std::span<const TypeChoice> settled, std::uint64_t bytes) {
  std::vector<TypeCosts> out(settled.size());
  for (std::size_t i = 0; i < settled.size(); ++i) {
    const formats::TensorInfo& info = tensors[i];
    std::span<const CodecId> types = types_for(info.shape.cols());
    if (!is_quantizable(info) || settled[i].given || types.empty()) types = {&settled[i].type, 1};
    for (const CodecId type : types) {
      const auto own = codec::tensor_bytes(codec::codec_of(type), info.shape).value();
      if (!own) return too_large(info);
      out[i].types.push_back(type);
      out[i].bytes.push_back(padded(*own));
      out[i].cost.push_back(0);
    }
  }
  if (const std::uint64_t least = least_bytes(out); least > bytes) return too_small(least, bytes);
  return out;
}

Result<bool> is_measured(const JobLog& log, std::span<const TypeCosts> costs) {
  for (std::size_t i = 0; i < costs.size(); ++i) {
    if (!is_open(costs[i])) continue;
    MOTE_ASSIGN(const auto errors, log.find_numbers(Finding::type_errors, i, costs[i].types.size()));
    MOTE_ASSIGN(const auto divergence, log.find_numbers(Finding::divergence, i, 1));
    if (!errors || !divergence) return false;
  }
  return true;
}

Result<void> measure_costs(engine::Runtime& runtime, const Calibration& calibration,
                           const calibrate::Statistics& statistics, const AllocationOptions& options,
                           std::vector<TypeCosts>& costs) {
  return Measuring(runtime, calibration, statistics, options).run(costs);
}

Result<Allocated> allocate(std::span<const TypeCosts> costs, std::uint64_t bytes) {
  std::vector<std::vector<Candidate>> items;
  for (const TypeCosts& c : costs) {
    auto& item = items.emplace_back();
    for (std::size_t t = 0; t < c.types.size(); ++t) item.push_back({c.bytes[t], c.cost[t]});
  }
  const auto chosen = choose_within(items, bytes);
  if (!chosen) return too_small(least_bytes(costs), bytes);
  Allocated out;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    out.choices.push_back({.type = costs[i].types[(*chosen)[i]]});
    out.expected_kld.push_back(costs[i].cost[(*chosen)[i]]);
  }
  return out;
}

}  // namespace mote::quantize
