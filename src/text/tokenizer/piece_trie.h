// All prefixes of the vocabulary's tokens as one tree: finds every token that begins at a place of the text
// in one walk. Nodes lie in breadth-first order, so the children of a node are neighbours and a node takes
// nine bytes; a vocabulary of 250,000 tokens has some two million.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "mote/tokenizer.h"

namespace mote::text {

class PieceTrie {
 public:
  using Node = std::uint32_t;
  static constexpr Node kRoot = 0;
  static constexpr Node kNone = UINT32_MAX;

  PieceTrie() : PieceTrie(std::vector<std::pair<std::string_view, TokenId>>()) {}
  // Of equal texts the first one counts. Texts longer than kMaxTriePieceBytes and empty ones must not be in
  // the list.
  explicit PieceTrie(std::vector<std::pair<std::string_view, TokenId>> pieces);

  [[nodiscard]] Node child(Node node, unsigned char byte) const;
  // -1 where no token ends here.
  [[nodiscard]] TokenId token(Node node) const { return tokens_[node]; }
  // The node that `text` leads to; kNone where no token begins with it.
  [[nodiscard]] Node walk(Node node, std::string_view text) const;

 private:
  std::vector<unsigned char> labels_;       // by node: the byte that leads to it
  std::vector<TokenId> tokens_;             // by node
  std::vector<std::uint32_t> first_child_;  // by node; the next node's entry ends the range
};

}  // namespace mote::text
