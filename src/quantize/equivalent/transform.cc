#include "quantize/equivalent/transform.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

#include "base/strings.h"
#include "calibrate/observer.h"
#include "codec/codec.h"
#include "quantize/equivalent/equivalent_source.h"
#include "quantize/job_plan.h"
#include "quantize/quantize.h"

namespace mote::quantize {
namespace {

// Channel by channel: `power` 2 for squares, 1 for sums.
void carry(const TensorChange& change, std::size_t columns, int power, std::vector<double>& values) {
  const std::vector<double> old = values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t c = i % columns;
    const std::size_t from = change.column_from.empty() ? c : change.column_from[c];
    const double factor = change.column_factor.empty() ? 1.0 : static_cast<double>(change.column_factor[c]);
    values[i] = old[i - c + from] / (power == 2 ? factor * factor : factor);
  }
  const std::size_t run = change.turned_columns;
  for (std::size_t first = 0; run > 0 && first < values.size(); first += run) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = begin + static_cast<std::ptrdiff_t>(run);
    std::fill(begin, end, std::accumulate(begin, end, 0.0) / static_cast<double>(run));
  }
}

}  // namespace

std::vector<Transform> transforms_of(const QuantizeOptions& options) {
  std::vector<Transform> out = options.transforms;
  if (options.method == Method::awq && std::ranges::find(out, Transform::scale) == out.end()) {
    out.push_back(Transform::scale);
  }
  return out;
}

void carry_statistics(const TensorChanges& changes, const formats::TensorSource& tensors,
                      calibrate::Statistics& statistics) {
  for (const auto& [index, change] : changes) {
    const formats::TensorInfo& info = tensors.tensors()[index];
    const auto found = statistics.inputs.find(info.name);
    if (found == statistics.inputs.end()) continue;
    calibrate::InputSums& sums = found->second;
    carry(change, info.shape.cols(), 2, sums.squares);
    // Means of turned heads are sums with signs, which nobody asks for.
    if (change.turned_columns > 0) sums.sums.clear();
    carry(change, info.shape.cols(), 1, sums.sums);
  }
}

Result<Transformed> transform(engine::Runtime& runtime, const QuantizeOptions& options,
                              const TransformTypes& types, const SearchKernels& search,
                              Calibration& calibration, model::Model& model,
                              calibrate::Statistics& statistics) {
  const formats::TensorSource& source = *calibration.model->model().canonical;
  for (const formats::TensorInfo& t : source.tensors()) {
    if (!t.name.starts_with("blk.") || codec::codec_of(t.codec).is_plain_float()) continue;
    return Error{kQuantMethod,
                 "transforms are for models of plain floats, tensor '" + escape_untrusted(t.name) + "' is " +
                     std::string(codec::codec_of(t.codec).name) + " already",
                 "start from the 16-bit checkpoint, or leave the transforms out",
                 options.input.string(),
                 {}};
  }
  MapOptions how;
  how.window = calibration.windows.window;
  how.transforms = transforms_of(options);
  how.search = &search;
  how.cancel = options.cancel;
  how.begin = [&](std::uint32_t block) {
    QuantizeProgress progress;
    progress.what = "transforming";
    progress.tensor = progress.done_bytes = block;
    progress.tensor_count = progress.total_bytes = calibration.model->spec().blocks;
    if (options.progress) options.progress(progress);
  };
  MOTE_ASSIGN(ChosenMaps chosen,
              choose_maps(runtime, *calibration.model, types, calibration.windows.tokens, how));
  engine::LoadOptions load;
  load.activations = engine::Activations::f32;
  load.change_model = [&](model::Model& loaded) {
    loaded.canonical = std::make_unique<EquivalentSource>(std::move(loaded.canonical), chosen.changes);
  };
  MOTE_ASSIGN(calibration.model, engine::LoadedModel::load(runtime, options.input, load));

  Transformed out;
  out.report = chosen.report;
  for (const auto& [index, change] : chosen.changes) out.changed.insert(index);
  carry_statistics(chosen.changes, *model.canonical, statistics);
  model.canonical = std::make_unique<EquivalentSource>(std::move(model.canonical), std::move(chosen.changes));
  if (!goes_by_blocks(options.method) && statistics.inputs.empty()) {
    MOTE_ASSIGN(statistics.inputs,
                calibrate::observe(runtime, *calibration.model, calibration.windows, options.cancel));
  }
  return out;
}

}  // namespace mote::quantize
