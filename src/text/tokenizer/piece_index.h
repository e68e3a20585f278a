// Token spellings to ids. A vocabulary of 256,000 tokens is read in a blink only where its look-up table is
// one block of memory that leaves the spellings where they are (id_table.h).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "mote/tokenizer.h"
#include "text/tokenizer/id_table.h"

namespace mote::text {

class PieceIndex {
 public:
  PieceIndex() = default;
  // `pieces` by id, at most 2^31; borrowed, and must stay where they are. Of equal ones the first id counts.
  explicit PieceIndex(std::span<const std::string> pieces);

  [[nodiscard]] std::optional<TokenId> find(std::string_view piece) const;

 private:
  std::span<const std::string> pieces_;
  IdTable table_;
};

}  // namespace mote::text
