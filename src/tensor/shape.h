// Extent of a tensor, row-major: the last dimension is contiguous. GGUF lists dimensions the other way round;
// its reader and writer turn them.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>

#include "base/checked.h"

namespace mote {

class Shape {
 public:
  static constexpr std::size_t kMaxRank = 4;

  Shape() = default;
  // At most kMaxRank dimensions; further ones are a programming error and dropped.
  Shape(std::initializer_list<std::uint64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const std::uint64_t> dims) {
    for (const std::uint64_t d : dims) {
      if (rank_ < kMaxRank) dims_[rank_++] = d;
    }
  }

  [[nodiscard]] std::size_t rank() const { return rank_; }
  [[nodiscard]] std::uint64_t operator[](std::size_t i) const { return dims_[i]; }
  [[nodiscard]] std::span<const std::uint64_t> dims() const { return {dims_.data(), rank_}; }

  // Length of the contiguous dimension (in_features of a weight); 1 for a scalar.
  [[nodiscard]] std::uint64_t cols() const { return rank_ == 0 ? 1 : dims_[rank_ - 1]; }
  // Product of all other dimensions (out_features of a matrix, times experts of a stack).
  // Valid for shapes whose element_count() is valid, which every reader has checked.
  [[nodiscard]] std::uint64_t rows() const {
    std::uint64_t n = 1;
    for (std::size_t i = 0; i + 1 < rank_; ++i) n *= dims_[i];
    return n;
  }
  [[nodiscard]] Checked element_count() const {
    Checked n = 1;
    for (const std::uint64_t d : dims()) n = n * d;
    return n;
  }

  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  std::array<std::uint64_t, kMaxRank> dims_{};
  std::size_t rank_ = 0;
};

// "[49152, 576]".
std::string to_string(const Shape& shape);

}  // namespace mote
