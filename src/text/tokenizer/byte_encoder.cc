// Byte-level BPE: words of the splitter, each a row of byte symbols, merged by rank (Sennrich et al. 2016;
// GPT-2).
#include <array>

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
  ByteEncoder(const TokenizerData& data, const PieceIndex& index, PairTable merges, Splitter splitter)
      : data_(data), index_(index), merges_(std::move(merges)), splitter_(std::move(splitter)) {
    for (std::size_t b = 0; b < bytes_.size(); ++b) {
      const auto it = index.find(kByteAlphabet.spell(std::string(1, static_cast<char>(b))));
      bytes_[b] = it == index.end() ? data.unk.value_or(kNoToken) : it->second;
    }
  }

  Result<void> encode(std::string_view text, bool /*first*/, MatchMode /*mode*/,
                      std::vector<TokenId>& out) const override {
    std::string with_space;
    if (data_.add_prefix_space && !text.empty() && text.front() != ' ') {
      with_space = " ";
      with_space += text;
      text = with_space;
    }
    MOTE_ASSIGN(const std::vector<Word> words, splitter_.split(text));
    std::vector<Symbol> symbols;
    for (const Word& word : words) encode_word(text.substr(word.begin, word.end - word.begin), symbols, out);
    return {};
  }

 private:
  void encode_word(std::string_view word, std::vector<Symbol>& symbols, std::vector<TokenId>& out) const {
    if (data_.ignore_merges) {
      if (const auto it = index_.find(kByteAlphabet.spell(word)); it != index_.end()) {
        out.push_back(it->second);
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
      if (symbol.length > 0) out.push_back(symbol.id);
    }
  }

  const TokenizerData& data_;
  const PieceIndex& index_;
  PairTable merges_;
  Splitter splitter_;
  std::array<TokenId, 256> bytes_{};
};

}  // namespace

Result<std::unique_ptr<TextEncoder>> make_byte_encoder(const TokenizerData& data, const PieceIndex& index) {
  MOTE_ASSIGN(PairTable merges, make_merge_table(data));
  MOTE_ASSIGN(Splitter splitter, Splitter::create(data.split));
  return std::unique_ptr<TextEncoder>(
      std::make_unique<ByteEncoder>(data, index, std::move(merges), std::move(splitter)));
}

}  // namespace mote::text
