// SentencePiece's .model files. Field numbers are those of google/sentencepiece,
// src/sentencepiece_model.proto.
#include "text/tokenizer/errors.h"
#include "text/tokenizer/loaders.h"
#include "text/tokenizer/proto_reader.h"

namespace mote::text {
namespace {

struct Spec {
  std::uint64_t model_type = 1;  // 1 unigram, 2 BPE, 3 word, 4 character
  bool byte_fallback = false;
  bool whitespace_as_suffix = false;
  std::string unk_surface = " \xE2\x81\x87 ";
  std::string bos_piece = "<s>";
  std::string eos_piece = "</s>";
  std::string pad_piece = "<pad>";
  std::string normalizer;
  std::string charsmap;
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
};

Error wrong_type(const ProtoReader& reader, std::uint32_t number) {
  return Error{kTokProto,
               "cannot read the SentencePiece model: field " + std::to_string(number) + " has the wrong type",
               "the file is damaged: take it from its publisher again",
               {},
               reader.position()};
}

Result<void> read_piece(std::span<const std::byte> bytes, std::size_t base, TokenizerData& data) {
  ProtoReader reader(bytes, base);
  std::string piece;
  float score = 0;
  std::uint64_t type = 1;
  while (!reader.at_end()) {
    MOTE_ASSIGN(const ProtoField field, reader.next());
    if (field.number == 1) {
      if (field.type != WireType::bytes) return wrong_type(reader, 1);
      piece = field.text();
    } else if (field.number == 2) {
      if (field.type != WireType::fixed32) return wrong_type(reader, 2);
      score = field.as_float();
    } else if (field.number == 3) {
      if (field.type != WireType::varint) return wrong_type(reader, 3);
      type = field.integer;
    }
  }
  if (piece.empty() || type < 1 || type > 6) {
    return Error{kTokVocab,
                 "token " + std::to_string(data.pieces.size()) +
                     (piece.empty() ? " is empty" : " has an unknown type"),
                 "the file is damaged: take it from its publisher again",
                 {},
                 base};
  }
  data.pieces.push_back(std::move(piece));
  data.scores.push_back(score);
  data.types.push_back(static_cast<TokenType>(type));
  return {};
}

Result<void> read_trainer(std::span<const std::byte> bytes, std::size_t base, Spec& spec) {
  ProtoReader reader(bytes, base);
  while (!reader.at_end()) {
    MOTE_ASSIGN(const ProtoField field, reader.next());
    const bool text = field.type == WireType::bytes;
    const bool number = field.type == WireType::varint;
    switch (field.number) {
      case 3:
        if (!number) return wrong_type(reader, 3);
        spec.model_type = field.integer;
        break;
      case 24:
        if (!number) return wrong_type(reader, 24);
        spec.whitespace_as_suffix = field.integer != 0;
        break;
      case 35:
        if (!number) return wrong_type(reader, 35);
        spec.byte_fallback = field.integer != 0;
        break;
      case 44:
        if (!text) return wrong_type(reader, 44);
        spec.unk_surface = field.text();
        break;
      case 46:
        if (!text) return wrong_type(reader, 46);
        spec.bos_piece = field.text();
        break;
      case 47:
        if (!text) return wrong_type(reader, 47);
        spec.eos_piece = field.text();
        break;
      case 48:
        if (!text) return wrong_type(reader, 48);
        spec.pad_piece = field.text();
        break;
      default:
        break;
    }
  }
  return {};
}

Result<void> read_normalizer(std::span<const std::byte> bytes, std::size_t base, Spec& spec) {
  ProtoReader reader(bytes, base);
  while (!reader.at_end()) {
    MOTE_ASSIGN(const ProtoField field, reader.next());
    if (field.number < 1 || field.number > 5) continue;
    if (field.type != (field.number <= 2 ? WireType::bytes : WireType::varint))
      return wrong_type(reader, field.number);
    if (field.number == 1) spec.normalizer = field.text();
    if (field.number == 2) spec.charsmap = field.text();
    if (field.number == 3) spec.add_dummy_prefix = field.integer != 0;
    if (field.number == 4) spec.remove_extra_whitespaces = field.integer != 0;
    if (field.number == 5) spec.escape_whitespaces = field.integer != 0;
  }
  return {};
}

Error unsupported(std::string what) {
  return Error{kTokUnsupported,
               "cannot use this SentencePiece model: " + std::move(what),
               "supported: BPE and unigram models with spaces before words",
               {},
               {}};
}

}  // namespace

Result<TokenizerData> read_sentencepiece(std::span<const std::byte> bytes) {
  TokenizerData data;
  data.algorithm = TokenizerAlgorithm::score_bpe;
  Spec spec;
  bool has_trainer = false;
  ProtoReader reader(bytes);
  while (!reader.at_end()) {
    MOTE_ASSIGN(const ProtoField field, reader.next());
    has_trainer = has_trainer || field.number == 2;
    if (field.number < 1 || field.number > 3) continue;
    if (field.type != WireType::bytes) return wrong_type(reader, field.number);
    const std::size_t base = reader.position() - field.bytes.size();
    if (field.number == 1) MOTE_TRY(read_piece(field.bytes, base, data));
    if (field.number == 2) MOTE_TRY(read_trainer(field.bytes, base, spec));
    if (field.number == 3) MOTE_TRY(read_normalizer(field.bytes, base, spec));
  }
  if (!has_trainer) {
    return Error{kTokProto,
                 "cannot read the SentencePiece model: it does not say of which type it is",
                 "the file is cut short: take it from its publisher again",
                 {},
                 reader.position()};
  }
  constexpr std::string_view kTypes[] = {"type 0", "unigram", "BPE", "word", "character"};
  if (spec.model_type != 1 && spec.model_type != 2) {
    return unsupported("it is of type " + (spec.model_type < 5 ? std::string(kTypes[spec.model_type])
                                                               : std::to_string(spec.model_type)));
  }
  if (spec.whitespace_as_suffix) return unsupported("it puts spaces after words");
  if (spec.model_type == 1) data.algorithm = TokenizerAlgorithm::unigram;
  data.sentence_normalizer = true;
  data.charsmap = std::move(spec.charsmap);
  data.decode_style = DecodeStyle::marked;
  data.strip_first_space = spec.add_dummy_prefix || spec.remove_extra_whitespaces;
  data.space_prefix = spec.add_dummy_prefix ? SpacePrefix::always : SpacePrefix::never;
  data.remove_extra_whitespaces = spec.remove_extra_whitespaces;
  data.escape_space = spec.escape_whitespaces;
  data.byte_fallback = spec.byte_fallback;
  data.fuse_unknown = true;
  data.user_defined_in_text = true;
  data.unknown_surface = spec.unk_surface;
  data.pre_name = "default";
  for (std::size_t i = 0; i < data.pieces.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (data.types[i] == TokenType::unknown && !data.unk) data.unk = id;
    if (data.types[i] == TokenType::control) {
      if (data.pieces[i] == spec.bos_piece) data.bos = id;
      if (data.pieces[i] == spec.eos_piece) data.eos = id;
      if (data.pieces[i] == spec.pad_piece) data.pad = id;
    }
    if (data.types[i] == TokenType::control || data.types[i] == TokenType::unknown) {
      data.added.push_back(AddedToken{.id = id});
    }
  }
  if (data.algorithm == TokenizerAlgorithm::unigram) {
    if (data.eos) data.suffix = {*data.eos};  // T5 is fed an end, no beginning
  } else if (data.bos) {
    data.prefix = {*data.bos};  // what the models with such tokenizers are fed (Llama-2, llama2.c)
  }
  return data;
}

}  // namespace mote::text
