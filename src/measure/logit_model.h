// What measuring needs of a model: feed tokens, get rows of logits. The engine is one; tests use made-up
// ones, and a cache of a reference's logits is another way to get rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "mote/result.h"

namespace mote::measure {

class LogitModel {
 public:
  virtual ~LogitModel() = default;
  [[nodiscard]] virtual std::size_t vocabulary() const = 0;
  // Forgets everything fed; the next tokens start at position 0.
  virtual Result<void> restart() = 0;
  // Appends tokens and returns the logits of tokens[first_row..] as rows of vocabulary() floats, valid until
  // the next call. first_row == tokens.size() returns nothing (and lets the model skip its output layer).
  virtual Result<std::span<const float>> feed(std::span<const std::int32_t> tokens,
                                              std::size_t first_row) = 0;
};

}  // namespace mote::measure
