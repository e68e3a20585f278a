// What method feedback, and transforms alone, take of memory at their peak, before any of it is taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "model/spec.h"

namespace mote::quantize {

struct FeedbackSize {
  std::size_t windows = 0;
  std::size_t window = 0;  // tokens
  unsigned threads = 1;
  std::uint64_t largest_cols = 0;   // of a matrix with feedback
  std::uint64_t largest_bytes = 0;  // of a tensor in its new type and of what is decoded of it at a time
};

// Bytes: hidden states of all tokens in both models, caches and scratch of two forward passes, and with the
// widest inputs their second moments (of the new model's, and of these with the drift, in double), what is
// made of them (Curvature: 24 bytes a pair of inputs) and the largest tensor. The mapped model comes on top,
// as far as the system keeps it. Nothing where the numbers overflow.
std::optional<std::uint64_t> feedback_bytes(const model::ModelSpec& spec, const FeedbackSize& size);

// The same of choosing transforms: the original model's hidden states, and the second moments of one input.
std::optional<std::uint64_t> transform_bytes(const model::ModelSpec& spec, const FeedbackSize& size);

}  // namespace mote::quantize
