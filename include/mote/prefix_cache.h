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
#include <filesystem>
#include <memory>
#include <string_view>

#include "mote/result.h"

namespace mote::engine {

inline constexpr std::size_t kPrefixBlock = 256;  // tokens

class PrefixBlocks;

class PrefixCache {
 public:
  // Blocks take `max_bytes` together at most; the least recently used make room for new ones.
  explicit PrefixCache(std::uint64_t max_bytes);
  // Blocks that leave memory go to files in `folder`, of `max_folder_bytes` together at most, and are found
  // there again, also by a later process on the same model with the same instruction set. The folder is made
  // for this user alone where it is missing. Without memory (max_bytes 0) sessions write their blocks when
  // they are closed, asked for a prefix or given another tenant. Files that are damaged or of another model
  // are no blocks; where the folder is full or cannot be written, nothing more is kept. Errors:
  // OUTPUT_CREATE, OUT_OF_MEMORY.
  static Result<std::shared_ptr<PrefixCache>> open(std::uint64_t max_bytes,
                                                   const std::filesystem::path& folder,
                                                   std::uint64_t max_folder_bytes);
  // What is in memory only goes to the folder, if there is one.
  ~PrefixCache();
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  struct Statistics {
    std::uint64_t blocks = 0;  // kept now
    std::uint64_t bytes = 0;   // of these
    std::uint64_t given = 0;   // blocks given to sessions so far
    std::uint64_t dropped = 0;
    std::uint64_t loaded = 0;  // of those given, from files
    std::uint64_t saved = 0;   // to files
  };
  [[nodiscard]] Statistics statistics() const;
  // What is in memory only goes to the folder, if there is one.
  void flush();
  // Drops all blocks, or those of one tenant, in the folder too. Sessions that are open still hold their
  // texts, and give them when they are closed.
  void clear();
  void forget(std::string_view tenant);

  // Of the library's inside.
  [[nodiscard]] PrefixBlocks& blocks() { return *blocks_; }

 private:
  explicit PrefixCache(std::unique_ptr<PrefixBlocks> blocks);
  std::unique_ptr<PrefixBlocks> blocks_;
};

}  // namespace mote::engine
