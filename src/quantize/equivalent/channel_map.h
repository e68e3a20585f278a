// The channels between two layers in another form: divided by factors, in another order, or each head turned.
// The layer that makes them and the ones that read them change together, so that the model computes what it
// did; only what rounding does to their weights is another.
//
// Sources: Lin et al., "AWQ", 2023 (factors); Ashkboos et al., "QuaRot", 2024 (values of attention turned).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "engine/block_input.h"
#include "formats/tensor_source.h"
#include "model/spec.h"

namespace mote::quantize {

// New channel c is old channel from[c] over scale[c], and then, where `turned`, each head of them is
// multiplied by the Hadamard matrix of its length over its root, which is its own inverse. Empty vectors:
// channels stay, factors are 1.
struct ChannelMap {
  std::vector<std::uint32_t> from = {};
  std::vector<float> scale = {};
  bool turned = false;
};

// Rows of a tensor that make channels; of a vector (norm, bias) its elements.
struct ChannelMaker {
  std::size_t tensor = 0;     // index in the source
  std::size_t first_row = 0;  // of the channels, in a tensor with other rows too
  bool scales = true;         // false: follows the order only (the gate of a gated network)
};

// Where channels may be given another form.
struct Coupling {
  engine::BlockInput input{};  // where the channels come up
  std::size_t channels = 0;    // that are made
  std::size_t head = 0;        // channels that may change places with one another
  std::size_t repeats = 1;     // heads of the input that each head made stands for (grouped queries)
  bool can_scale = false;
  bool can_permute = false;
  bool can_turn = false;
  std::vector<ChannelMaker> makers = {};
  std::vector<std::size_t> readers = {};  // matrices with channels * repeats columns
  [[nodiscard]] std::size_t columns() const { return channels * repeats; }
  // The channel that column c of a reader multiplies.
  [[nodiscard]] std::size_t channel_of(std::size_t c) const {
    return repeats == 1 ? c : c / head / repeats * head + c % head;
  }
};

// Of a decoder's block: norm to q, k, v (and gate, up where attention and network share it); v to the
// attention's output; norm to gate and up; up to down. Those of mixtures of experts are left out, as are
// blocks without a norm in front. `tensors`: names and shapes that the spec needs.
std::vector<Coupling> couplings_of(const model::ModelSpec& spec, const formats::TensorSource& tensors,
                                   std::uint32_t block);

// What becomes of one tensor, read as rows of columns (a vector is one column): element (r, c) is that of row
// row_from[r] and column column_from[c], times row_factor[r] and column_factor[c]; then columns and rows are
// turned in runs of so many. Empty vectors: as they are, 1; 0: not turned.
struct TensorChange {
  std::vector<std::uint32_t> row_from, column_from;
  std::vector<float> row_factor, column_factor;
  std::size_t turned_rows = 0;  // length of a run
  std::size_t turned_columns = 0;
  std::size_t first_turned_row = 0;  // rows [first, first + count) are turned
  std::size_t turned_row_count = 0;
  friend bool operator==(const TensorChange&, const TensorChange&) = default;
};
using TensorChanges = std::map<std::size_t, TensorChange>;

// What columns of a reader become under the map; nothing else is set.
TensorChange reader_change(const Coupling& coupling, const ChannelMap& map);
// The map written into the changes of all tensors concerned. Each coupling of a model once at most.
void add_map(const Coupling& coupling, const ChannelMap& map, const formats::TensorSource& tensors,
             TensorChanges& changes);

// values: [rows][columns] of rows without changes of their own (row_from and so on are not looked at).
void change_columns(const TensorChange& change, std::size_t columns, std::span<const float> in,
                    std::span<float> out);
// The inverse of change_columns().
void restore_columns(const TensorChange& change, std::size_t columns, std::span<const float> in,
                     std::span<float> out);

// Each run of `n` floats times the Hadamard matrix of order n (a power of two) over its root.
void turn(std::span<float> values, std::size_t n);

}  // namespace mote::quantize
