// Small vocabularies made by hand, for tests.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer/byte_alphabet.h"
#include "text/tokenizer/data.h"
#include "text/tokenizer/split_catalogue.h"

namespace mote::text::testing {

// All 256 bytes (id = byte), then the merges in order, then the special tokens.
inline TokenizerData byte_vocabulary(std::vector<std::pair<std::string, std::string>> merges,
                                     const std::vector<std::pair<std::string, TokenType>>& special = {},
                                     std::string_view pre = "gpt-2") {
  TokenizerData data;
  for (int b = 0; b < 256; ++b)
    data.pieces.push_back(kByteAlphabet.spell(std::string(1, static_cast<char>(b))));
  const auto find = [&](const std::string& piece) {
    for (std::size_t i = 0; i < data.pieces.size(); ++i) {
      if (data.pieces[i] == piece) return static_cast<TokenId>(i);
    }
    return TokenId{-1};
  };
  for (const auto& [left, right] : merges) {
    const TokenId a = find(kByteAlphabet.spell(left));
    const TokenId b = find(kByteAlphabet.spell(right));
    data.pieces.push_back(kByteAlphabet.spell(left + right));
    data.merges.push_back({a, b, static_cast<TokenId>(data.pieces.size() - 1)});
  }
  data.types.assign(data.pieces.size(), TokenType::normal);
  for (const auto& [piece, type] : special) {
    data.added.push_back(AddedToken{.id = static_cast<TokenId>(data.pieces.size())});
    data.pieces.push_back(piece);
    data.types.push_back(type);
  }
  data.split = split_by_name(pre)->plan;
  data.pre_name = pre;
  return data;
}

// <unk> <s> </s>, 256 byte tokens, then the pieces with the scores -1, -2, ...
inline TokenizerData score_vocabulary(const std::vector<std::string>& pieces) {
  TokenizerData data;
  data.algorithm = TokenizerAlgorithm::score_bpe;
  const auto add = [&](std::string piece, TokenType type, double score) {
    data.pieces.push_back(std::move(piece));
    data.types.push_back(type);
    data.scores.push_back(score);
  };
  add("<unk>", TokenType::unknown, 0);
  add("<s>", TokenType::control, 0);
  add("</s>", TokenType::control, 0);
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (std::size_t b = 0; b < 256; ++b) {
    add(std::string("<0x") + kHex[b / 16] + kHex[b % 16] + ">", TokenType::byte, 0);
  }
  double score = 0;
  for (const std::string& piece : pieces) add(piece, TokenType::normal, score -= 1);
  data.unk = 0;
  data.bos = 1;
  data.eos = 2;
  data.prefix = {1};
  data.byte_fallback = true;
  data.space_prefix = SpacePrefix::always;
  data.decode_style = DecodeStyle::marked;
  data.strip_first_space = true;
  data.pre_name = "default";
  for (TokenId id = 0; id < 3; ++id) data.added.push_back(AddedToken{.id = id});
  return data;
}

}  // namespace mote::text::testing
