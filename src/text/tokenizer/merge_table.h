// The merges of a vocabulary, checked and laid out for look-up.
#pragma once

#include <optional>

#include "mote/result.h"
#include "text/tokenizer/data.h"
#include "text/tokenizer/merger.h"
#include "text/tokenizer/pair_table.h"

namespace mote::text {

// TOK_MERGES where there are none, too many, or one of ids that do not exist.
Result<PairTable> make_merge_table(const TokenizerData& data);

// Look-up for merge_symbols: earlier merges first.
inline auto by_rank(const PairTable& merges) {
  return [&merges](const Symbol& left, const Symbol& right) -> std::optional<MergeResult> {
    const PairTable::Entry* entry = merges.find(left.id, right.id);
    if (entry == nullptr) return std::nullopt;
    return MergeResult{static_cast<std::uint32_t>(entry->rank), entry->merged};
  };
}

}  // namespace mote::text
