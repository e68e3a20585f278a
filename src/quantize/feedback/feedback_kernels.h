// The inner loops of feedback, for sixteen rows of a matrix at a time: one row per lane, or along one row.
//
// As in search_kernels.h every result is defined operation by operation, the same source is compiled once per
// instruction set, and all give the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quantize/search_kernels.h"
#include "sys/cpu_features.h"

namespace mote::quantize {

// One pass over the columns of sixteen rows; arrays are [cols][kLanes], aligned to 64 bytes, columns in the
// order of the pass.
struct Sweep {
  std::size_t cols;
  const float* x;        // what the rows should be
  const float* scale;    // of each element; a value is scale * level - min
  const float* inverse;  // of the scale, 0 where that is 0
  const float* min;
  const float* coupling;  // [cols][cols]; row k begins with what each column before passes on to column k
  float low, high;        // least and largest level where `table` is null
  const float* table;     // 16 rising levels, or null: whole numbers
  float* errors;          // scratch: x - value
  std::uint8_t* codes;    // out: level - low, or the index in the table
};

struct FeedbackKernels {
  void (*sweep)(const Sweep& sweep) noexcept;
  // Sum of a[i] * b[i] in eight chains, added in order.
  double (*dot)(const double* a, const double* b, std::size_t n) noexcept;
  // out[lane] = sum of rows[i][lane] * factors[i], i rising; rows and out aligned to 64 bytes.
  void (*combine)(const double* rows, const double* factors, std::size_t n, double* out) noexcept;
  // v[i] += s * row[i]
  void (*add_scaled)(float* v, float s, const float* row, std::size_t n) noexcept;
  // The least of 2 * step[i] * v[i] + step[i]^2 * curvature[i]; infinity for n = 0.
  float (*least_gain)(const float* step, const float* v, const float* curvature, std::size_t n) noexcept;
};

const FeedbackKernels& feedback_kernels(const sys::CpuFeatures& features);

extern const FeedbackKernels kFeedbackBaseline;
#if defined(__x86_64__)
extern const FeedbackKernels kFeedbackAvx2;
extern const FeedbackKernels kFeedbackAvx512;
#endif

}  // namespace mote::quantize
