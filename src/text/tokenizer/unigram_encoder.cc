// Unigram language models (Kudo 2018): of all ways to cut a text into tokens, the one whose scores have the
// largest sum, by Viterbi's algorithm from left to right. One walk of the token tree for each character, so
// the time is the text's length times that of the longest token.
//
// Three programs agree on the method and differ in details that decide ids (UnigramRules): sentencepiece
// keeps sums as floats and gives user-defined tokens -0.1, llama.cpp adds doubles and gives them 0, Hugging
// Face's tokenizers add doubles and give them what the vocabulary says. The first of equal sums wins in all
// of them.
#include <algorithm>
#include <limits>
#include <optional>

#include "base/strings.h"
#include "text/tokenizer/errors.h"
#include "text/tokenizer/limits.h"
#include "text/tokenizer/merger.h"
#include "text/tokenizer/piece_trie.h"
#include "text/tokenizer/sentence_normalizer.h"
#include "text/tokenizer/space_escape.h"
#include "text/tokenizer/text_encoder.h"
#include "text/tokenizer/word_cutter.h"

namespace mote::text {
namespace {

// How much less an unknown character counts than the worst token (sentencepiece, src/unigram_model.cc).
constexpr double kUnknownPenalty = 10.0;

class UnigramEncoder final : public TextEncoder {
 public:
  UnigramEncoder(const TokenizerData& data, PieceTrie trie, std::vector<double> scores,
                 std::optional<SentenceNormalizer> normalizer, std::optional<WordCutter> cutter)
      : data_(data),
        trie_(std::move(trie)),
        scores_(std::move(scores)),
        bytes_(byte_tokens(data)),
        normalizer_(std::move(normalizer)),
        cutter_(std::move(cutter)) {
    const bool all = data.unigram_rules == UnigramRules::huggingface;
    double lowest = std::numeric_limits<double>::max();
    for (std::size_t i = 0; i < data.pieces.size(); ++i) {
      const bool outside = is_outside_model(data, static_cast<TokenId>(i));
      if (all ? data.types[i] != TokenType::unused && !outside : data.types[i] == TokenType::normal)
        lowest = std::min(lowest, scores_[i]);
      if (data.types[i] != TokenType::control && data.types[i] != TokenType::unknown &&
          data.types[i] != TokenType::byte)
        words_are_apart_ = words_are_apart_ && !space_inside(data.pieces[i]);
    }
    unknown_score_ = lowest - kUnknownPenalty;
  }

  Result<void> encode(const AlignedView& plain, bool first, MatchMode mode, TokenSink& sink) const override {
    if (normalizer_) {
      MOTE_ASSIGN(const AlignedText text, normalizer_->run(plain, mode));
      return encode_words(text.view(), mode, sink);
    }
    return cutter_->cut(plain, first,
                        [&](const AlignedView& word) { return encode_words(word, mode, sink); });
  }

 private:
  struct Piece {
    std::uint32_t begin;
    std::uint32_t end;
    TokenId id;
  };
  template <typename Score>
  struct Best {
    Score score = 0;
    std::uint32_t begin = UINT32_MAX;  // of the token that ends here
    TokenId id = kNoToken;
  };

  static bool space_inside(std::string_view piece) {
    while (piece.starts_with(kSpaceMark)) piece.remove_prefix(kSpaceMark.size());
    return piece.find(kSpaceMark) != std::string_view::npos;
  }

  Result<void> encode_words(const AlignedView& text, MatchMode mode, TokenSink& sink) const {
    std::vector<Piece> pieces;
    if (data_.unigram_rules == UnigramRules::sentencepiece) {
      find_best<float>(text.text, mode, pieces);
    } else {
      find_best<double>(text.text, mode, pieces);
    }
    for (std::size_t i = 0; i < pieces.size();) {
      if (pieces[i].id != kNoToken) {
        sink.push(pieces[i].id, text, pieces[i].begin, pieces[i].end);
        ++i;
        continue;
      }
      std::size_t stop = i + 1;
      while (data_.fuse_unknown && stop < pieces.size() && pieces[stop].id == kNoToken) ++stop;
      MOTE_TRY(push_unknown(text, pieces[i].begin, pieces[stop - 1].end, sink));
      i = stop;
    }
    return {};
  }

  Result<void> push_unknown(const AlignedView& text, std::size_t begin, std::size_t end,
                            TokenSink& sink) const {
    const std::string_view part = text.text.substr(begin, end - begin);
    const bool spelled = data_.byte_fallback && std::all_of(part.begin(), part.end(), [&](char c) {
                           return bytes_[static_cast<unsigned char>(c)] != kNoToken;
                         });
    if (spelled) {
      for (const char c : part) sink.push(bytes_[static_cast<unsigned char>(c)], text, begin, end);
      return {};
    }
    if (!unknown_) {
      return Error{
          kTokVocab,
          "the vocabulary has no token for \"" + escape_untrusted(part, 40) + "\" and no unknown token",
          "use a tokenizer with an unknown token, or leave such characters out",
          {},
          {}};
    }
    sink.push(*unknown_, text, begin, end);
    return {};
  }

