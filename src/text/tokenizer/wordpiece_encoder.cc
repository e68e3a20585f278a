// WordPiece (Schuster and Nakajima 2012, as BERT uses it): the longest token that a word begins with, then
// the longest of those that continue a word, and so on; a word that cannot be covered is one unknown token.
//
// Hugging Face marks tokens that continue a word ("##ing"), GGUF marks those that begin one ("▁walk"). A walk
// of the token tree finds the longest token, so the time is the text's length times that of the longest
// token.
#include <optional>

#include "base/strings.h"
#include "text/tokenizer/errors.h"
#include "text/tokenizer/limits.h"
#include "text/tokenizer/merger.h"
#include "text/tokenizer/piece_trie.h"
#include "text/tokenizer/space_escape.h"
#include "text/tokenizer/text_encoder.h"
#include "text/tokenizer/word_cutter.h"

namespace mote::text {
namespace {

class WordPieceEncoder final : public TextEncoder {
 public:
  WordPieceEncoder(const TokenizerData& data, TokenId unknown, PieceTrie trie, WordCutter cutter)
      : data_(data),
        unknown_(unknown),
        trie_(std::move(trie)),
        cutter_(std::move(cutter)),
        continuing_(data.phantom_space ? PieceTrie::kRoot : trie_.walk(PieceTrie::kRoot, data.continuation)),
        beginning_(data.phantom_space ? trie_.walk(PieceTrie::kRoot, kSpaceMark) : PieceTrie::kRoot) {}

  Result<void> encode(const AlignedView& text, bool first, MatchMode /*mode*/,
                      TokenSink& sink) const override {
    std::vector<Piece> pieces;
    return cutter_.cut(text, first, [&](const AlignedView& word) -> Result<void> {
      if (!cover(word.text, pieces)) pieces.assign(1, {unknown_, 0, word.text.size()});
      for (const Piece& piece : pieces) sink.push(piece.id, word, piece.begin, piece.end);
      return {};
    });
  }

 private:
  struct Piece {
    TokenId id = kNoToken;
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  [[nodiscard]] Piece longest(PieceTrie::Node node, std::string_view word, std::size_t begin) const {
    Piece found;
    for (std::size_t i = begin; i < word.size() && node != PieceTrie::kNone; ++i) {
      node = trie_.child(node, static_cast<unsigned char>(word[i]));
      if (node != PieceTrie::kNone && trie_.token(node) != kNoToken)
        found = Piece{trie_.token(node), begin, i + 1};
    }
    return found;
  }

  bool cover(std::string_view word, std::vector<Piece>& pieces) const {
    pieces.clear();
    if (data_.max_word_characters != 0) {
      std::size_t characters = 0;
      for (std::size_t i = 0; i < word.size(); ++characters) next_code_point(word, i);
      if (characters > data_.max_word_characters) return false;
    }
    std::size_t at = 0;
    PieceTrie::Node node = beginning_;
    // The mark alone is a token of some vocabularies: it covers nothing of the word.
    const TokenId mark = data_.phantom_space && node != PieceTrie::kNone ? trie_.token(node) : kNoToken;
    while (at < word.size()) {
      Piece piece = longest(node, word, at);
      if (piece.id == kNoToken && at == 0 && mark != kNoToken && pieces.empty()) piece = Piece{mark, 0, 0};
      if (piece.id == kNoToken) return false;
      pieces.push_back(piece);
      at = piece.end;
      node = continuing_;
    }
    return true;
  }

  const TokenizerData& data_;
  TokenId unknown_;
  PieceTrie trie_;
  WordCutter cutter_;
  PieceTrie::Node continuing_;
  PieceTrie::Node beginning_;
};

}  // namespace

Result<std::unique_ptr<TextEncoder>> make_wordpiece_encoder(const TokenizerData& data,
                                                            const PieceIndex& /*index*/) {
  const auto damaged = [](std::string message) {
    return Error{kTokVocab,
                 "cannot build a WordPiece tokenizer: " + std::move(message),
                 "the tokenizer is damaged: take it from its publisher again",
                 {},
                 {}};
  };
  const std::optional<TokenId> unknown = stand_in(data);
  if (!unknown) return damaged("the vocabulary has no unknown token, or one that is a control token");
  if (data.max_word_characters > kMaxWordCharacters) {
    return damaged("words of " + std::to_string(data.max_word_characters) +
                   " characters are looked up, at most " + with_thousands(kMaxWordCharacters) +
                   " are allowed");
  }
  std::vector<std::pair<std::string_view, TokenId>> pieces;
  pieces.reserve(data.pieces.size());
  for (std::size_t i = 0; i < data.pieces.size(); ++i) {
    const bool matched = data.types[i] == TokenType::normal || data.types[i] == TokenType::user_defined ||
                         data.types[i] == TokenType::unused;
    if (!matched || data.pieces[i].empty() || is_outside_model(data, static_cast<TokenId>(i))) continue;
    if (data.pieces[i].size() > kMaxTriePieceBytes) {
      return damaged("token " + std::to_string(i) + " has " + std::to_string(data.pieces[i].size()) +
                     " bytes, at most " + with_thousands(kMaxTriePieceBytes) + " are allowed");
    }
    pieces.emplace_back(data.pieces[i], static_cast<TokenId>(i));
  }
  MOTE_ASSIGN(WordCutter cutter, WordCutter::create(data));
  return std::unique_ptr<TextEncoder>(
      std::make_unique<WordPieceEncoder>(data, *unknown, PieceTrie(std::move(pieces)), std::move(cutter)));
}

}  // namespace mote::text
