// Which form of the channels between two layers loses least in the types that are wanted: a search over AWQ's
// factors, orders of channels and turned heads, each tried with the codec that the matrix will have.
//
// The loss of a matrix is what its rounding (method search) does to its products with the inputs of the
// original model, tr(E H E^T) with H the second moment of these inputs, on a share of its rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "codec/scale_type.h"
#include "engine/loaded_model.h"
#include "engine/runtime.h"
#include "mote/cancel.h"
#include "mote/quantize.h"
#include "mote/result.h"
#include "mote/tokenizer.h"
#include "quantize/equivalent/channel_map.h"
#include "quantize/search_kernels.h"
#include "tensor/codec_id.h"

namespace mote::quantize {

// What the tensors will be written as.
struct TransformTypes {
  std::vector<CodecId> tensors;    // of the model, in its order
  CodecId vectors = CodecId::f32;  // norms and biases; of a folder they may have 16 bits
  float norm_offset = 0;           // that is taken off weights of norms before they are written
  codec::ScaleType scales = codec::ScaleType::f32;  // how affine groups have them stored
};

struct MapOptions {
  std::size_t window = 512;  // tokens that see one another
  std::size_t windows = 16;  // at most: what is estimated are means over tokens, and one factor per channel
  std::size_t rows = 256;    // of each matrix at most, evenly spread
  std::vector<Transform> transforms;
  const SearchKernels* search = nullptr;
  const CancelToken* cancel = nullptr;
  std::function<void(std::uint32_t block)> begin;
};

struct ChosenMaps {
  TensorChanges changes;
  TransformReport report;
};

// `model`: a decoder without experts, loaded with exact activations, whose matrices are plain floats; tokens:
// at least one window. Errors: OUT_OF_MEMORY, CANCELLED, those of the source and of encoding.
Result<ChosenMaps> choose_maps(engine::Runtime& runtime, const engine::LoadedModel& model,
                               const TransformTypes& types, std::span<const TokenId> tokens,
                               const MapOptions& options);

}  // namespace mote::quantize
