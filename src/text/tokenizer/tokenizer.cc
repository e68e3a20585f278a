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
#include "text/tokenizer/space_escape.h"
#include "text/tokenizer/special_names.h"
#include "text/tokenizer/text_encoder.h"

namespace mote {

using text::AddedMatcher;
using text::AddedToken;
using text::MatchMode;
using text::Region;
using text::TokenizerAlgorithm;
using text::TokenizerData;

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
  for (const float score : data.scores) {
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
  text::PieceIndex index;  // views into data.pieces
  std::unique_ptr<text::TextEncoder> encoder;
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
  [[nodiscard]] MatchMode mode_of(TokenId id) const;
  void append_bytes(TokenId id, std::string& out) const;
  Result<void> encode_regions(std::string_view text, std::span<const Region> regions,
                              std::vector<TokenId>& out) const;
  Result<void> encode_stretch(std::string_view text, std::span<const Region> regions, bool first,
                              std::vector<TokenId>& out) const;
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
  index.reserve(data.pieces.size());
  for (std::size_t i = 0; i < data.pieces.size(); ++i)
    index.try_emplace(data.pieces[i], static_cast<TokenId>(i));
  ends = find_ends(data);
  for (const AddedToken& token : data.added) {
    const std::string& text = piece(token.id);
    if (text.empty() || text.size() > text::kMaxAddedTokenBytes) {
      return vocabulary_error("added token " + std::to_string(token.id) + " has " +
                              std::to_string(text.size()) + " bytes: 1 to 1,024 are allowed");
    }
    if (!token.normalized) {
      raw.add(token, text, mode_of(token.id));
      continue;
    }
    MOTE_ASSIGN(const std::string form, text::normalize(text, data.normalizer));
    if (!form.empty()) normalized.add(token, form, mode_of(token.id));
  }
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
  }
  add_bos = data.bos && !data.prefix.empty() && data.prefix.front() == *data.bos;
  add_eos = data.eos && !data.suffix.empty() && data.suffix.back() == *data.eos;
  return {};
}

Result<void> Tokenizer::Impl::encode_stretch(std::string_view text, std::span<const Region> regions,
                                             bool first, std::vector<TokenId>& out) const {
  // Each region is normalized for itself, so that no character grows together across a border of trust.
  std::string normal;
  std::vector<Region> normal_regions;
  if (!data.normalizer.empty()) {
    std::size_t begin = 0;
    for (const Region& region : regions) {
      MOTE_ASSIGN(const std::string part,
                  text::normalize(text.substr(begin, region.end - begin), data.normalizer));
      normal += part;
      normal_regions.push_back(Region{normal.size(), region.mode});
      begin = region.end;
    }
    text = normal;
    regions = normal_regions;
  }
  MatchMode strictest = MatchMode::all;
  for (const Region& region : regions) strictest = std::max(strictest, region.mode);
  std::size_t at = 0;
  const auto plain = [&](std::size_t end) -> Result<void> {
    if (end <= at) return {};
    return encoder->encode(text.substr(at, end - at), first && at == 0, strictest, out);
  };
  for (const auto& match : normalized.find(text, regions)) {
    MOTE_TRY(plain(match.begin));
    out.push_back(match.id);
    at = match.end;
  }
  return plain(text.size());
}

Result<void> Tokenizer::Impl::encode_regions(std::string_view text, std::span<const Region> regions,
                                             std::vector<TokenId>& out) const {
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
    return encode_stretch(text.substr(at, end - at), clipped, at == 0, out);
  };
  for (const auto& match : raw.find(text, regions)) {
    MOTE_TRY(stretch(match.begin));
    out.push_back(match.id);
    at = match.end;
  }
  return stretch(text.size());
}

void Tokenizer::Impl::append_bytes(TokenId id, std::string& out) const {
  const std::string& spelling = piece(id);
  const TokenType kind = type(id);
  if (data.algorithm == TokenizerAlgorithm::byte_bpe) {
    if (kind == TokenType::normal || kind == TokenType::byte) {
      if (const auto bytes = text::kByteAlphabet.unspell(spelling)) {
        out += *bytes;
        return;
      }
    }
    out += spelling;
    return;
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
    MOTE_TRY(impl_->encode_regions(text, std::span(&whole, 1), out));
    if (options.add_special) out.insert(out.end(), impl_->data.suffix.begin(), impl_->data.suffix.end());
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
    MOTE_TRY(impl_->encode_regions(text, regions, out));
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

std::optional<TokenId> Tokenizer::find(std::string_view piece) const {
  const auto it = impl_->index.find(piece);
  return it == impl_->index.end() ? std::nullopt : std::optional<TokenId>(it->second);
}

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
    const bool text_token = kind == TokenType::normal || kind == TokenType::user_defined;
    const bool stripped = text_token && out.size() > begin && out[begin] == ' ';
    if (stripped) out.erase(begin, 1);
    strip = out.empty() && (!stripped || impl_->data.remove_extra_whitespaces);
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
  return impl_->data.algorithm == TokenizerAlgorithm::byte_bpe ? "gpt2" : "llama";
}
std::string_view Tokenizer::pre_name() const { return impl_->data.pre_name; }
const std::string& Tokenizer::chat_template() const { return impl_->data.chat_template; }
bool Tokenizer::strips_leading_space() const {
  return impl_->data.algorithm != TokenizerAlgorithm::byte_bpe &&
         (impl_->data.space_prefix != text::SpacePrefix::never || impl_->data.remove_extra_whitespaces);
}
const TokenizerData& Tokenizer::data() const { return impl_->data; }

}  // namespace mote
