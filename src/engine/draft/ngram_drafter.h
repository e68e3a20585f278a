// What followed the last time: the longest earlier stretch of the sequence that equals its end is found, and
// what stood behind it is proposed. Copies from the prompt (names, values, code, results of tools) come out
// this way (Saxena 2023, "Prompt Lookup Decoding"; Yang et al. 2023, arXiv:2304.04487).
#pragma once

#include <vector>

#include "engine/draft/drafter.h"

namespace mote::engine {

class NgramDrafter final : public Drafter {
 public:
  // Room for a sequence of `context` tokens is taken at once: proposing allocates nothing. Throws
  // std::bad_alloc.
  explicit NgramDrafter(std::size_t context);

  Result<Draft> propose(std::span<const TokenId> tokens, std::size_t most) override;
  [[nodiscard]] bool free_of_cost() const override { return true; }

 private:
  void index(std::span<const TokenId> tokens);
  [[nodiscard]] std::size_t slot(const TokenId* key) const;

  // Chains as in LZ77 compressors: per hash of kKey tokens the last place that ended such a key, and per
  // place the one before.
  std::vector<std::uint32_t> newest_;
  std::vector<std::uint32_t> older_;
  std::size_t indexed_ = 0;  // places in the chains: keys that end below it
  std::vector<TokenId> draft_;
};

}  // namespace mote::engine
