#include "mote/tokenizer.h"

#include <algorithm>
#include <cmath>
#include <new>

#include "text/tokenizer/added_matcher.h"
#include "text/tokenizer/byte_alphabet.h"
#include "text/tokenizer/errors.h"
#include "text/tokenizer/limits.h"
#include "text/tokenizer/merger.h"
#include "text/tokenizer/normalizer.h"
#include "text/tokenizer/offsets.h"
#include "text/tokenizer/pre_name.h"
#include "text/tokenizer/pre_probe.h"
#include "text/tokenizer/space_escape.h"
#include "text/tokenizer/special_names.h"
#include "text/tokenizer/text_encoder.h"
#include "text/tokenizer/word_piece_text.h"

namespace mote {

using text::AddedMatcher;
using text::AddedToken;
using text::MatchMode;
using text::Region;
using text::TokenizerAlgorithm;
using text::TokenizerData;
using text::TokenSink;

namespace {

Error vocabulary_error(std::string message) {
  return Error{text::kTokVocab,
               std::move(message),
               "the tokenizer is damaged: take it from its publisher again",
               {},
               {}};
}

Result<void> check_vocabulary(const TokenizerData& data) {
  const std::size_t count = data.pieces.size();
  if (count == 0 || count > text::kMaxTokens) {
    return vocabulary_error("cannot build a tokenizer of " + std::to_string(count) +
                            " tokens: 1 to 16,777,216 are allowed");
  }
  if (data.types.size() != count) {
    return vocabulary_error("the vocabulary has " + std::to_string(count) + " tokens but " +
                            std::to_string(data.types.size()) + " token types");
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (data.pieces[i].size() > text::kMaxTokenBytes) {
      return vocabulary_error("token " + std::to_string(i) + " has " + std::to_string(data.pieces[i].size()) +
                              " bytes: at most 65,536 are allowed");
    }
    if (data.types[i] == TokenType::byte && data.algorithm != TokenizerAlgorithm::byte_bpe &&
        !text::parse_byte_token(data.pieces[i])) {
      return vocabulary_error("token " + std::to_string(i) + " is a byte token but is spelled \"" +
                              escape_untrusted(data.pieces[i], 40) + "\" instead of <0xNN>");
    }
  }
  for (const double score : data.scores) {
    if (!std::isfinite(score)) return vocabulary_error("a token's score is not a finite number");
  }
  return {};
}

Result<void> check_ids(const TokenizerData& data) {
  const auto check = [&](TokenId id, std::string_view what) -> Result<void> {
    if (id >= 0 && static_cast<std::size_t>(id) < data.pieces.size()) return {};
    return vocabulary_error("the " + std::string(what) + " token is id " + std::to_string(id) +
                            ", the vocabulary has " + std::to_string(data.pieces.size()));
  };
  const auto check_optional = [&](const std::optional<TokenId>& id, std::string_view what) -> Result<void> {
    return id ? check(*id, what) : Result<void>();
  };
  MOTE_TRY(check_optional(data.bos, "bos"));
  MOTE_TRY(check_optional(data.eos, "eos"));
  MOTE_TRY(check_optional(data.unk, "unknown"));
  MOTE_TRY(check_optional(data.pad, "padding"));
  MOTE_TRY(check_optional(data.eot, "end-of-turn"));
  MOTE_TRY(check_optional(data.eom, "end-of-message"));
  MOTE_TRY(check_optional(data.sep, "separator"));
  MOTE_TRY(check_optional(data.cls, "class"));
  MOTE_TRY(check_optional(data.mask, "mask"));
  for (const TokenId id : data.end_of_generation) MOTE_TRY(check(id, "end-of-generation"));
  for (const TokenId id : data.prefix) MOTE_TRY(check(id, "prefix"));
  for (const TokenId id : data.suffix) MOTE_TRY(check(id, "suffix"));
  for (const AddedToken& token : data.added) MOTE_TRY(check(token.id, "added"));
  return {};
}

std::vector<TokenId> find_ends(const TokenizerData& data) {
  std::vector<TokenId> ends = data.end_of_generation;
  for (const auto& id : {data.eos, data.eot, data.eom}) {
    if (id) ends.push_back(*id);
  }
  for (std::size_t i = 0; i < data.pieces.size(); ++i) {
    const bool special = data.types[i] == TokenType::control || data.types[i] == TokenType::user_defined;
    if (special && text::ends_generation_by_name(data.pieces[i])) ends.push_back(static_cast<TokenId>(i));
  }
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  return ends;
}

}  // namespace

struct Tokenizer::Impl {
  TokenizerData data;
  text::PieceIndex index;  // of data.pieces
  std::unique_ptr<text::TextEncoder> encoder;
  text::Normalizer normalizer;
  AddedMatcher raw;         // tokens that are matched in the text as it is
  AddedMatcher normalized;  // and those in the normalized text
  std::vector<TokenId> ends;
  bool add_bos = false;
  bool add_eos = false;

