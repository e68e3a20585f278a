// The order of a head's rows in Hugging Face's llama and in GGUF's: halves [2, dims/2] there, neighbours
// [dims/2, 2] here.
#pragma once

#include <cstdint>

namespace mote::model {

// Where row `row` of canonical order lies in the folder's.
constexpr std::uint64_t hf_row_of(std::uint64_t row, std::uint64_t head_rows) {
  const std::uint64_t in_head = row % head_rows;
  return row - in_head + (in_head % 2) * (head_rows / 2) + in_head / 2;
}

}  // namespace mote::model
