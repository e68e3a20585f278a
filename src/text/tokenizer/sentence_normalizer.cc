#include "text/tokenizer/sentence_normalizer.h"

#include "base/strings.h"
#include "text/tokenizer/errors.h"
#include "text/tokenizer/limits.h"
#include "text/tokenizer/space_escape.h"
#include "text/tokenizer/text_encoder.h"

namespace mote::text {
namespace {

std::size_t expansion_limit(std::size_t bytes) { return bytes * 16 + (std::size_t{1} << 20); }

Error too_long(std::size_t bytes) {
  return Error{kTokExpansion,
               "the character map of the tokenizer made a text of " + std::to_string(bytes) +
                   " bytes more than 16 times as long",
               "the tokenizer file is damaged or hostile: take it from its publisher",
               {},
               {}};
}

std::size_t count_characters(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++count) next_code_point(text, i);
  return count;
}

// Writes what stands for `characters` of the source.
void put_chunk(Rewriter& to, std::string_view chunk, std::size_t characters, std::string_view space) {
  std::size_t index = 0;
  for (std::size_t i = 0; i < chunk.size(); ++index) {
    const std::size_t begin = i;
    next_code_point(chunk, i);
    const std::string_view character = chunk.substr(begin, i - begin);
    to.put(character == " " ? space : character, index < characters ? 0 : 1);
  }
  if (index < characters) to.skip(characters - index);
}

}  // namespace

Result<SentenceNormalizer> SentenceNormalizer::create(const TokenizerData& data) {
  SentenceNormalizer made(data);
  if (!data.charsmap.empty()) {
    MOTE_ASSIGN(made.map_, Charsmap::create(data.charsmap));
  }
  std::vector<std::pair<std::string_view, TokenId>> pieces;
  for (std::size_t i = 0; i < data.pieces.size(); ++i) {
    const std::string& piece = data.pieces[i];
    if (data.types[i] == TokenType::user_defined && !piece.empty() && piece.size() <= kMaxTriePieceBytes)
      pieces.emplace_back(piece, static_cast<TokenId>(i));
  }
  made.user_defined_ = PieceTrie(std::move(pieces));
  return made;
}

SentenceNormalizer::Chunk SentenceNormalizer::next(std::string_view rest, MatchMode mode) const {
  std::size_t length = 0;
  PieceTrie::Node node = PieceTrie::kRoot;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    node = user_defined_.child(node, static_cast<unsigned char>(rest[i]));
    if (node == PieceTrie::kNone) break;
    if (user_defined_.token(node) < 0) continue;
    if (mode == MatchMode::user_text && looks_like_markup(rest.substr(0, i + 1))) continue;
    length = i + 1;
  }
  if (length > 0) return {rest.substr(0, length), length};
  if (map_) {
    if (const auto match = map_->longest(rest)) return {match->replacement, match->length};
  }
  next_code_point(rest, length);
  return {rest.substr(0, length), length};
}

Result<AlignedText> SentenceNormalizer::run(const AlignedView& text, MatchMode mode) const {
  return data_->unigram_rules == UnigramRules::llama_cpp ? run_llama_cpp(text, mode)
                                                         : run_sentencepiece(text, mode);
}

Result<AlignedText> SentenceNormalizer::run_sentencepiece(const AlignedView& source, MatchMode mode) const {
  const std::string_view text = source.text;
  const std::size_t limit = expansion_limit(text.size());
  const std::string_view space = data_->escape_space ? kSpaceMark : std::string_view(" ");
  const bool merge = data_->remove_extra_whitespaces;
  Rewriter to(source, source.tracked());
  std::size_t i = 0;
  while (merge && i < text.size()) {
    const Chunk chunk = next(text.substr(i), mode);
    if (chunk.text != " ") break;
    to.skip(count_characters(text.substr(i, chunk.length)));
    i += chunk.length;
  }
  if (i == text.size()) return AlignedText();
  if (data_->space_prefix == SpacePrefix::always) to.put(space, 1);
  bool after_space = merge;
  while (i < text.size()) {
    const Chunk chunk = next(text.substr(i), mode);
    const std::size_t characters = count_characters(text.substr(i, chunk.length));
    i += chunk.length;
    std::string_view part = chunk.text;
    while (after_space && part.starts_with(' ')) part.remove_prefix(1);
    put_chunk(to, part, characters, space);
    if (!part.empty()) after_space = part.ends_with(' ');
    if (!merge) after_space = false;
    if (to.size() > limit) return too_long(text.size());
  }
  AlignedText out = to.finish();
  // The end is stripped after escaping, so marks that stood in the text go as well, and the prefix with them.
  while (merge && out.text().ends_with(space)) out.truncate(out.text().size() - space.size());
  return out;
}

Result<AlignedText> SentenceNormalizer::run_llama_cpp(const AlignedView& source, MatchMode mode) const {
  const std::string_view text = source.text;
  const std::size_t limit = expansion_limit(text.size());
  const bool prefix = data_->space_prefix == SpacePrefix::always;
  const bool merge = data_->remove_extra_whitespaces;
  Rewriter to(source, source.tracked());
  bool prefixed = false;
  bool in_word = false;
  for (std::size_t i = 0; i < text.size();) {
    const Chunk chunk = next(text.substr(i), mode);
    const std::size_t characters = count_characters(text.substr(i, chunk.length));
    i += chunk.length;
    std::size_t index = 0;
    for (std::size_t k = 0; k < chunk.text.size(); ++index) {
      const std::size_t begin = k;
      next_code_point(chunk.text, k);
      const std::string_view character = chunk.text.substr(begin, k - begin);
      const int change = index < characters ? 0 : 1;
      if (character != " ") {
        if (!in_word && ((prefix && !prefixed) || merge)) {
          to.put(kSpaceMark, 1);
          prefixed = true;
        }
        in_word = true;
        to.put(character, change);
      } else {
        in_word = false;
        if (!merge) {
          to.put(kSpaceMark, change);
        } else if (change == 0) {
          to.skip(1);
        }
      }
    }
    if (index < characters) to.skip(characters - index);
    if (to.size() > limit) return too_long(text.size());
  }
  return to.finish();
}

}  // namespace mote::text
