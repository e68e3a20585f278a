// Weights that lie on a format's lattice already: training that knew the format (QAT) left every element a
// whole multiple of its block's step. A search sees an error to be traded; here the step itself is found
// again, so that nothing is lost of what was trained.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/codec_id.h"
#include "tensor/quantized_tensor.h"

namespace mote::quantize {

// Formats of one whole number per element under one scale (and min) as halves: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0.
bool has_lattice(CodecId id);

// Writes one block whose every value is a code of these: x: 32 elements as they were decoded from `source`.
// False, and nothing written, where there is no step that explains all of them to the precision of the source
// and of a scale as a half, and to a tenth of the step.
bool encode_on_lattice(CodecId id, CodecId source, const float* x, std::byte* block);

// Whether a few blocks from all over the tensor lie on the lattice of `id`, which chance does not do.
bool lies_on_lattice(CodecId id, const QuantizedTensor& tensor);

}  // namespace mote::quantize
