#include "quantize/equivalent/equivalent_source.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/strings.h"
#include "codec/codec.h"

namespace mote::quantize {
namespace {

// Rows in runs of n as columns of a run are turned: element c of every row of a run is one vector.
void turn_rows(std::vector<float>& values, std::size_t columns, const TensorChange& change) {
  const std::size_t n = change.turned_rows;
  std::vector<float> run(n);
  for (std::size_t first = 0; first < change.turned_row_count; first += n) {
    float* rows = values.data() + (change.first_turned_row + first) * columns;
    for (std::size_t c = 0; c < columns; ++c) {
      for (std::size_t r = 0; r < n; ++r) run[r] = rows[r * columns + c];
      turn(run, n);
      for (std::size_t r = 0; r < n; ++r) rows[r * columns + c] = run[r];
    }
  }
}

QuantizedTensor changed(const QuantizedTensor& in, const TensorChange& change) {
  const bool vector = in.shape.rank() == 1;
  const std::size_t columns = vector ? 1 : in.shape.cols();
  const codec::Codec& codec = codec::codec_of(in.codec);
  const std::size_t count = in.shape.element_count().value().value_or(0);
  std::vector<float> old(count);
  codec.decode(in.blocks().data(), old.data(), count / codec.block_elements);

  std::vector<float> values(count);
  const std::size_t rows = count / columns;
  for (std::size_t r = 0; r < rows; ++r) {
    const std::size_t from = change.row_from.empty() ? r : change.row_from[r];
    const std::span<float> row = std::span(values).subspan(r * columns, columns);
    change_columns(change, columns, std::span(old).subspan(from * columns, columns), row);
    if (change.row_factor.empty()) continue;
    for (float& v : row) v *= change.row_factor[r];
  }
  if (change.turned_rows > 0) turn_rows(values, columns, change);
  return float_tensor(in.shape, std::move(values));
}

}  // namespace

EquivalentSource::EquivalentSource(std::unique_ptr<formats::TensorSource> source, TensorChanges changes)
    : source_(std::move(source)),
      changes_(std::move(changes)),
      infos_(source_->tensors().begin(), source_->tensors().end()) {
  for (const auto& [index, change] : changes_) {
    formats::TensorInfo& info = infos_[index];
    info.codec = CodecId::f32;
    info.bytes = info.shape.element_count().value().value_or(0) * sizeof(float);
    info.stored = StoredType::codec;
    info.file_bytes = 0;
  }
}

Result<QuantizedTensor> EquivalentSource::read(std::size_t index) const {
  Result<QuantizedTensor> in = source_->read(index);
  const auto found = changes_.find(index);
  if (!in || found == changes_.end()) return in;
  try {
    return changed(*in, found->second);
  } catch (const std::bad_alloc&) {
    return Error{kOutOfMemory,
                 "no memory for tensor '" + escape_untrusted(infos_[index].name) + "' as floats",
                 {},
                 {},
                 {}};
  }
}

}  // namespace mote::quantize
