// Keys and values of texts that sessions began with, kept for sessions that begin alike: a long system prompt
// or list of tools is computed once. Shared by any number of sessions and threads. A session gives its blocks
// when it is fed the next time, asked for a prefix or closed; what feed_rows is fed counts too.
//
// What is kept are whole blocks of kPrefixBlock tokens with all tokens before them, so a block is given only
// to a text that is the same from its first token on. It holds the bits that computing would give. Sessions
// share blocks where model, KV types and `SessionOptions::tenant` are the same: who may not know what another
// tenant asked cannot learn it from the time to the first token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace mote::engine {

inline constexpr std::size_t kPrefixBlock = 256;  // tokens

class PrefixBlocks;

class PrefixCache {
 public:
  // Blocks take `max_bytes` together at most; the least recently used make room for new ones.
  explicit PrefixCache(std::uint64_t max_bytes);
  ~PrefixCache();
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  struct Statistics {
    std::uint64_t blocks = 0;  // kept now
    std::uint64_t bytes = 0;   // of these
    std::uint64_t given = 0;   // blocks given to sessions so far
    std::uint64_t dropped = 0;
  };
  [[nodiscard]] Statistics statistics() const;
  // Drops all blocks, or those of one tenant.
  void clear();
  void forget(std::string_view tenant);

  // Of the library's inside.
  [[nodiscard]] PrefixBlocks& blocks() { return *blocks_; }

 private:
  std::unique_ptr<PrefixBlocks> blocks_;
};

}  // namespace mote::engine
