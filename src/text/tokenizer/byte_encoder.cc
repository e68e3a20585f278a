// Byte-level BPE: words of the splitter, each a row of byte symbols, merged by rank (Sennrich et al. 2016;
// GPT-2).
#include <array>
#include <optional>

#include "base/strings.h"
#include "text/tokenizer/byte_alphabet.h"
#include "text/tokenizer/errors.h"
#include "text/tokenizer/merge_table.h"
#include "text/tokenizer/merger.h"
#include "text/tokenizer/splitter.h"
#include "text/tokenizer/text_encoder.h"

namespace mote::text {
namespace {

class ByteEncoder final : public TextEncoder {
 public:
  ByteEncoder(const TokenizerData& data, const PieceIndex& index, PairTable merges, Splitter splitter,
              std::optional<Splitter> spelled)
      : data_(data),
        index_(index),
        merges_(std::move(merges)),
        splitter_(std::move(splitter)),
        spelled_(std::move(spelled)) {
    for (std::size_t b = 0; b < bytes_.size(); ++b) {
      const auto id = index.find(kByteAlphabet.spell(std::string(1, static_cast<char>(b))));
      bytes_[b] = id.value_or(stand_in(data).value_or(kNoToken));
    }
  }

  Result<void> encode(const AlignedView& plain, bool /*first*/, MatchMode /*mode*/,
                      TokenSink& sink) const override {
    AlignedText with_space;
    AlignedView text = plain;
    if (data_.add_prefix_space && !text.text.empty() && text.text.front() != ' ') {
      with_space = AlignedText(text);
      with_space.prepend(" ");
      text = with_space.view();
    }
    MOTE_ASSIGN(const std::vector<Word> words, splitter_.split(text.text));
    std::vector<Symbol> symbols;
    for (const Word& word : words) {
      const AlignedView view = text.sub(word.begin, word.end - word.begin);
      if (!spelled_) {
        encode_word(view, symbols, sink);
        continue;
      }
      // The letters of the byte alphabet are one code point per byte.
      const std::string letters = kByteAlphabet.spell(view.text);
      MOTE_ASSIGN(const std::vector<Word> parts, spelled_->split(letters));
      std::size_t begin = 0;
      std::size_t letter = 0;
      for (const Word& part : parts) {
        for (; letter < part.begin; ++begin) next_code_point(letters, letter);
        std::size_t end = begin;
        for (; letter < part.end; ++end) next_code_point(letters, letter);
        encode_word(view.sub(begin, end - begin), symbols, sink);
        begin = end;
      }
    }
    return {};
  }

 private:
  void encode_word(const AlignedView& view, std::vector<Symbol>& symbols, TokenSink& sink) const {
    const std::string_view word = view.text;
    if (data_.ignore_merges) {
      if (const auto id = index_.find(kByteAlphabet.spell(word))) {
        sink.push(*id, view, 0, word.size());
        return;
      }
    }
    symbols.clear();
    for (std::uint32_t i = 0; i < word.size(); ++i) {
      // A byte that the vocabulary lacks and no unknown token stands for is dropped, as the reference does.
      const TokenId id = bytes_[static_cast<unsigned char>(word[i])];
      if (id != kNoToken) symbols.push_back(Symbol{.begin = i, .length = 1, .id = id});
    }
    merge_symbols(symbols, by_rank(merges_), [](const Symbol&, const Symbol&, TokenId) {});
    for (const Symbol& symbol : symbols) {
      if (symbol.length > 0) sink.push(symbol.id, view, symbol.begin, symbol.begin + symbol.length);
    }
  }

  const TokenizerData& data_;
  const PieceIndex& index_;
  PairTable merges_;
  Splitter splitter_;
  std::optional<Splitter> spelled_;  // works on the letters of the byte alphabet
  std::array<TokenId, 256> bytes_{};
};

}  // namespace

Result<std::unique_ptr<TextEncoder>> make_byte_encoder(const TokenizerData& data, const PieceIndex& index) {
  MOTE_ASSIGN(PairTable merges, make_merge_table(data));
  MOTE_ASSIGN(Splitter splitter, Splitter::create(data.split));
  std::optional<Splitter> spelled;
  if (!data.split_after.empty()) {
    MOTE_ASSIGN(spelled, Splitter::create(data.split_after));
  }
  return std::unique_ptr<TextEncoder>(
      std::make_unique<ByteEncoder>(data, index, std::move(merges), std::move(splitter), std::move(spelled)));
}

}  // namespace mote::text
