// Token spellings to ids. A vocabulary of 256,000 tokens is read in a blink only where its look-up table is
// one block of memory: an open-addressing table of 8 bytes a slot that leaves the spellings where they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mote/tokenizer.h"

namespace mote::text {

class PieceIndex {
 public:
  PieceIndex() = default;
  // `pieces` by id, at most 2^31; borrowed, and must stay where they are. Of equal ones the first id counts.
  explicit PieceIndex(std::span<const std::string> pieces);

  [[nodiscard]] std::optional<TokenId> find(std::string_view piece) const;

 private:
  struct Slot {
    std::uint32_t tag = 0;  // upper half of the hash: tells most strangers without a look at their text
    TokenId id = kFree;
  };
  static constexpr TokenId kFree = -1;

  // The slot of the piece, or the free one where it belongs.
  [[nodiscard]] std::size_t seek(std::string_view piece, std::uint64_t hash) const;

  std::span<const std::string> pieces_;
  std::vector<Slot>
      slots_;  // a power of two, at least twice as many as pieces, so that a free one always comes
};

}  // namespace mote::text