  [[nodiscard]] bool in_range(TokenId id) const {
    return id >= 0 && static_cast<std::size_t>(id) < data.pieces.size();
  }
  [[nodiscard]] const std::string& piece(TokenId id) const {
    return data.pieces[static_cast<std::size_t>(id)];
  }
  [[nodiscard]] TokenType type(TokenId id) const { return data.types[static_cast<std::size_t>(id)]; }

  Result<void> build();
  void name_splitting();
  [[nodiscard]] MatchMode mode_of(TokenId id) const;
  void append_bytes(TokenId id, std::string& out) const;
  Result<void> encode_regions(std::string_view text, std::span<const Region> regions, TokenSink& sink) const;
  // `base`: where the stretch begins in the whole text.
  Result<void> encode_stretch(std::string_view text, std::uint32_t base, std::span<const Region> regions,
                              TokenSink& sink) const;
};

MatchMode Tokenizer::Impl::mode_of(TokenId id) const {
  if (type(id) == TokenType::control || type(id) == TokenType::unknown) return MatchMode::all;
  const bool template_only =
      text::looks_like_markup(piece(id)) || std::binary_search(ends.begin(), ends.end(), id);
  return template_only ? MatchMode::no_control : MatchMode::user_text;
}

Result<void> Tokenizer::Impl::build() {
  MOTE_TRY(check_vocabulary(data));
  MOTE_TRY(check_ids(data));
  index = text::PieceIndex(data.pieces);
  ends = find_ends(data);
  MOTE_ASSIGN(normalizer, text::Normalizer::create(data.normalizer));
  std::vector<text::AddedText> raw_texts;
  std::vector<text::AddedText> normalized_texts;
  for (const AddedToken& token : data.added) {
    const std::string& text = piece(token.id);
    if (text.empty() || text.size() > text::kMaxAddedTokenBytes) {
      return vocabulary_error("added token " + std::to_string(token.id) + " has " +
                              std::to_string(text.size()) + " bytes: 1 to 1,024 are allowed");
    }
    if (!token.normalized) {
      raw_texts.push_back({token, text, mode_of(token.id)});
      continue;
    }
    MOTE_ASSIGN(const text::AlignedText form, normalizer.run(text::AlignedText(text, 0, false)));
    if (!form.empty() && form.text().size() <= text::kMaxAddedTokenBytes)
      normalized_texts.push_back({token, std::string(form.text()), mode_of(token.id)});
  }
  raw = AddedMatcher(raw_texts);
  normalized = AddedMatcher(normalized_texts);
  switch (data.algorithm) {
    case TokenizerAlgorithm::byte_bpe: {
      MOTE_ASSIGN(encoder, text::make_byte_encoder(data, index));
      break;
    }
    case TokenizerAlgorithm::char_bpe: {
      MOTE_ASSIGN(encoder, text::make_char_encoder(data, index));
      break;
    }
    case TokenizerAlgorithm::score_bpe: {
      MOTE_ASSIGN(encoder, text::make_score_encoder(data, index));
      break;
    }
    case TokenizerAlgorithm::unigram: {
      MOTE_ASSIGN(encoder, text::make_unigram_encoder(data, index));
      break;
    }
    case TokenizerAlgorithm::wordpiece: {
      MOTE_ASSIGN(encoder, text::make_wordpiece_encoder(data, index));
      break;
    }
  }
  if (data.algorithm == TokenizerAlgorithm::byte_bpe && data.pre_name.empty()) name_splitting();
  add_bos = data.bos && !data.prefix.empty() && data.prefix.front() == *data.bos;
  add_eos = data.eos && !data.suffix.empty() && data.suffix.back() == *data.eos;
  return {};
}

void Tokenizer::Impl::name_splitting() {
  std::vector<TokenId> ids = data.prefix;
  TokenSink sink(ids);
  const std::string_view probe = text::probe_text();
  const Region whole{probe.size(), MatchMode::all};
  if (!encode_regions(probe, std::span(&whole, 1), sink)) return;  // encode() will say why
  ids.insert(ids.end(), data.suffix.begin(), data.suffix.end());
  text::PreName found = text::find_pre_name(data, index, ids);
  data.pre_name = std::move(found.name);
  data.warnings.insert(data.warnings.end(), found.warnings.begin(), found.warnings.end());
}

Result<void> Tokenizer::Impl::encode_stretch(std::string_view source, std::uint32_t base,
                                             std::span<const Region> regions, TokenSink& sink) const {
  // Each region is normalized for itself, so that no character grows together across a border of trust.
  text::AlignedText normal;
  text::AlignedView text{source, {}, base};
  std::vector<Region> normal_regions;
  if (!normalizer.empty() || sink.tracks()) {
    std::size_t begin = 0;
    for (const Region& region : regions) {
      MOTE_ASSIGN(const text::AlignedText part,
                  normalizer.run(text::AlignedText(source.substr(begin, region.end - begin),
                                                   base + static_cast<std::uint32_t>(begin), sink.tracks())));
      if (begin == 0) {
        normal = part;
      } else {
        normal.append(part);
      }
      normal_regions.push_back(Region{normal.text().size(), region.mode});
      begin = region.end;
    }
    text = normal.view();
    regions = normal_regions;
  }
  MatchMode strictest = MatchMode::all;
  for (const Region& region : regions) strictest = std::max(strictest, region.mode);
  std::size_t at = 0;
  const auto plain = [&](std::size_t end) -> Result<void> {
    if (end <= at) return {};
    return encoder->encode(text.sub(at, end - at), base == 0 && at == 0, strictest, sink);
  };
  for (const auto& match : normalized.find(text.text, regions)) {
    MOTE_TRY(plain(match.begin));
    sink.push(match.id, text, match.begin, match.end);
    at = match.end;
  }
  return plain(text.text.size());
}

Result<void> Tokenizer::Impl::encode_regions(std::string_view text, std::span<const Region> regions,
                                             TokenSink& sink) const {
  // Escaping makes three bytes of a space, and symbols have 31-bit indices.
  if (text.size() > text::kMaxMergeBytes / 4) {
    return Error{text::kTokExpansion,
                 "cannot tokenize a text of " + std::to_string(text.size()) +
                     " bytes at once: at most 536,870,911 are allowed",
                 "split the text",
                 {},
                 {}};
  }
  std::size_t at = 0;
  std::vector<Region> clipped;
  const auto stretch = [&](std::size_t end) -> Result<void> {
    if (end <= at) return {};
    clipped.clear();
    auto region = std::upper_bound(regions.begin(), regions.end(), at,
                                   [](std::size_t position, const Region& r) { return position < r.end; });
    for (; region != regions.end(); ++region) {
      clipped.push_back(Region{std::min(region->end, end) - at, region->mode});
      if (region->end >= end) break;
    }
    return encode_stretch(text.substr(at, end - at), static_cast<std::uint32_t>(at), clipped, sink);
  };
  for (const auto& match : raw.find(text, regions)) {
    MOTE_TRY(stretch(match.begin));
    sink.push(match.id,
              text::Origin{static_cast<std::uint32_t>(match.begin), static_cast<std::uint32_t>(match.end)});
    at = match.end;
  }
  return stretch(text.size());
}

void Tokenizer::Impl::append_bytes(TokenId id, std::string& out) const {
  const std::string& spelling = piece(id);
  const TokenType kind = type(id);
  switch (data.decode_style) {
    case text::DecodeStyle::bytes:
      if (kind == TokenType::normal || kind == TokenType::byte) {
        if (const auto bytes = text::kByteAlphabet.unspell(spelling)) {
          out += *bytes;
          return;
        }
      }
      out += spelling;
      return;
    case text::DecodeStyle::wordpiece:
      text::append_word_piece(out, spelling, kind, data);
      return;
    case text::DecodeStyle::spaced:
      out += ' ';
      out += spelling;
      return;
    case text::DecodeStyle::marked:
      break;
  }
  switch (kind) {
    case TokenType::byte:
      out.push_back(static_cast<char>(text::parse_byte_token(spelling).value_or(0)));
      break;
    case TokenType::unknown:
      out += data.unknown_surface.empty() ? spelling : data.unknown_surface;
      break;
    case TokenType::user_defined:
      if (data.user_defined_in_text) {
        text::append_unescaped(out, spelling);
      } else {
        out += spelling;
      }
      break;
    case TokenType::control:
      out += spelling;
      break;
    default:
      text::append_unescaped(out, spelling);
  }
}

Tokenizer::Tokenizer(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::~Tokenizer() = default;

Result<std::unique_ptr<Tokenizer>> Tokenizer::create(TokenizerData data) {
  try {
    auto impl = std::make_unique<Impl>();
    impl->data = std::move(data);
    MOTE_TRY(impl->build());
    return std::unique_ptr<Tokenizer>(new Tokenizer(std::move(impl)));
  } catch (const std::bad_alloc&) {
    return Error{text::kTokMemory, "no memory for the tables of a tokenizer", {}, {}, {}};
  }
}

Result<std::vector<TokenId>> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  try {
    std::vector<TokenId> out;
    if (options.add_special) out = impl_->data.prefix;
    const Region whole{text.size(), options.parse_special ? MatchMode::all : MatchMode::no_control};
    TokenSink sink(out);
    MOTE_TRY(impl_->encode_regions(text, std::span(&whole, 1), sink));
    if (options.add_special) out.insert(out.end(), impl_->data.suffix.begin(), impl_->data.suffix.end());
    return out;
  } catch (const std::bad_alloc&) {
    return Error{
        text::kTokMemory, "no memory to tokenize " + std::to_string(text.size()) + " bytes", {}, {}, {}};
  }
}

Result<std::vector<TokenSpan>> Tokenizer::encode_with_offsets(std::string_view text,
                                                              EncodeOptions options) const {
  try {
    std::vector<TokenId> ids;
    std::vector<text::Origin> origins;
    const Region whole{text.size(), options.parse_special ? MatchMode::all : MatchMode::no_control};
    TokenSink sink(ids, &origins);
    MOTE_TRY(impl_->encode_regions(text, std::span(&whole, 1), sink));
    std::vector<TokenSpan> out;
    if (options.add_special) {
      for (const TokenId id : impl_->data.prefix) out.push_back(TokenSpan{id, 0, 0});
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
      TokenSpan span{ids[i], origins[i].begin, origins[i].end};
      if (impl_->data.trim_offsets) text::trim_span(text, impl_->piece(ids[i]), i == 0, impl_->data, span);
      out.push_back(span);
    }
    if (options.add_special) {
      for (const TokenId id : impl_->data.suffix) out.push_back(TokenSpan{id, 0, 0});
    }
    return out;
  } catch (const std::bad_alloc&) {
    return Error{
        text::kTokMemory, "no memory to tokenize " + std::to_string(text.size()) + " bytes", {}, {}, {}};
  }
}

Result<std::vector<TokenId>> Tokenizer::encode_pieces(std::span<const text::TextPiece> pieces,
                                                      bool add_special) const {
  try {
    std::string text;
    std::vector<Region> regions;
    for (const text::TextPiece& piece : pieces) {
      if (piece.text.empty()) continue;
      text += piece.text;
      regions.push_back(Region{text.size(), piece.is_template ? MatchMode::all : MatchMode::user_text});
    }
    std::vector<TokenId> out;
    if (add_special) out = impl_->data.prefix;
    TokenSink sink(out);
    MOTE_TRY(impl_->encode_regions(text, regions, sink));
    if (add_special) out.insert(out.end(), impl_->data.suffix.begin(), impl_->data.suffix.end());
    return out;
  } catch (const std::bad_alloc&) {
    return Error{text::kTokMemory, "no memory to tokenize a prompt", {}, {}, {}};
  }
}

std::size_t Tokenizer::vocabulary_size() const { return impl_->data.pieces.size(); }

std::string_view Tokenizer::piece(TokenId id) const {
  return impl_->in_range(id) ? std::string_view(impl_->piece(id)) : std::string_view();
}

std::string Tokenizer::token_bytes(TokenId id) const {
  std::string out;
  if (impl_->in_range(id)) impl_->append_bytes(id, out);
  return out;
}

TokenType Tokenizer::type(TokenId id) const {
  return impl_->in_range(id) ? impl_->type(id) : TokenType::unused;
}

bool Tokenizer::is_control(TokenId id) const {
  return impl_->in_range(id) &&
         (impl_->type(id) == TokenType::control || impl_->type(id) == TokenType::unknown);
}

std::optional<TokenId> Tokenizer::find(std::string_view piece) const { return impl_->index.find(piece); }

std::string Tokenizer::decode(std::span<const TokenId> tokens, bool skip_special) const {
  std::string out;
  bool strip = strips_leading_space();
  for (const TokenId id : tokens) {
    if (!impl_->in_range(id)) continue;
    const TokenType kind = impl_->type(id);
    const bool special =
        kind == TokenType::control || (kind == TokenType::unknown && impl_->data.unknown_surface.empty());
    if (skip_special && special) continue;
    const std::size_t begin = out.size();
    impl_->append_bytes(id, out);
    if (!strip) continue;
    const bool any_kind = impl_->data.decode_style == text::DecodeStyle::wordpiece ||
                          impl_->data.decode_style == text::DecodeStyle::spaced;
    const bool text_token = any_kind || kind == TokenType::normal || kind == TokenType::user_defined;
    bool stripped = false;
    while (text_token && out.size() > begin && out[begin] == ' ' &&
           (!stripped || impl_->data.strip_first_token)) {
      out.erase(begin, 1);
      stripped = true;
    }
    strip =
        out.empty() && (!stripped || impl_->data.remove_extra_whitespaces) && !impl_->data.strip_first_token;
  }
  return out;
}

std::optional<TokenId> Tokenizer::bos() const { return impl_->data.bos; }
std::optional<TokenId> Tokenizer::eos() const { return impl_->data.eos; }
std::optional<TokenId> Tokenizer::unk() const { return impl_->data.unk; }
std::optional<TokenId> Tokenizer::pad() const { return impl_->data.pad; }
const std::vector<TokenId>& Tokenizer::end_of_generation() const { return impl_->ends; }
bool Tokenizer::is_end_of_generation(TokenId id) const {
  return std::binary_search(impl_->ends.begin(), impl_->ends.end(), id);
}
bool Tokenizer::add_bos() const { return impl_->add_bos; }
bool Tokenizer::add_eos() const { return impl_->add_eos; }

std::string_view Tokenizer::model_type() const {
  switch (impl_->data.algorithm) {
    case TokenizerAlgorithm::byte_bpe:
      return "gpt2";
    case TokenizerAlgorithm::unigram:
      return "t5";
    case TokenizerAlgorithm::wordpiece:
      return "bert";
    default:
      return "llama";
  }
}
std::string_view Tokenizer::pre_name() const { return impl_->data.pre_name; }
const std::string& Tokenizer::chat_template() const { return impl_->data.chat_template; }
bool Tokenizer::strips_leading_space() const { return impl_->data.strip_first_space; }
std::span<const std::string> Tokenizer::warnings() const { return impl_->data.warnings; }
const TokenizerData& Tokenizer::data() const { return impl_->data; }

}  // namespace mote
