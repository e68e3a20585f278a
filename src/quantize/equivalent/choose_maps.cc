#include "quantize/equivalent/choose_maps.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <new>
#include <numeric>
#include <optional>
#include <utility>

#include "calibrate/moments.h"
#include "codec/codec.h"
#include "grad/products.h"
#include "quantize/block_stream.h"
#include "quantize/encode_tensor.h"
#include "quantize/equivalent/awq.h"
#include "quantize/search.h"

namespace mote::quantize {
namespace {

// A form must take this off the loss of what is there: less is the noise of a sample of rows.
constexpr double kWorthIt = 0.995;
// Exponents of AWQ's factors.
constexpr std::size_t kSteps = 20;
// Groups for what of a weight is large: the usual run of weights with a scale of its own.
constexpr std::size_t kGroup = 32;

// Some rows of a matrix that reads the channels.
struct Reader {
  std::size_t tensor = 0;
  CodecId type = CodecId::f32;
  double share = 1.0;            // rows of the matrix for each of these
  std::vector<float> rows = {};  // [n][columns]
};

// What the inputs are like.
struct Inputs {
  std::vector<float> moments;      // [columns][columns]: mean of x x^T
  std::vector<double> magnitudes;  // [columns]: mean |x|
};

class Chooser {
 public:
  Chooser(engine::Runtime& runtime, const engine::LoadedModel& model, const TransformTypes& types,
          std::span<const TokenId> tokens, const MapOptions& options)
      : runtime_(runtime),
        model_(model),
        source_(*model.model().canonical),
        types_(types),
        tokens_(tokens.first(std::min(options.windows, tokens.size() / options.window) * options.window)),
        options_(options),
        stream_(runtime, model.spec(), model.weights(), options.window, options.cancel) {}

