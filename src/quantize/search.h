// Method `search`: picks scales and codes of a block that make its weighted squared error small, instead of
// taking the scale from the extreme values. Source of the idea: the weighted scale searches of the GGUF
// formats' reference; the moves (both ends of the range, cuts of both tails, scales and codes in turn, refit
// of the super-block's factors as halves) go further, see search_kernels.inc.
//
// Pure: no threads, no state; the bytes depend on the arguments only, not on the kernels chosen.
#pragma once

#include <cstddef>

#include "codec/scale_type.h"
#include "quantize/search_kernels.h"
#include "sys/cpu_features.h"
#include "tensor/codec_id.h"

namespace mote::quantize {

// The fastest of the tables that this processor can run; all give the same bytes.
const SearchKernels& search_kernels(const sys::CpuFeatures& features);

// False for plain floats, which have nothing to choose, and where there is plain rounding only.
bool has_search(CodecId id);

// What a deviation at an element of value x costs where nothing is known about the inputs. flat: 1 for each
// element. magnitude: rms of the block + |x|. steep: rms / 4 + |x|. square: x^2 (zeros cost nothing).
enum class Weighting { flat, magnitude, square, steep };

// The weighting that suits a format's matrices where nothing is known: flat where the format's reference has
// no weights, otherwise one under which both the plain error and the error in the reference's own weights
// stay below the reference's.
Weighting default_weighting(CodecId id);
// The weighting of embeddings and heads. Their channels differ more than a matrix's, and the large weights
// sit in channels with large activations. Squared error of BASE's logits, as a multiple of plain rounding's:
// Q4_0 1.02 flat, 0.87 steep; Q4_1 1.27 flat, 0.99 steep (other matrices: 0.93 and 0.94, 0.77 and 0.84).
inline constexpr Weighting kEmbeddingWeighting = Weighting::steep;
// The weighting of matrices that lead from the feed-forward network back (ffn_down). A few hidden channels
// are orders of magnitude above the rest, and the weights that read them are large too (Yu et al., "The Super
// Weight in Large Language Models", 2024). Free zeros (square) help Q4_0 with them, and ruin formats of few
// levels or patterns, which spend everything on the large weights: each format's was chosen by divergence,
// see docs/results.md.
Weighting down_weighting(CodecId id);

// x: rows x cols, finite. importance: cols positive numbers, the second moments of the inputs, or null; with
// it an element costs importance[col] * sqrt(mean square + x^2), in IQ1 and IQ2 importance[col], and the
// formats of patterns keep the gain (pattern_search.h). out: rows * cols / block_elements blocks.
// Requires has_search(id) and that the format's block divides cols. scales: in what affine groups are stored.
void encode_search(const SearchKernels& kernels, CodecId id, const float* x, const float* importance,
                   std::byte* out, std::size_t rows, std::size_t cols,
                   codec::ScaleType scales = codec::ScaleType::f32);
void encode_search(const SearchKernels& kernels, CodecId id, Weighting weighting, const float* x,
                   const float* importance, std::byte* out, std::size_t rows, std::size_t cols,
                   codec::ScaleType scales = codec::ScaleType::f32);

}  // namespace mote::quantize
