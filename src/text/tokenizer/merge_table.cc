#include "text/tokenizer/merge_table.h"

#include "text/tokenizer/errors.h"
#include "text/tokenizer/limits.h"

namespace mote::text {
namespace {

Error merges_error(std::string message) {
  return Error{
      kTokMerges, std::move(message), "the tokenizer is damaged: take it from its publisher again", {}, {}};
}

}  // namespace

Result<PairTable> make_merge_table(const TokenizerData& data) {
  if (data.merges.empty()) return merges_error("cannot build a BPE tokenizer: it has no merges");
  if (data.merges.size() > kMaxMerges) {
    return merges_error("cannot build a BPE tokenizer of " + std::to_string(data.merges.size()) +
                        " merges: at most 2,000,000 are allowed");
  }
  PairTable table(data.merges.size());
  const auto size = static_cast<std::int64_t>(data.pieces.size());
  const auto valid = [&](TokenId id) { return id >= 0 && id < size; };
  std::int32_t rank = 0;
  for (const TokenizerData::Merge& merge : data.merges) {
    if (!valid(merge.left) || !valid(merge.right) || !valid(merge.merged)) {
      return merges_error("merge " + std::to_string(rank) + " has a token id outside of the vocabulary of " +
                          std::to_string(size));
    }
    table.insert(merge.left, merge.right, rank, merge.merged);  // a repeated pair keeps its first rank
    ++rank;
  }
  return table;
}

}  // namespace mote::text
