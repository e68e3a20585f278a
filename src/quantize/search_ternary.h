// Method `search` for the formats of ternary patterns with a shift (IQ1_S, IQ1_M): pattern_search.h over the
// exact nearest patterns of codec/iq/nearest_pattern.h, with the better shift of each stretch that has one.
#pragma once

#include "codec/iq/iq1_m.h"
#include "codec/iq/iq1_s.h"
#include "quantize/pattern_search.h"

namespace mote::quantize {

// x: 256 finite values; u: what a unit of squared error costs at each, not negative. Never worse than zeros
// in sum(u * error^2).
void search_iq1_s(const float* x, const float* u, Gain gain, codec::BlockIq1S& out);
void search_iq1_m(const float* x, const float* u, Gain gain, codec::BlockIq1M& out);

}  // namespace mote::quantize
