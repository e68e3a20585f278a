// A picture of a model's tensors: a row per block, a column per matrix of it, each field labelled and the
// darker the larger a value. As SVG, which every browser shows.
#pragma once

#include <string>
#include <vector>

namespace mote::report {

struct TensorField {
  std::string row;     // "blk.3"
  std::string column;  // "attn_q"; empty: the field has a row to itself
  std::string label;   // "Q4_K"
  std::string note;    // shown where the pointer rests
  double value = 0;    // not positive: no colour
};

struct TensorMap {
  std::string title;
  std::string value_name;  // what the colours stand for
  std::vector<TensorField> fields;
};

// Rows and columns come in the order in which they first occur; of two fields in one place the later shows.
// Colours are logarithmic from the least value to the largest, over one decade at least and four at most. The
// same map gives the same bytes.
std::string tensor_map_svg(const TensorMap& map);

}  // namespace mote::report