  Result<ChosenMaps> run() {
    MOTE_TRY(stream_.open(tokens_));
    for (std::uint32_t block = 0; block < model_.spec().blocks; ++block) {
      if (options_.begin) options_.begin(block);
      for (const Coupling& coupling : couplings_of(model_.spec(), source_, block)) {
        MOTE_TRY(choose(coupling, block));
      }
      MOTE_TRY(stream_.pass(block));
    }
    TransformReport& report = out_.report;
    report.error = before_ > 0 ? after_ / before_ : 1.0;
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool wants(Transform transform) const {
    return std::ranges::find(options_.transforms, transform) != options_.transforms.end();
  }

  Result<void> choose(const Coupling& coupling, std::uint32_t block) {
    MOTE_ASSIGN(const std::vector<Reader> readers, readers_of(coupling));
    if (readers.empty()) return {};
    MOTE_ASSIGN(const Inputs inputs, look_at(coupling, block));
    Best best{.map = {}, .loss = 0};
    MOTE_ASSIGN(best.loss, loss(coupling, readers, inputs, best.map));
    const double before = best.loss;
    if (wants(Transform::scale) && coupling.can_scale) MOTE_TRY(scale(coupling, readers, inputs, best));
    if (wants(Transform::permute) && coupling.can_permute) MOTE_TRY(permute(coupling, readers, inputs, best));
    if (wants(Transform::rotate) && coupling.can_turn) {
      ChannelMap turned = best.map;
      turned.turned = true;
      MOTE_TRY(best_of(coupling, readers, inputs, std::move(turned), best));
    }
    before_ += before;
    after_ += best.loss;
    TransformReport& report = out_.report;
    report.scaled += best.map.scale.empty() ? 0 : 1;
    report.permuted += best.map.from.empty() ? 0 : 1;
    report.rotated += best.map.turned ? 1 : 0;
    if (!(best.loss < before)) return {};
    MOTE_TRY(suit_vectors(coupling, best.map));
    add_map(coupling, best.map, source_, out_.changes);
    return {};
  }

  // Factors that take a norm's weights to numbers which can be written: the model then computes what it did
  // to the last bits, not to the 8 or 11 of a 16-bit float.
  Result<void> suit_vectors(const Coupling& coupling, ChannelMap& map) const {
    const codec::Codec& codec = codec::codec_of(types_.vectors);
    const ChannelMaker& maker = coupling.makers.front();
    if (map.scale.empty() || codec.id == CodecId::f32 || source_.tensors()[maker.tensor].shape.rank() != 1)
      return {};
    MOTE_ASSIGN(const QuantizedTensor weight, source_.read(maker.tensor));
    std::vector<float> gains(coupling.channels);
    codec::codec_of(weight.codec).decode(weight.blocks().data(), gains.data(), gains.size());
    std::vector<float> written(gains.size());
    for (std::size_t c = 0; c < gains.size(); ++c) written[c] = gains[c] / map.scale[c] - types_.norm_offset;
    std::vector<std::byte> bytes(gains.size() * codec.block_bytes);
    codec.encode_rtn(written.data(), bytes.data(), written.size());
    codec.decode(bytes.data(), written.data(), written.size());
    for (std::size_t c = 0; c < gains.size(); ++c) {
      const float factor = gains[c] / (written[c] + types_.norm_offset);
      // What rounds to nothing, beside the offset, stays as it was read.
      map.scale[c] = std::isfinite(factor) && factor > 0.0F ? factor : 1.0F;
    }
    return {};
  }

  struct Best {
    ChannelMap map;
    double loss;
  };

  Result<void> best_of(const Coupling& coupling, std::span<const Reader> readers, const Inputs& inputs,
                       ChannelMap map, Best& best) {
    MOTE_ASSIGN(const double found, loss(coupling, readers, inputs, map));
    if (found < kWorthIt * best.loss) best = {std::move(map), found};
    return {};
  }

  // Means over the columns that a channel has.
  static std::vector<double> by_channel(const Coupling& coupling, std::span<const double> columns) {
    std::vector<double> out(coupling.channels, 0.0);
    for (std::size_t c = 0; c < columns.size(); ++c) {
      out[coupling.channel_of(c)] += columns[c] / static_cast<double>(coupling.repeats);
    }
    return out;
  }

  Result<void> scale(const Coupling& coupling, std::span<const Reader> readers, const Inputs& inputs,
                     Best& best) {
    const std::size_t columns = coupling.columns();
    std::vector<double> magnitudes(columns, 0.0);
    double rows = 0;
    for (const Reader& reader : readers) {
      const double all = reader.share * static_cast<double>(reader.rows.size() / columns);
      const auto own = relative_magnitudes(reader.rows, columns, columns % kGroup == 0 ? kGroup : columns);
      for (std::size_t c = 0; c < columns; ++c) magnitudes[c] += own[c] * all;
      rows += all;
    }
    for (double& m : magnitudes) m /= rows;
    const std::vector<double> x = by_channel(coupling, inputs.magnitudes);
    const std::vector<double> w = by_channel(coupling, magnitudes);
    for (std::size_t step = 0; step < kSteps; ++step) {
      const double exponent = static_cast<double>(step) / static_cast<double>(kSteps);
      MOTE_TRY(best_of(coupling, readers, inputs, {.scale = awq_factors(x, w, exponent)}, best));
    }
    return {};
  }

  // Like beside like: by what an error in the column costs, by how large its weights are, and by both.
  Result<void> permute(const Coupling& coupling, std::span<const Reader> readers, const Inputs& inputs,
                       Best& best) {
    const std::size_t columns = coupling.columns();
    std::vector<double> squares(columns, 0.0);
    for (const Reader& reader : readers) {
      for (std::size_t i = 0; i < reader.rows.size(); ++i) {
        const double v = reader.rows[i];
        squares[i % columns] += v * v * reader.share;
      }
    }
    const ChannelMap start = best.map;
    std::vector<double> costs(columns);
    std::vector<double> both(columns);
    for (std::size_t c = 0; c < columns; ++c) {
      costs[c] = inputs.moments[c * columns + c];
      both[c] = costs[c] * squares[c];
      if (start.scale.empty()) continue;
      const double factor = start.scale[coupling.channel_of(c)];
      squares[c] *= factor * factor;
      costs[c] /= factor * factor;
    }
    for (const std::span<const double> order :
         {std::span<const double>(squares), std::span<const double>(costs), std::span<const double>(both)}) {
      ChannelMap map;
      map.from = sorted_heads(coupling, by_channel(coupling, order));
      if (!start.scale.empty()) {
        map.scale.resize(coupling.channels);
        for (std::size_t c = 0; c < coupling.channels; ++c) map.scale[c] = start.scale[map.from[c]];
      }
      MOTE_TRY(best_of(coupling, readers, inputs, std::move(map), best));
    }
    return {};
  }

  // Channels of each head by falling measure; equal ones stay as they are.
  static std::vector<std::uint32_t> sorted_heads(const Coupling& coupling, std::span<const double> measure) {
    std::vector<std::uint32_t> from(coupling.channels);
    std::iota(from.begin(), from.end(), 0U);
    for (std::size_t first = 0; first < coupling.channels; first += coupling.head) {
      const auto begin = from.begin() + static_cast<std::ptrdiff_t>(first);
      std::stable_sort(begin, begin + static_cast<std::ptrdiff_t>(coupling.head),
                       [&](std::uint32_t a, std::uint32_t b) { return measure[a] > measure[b]; });
    }
    return from;
  }

  // Of the matrices that get another type.
  Result<std::vector<Reader>> readers_of(const Coupling& coupling) const {
    std::vector<Reader> out;
    for (const std::size_t index : coupling.readers) {
      if (!has_search(types_.tensors[index])) continue;
      MOTE_ASSIGN(const QuantizedTensor in, source_.read(index));
      const codec::Codec& codec = codec::codec_of(in.codec);
      const std::size_t columns = in.shape.cols();
      const std::size_t blocks = columns / codec.block_elements;
      const std::size_t all = in.shape.rows();
      const std::size_t count = std::min(options_.rows, all);
      Reader reader{.tensor = index, .type = types_.tensors[index]};
      reader.share = static_cast<double>(all) / static_cast<double>(count);
      reader.rows.resize(count * columns);
      for (std::size_t r = 0; r < count; ++r) {
        const std::size_t row = r * all / count;
        codec.decode(in.blocks().data() + row * blocks * codec.block_bytes, reader.rows.data() + r * columns,
                     blocks);
      }
      out.push_back(std::move(reader));
    }
    return out;
  }

  Result<Inputs> look_at(const Coupling& coupling, std::uint32_t block) {
    const std::size_t columns = coupling.columns();
    MOTE_ASSIGN(calibrate::Moments moments, calibrate::Moments::create(runtime_, columns, options_.window));
    Inputs out;
    out.magnitudes.resize(columns);
    for (std::size_t w = 0; w < stream_.windows(); ++w) {
      MOTE_TRY(stream_.go_on());
      const std::span<const float> x = stream_.input(w, block, coupling.input);
      moments.add(x);
      for (std::size_t i = 0; i < x.size(); ++i) out.magnitudes[i % columns] += std::abs(x[i]);
    }
    const std::vector<double> mean = moments.take_mean();
    out.moments.assign(mean.begin(), mean.end());
    for (double& m : out.magnitudes) m /= static_cast<double>(tokens_.size());
    return out;
  }

  // What all readers' products are off, summed over rows, for one token on average.
  Result<double> loss(const Coupling& coupling, std::span<const Reader> readers, const Inputs& inputs,
                      const ChannelMap& map) {
    const std::size_t columns = coupling.columns();
    const TensorChange change = reader_change(coupling, map);
    const std::vector<float> importance = importance_of(change, columns, inputs);
    double sum = 0;
    for (const Reader& reader : readers) {
      const std::size_t n = reader.rows.size() / columns;
      std::vector<float> rows(reader.rows.size());
      change_columns(change, columns, reader.rows, rows);
      QuantizedTensor tensor;
      tensor.codec = CodecId::f32;
      tensor.shape = Shape{n, columns};
      tensor.planes = {std::as_bytes(std::span<const float>(rows))};
      const codec::Codec& codec = codec::codec_of(reader.type);
      std::vector<std::byte> blocks(codec::tensor_bytes(codec, tensor.shape).value().value_or(0));
      const std::string& name = source_.tensors()[reader.tensor].name;
      EncodeJob job{.type = reader.type, .kernels = options_.search, .importance = importance};
      job.cancel = options_.cancel;
      job.scales = types_.scales;
      MOTE_TRY(encode_tensor(runtime_.pool(), job, name, tensor, blocks));
      codec.decode(blocks.data(), rows.data(), rows.size() / codec.block_elements);
      std::vector<float> errors(rows.size());
      restore_columns(change, columns, rows, errors);
      for (std::size_t i = 0; i < errors.size(); ++i) errors[i] -= reader.rows[i];
      grad::multiply(runtime_.pool(), runtime_.kernels(), {inputs.moments.data(), columns, columns},
                     errors.data(), n, rows.data());
      double own = 0;
      for (std::size_t i = 0; i < errors.size(); ++i) own += static_cast<double>(errors[i]) * rows[i];
      sum += own * reader.share;
    }
    return sum;
  }

  // Second moments of the channels in their new form, over their mean.
  static std::vector<float> importance_of(const TensorChange& change, std::size_t columns,
                                          const Inputs& inputs) {
    std::vector<double> squares(columns);
    const auto old = [&](std::size_t c) { return change.column_from.empty() ? c : change.column_from[c]; };
    const auto factor = [&](std::size_t c) {
      return change.column_factor.empty() ? 1.0 : static_cast<double>(change.column_factor[c]);
    };
    const std::size_t run = std::max<std::size_t>(1, change.turned_columns);
    std::vector<float> sign(run);
    for (std::size_t c = 0; c < columns; ++c) {
      // Row c % run of the Hadamard matrix: signs over the root of the length.
      const std::size_t first = c - c % run;
      std::fill(sign.begin(), sign.end(), 0.0F);
      sign[c % run] = 1.0F;
      if (run > 1) turn(sign, run);
      for (std::size_t i = 0; i < run; ++i) {
        for (std::size_t j = 0; j < run; ++j) {
          squares[c] += static_cast<double>(sign[i]) * sign[j] *
                        inputs.moments[old(first + i) * columns + old(first + j)] /
                        (factor(first + i) * factor(first + j));
        }
      }
    }
    const double mean = std::accumulate(squares.begin(), squares.end(), 0.0) / static_cast<double>(columns);
    std::vector<float> out(columns, 1.0F);
    // Inputs that are always 0 count as little as statistics have it.
    for (std::size_t c = 0; c < columns && mean > 0; ++c) {
      out[c] = static_cast<float>(std::max(squares[c] / mean, 1e-4));
    }
    return out;
  }

  engine::Runtime& runtime_;
  const engine::LoadedModel& model_;
  const formats::TensorSource& source_;
  const TransformTypes& types_;
  std::span<const TokenId> tokens_;
  const MapOptions& options_;
  BlockStream stream_;
  ChosenMaps out_;
  double before_ = 0;
  double after_ = 0;
};

}  // namespace

Result<ChosenMaps> choose_maps(engine::Runtime& runtime, const engine::LoadedModel& model,
                               const TransformTypes& types, std::span<const TokenId> tokens,
                               const MapOptions& options) {
  try {
    return Chooser(runtime, model, types, tokens, options).run();
  } catch (const std::bad_alloc&) {
    return Error{
        kOutOfMemory, "no memory to choose scales of channels", "use fewer tokens (--chunks)", {}, {}};
  }
}

}  // namespace mote::quantize
