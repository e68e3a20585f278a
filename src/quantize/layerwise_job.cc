#include "quantize/layerwise_job.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "calibrate/statistics.h"
#include "quantize/encode_tensor.h"
#include "quantize/feedback/feedback_kernels.h"
#include "quantize/layerwise.h"
#include "quantize/quantize.h"
#include "quantize/search.h"
#include "quantize/tuning/tuning.h"

namespace mote::quantize {
namespace {

// Where the tensors of a source end up.
std::vector<std::size_t> outputs_of(const Job& job) {
  std::vector<std::size_t> out(job.model.canonical->tensors().size());
  for (std::size_t o = 0; o < job.outputs.size(); ++o) {
    if (!is_factor(job, o)) out[job.sources[o]] = o;
  }
  return out;
}

// How learning stood after the last round that is in the log.
Result<std::optional<TuningState>> last_round(const JobLog& log) {
  std::optional<TuningState> last;
  for (std::size_t round = 1;; ++round) {
    MOTE_ASSIGN(const auto entry, log.find(Finding::round, round));
    if (!entry || entry->numbers.size() != 3) return last;
    TuningState& state = last.emplace();
    state.rounds = round;
    state.rate = entry->numbers[0];
    state.before = entry->numbers[1];
    state.after = entry->numbers[2];
    state.factors.resize(entry->bytes.size() / sizeof(float));
    std::ranges::copy(entry->bytes, std::as_writable_bytes(std::span(state.factors)).begin());
  }
}

Result<LearningReport> learn(engine::Runtime& runtime, const Calibration& calibration,
                             const QuantizeOptions& options, QuantizeProgress progress, JobLog& log,
                             std::vector<NewTensor>& tensors) {
  TuningOptions how;
  MOTE_ASSIGN(how.from, last_round(log));
  how.keep = [&](const TuningState& state) {
    return log.put(Finding::round, state.rounds, std::array{state.rate, state.before, state.after},
                   std::as_bytes(std::span(state.factors)));
  };
  how.window = calibration.windows.window;
  how.cancel = options.cancel;
  progress.what = "learning";
  how.begin = [&](std::size_t step, std::size_t steps) {
    progress.tensor = progress.done_bytes = step;
    progress.tensor_count = progress.total_bytes = steps;
    progress.name = {};
    if (options.progress) options.progress(progress);
  };
  MOTE_ASSIGN(const TuningResult result,
              tune_factors(runtime, *calibration.model, calibration.windows.tokens, how, tensors));
  return LearningReport{result.before, result.after};
}

}  // namespace

float factor_of(sys::ThreadPool& pool, const QuantizedTensor& in) {
  constexpr float kLargest = 6.0F * 448.0F;  // code times scale
  const float factor = largest_magnitude(pool, in) / kLargest;
  return factor > 0.0F ? factor : 1.0F;  // also of a NaN: encoding finds it and says where
}

Result<void> write_layerwise(engine::Runtime& runtime, const Calibration& calibration,
                             const QuantizeOptions& options, const sys::CpuFeatures& features, JobLog& log,
                             Job& job, formats::GgufWriter& writer, std::vector<bool>& written) {
  const std::vector<std::size_t> output = outputs_of(job);
  QuantizeProgress progress;
  progress.what = "quantizing";
  progress.tensor_count = job.outputs.size();
  LayerwiseWork work;
  for (const formats::TensorInfo& info : job.model.canonical->tensors()) {
    progress.total_bytes += info.bytes;
    work.types.push_back(info.codec);
  }
  const bool learns = options.method == Method::learned;
  const auto has_factor = [&](std::size_t index) {
    return output[index] + 1 < job.outputs.size() && is_factor(job, output[index] + 1);
  };
  for (std::size_t i = 0; i < work.types.size(); ++i) {
    // Learning knows of no factors beside tensors: these are written by write_tensors().
    if (!learns || !has_factor(i)) work.types[i] = job.outputs[output[i]].codec;
  }
  work.factor = [&](std::size_t index, const QuantizedTensor& in) {
    return has_factor(index) ? factor_of(runtime.pool(), in) : 1.0F;
  };
  work.plain = [&](std::size_t index, const QuantizedTensor& in, std::span<const float> importance,
                   std::span<std::byte> out) -> Result<EncodeError> {
    const TensorReport& report = job.report.tensors[output[index]];
    // What is rounded has no part in the calibration; statistics still say what its error weighs.
    const std::vector<float> given =
        importance.empty() ? calibrate::importance_of(job.statistics, report.name, in.shape.cols())
                           : std::vector<float>();
    const EncodeJob encode{work.types[index],
                           Method::search,
                           &search_kernels(features),
                           weighting_of(report.name, work.types[index]),
                           importance.empty() ? std::span<const float>(given) : importance,
                           1.0F,
                           options.cancel};
    return encode_tensor(runtime.pool(), encode, report.name, in, out);
  };
  std::vector<NewTensor> made(learns ? work.types.size() : 0);
  const auto set_error = [&](TensorReport& report, const EncodeError& error) {
    report.error = error.relative();
    report.searched_error = error.searched();
    if (error.on_lattice) report.method = kOnLattice;
  };
  // Learning writes nothing before it is through: until then codes are in the log.
  if (learns) {
    work.resume = [&](std::size_t index, std::span<std::byte> blocks) -> Result<bool> {
      MOTE_ASSIGN(const auto entry, log.find(Finding::blocks, index));
      if (!entry || entry->numbers.size() != 4 || entry->bytes.size() != blocks.size()) return false;
      std::ranges::copy(entry->bytes, blocks.begin());
      const EncodeError error{entry->numbers[0], entry->numbers[1], entry->numbers[2],
                              entry->numbers[3] != 0};
      set_error(job.report.tensors[output[index]], error);
      made[index] = {work.types[index], {blocks.begin(), blocks.end()}, !error.on_lattice};
      progress.done_bytes += job.model.canonical->tensors()[index].bytes;
      return true;
    };
  } else {
    work.resume = [&](std::size_t index, std::span<std::byte> blocks) -> Result<bool> {
      const std::size_t o = output[index];
      if (!writer.done(o)) return false;
      MOTE_TRY(writer.read(o, blocks));
      written[o] = job.report.tensors[o].resumed = true;
      progress.done_bytes += job.model.canonical->tensors()[index].bytes;
      return true;
    };
  }
  work.begin = [&](std::size_t index) {
    progress.tensor = output[index];
    progress.name = job.report.tensors[output[index]].name;
    if (options.progress) options.progress(progress);
    progress.done_bytes += job.model.canonical->tensors()[index].bytes;
  };
  const auto write = [&](std::size_t index, std::span<const std::byte> blocks) -> Result<void> {
    const std::size_t o = output[index];
    written[o] = true;
    // An earlier run's bytes are the same.
    if (writer.done(o)) return {};
    return writer.write(o, blocks, &runtime.pool());
  };
  work.done = [&](std::size_t index, std::span<const std::byte> blocks,
                  const EncodeError& error) -> Result<void> {
    set_error(job.report.tensors[output[index]], error);
    if (!learns) return write(index, blocks);
    made[index] = {work.types[index], {blocks.begin(), blocks.end()}, !error.on_lattice};
    const std::array numbers{error.squared_error, error.squared_norm, error.searched_error,
                             error.on_lattice ? 1.0 : 0.0};
    return log.put(Finding::blocks, index, numbers, blocks);
  };
  LayerwiseOptions how;
  how.window = calibration.windows.window;
  how.search = &search_kernels(features);
  how.kernels = &feedback_kernels(features);
  how.cancel = options.cancel;
  MOTE_TRY(quantize_layerwise(runtime, *calibration.model, calibration.windows.tokens, how, work));
  if (!learns) return {};
  MOTE_ASSIGN(job.report.learning, learn(runtime, calibration, options, progress, log, made));
  for (std::size_t i = 0; i < made.size(); ++i) {
    if (!made[i].blocks.empty()) MOTE_TRY(write(i, made[i].blocks));
  }
  return {};
}

}  // namespace mote::quantize