  // Where no token has a space after another character, every way to cut the text has a border in front of
  // each word, and words can be searched one by one. The sum is carried on, because floats round it.
  template <typename Score>
  void find_best(std::string_view text, MatchMode mode, std::vector<Piece>& pieces) const {
    std::vector<Best<Score>> best;
    Score sum = 0;
    for (std::size_t begin = 0; begin < text.size();) {
      std::size_t end = text.size();
      if (words_are_apart_) {
        std::size_t i = begin;
        while (text.substr(i).starts_with(kSpaceMark)) i += kSpaceMark.size();
        end = std::min(text.find(kSpaceMark, i), text.size());
      }
      find_best_of_word<Score>(text.substr(begin, end - begin), mode, sum, best);
      sum = best.back().score;
      const std::size_t first = pieces.size();
      for (auto at = static_cast<std::uint32_t>(end - begin); at > 0; at = best[at].begin) {
        const auto base = static_cast<std::uint32_t>(begin);
        pieces.push_back(Piece{base + best[at].begin, base + at, best[at].id});
      }
      std::reverse(pieces.begin() + static_cast<std::ptrdiff_t>(first), pieces.end());
      begin = end;
    }
  }

  template <typename Score>
  void find_best_of_word(std::string_view text, MatchMode mode, Score sum,
                         std::vector<Best<Score>>& best) const {
    best.assign(text.size() + 1, Best<Score>{});
    best[0].score = sum;
    // sentencepiece compares a sum of doubles with a float and keeps it as a float: its expression for the
    // scores of user-defined tokens makes doubles of all others as well.
    const auto offer = [&](std::size_t begin, std::size_t end, double total, TokenId id) {
      Best<Score>& there = best[end];
      if (there.begin != UINT32_MAX && !(total > static_cast<double>(there.score))) return;
      there = Best<Score>{static_cast<Score>(total), static_cast<std::uint32_t>(begin), id};
    };
    for (std::size_t i = 0; i < text.size();) {
      bool bad = false;
      const std::size_t length = character_length(text, i, bad);
      bool found = false;
      PieceTrie::Node node = PieceTrie::kRoot;
      for (std::size_t k = i; k < text.size() && !bad; ++k) {
        node = trie_.child(node, static_cast<unsigned char>(text[k]));
        if (node == PieceTrie::kNone) break;
        const TokenId id = trie_.token(node);
        if (id == kNoToken || !allowed(id, mode)) continue;
        offer(i, k + 1, scores_[static_cast<std::size_t>(id)] + static_cast<double>(best[i].score), id);
        found = found || k + 1 - i == length;
      }
      if (!found) {
        const Score total = static_cast<Score>(unknown_score_) + best[i].score;
        offer(i, i + length, static_cast<double>(total), kNoToken);
      }
      i += length;
    }
  }

  [[nodiscard]] bool allowed(TokenId id, MatchMode mode) const {
    const auto index = static_cast<std::size_t>(id);
    return mode != MatchMode::user_text || data_.types[index] != TokenType::user_defined ||
           !looks_like_markup(data_.pieces[index]);
  }

  const TokenizerData& data_;
  PieceTrie trie_;
  std::vector<double> scores_;
  std::vector<TokenId> bytes_;
  std::optional<TokenId> unknown_ = stand_in(data_);
  std::optional<SentenceNormalizer> normalizer_;
  std::optional<WordCutter> cutter_;
  double unknown_score_ = 0;
  bool words_are_apart_ = true;
};

}  // namespace

Result<std::unique_ptr<TextEncoder>> make_unigram_encoder(const TokenizerData& data,
                                                          const PieceIndex& /*index*/) {
  if (data.scores.size() != data.pieces.size()) {
    return Error{kTokVocab,
                 "cannot build a unigram tokenizer: " + std::to_string(data.pieces.size()) + " tokens but " +
                     std::to_string(data.scores.size()) + " scores",
                 "the tokenizer is damaged: take it from its publisher again",
                 {},
                 {}};
  }
  const UnigramRules rules = data.unigram_rules;
  std::vector<double> scores = data.scores;
  std::vector<std::pair<std::string_view, TokenId>> pieces;
  for (std::size_t i = data.pieces.size(); i-- > 0;) {  // of equal tokens the last one counts
    const TokenType type = data.types[i];
    if (type == TokenType::user_defined && rules != UnigramRules::huggingface)
      scores[i] = rules == UnigramRules::sentencepiece ? -0.1 : 0.0;
    const bool matched = type == TokenType::normal || type == TokenType::user_defined ||
                         (type == TokenType::unused && rules == UnigramRules::llama_cpp);
    if (!matched || data.pieces[i].empty() || is_outside_model(data, static_cast<TokenId>(i))) continue;
    if (data.pieces[i].size() > kMaxTriePieceBytes) {
      return Error{kTokVocab,
                   "token " + std::to_string(i) + " has " + std::to_string(data.pieces[i].size()) +
                       " bytes: unigram vocabularies may have up to " + with_thousands(kMaxTriePieceBytes),
                   "the tokenizer is damaged: take it from its publisher again",
                   {},
                   {}};
    }
    pieces.emplace_back(data.pieces[i], static_cast<TokenId>(i));
  }
  std::optional<SentenceNormalizer> normalizer;
  std::optional<WordCutter> cutter;
  if (rules == UnigramRules::huggingface) {
    MOTE_ASSIGN(cutter, WordCutter::create(data));
  } else {
    MOTE_ASSIGN(normalizer, SentenceNormalizer::create(data));
  }
  return std::unique_ptr<TextEncoder>(std::make_unique<UnigramEncoder>(
      data, PieceTrie(std::move(pieces)), std::move(scores), std::move(normalizer), std::move(cutter)));
}

}  // namespace mote::text
