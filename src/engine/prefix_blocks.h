// A tree of blocks: each hangs on the block before it, and beginnings of texts hang on a root per model, KV
// types and tenant. A block is found by its parent and a hash of its tokens, which are then compared; by
// induction the whole text before is the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/kv_cache.h"
#include "engine/loaded_model.h"
#include "engine/prefix_store.h"
#include "mote/prefix_cache.h"
#include "mote/tokenizer.h"
#include "tensor/aligned_buffer.h"

namespace mote::engine {

static_assert(kPrefixBlock == kKvBlock);

class PrefixBlocks {
 public:
  // store: where blocks go that leave memory, or null.
  PrefixBlocks(std::uint64_t max_bytes, std::unique_ptr<PrefixStore> store)
      : max_bytes_(max_bytes), store_(std::move(store)) {}

  // Whose blocks. Sessions of equal spaces share.
  struct Space {
    std::weak_ptr<const LoadedModel> model;
    KvType key_type;
    KvType value_type;
    bool long_divisors;  // of longrope, which a session's context chooses
    std::string tenant;
    std::string identity;  // prefix_identity(); empty: its blocks stay in memory
  };
  [[nodiscard]] PrefixStore* store() { return store_.get(); }
  // Whether sessions need to give their blocks before they are closed.
  [[nodiscard]] bool has_memory() const { return max_bytes_ > 0; }

  // Copies the blocks that `tokens` begin with into `cache`, from the `first`-th block on (those before are
  // there), and returns how many blocks of it are right then.
  std::size_t restore(const Space& space, std::span<const TokenId> tokens, std::size_t first, KvCache& cache);
  // Keeps the blocks of `tokens` that are not kept yet, as far as there is memory. `cache` has all of them.
  void keep(const Space& space, std::span<const TokenId> tokens, const KvCache& cache);

  [[nodiscard]] PrefixCache::Statistics statistics() const;
  void flush();
  void clear();
  void forget(std::string_view tenant);

 private:
  using Id = std::uint64_t;  // of a block or a root
  struct Block {
    Id id;
    std::uint64_t hash;  // of parent and tokens
    Id parent;
    Id root;
    std::vector<TokenId> tokens;
    AlignedBuffer bytes;
  };
  using Place = std::list<Block>::iterator;
  struct Root {
    Space space;
    Id id;
    std::size_t blocks;  // a root without any is dropped
  };
  using RootPlace = std::list<Root>::iterator;
  void forget_if(const std::function<bool(const Space&)>& unwanted);

  RootPlace find_root(const Space& space);  // roots_.end() where there is none
  void drop_expired();
  // The block with these tokens behind `parent`; the end of blocks_ where there is none.
  Place find(Id parent, std::uint64_t hash, std::span<const TokenId> tokens);
  // The blocks that `tokens` begin with.
  std::vector<Place> chain_of(Id root, std::span<const TokenId> tokens);
  // As used just now, the first block last: those behind it are of no use without it.
  void touch(std::span<const Place> chain);
  // Drops blocks used longest ago until `bytes` fit, but none of `chain`. Whether they fit now.
  bool make_room(std::uint64_t bytes, std::span<const Place> chain);
  void drop(Place block);
  void drop_all_of(RootPlace root);
  bool insert(const Space& space, std::span<const TokenId> tokens, const KvCache& cache,
              std::vector<Place>& chain);
  std::size_t restore_from_files(const Space& space, std::span<const TokenId> tokens, std::size_t blocks,
                                 KvCache& cache, std::vector<Place>& chain);
  // Files for what `cache` has of the text behind the first `from` blocks.
  void save_from(const Space& space, std::span<const TokenId> tokens, std::size_t from, const KvCache& cache);
  void save(const Block& block);
  void touch_files(const PrefixOwner& owner, std::span<const TokenId> tokens) const;
  // The text up to a block's end; empty where a block before it is missing.
  std::vector<TokenId> text_of(const Block& block);

  std::uint64_t max_bytes_;
  std::unique_ptr<PrefixStore> store_;
  mutable std::mutex mutex_;
  std::list<Block> blocks_;  // used last at the front
  std::unordered_multimap<std::uint64_t, Place> by_hash_;
  std::list<Root> roots_;
  Id next_id_ = 0;
  PrefixCache::Statistics statistics_;
};

}  // namespace mote::engine
