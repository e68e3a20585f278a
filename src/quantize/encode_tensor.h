// One tensor from its stored form to blocks of another codec, in bands of rows on all workers, with the check
// that what was written decodes to what was meant.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "codec/scale_type.h"
#include "mote/result.h"
#include "quantize/quantize.h"
#include "quantize/search.h"
#include "sys/thread_pool.h"
#include "tensor/quantized_tensor.h"

namespace mote::quantize {

struct EncodeJob {
  CodecId type = CodecId::f32;
  Method method = Method::search;          // for block formats
  const SearchKernels* kernels = nullptr;  // for the search and what stands around it
  Weighting weighting = Weighting::flat;   // for search
  // Second moments of the inputs, [matrices][cols], of as many matrices as the tensor has (rows are divided
  // among them), or empty. For search instead of the weighting, and the weights of the errors reported.
  std::span<const float> importance;
  float factor = 1.0F;                              // values are divided by it first
  const CancelToken* cancel = nullptr;              // may be null
  codec::ScaleType scales = codec::ScaleType::f32;  // how a folder's type has them stored
};

// What a deviation costs in a tensor of this name where nothing is known of its inputs.
Weighting weighting_of(std::string_view name, CodecId type);

struct EncodeError {
  double squared_error = 0;
  double squared_norm = 0;
  double searched_error = 0;  // squared, of the search's codes where others were chosen after them; else 0
  bool on_lattice = false;    // every block was found on the type's lattice (lattice.h)
  [[nodiscard]] double relative() const { return squared_norm > 0 ? squared_error / squared_norm : 0; }
  [[nodiscard]] double searched() const { return squared_norm > 0 ? searched_error / squared_norm : 0; }
};

// `out`: exactly the bytes of the tensor in the new codec. Bands and the order of all sums depend on the
// shape alone, so that bytes and errors are the same for any number of workers. Scratch memory: two bands per
// worker. Errors: MODEL_NONFINITE, QUANT_VERIFY, CANCELLED, OUT_OF_MEMORY.
Result<EncodeError> encode_tensor(sys::ThreadPool& pool, const EncodeJob& job, std::string_view name,
                                  const QuantizedTensor& in, std::span<std::byte> out);

// MODEL_NONFINITE: an element of a tensor is infinite or NaN. QUANT_VERIFY: one is beyond its type's range.
Error nonfinite_error(std::string_view tensor, std::size_t element, std::size_t cols);
Error out_of_range_error(std::string_view tensor, CodecId type);

// The largest magnitude of a tensor's values; infinite or NaN where one is.
float largest_magnitude(sys::ThreadPool& pool, const QuantizedTensor& in);

}  // namespace mote::quantize
