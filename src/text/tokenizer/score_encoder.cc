// SentencePiece's BPE (google/sentencepiece, bpe_model.cc): of all neighbours whose text together is a token,
// the pair with the best score merges first. The same as llama.cpp's SPM and llama2.c's bpe loop.
#include <algorithm>
#include <map>
#include <optional>

#include "text/tokenizer/added_matcher.h"
#include "text/tokenizer/errors.h"
#include "text/tokenizer/merger.h"
#include "text/tokenizer/piece_index.h"
#include "text/tokenizer/sentence_normalizer.h"
#include "text/tokenizer/space_escape.h"
#include "text/tokenizer/text_encoder.h"

namespace mote::text {
namespace {

class ScoreEncoder final : public TextEncoder {
 public:
  ScoreEncoder(const TokenizerData& data, std::optional<SentenceNormalizer> normalizer)
      : data_(data),
        normalizer_(std::move(normalizer)),
        bytes_(byte_tokens(data)),
        spelled_(data.pieces.size()),
        mark_(data.literal_space ? std::string_view(" ") : kSpaceMark) {
    std::vector<AddedText> user_defined;
    for (std::size_t i = 0; i < data.pieces.size(); ++i) {
      const TokenType type = data.types[i];
      if (type == TokenType::control || type == TokenType::unknown || type == TokenType::byte) continue;
      const auto id = static_cast<TokenId>(i);
      std::string text = data.pieces[i];
      if (data.literal_space) {
        text.clear();
        append_unescaped(text, data.pieces[i]);
      }
      longest_ = std::max(longest_, text.size());
      if (type == TokenType::user_defined && data.user_defined_in_text && !text.empty() &&
          text.size() <= kMaxAddedTokenBytes) {
        user_defined.push_back({AddedToken{.id = id}, text,
                                looks_like_markup(text) ? MatchMode::no_control : MatchMode::user_text});
      }
      has_unused_ = has_unused_ || type == TokenType::unused;
      words_are_apart_ = words_are_apart_ && !space_inside(text);
      spelled_[i] = std::move(text);
    }
    index_ = PieceIndex(spelled_);
    user_defined_ = AddedMatcher(user_defined);
    words_are_apart_ = words_are_apart_ && user_defined_.empty();
  }

  Result<void> encode(const AlignedView& plain, bool first, MatchMode mode, TokenSink& sink) const override {
    AlignedText text;
    if (normalizer_) {
      MOTE_ASSIGN(text, normalizer_->run(plain, mode));
    } else {
      text = escape_spaces(plain, first, data_);
    }
    const AlignedView view = text.view();
    std::vector<Symbol> symbols;
    bool after_unknown = false;
    for (std::size_t begin = 0; begin < view.text.size();) {
      const AlignedView word = view.sub(begin, word_length(view.text.substr(begin)));
      encode_word(word, mode, symbols, after_unknown, sink);
      begin += word.text.size();
    }
    return {};
  }

 private:
  [[nodiscard]] bool space_inside(std::string_view piece) const {
    while (piece.starts_with(mark_)) piece.remove_prefix(mark_.size());
    return piece.find(mark_) != std::string_view::npos;
  }

  // Where no token has a space after another character, nothing merges across the beginning of a word, and
  // words can be merged one by one: the same result, from memory that stays in the cache.
  [[nodiscard]] std::size_t word_length(std::string_view text) const {
    if (!words_are_apart_) return text.size();
    std::size_t i = 0;
    while (text.substr(i).starts_with(mark_)) i += mark_.size();
    return std::min(text.find(mark_, i), text.size());
  }

  void encode_word(const AlignedView& view, MatchMode mode, std::vector<Symbol>& symbols, bool& after_unknown,
                   TokenSink& sink) const {
    const std::string_view text = view.text;
    cut(text, mode, symbols);
    const auto lookup = [&](const Symbol& left, const Symbol& right) -> std::optional<MergeResult> {
      const std::size_t length = std::size_t{left.length} + right.length;
      if (length > longest_) return std::nullopt;
      const TokenId id = find(text.substr(left.begin, length));
      if (id == kNoToken) return std::nullopt;
      const auto score = static_cast<float>(data_.scores[static_cast<std::size_t>(id)]);
      return MergeResult{priority_of_score(score), id};
    };
    // How each unused token was made, so that it can be taken apart again.
    std::map<std::string_view, std::size_t> halves;
    merge_symbols(symbols, lookup, [&](const Symbol& left, const Symbol& right, TokenId id) {
      if (has_unused_ && data_.types[static_cast<std::size_t>(id)] == TokenType::unused) {
        halves[text.substr(left.begin, std::size_t{left.length} + right.length)] = left.length;
      }
    });
    for (const Symbol& symbol : symbols) {
      if (symbol.length == 0) continue;
      const AlignedView piece = view.sub(symbol.begin, symbol.length);
      if (symbol.id == kNoToken) {
        emit_unknown(piece, after_unknown, sink);
      } else if (halves.empty()) {
        sink.push(symbol.id, piece, 0, symbol.length);
        after_unknown = false;
      } else {
        emit(piece, symbol.id, halves, after_unknown, sink);
      }
    }
  }

