#include "quantize/layerwise.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "base/strings.h"
#include "calibrate/moments.h"
#include "calibrate/readers.h"
#include "codec/codec.h"
#include "model/tensor_names.h"
#include "quantize/block_stream.h"
#include "quantize/fed_tensor.h"
#include "quantize/feedback/block_codes.h"
#include "quantize/feedback/curvature.h"
#include "quantize/feedback/feedback.h"
#include "quantize/lattice.h"
#include "quantize/quantize.h"
#include "quantize/replaced_tensors.h"

namespace mote::quantize {
namespace {

using engine::BlockInput;
using model::Role;

constexpr std::array kInputs{BlockInput::attention, BlockInput::attention_output, BlockInput::ffn,
                             BlockInput::ffn_down};

class Job {
 public:
  Job(engine::Runtime& runtime, const engine::LoadedModel& model, std::span<const TokenId> tokens,
      const LayerwiseOptions& options, const LayerwiseWork& work)
      : runtime_(runtime),
        model_(model.model()),
        original_(model.weights()),
        spec_(model.spec()),
        source_(*model_.canonical),
        tokens_(tokens),
        options_(options),
        work_(work),
        tensors_(source_) {}

  Result<void> run() {
    BlockStream before(runtime_, spec_, original_, options_.window, options_.cancel);
    MOTE_TRY(before.open(tokens_));
    MOTE_TRY(outside_blocks(before));
    MOTE_ASSIGN(made_, engine::load_weights(runtime_, model_, engine::PackedLayout(), true));
    MOTE_TRY(replace_embedding());
    BlockStream after(runtime_, spec_, made_, options_.window, options_.cancel);
    MOTE_TRY(after.open(tokens_));
    for (std::uint32_t block = 0; block < spec_.blocks; ++block) MOTE_TRY(do_block(block, before, after));
    return {};
  }

 private:
  using Blocks = std::shared_ptr<std::vector<std::byte>>;

  [[nodiscard]] bool changes(std::size_t index) const {
    return work_.types[index] != source_.tensors()[index].codec;
  }

  // The tensor in its new type is known from here on.
  Result<void> finish(std::size_t index, const Blocks& blocks, const EncodeError& error, float factor) {
    MOTE_TRY(settle(index, blocks, factor));
    return work_.done(index, *blocks, error);
  }

  // True where an earlier run has made the tensor.
  Result<bool> resumed(std::size_t index) {
    if (!work_.resume) return false;
    MOTE_ASSIGN(const Blocks blocks, room_for(index));
    MOTE_ASSIGN(const bool made, work_.resume(index, *blocks));
    if (!made) return false;
    MOTE_ASSIGN(const QuantizedTensor in, source_.read(index));
    MOTE_TRY(settle(index, blocks, factor_of(index, in)));
    return true;
  }

  Result<void> settle(std::size_t index, const Blocks& blocks, float factor) {
    QuantizedTensor tensor;
    tensor.codec = work_.types[index];
    tensor.shape = source_.tensors()[index].shape;
    tensor.planes = {std::span<const std::byte>(*blocks)};
    tensor.owner = blocks;
    if (factor != 1.0F) tensor = times(tensor, factor);
    tensors_.replace(index, std::move(tensor));
    // Mapped bytes may have turned into zeros under a handler of SIGBUS: what was made of them is not kept.
    MOTE_TRY(source_.check());
    source_.dont_need(index);
    return {};
  }

  // As floats: the factor is a tensor of its own in the file, which is not there yet.
  static QuantizedTensor times(const QuantizedTensor& tensor, float factor) {
    const codec::Codec& codec = codec::codec_of(tensor.codec);
    const std::size_t count = tensor.shape.element_count().value().value_or(0);
    std::vector<float> values(count);
    codec.decode(tensor.blocks().data(), values.data(), count / codec.block_elements);
    for (float& v : values) v *= factor;
    return float_tensor(tensor.shape, std::move(values));
  }

