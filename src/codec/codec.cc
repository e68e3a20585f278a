#include "codec/codec.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/strings.h"
#include "codec/affine.h"
#include "codec/fp8.h"
#include "codec/iq/iq1_m.h"
#include "codec/iq/iq1_s.h"
#include "codec/iq/iq2_s.h"
#include "codec/iq/iq2_xs.h"
#include "codec/iq/iq2_xxs.h"
#include "codec/iq/iq3_s.h"
#include "codec/iq/iq3_xxs.h"
#include "codec/iq4_nl.h"
#include "codec/iq4_xs.h"
#include "codec/mxfp4.h"
#include "codec/nvfp4.h"
#include "codec/plain_float.h"
#include "codec/q1_0.h"
#include "codec/q2_0.h"
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
#include "codec/q8_1.h"
#include "codec/q8_k.h"
#include "codec/table4.h"
#include "codec/tq1_0.h"
#include "codec/tq2_0.h"

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

// In place of an encoder.
constexpr decltype(Codec::encode_rtn) kNeedsImportance = nullptr;

// gguf_type: numbers of ggml.h (enum ggml_type).
constexpr std::array kOfGguf = {
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
    blocked<BlockQ81>(CodecId::q8_1, "Q8_1", 9, decode_q8_1, encode_q8_1, kFormQ81, is_finite_q8_1),
    blocked<BlockQ8K>(CodecId::q8_k, "Q8_K", 15, decode_q8_k, encode_q8_k, kFormQ8K, is_finite_q8_k),
    blocked<BlockIq1S>(CodecId::iq1_s, "IQ1_S", 19, decode_iq1_s, kNeedsImportance, kFormIq1S,
                       is_finite_iq1_s),
    blocked<BlockIq1M>(CodecId::iq1_m, "IQ1_M", 29, decode_iq1_m, kNeedsImportance, kFormIq1M,
                       is_finite_iq1_m),
    blocked<BlockIq2Xxs>(CodecId::iq2_xxs, "IQ2_XXS", 16, decode_iq2_xxs, kNeedsImportance, kFormIq2Xxs,
                         is_finite_iq2_xxs),
    blocked<BlockIq2Xs>(CodecId::iq2_xs, "IQ2_XS", 17, decode_iq2_xs, kNeedsImportance, kFormIq2Xs,
                        is_finite_iq2_xs),
    blocked<BlockIq2S>(CodecId::iq2_s, "IQ2_S", 22, decode_iq2_s, encode_iq2_s, kFormIq2S, is_finite_iq2_s),
    blocked<BlockIq3Xxs>(CodecId::iq3_xxs, "IQ3_XXS", 18, decode_iq3_xxs, kNeedsImportance, kFormIq3Xxs,
                         is_finite_iq3_xxs),
    blocked<BlockIq3S>(CodecId::iq3_s, "IQ3_S", 21, decode_iq3_s, encode_iq3_s, kFormIq3S, is_finite_iq3_s),
    blocked<BlockTq10>(CodecId::tq1_0, "TQ1_0", 34, decode_tq1_0, encode_tq1_0, kFormTq10, is_finite_tq1_0),
    blocked<BlockTq20>(CodecId::tq2_0, "TQ2_0", 35, decode_tq2_0, encode_tq2_0, kFormTq20, is_finite_tq2_0),
    blocked<BlockMxfp4>(CodecId::mxfp4, "MXFP4", 39, decode_mxfp4, encode_mxfp4, kFormMxfp4, is_finite_mxfp4),
    blocked<BlockNvfp4>(CodecId::nvfp4, "NVFP4", 40, decode_nvfp4, encode_nvfp4, kFormNvfp4, is_finite_nvfp4),
    blocked<BlockQ10>(CodecId::q1_0, "Q1_0", 41, decode_q1_0, encode_q1_0, kFormQ10, is_finite_q1_0),
    blocked<BlockQ20>(CodecId::q2_0, "Q2_0", 42, decode_q2_0, encode_q2_0, kFormQ20, is_finite_q2_0),
    plain(CodecId::f64, "F64", 28, 8, decode_f64, encode_f64, is_finite_f64),
};

constexpr std::array kTables = {
    blocked<BlockTable4>(CodecId::nf4, "nf4", kNoGgufType, decode_nf4, encode_nf4, kFormNf4,
                         is_finite_table4),
    blocked<BlockTable4>(CodecId::fp4, "fp4", kNoGgufType, decode_fp4, encode_fp4, kFormFp4,
                         is_finite_table4),
    Codec{CodecId::fp8, "fp8", kNoGgufType, BlockFp8::kElements, sizeof(BlockFp8), decode_fp8, encode_fp8,
          nullptr, is_finite_fp8},
};

constexpr auto all_rows() {
  constexpr auto kAffine = affine_codecs();
  std::array<Codec, kOfGguf.size() + kAffine.size() + kTables.size()> rows{};
  auto* next = std::copy(kOfGguf.begin(), kOfGguf.end(), rows.begin());
  next = std::copy(kAffine.begin(), kAffine.end(), next);
  std::copy(kTables.begin(), kTables.end(), next);
  return rows;
}
constexpr auto kCodecs = all_rows();

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
  if (gguf_type == kNoGgufType) return nullptr;
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
