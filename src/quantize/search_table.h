// Method `search` for four-bit formats of a table (MXFP4, NVFP4, NF4, FP4) and for ternary ones (TQ1_0,
// TQ2_0): the scale that the format can store with the least weighted squared error, instead of the one that
// the largest value asks for.
#pragma once

#include "codec/mxfp4.h"
#include "codec/nvfp4.h"
#include "codec/table4.h"
#include "tensor/codec_id.h"
#include "tensor/float16.h"

namespace mote::quantize {

// x: finite values of a block; u: what a unit of squared error costs at each, not negative. Never worse than
// the format's plain rounding in sum(u * error^2).
void search_mxfp4(const float* x, const float* u, codec::BlockMxfp4& out);
void search_nvfp4(const float* x, const float* u, codec::BlockNvfp4& out);
void search_nf4(const float* x, const float* u, codec::BlockTable4& out);
void search_fp4(const float* x, const float* u, codec::BlockTable4& out);

// Codes 0, 1, 2 of -1, 0, 1 for 256 elements and their scale. Of all scales that are no half the best there
// is: the codes for a scale are ones above half of it, so some number of largest elements, and for each
// number the best scale is known.
struct TernaryCodes {
  std::uint8_t codes[256];
  Half scale;
};
TernaryCodes search_ternary_values(const float* x, const float* u);

}  // namespace mote::quantize