  [[nodiscard]] float factor_of(std::size_t index, const QuantizedTensor& in) const {
    return work_.factor ? work_.factor(index, in) : 1.0F;
  }

  Result<Blocks> room_for(std::size_t index) const {
    const formats::TensorInfo& info = source_.tensors()[index];
    const auto bytes = codec::tensor_bytes(codec::codec_of(work_.types[index]), info.shape).value();
    if (!bytes)
      return Error{kOutOfMemory, "tensor '" + escape_untrusted(info.name) + "' is too large", {}, {}, {}};
    return std::make_shared<std::vector<std::byte>>(*bytes);
  }

  Result<void> plain(std::size_t index, std::span<const float> importance = {}) {
    work_.begin(index);
    MOTE_ASSIGN(const QuantizedTensor in, source_.read(index));
    MOTE_ASSIGN(const Blocks blocks, room_for(index));
    MOTE_ASSIGN(const EncodeError error, work_.plain(index, in, importance, *blocks));
    return finish(index, blocks, error, 1.0F);
  }

  // Embedding and head. The head, or the embedding that serves as one, answers to what it multiplies in the
  // original model.
  Result<void> outside_blocks(BlockStream& before) {
    const std::string head = model::head_name(spec_);
    for (std::size_t i = 0; i < source_.tensors().size(); ++i) {
      const std::string& name = source_.tensors()[i].name;
      if (name.starts_with("blk.") || !changes(i)) continue;
      MOTE_ASSIGN(const bool made, resumed(i));
      if (made) continue;
      MOTE_ASSIGN(const bool fed, name == head ? takes_feedback(i) : Result<bool>(false));
      if (!fed) {
        MOTE_TRY(plain(i));
        continue;
      }
      MOTE_ASSIGN(const std::vector<double> moments, before.head_moments());
      MOTE_ASSIGN(const Curvature curvature, curvature_of_inputs(i, moments, spec_.width));
      MOTE_TRY(feed(i, curvature, {}));
    }
    return {};
  }

  // Training that knew the format is not corrected.
  Result<bool> takes_feedback(std::size_t index) {
    MOTE_ASSIGN(const QuantizedTensor in, source_.read(index));
    return has_search(work_.types[index]) && !lies_on_lattice(work_.types[index], in);
  }

  Result<Curvature> curvature_of_inputs(std::size_t index, std::span<const double> moments,
                                        std::size_t cols) {
    return curvature_for(runtime_.pool(), *options_.kernels, moments, cols, options_.damping,
                         source_.tensors()[index].name);
  }

  Result<void> replace_embedding() {
    const auto index = tensors_.find(model::gguf_name(Role::token_embd));
    if (!index) return {};
    MOTE_ASSIGN(made_.embedding, tensors_.read(*index));
    return {};
  }

  Result<void> do_block(std::uint32_t block, BlockStream& before, BlockStream& after) {
    for (const BlockInput input : kInputs) {
      MOTE_TRY(do_input(input, block, before, after));
      MOTE_ASSIGN(made_.blocks[block], engine::load_block_weights(runtime_, spec_, tensors_, block, true));
      MOTE_TRY(after.renew());
    }
    MOTE_TRY(after.pass(block));
    // Nothing reads the block again.
    made_.blocks[block] = {};
    for (const BlockInput input : kInputs) {
      for (const std::size_t index : calibrate::readers_of(source_, block, input)) tensors_.forget(index);
    }
    return {};
  }

