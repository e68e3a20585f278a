// Method `search` for the formats whose weights are patterns of magnitudes with signs (IQ2_S, IQ3_S; IQ2_XXS,
// IQ2_XS, IQ3_XXS): pattern_search.h over the exact nearest patterns of codec/iq/nearest_pattern.h. Where
// signs come in sevens, the pattern and the sign that has to be wrong are chosen together.
#pragma once

#include "codec/iq/iq2_s.h"
#include "codec/iq/iq2_xs.h"
#include "codec/iq/iq2_xxs.h"
#include "codec/iq/iq3_s.h"
#include "codec/iq/iq3_xxs.h"
#include "quantize/pattern_search.h"

namespace mote::quantize {

// x: 256 finite values; u: what a unit of squared error costs at each, not negative.
// Never worse than the codec's plain rounding in sum(u * error^2) with Gain::least_squares.
void search_iq2_s(const float* x, const float* u, Gain gain, codec::BlockIq2S& out);
void search_iq3_s(const float* x, const float* u, Gain gain, codec::BlockIq3S& out);
// Never worse than zeros.
void search_iq2_xxs(const float* x, const float* u, Gain gain, codec::BlockIq2Xxs& out);
void search_iq2_xs(const float* x, const float* u, Gain gain, codec::BlockIq2Xs& out);
void search_iq3_xxs(const float* x, const float* u, Gain gain, codec::BlockIq3Xxs& out);

}  // namespace mote::quantize
