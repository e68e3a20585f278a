#include "quantize/equivalent/channel_map.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <utility>

#include "calibrate/readers.h"
#include "engine/hadamard.h"
#include "model/tensor_names.h"

namespace mote::quantize {
namespace {

using engine::BlockInput;
using model::Role;

class Finder {
 public:
  Finder(const model::ModelSpec& spec, const formats::TensorSource& tensors, std::uint32_t block)
      : spec_(spec), tensors_(tensors), block_(block) {}

  std::vector<Coupling> all() {
    attention();
    values();
    const bool dense = spec_.experts.count == 0;
    if (dense && !spec_.parallel_residual) network();
    if (dense) hidden();
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::vector<std::size_t> readers(BlockInput input) const {
    return calibrate::readers_of(tensors_, block_, input);
  }

  // The weight and the bias of a role, where they are there.
  void add_makers(Coupling& coupling, Role role, std::size_t first_row, bool scales) const {
    for (const bool bias : {false, true}) {
      const auto index = tensors_.find(model::gguf_name(role, block_, bias));
      if (index) coupling.makers.push_back({*index, first_row, scales});
    }
  }

  void add(Coupling coupling) {
    if (!coupling.makers.empty() && !coupling.readers.empty()) out_.push_back(std::move(coupling));
  }

  void attention() {
    if (!spec_.norms.before) return;
    // Both read the same normalized input; a mixture's router and experts would have to follow.
    if (spec_.parallel_residual && spec_.experts.count > 0) return;
    Coupling c{.input = BlockInput::attention, .channels = spec_.width, .can_scale = true};
    c.readers = readers(BlockInput::attention);
    if (spec_.parallel_residual) {
      const auto more = readers(BlockInput::ffn);
      c.readers.insert(c.readers.end(), more.begin(), more.end());
    }
    add_makers(c, Role::attn_norm, 0, true);
    add(std::move(c));
  }

  void values() {
    Coupling c{.input = BlockInput::attention_output,
               .channels = spec_.kv_width(),
               .head = spec_.head_dim,
               .repeats = spec_.heads / spec_.kv_heads,
               .can_scale = true,
               .can_permute = true,
               .can_turn = std::has_single_bit(spec_.head_dim)};
    c.readers = readers(BlockInput::attention_output);
    if (spec_.fused_qkv) {
      add_makers(c, Role::attn_qkv, spec_.q_width() + spec_.kv_width(), true);
    } else {
      add_makers(c, Role::attn_v, 0, true);
    }
    add(std::move(c));
  }

  void network() {
    if (!spec_.norms.before) return;
    Coupling c{.input = BlockInput::ffn, .channels = spec_.width, .can_scale = true};
    c.readers = readers(BlockInput::ffn);
    add_makers(c, Role::ffn_norm, 0, true);
    add(std::move(c));
  }

  void hidden() {
    // Without a gate the activation stands between, and no factor goes through it.
    Coupling c{.input = BlockInput::ffn_down,
               .channels = spec_.hidden,
               .head = spec_.hidden,
               .can_scale = spec_.gated,
               .can_permute = true};
    c.readers = readers(BlockInput::ffn_down);
    add_makers(c, Role::ffn_up, spec_.fused_gate_up ? spec_.hidden : 0, spec_.gated);
    if (spec_.gated) add_makers(c, spec_.fused_gate_up ? Role::ffn_up : Role::ffn_gate, 0, false);
    add(std::move(c));
  }

  const model::ModelSpec& spec_;
  const formats::TensorSource& tensors_;
  std::uint32_t block_;
  std::vector<Coupling> out_;
};

template <typename T>
void fill_identity(std::vector<T>& values, std::size_t n) {
  if (!values.empty()) return;
  values.resize(n);
  std::iota(values.begin(), values.end(), T{0});
}

}  // namespace

std::vector<Coupling> couplings_of(const model::ModelSpec& spec, const formats::TensorSource& tensors,
                                   std::uint32_t block) {
  return Finder(spec, tensors, block).all();
}

TensorChange reader_change(const Coupling& coupling, const ChannelMap& map) {
  TensorChange out;
  const std::size_t columns = coupling.columns();
  if (!map.from.empty()) {
    out.column_from.resize(columns);
    for (std::size_t c = 0; c < columns; ++c) {
      const std::size_t channel = coupling.channel_of(c);
      // The same place in the head that this column is of.
      out.column_from[c] = static_cast<std::uint32_t>(c + map.from[channel] - channel);
    }
  }
  if (!map.scale.empty()) {
    out.column_factor.resize(columns);
    for (std::size_t c = 0; c < columns; ++c) out.column_factor[c] = map.scale[coupling.channel_of(c)];
  }
  if (map.turned) out.turned_columns = coupling.head;
  return out;
}

void add_map(const Coupling& coupling, const ChannelMap& map, const formats::TensorSource& tensors,
             TensorChanges& changes) {
  const TensorChange columns = reader_change(coupling, map);
  for (const std::size_t reader : coupling.readers) {
    TensorChange& change = changes[reader];
    change.column_from = columns.column_from;
    change.column_factor = columns.column_factor;
    change.turned_columns = columns.turned_columns;
  }
  for (const ChannelMaker& maker : coupling.makers) {
    TensorChange& change = changes[maker.tensor];
    const auto rows = static_cast<std::size_t>(tensors.tensors()[maker.tensor].shape.dims().front());
    if (!map.from.empty()) {
      fill_identity(change.row_from, rows);
      for (std::size_t c = 0; c < coupling.channels; ++c) {
        change.row_from[maker.first_row + c] = static_cast<std::uint32_t>(maker.first_row + map.from[c]);
      }
    }
    if (!map.scale.empty() && maker.scales) {
      if (change.row_factor.empty()) change.row_factor.assign(rows, 1.0F);
      for (std::size_t c = 0; c < coupling.channels; ++c) {
        change.row_factor[maker.first_row + c] = 1.0F / map.scale[c];
      }
    }
    if (map.turned) {
      change.turned_rows = coupling.head;
      change.first_turned_row = maker.first_row;
      change.turned_row_count = coupling.channels;
    }
  }
}

void change_columns(const TensorChange& change, std::size_t columns, std::span<const float> in,
                    std::span<float> out) {
  for (std::size_t first = 0; first < in.size(); first += columns) {
    const float* from = in.data() + first;
    float* to = out.data() + first;
    for (std::size_t c = 0; c < columns; ++c) {
      const float value = from[change.column_from.empty() ? c : change.column_from[c]];
      to[c] = change.column_factor.empty() ? value : value * change.column_factor[c];
    }
    if (change.turned_columns > 0) turn({to, columns}, change.turned_columns);
  }
}

void restore_columns(const TensorChange& change, std::size_t columns, std::span<const float> in,
                     std::span<float> out) {
  std::vector<float> row(columns);
  for (std::size_t first = 0; first < in.size(); first += columns) {
    std::copy_n(in.data() + first, columns, row.data());
    if (change.turned_columns > 0) turn(row, change.turned_columns);
    for (std::size_t c = 0; c < columns; ++c) {
      const float value = change.column_factor.empty() ? row[c] : row[c] / change.column_factor[c];
      out[first + (change.column_from.empty() ? c : change.column_from[c])] = value;
    }
  }
}

void turn(std::span<float> values, std::size_t n) {
  const float root = 1.0F / std::sqrt(static_cast<float>(n));
  for (std::size_t at = 0; at + n <= values.size(); at += n) engine::hadamard(values.data() + at, n);
  for (float& v : values) v *= root;
}

}  // namespace mote::quantize
