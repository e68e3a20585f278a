// BPE over characters with merges by rank: SentencePiece vocabularies in Hugging Face's tokenizer.json.
#include "text/tokenizer/merge_table.h"
#include "text/tokenizer/merger.h"
#include "text/tokenizer/space_escape.h"
#include "text/tokenizer/text_encoder.h"
#include "text/tokenizer/word_cutter.h"

namespace mote::text {
namespace {

class CharEncoder final : public TextEncoder {
 public:
  CharEncoder(const TokenizerData& data, const PieceIndex& index, PairTable merges, WordCutter cutter)
      : data_(data),
        index_(index),
        merges_(std::move(merges)),
        cutter_(std::move(cutter)),
        bytes_(byte_tokens(data)) {}

  Result<void> encode(const AlignedView& text, bool first, MatchMode /*mode*/,
                      TokenSink& sink) const override {
    return cutter_.cut(text, first, [&](const AlignedView& word) -> Result<void> {
      encode_word(word, sink);
      return {};
    });
  }

 private:
  void encode_word(const AlignedView& view, TokenSink& sink) const {
    const std::string_view word = view.text;
    if (data_.ignore_merges ||
        (data_.whole_line_breaks && word.find_first_not_of('\n') == std::string_view::npos)) {
      if (const auto id = index_.find(word)) {
        sink.push(*id, view, 0, word.size());
        return;
      }
    }
    std::vector<Symbol> symbols;
    symbols.reserve(word.size());
    bool after_unknown = false;
    for (std::uint32_t i = 0; i < word.size();) {
      bool bad = false;
      const std::uint32_t length = character_length(word, i, bad);
      const auto id = bad ? std::nullopt : index_.find(word.substr(i, length));
      if (id) {
        symbols.push_back(Symbol{.begin = i, .length = length, .id = *id});
        after_unknown = false;
      } else if (spelled(word.substr(i, length))) {
        for (std::uint32_t k = 0; k < length; ++k) {
          symbols.push_back(
              Symbol{.begin = i + k, .length = 1, .id = bytes_[static_cast<unsigned char>(word[i + k])]});
        }
        after_unknown = false;
      } else if (unknown_) {
        if (after_unknown && data_.fuse_unknown) {
          symbols.back().length += length;
        } else {
          symbols.push_back(Symbol{.begin = i, .length = length, .id = *unknown_});
        }
        after_unknown = true;
      }
      i += length;
    }
    merge_symbols(symbols, by_rank(merges_), [](const Symbol&, const Symbol&, TokenId) {});
    for (const Symbol& symbol : symbols) {
      if (symbol.length > 0) sink.push(symbol.id, view, symbol.begin, symbol.begin + symbol.length);
    }
  }

  [[nodiscard]] bool spelled(std::string_view bytes) const {
    if (!data_.byte_fallback) return false;
    for (const char c : bytes) {
      if (bytes_[static_cast<unsigned char>(c)] == kNoToken) return false;
    }
    return true;
  }

  const TokenizerData& data_;
  const PieceIndex& index_;
  PairTable merges_;
  WordCutter cutter_;
  std::vector<TokenId> bytes_;
  std::optional<TokenId> unknown_ = stand_in(data_);
};

}  // namespace

Result<std::unique_ptr<TextEncoder>> make_char_encoder(const TokenizerData& data, const PieceIndex& index) {
  MOTE_ASSIGN(PairTable merges, make_merge_table(data));
  MOTE_ASSIGN(WordCutter cutter, WordCutter::create(data));
  return std::unique_ptr<TextEncoder>(
      std::make_unique<CharEncoder>(data, index, std::move(merges), std::move(cutter)));
}

}  // namespace mote::text