  Result<void> do_input(BlockInput input, std::uint32_t block, BlockStream& before, BlockStream& after) {
    std::vector<std::size_t> fed;
    for (const std::size_t index : calibrate::readers_of(source_, block, input)) {
      if (!changes(index)) continue;
      MOTE_ASSIGN(const bool made, resumed(index));
      if (made) continue;
      MOTE_ASSIGN(const bool feedback, takes_feedback(index));
      if (feedback) {
        fed.push_back(index);
      } else {
        MOTE_TRY(plain(index));
      }
    }
    const bool last = input == BlockInput::ffn_down;
    if (fed.empty() && !last) return {};
    const std::size_t cols = fed.empty() ? 0 : source_.tensors()[fed.front()].shape.cols();
    std::optional<calibrate::Moments> own;
    std::optional<calibrate::Moments> drift;
    if (!fed.empty()) {
      MOTE_ASSIGN(own, calibrate::Moments::create(runtime_, cols, options_.window));
      MOTE_ASSIGN(drift, calibrate::Moments::create(runtime_, cols, options_.window));
    }
    std::vector<float> difference(cols * options_.window);
    for (std::size_t w = 0; w < before.windows(); ++w) {
      MOTE_TRY(before.go_on());
      const std::span<const float> x = before.input(w, block, input);
      if (!fed.empty()) {
        const std::span<const float> y = after.input(w, block, input);
        for (std::size_t i = 0; i < difference.size(); ++i) difference[i] = x[i] - y[i];
        own->add(y);
        drift->add(y, difference);
      }
      if (last) before.finish_from(w, block, input);
    }
    if (fed.empty()) return {};
    MOTE_ASSIGN(const Curvature curvature, curvature_of_inputs(fed.front(), own->take_mean(), cols));
    const std::vector<double> moved = drift->take_mean();
    own.reset();
    drift.reset();
    for (const std::size_t index : fed) MOTE_TRY(feed(index, curvature, moved));
    return {};
  }

  // drift: as correct_drift() has it, or empty.
  Result<void> feed(std::size_t index, const Curvature& curvature, std::span<const double> drift) {
    work_.begin(index);
    MOTE_ASSIGN(const QuantizedTensor in, source_.read(index));
    MOTE_ASSIGN(const Blocks blocks, room_for(index));
    FedRows all{source_.tensors()[index].name, 0, in.shape.rows()};
    const CorrectRows correct = [&](std::vector<float>& rows) -> Result<void> {
      if (!(options_.drift > 0) || drift.empty()) return {};
      return correct_drift(runtime_.pool(), *options_.kernels, curvature, drift, options_.drift, rows);
    };
    if (!has_free_codes(work_.types[index])) {
      std::vector<float> rows;
      MOTE_TRY(decode_rows(in, all, rows));
      MOTE_TRY(correct(rows));
      const QuantizedTensor wanted = float_tensor(in.shape, std::move(rows));
      MOTE_ASSIGN(const EncodeError error, work_.plain(index, wanted, curvature.importance, *blocks));
      return finish(index, blocks, error, 1.0F);
    }
    const FeedbackJob job{.type = work_.types[index],
                          .search = options_.search,
                          .kernels = options_.kernels,
                          .moves = options_.moves,
                          .refits = options_.refits,
                          .cancel = options_.cancel,
                          .scales = options_.scales};
    all.factor = factor_of(index, in);
    MOTE_ASSIGN(const EncodeError error,
                encode_fed_rows(runtime_.pool(), job, curvature, in, all, *blocks, correct));
    return finish(index, blocks, error, all.factor);
  }

  engine::Runtime& runtime_;
  const model::Model& model_;
  const engine::Weights& original_;
  const model::ModelSpec& spec_;
  const formats::TensorSource& source_;
  std::span<const TokenId> tokens_;
  const LayerwiseOptions& options_;
  const LayerwiseWork& work_;
  ReplacedTensors tensors_;
  engine::Weights made_;
};

}  // namespace

Result<void> quantize_layerwise(engine::Runtime& runtime, const engine::LoadedModel& model,
                                std::span<const TokenId> tokens, const LayerwiseOptions& options,
                                const LayerwiseWork& work) {
  try {
    return Job(runtime, model, tokens.first(tokens.size() / options.window * options.window), options, work)
        .run();
  } catch (const std::bad_alloc&) {
    return Error{kOutOfMemory,
                 "no memory to quantize block by block on " + with_thousands(tokens.size()) + " tokens",
                 "use fewer tokens (--chunks)",
                 {},
                 {}};
  }
}

}  // namespace mote::quantize