  [[nodiscard]] TokenId find(std::string_view piece) const { return index_.find(piece).value_or(kNoToken); }

  void cut(std::string_view text, MatchMode mode, std::vector<Symbol>& symbols) const {
    symbols.clear();
    const Region whole{text.size(), mode};
    const std::vector<AddedMatch> matches = user_defined_.find(text, std::span(&whole, 1));
    std::size_t next = 0;
    for (std::uint32_t i = 0; i < text.size();) {
      if (next < matches.size() && matches[next].begin == i) {
        const auto length = static_cast<std::uint32_t>(matches[next].end - i);
        symbols.push_back(Symbol{.begin = i, .length = length, .id = matches[next].id, .frozen = true});
        i += length;
        ++next;
        continue;
      }
      bool bad = false;
      const std::uint32_t length = character_length(text, i, bad);
      symbols.push_back(
          Symbol{.begin = i, .length = length, .id = bad ? kNoToken : find(text.substr(i, length))});
      i += length;
    }
  }

  // Without recursion: a stack of texts still to be written, right halves below left ones.
  void emit(const AlignedView& piece, TokenId id, const std::map<std::string_view, std::size_t>& halves,
            bool& after_unknown, TokenSink& sink) const {
    std::vector<std::pair<AlignedView, TokenId>> stack{{piece, id}};
    while (!stack.empty()) {
      const auto [text, token] = stack.back();
      stack.pop_back();
      if (token == kNoToken) {
        emit_unknown(text, after_unknown, sink);
        continue;
      }
      after_unknown = false;
      if (data_.types[static_cast<std::size_t>(token)] == TokenType::unused) {
        if (const auto half = halves.find(text.text); half != halves.end()) {
          const AlignedView right = text.sub(half->second, text.text.size() - half->second);
          const AlignedView left = text.sub(0, half->second);
          stack.emplace_back(right, find(right.text));
          stack.emplace_back(left, find(left.text));
          continue;
        }
      }
      sink.push(token, text, 0, text.text.size());
    }
  }

  void emit_unknown(const AlignedView& text, bool& after_unknown, TokenSink& sink) const {
    const bool spelled = data_.byte_fallback && std::all_of(text.text.begin(), text.text.end(), [&](char c) {
                           return bytes_[static_cast<unsigned char>(c)] != kNoToken;
                         });
    if (spelled) {
      for (const char c : text.text)
        sink.push(bytes_[static_cast<unsigned char>(c)], text, 0, text.text.size());
      after_unknown = false;
      return;
    }
    if (unknown_ && !(after_unknown && data_.fuse_unknown)) sink.push(*unknown_, text, 0, text.text.size());
    after_unknown = true;
  }

  const TokenizerData& data_;
  std::optional<SentenceNormalizer> normalizer_;
  std::vector<TokenId> bytes_;
  std::optional<TokenId> unknown_ = stand_in(data_);
  std::vector<std::string> spelled_;  // by id, as the text spells them; empty for what no text is
  PieceIndex index_;                  // of spelled_
  AddedMatcher user_defined_;
  std::size_t longest_ = 0;
  bool has_unused_ = false;
  std::string_view mark_;
  bool words_are_apart_ = true;
};

}  // namespace

Result<std::unique_ptr<TextEncoder>> make_score_encoder(const TokenizerData& data,
                                                        const PieceIndex& /*index*/) {
  if (data.scores.size() != data.pieces.size()) {
    return Error{kTokVocab,
                 "cannot build a SentencePiece tokenizer: " + std::to_string(data.pieces.size()) +
                     " tokens but " + std::to_string(data.scores.size()) + " scores",
                 "the tokenizer is damaged: take it from its publisher again",
                 {},
                 {}};
  }
  std::optional<SentenceNormalizer> normalizer;
  if (data.sentence_normalizer) {
    MOTE_ASSIGN(normalizer, SentenceNormalizer::create(data));
  }
  return std::unique_ptr<TextEncoder>(std::make_unique<ScoreEncoder>(data, std::move(normalizer)));
}

}  // namespace mote::text
