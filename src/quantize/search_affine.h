// Rows in the types of folders: plain rounding, and for affine groups the weighted search of scale and zero
// point. Both choose the scale among the numbers that the folder's layout can store, and one for a whole row
// where the type says so.
//
// Plain code without kernels of its own: sums run in eight chains, added in order, so that the bytes are the
// same on every instruction set.
#pragma once

#include <cstddef>
#include <span>

#include "codec/affine.h"
#include "codec/scale_type.h"
#include "tensor/codec_id.h"

namespace mote::quantize {

// x: rows x cols, finite; out: their blocks. For affine groups, NF4, FP4 (whose own rounding it is) and FP8.
void encode_folder_rows(CodecId id, codec::ScaleType scales, const float* x, std::byte* out, std::size_t rows,
                        std::size_t cols);

// One group, or one row of a type with a scale per row: x and u, its weights, to blocks. The weighted squared
// error is at most that of plain rounding. x.size() is a multiple of the format's block.
void search_affine(const codec::AffineFormat& format, codec::ScaleType scales, std::span<const float> x,
                   std::span<const float> u, std::byte* out);

}  // namespace mote::quantize
