// Method `search` for the formats whose weights are patterns of a codebook (IQ2_S, IQ3_S): the steps of the
// groups, the super-block's factor and the closest pattern of each stretch, which codec/iq/nearest_pattern.h
// finds exactly.
//
// Why not in lanes as the other searches: finding a pattern skips most of a codebook, and what is skipped
// differs from stretch to stretch. Plain code, one for all instruction sets, so the bytes are the same on all
// of them.
#pragma once

#include "codec/iq/iq2_s.h"
#include "codec/iq/iq3_s.h"

namespace mote::quantize {

// x: 256 finite values; u: what a unit of squared error costs at each, not negative. Never worse than the
// codec's plain rounding in sum(u * error^2).
void search_iq2_s(const float* x, const float* u, codec::BlockIq2S& out);
void search_iq3_s(const float* x, const float* u, codec::BlockIq3S& out);

}  // namespace mote::quantize
