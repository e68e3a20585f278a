#include "codec/codec.h"

#include <array>
#include <string>

#include "base/strings.h"
#include "codec/iq4_nl.h"
#include "codec/iq4_xs.h"
#include "codec/plain_float.h"
#include "codec/q2_k.h"
#include "codec/q3_k.h"
#include "codec/q4_0.h"
#include "codec/q4_1.h"
#include "codec/q4_k.h"
#include "codec/q5_0.h"
#include "codec/q5_1.h"
#include "codec/q5_k.h"
#include "codec/q6_k.h"
#include "codec/q8_0.h"

namespace mote::codec {

namespace {

constexpr Codec plain(CodecId id, std::string_view name, std::uint32_t gguf_type, std::uint32_t bytes,
                      decltype(Codec::decode) decode, decltype(Codec::encode_rtn) encode,
                      decltype(Codec::is_finite) is_finite) {
  return {id, name, gguf_type, 1, bytes, decode, encode, nullptr, is_finite};
}

template <typename Block>
constexpr Codec blocked(CodecId id, std::string_view name, std::uint32_t gguf_type,
                        decltype(Codec::decode) decode, decltype(Codec::encode_rtn) encode,
                        const IntegerForm& form, decltype(Codec::is_finite) is_finite) {
  return {id, name, gguf_type, Block::kElements, sizeof(Block), decode, encode, &form, is_finite};
}

// gguf_type: numbers of gguf-py constants.py (GGMLQuantizationType).
constexpr std::array kCodecs = {
    plain(CodecId::f32, "F32", 0, 4, decode_f32, encode_f32, is_finite_f32),
    plain(CodecId::f16, "F16", 1, 2, decode_f16, encode_f16, is_finite_f16),
    plain(CodecId::bf16, "BF16", 30, 2, decode_bf16, encode_bf16, is_finite_bf16),
    blocked<BlockQ40>(CodecId::q4_0, "Q4_0", 2, decode_q4_0, encode_q4_0, kFormQ40, is_finite_q4_0),
    blocked<BlockQ41>(CodecId::q4_1, "Q4_1", 3, decode_q4_1, encode_q4_1, kFormQ41, is_finite_q4_1),
    blocked<BlockQ50>(CodecId::q5_0, "Q5_0", 6, decode_q5_0, encode_q5_0, kFormQ50, is_finite_q5_0),
    blocked<BlockQ51>(CodecId::q5_1, "Q5_1", 7, decode_q5_1, encode_q5_1, kFormQ51, is_finite_q5_1),
    blocked<BlockQ80>(CodecId::q8_0, "Q8_0", 8, decode_q8_0, encode_q8_0, kFormQ80, is_finite_q8_0),
    blocked<BlockQ2K>(CodecId::q2_k, "Q2_K", 10, decode_q2_k, encode_q2_k, kFormQ2K, is_finite_q2_k),
    blocked<BlockQ3K>(CodecId::q3_k, "Q3_K", 11, decode_q3_k, encode_q3_k, kFormQ3K, is_finite_q3_k),
    blocked<BlockQ4K>(CodecId::q4_k, "Q4_K", 12, decode_q4_k, encode_q4_k, kFormQ4K, is_finite_q4_k),
    blocked<BlockQ5K>(CodecId::q5_k, "Q5_K", 13, decode_q5_k, encode_q5_k, kFormQ5K, is_finite_q5_k),
    blocked<BlockQ6K>(CodecId::q6_k, "Q6_K", 14, decode_q6_k, encode_q6_k, kFormQ6K, is_finite_q6_k),
    blocked<BlockIq4Nl>(CodecId::iq4_nl, "IQ4_NL", 20, decode_iq4_nl, encode_iq4_nl, kFormIq4Nl,
                        is_finite_iq4_nl),
    blocked<BlockIq4Xs>(CodecId::iq4_xs, "IQ4_XS", 23, decode_iq4_xs, encode_iq4_xs, kFormIq4Xs,
                        is_finite_iq4_xs),
};

// codec_of() indexes by id.
constexpr bool in_order_of_id() {
  for (std::size_t i = 0; i < kCodecs.size(); ++i) {
    if (static_cast<std::size_t>(kCodecs[i].id) != i) return false;
  }
  return true;
}
static_assert(in_order_of_id());

}  // namespace

std::span<const Codec> all_codecs() { return kCodecs; }

const Codec& codec_of(CodecId id) { return kCodecs[static_cast<std::size_t>(id)]; }

const Codec* find_codec(std::string_view name) {
  const std::string wanted = to_lower_ascii(name);
  for (const Codec& codec : kCodecs) {
    if (to_lower_ascii(codec.name) == wanted) return &codec;
  }
  return nullptr;
}

const Codec* find_codec_by_gguf_type(std::uint32_t gguf_type) {
  for (const Codec& codec : kCodecs) {
    if (codec.gguf_type == gguf_type) return &codec;
  }
  return nullptr;
}

Checked tensor_bytes(const Codec& codec, const Shape& shape) {
  if (shape.cols() % codec.block_elements != 0) {
    return -1;  // a negative number is what makes a Checked invalid
  }
  const std::uint64_t blocks_per_row = shape.cols() / codec.block_elements;
  Checked blocks = blocks_per_row;
  for (std::size_t i = 0; i + 1 < shape.rank(); ++i) blocks = blocks * shape[i];
  return blocks * codec.block_bytes;
}

}  // namespace mote::codec
