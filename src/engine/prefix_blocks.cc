#include "engine/prefix_blocks.h"

#include <algorithm>
#include <new>

#include "base/hash64.h"

namespace mote::engine {
namespace {

bool same_model(const std::weak_ptr<const LoadedModel>& a, const std::weak_ptr<const LoadedModel>& b) {
  return !a.owner_before(b) && !b.owner_before(a);
}

std::span<const TokenId> block_of(std::span<const TokenId> tokens, std::size_t index) {
  return tokens.subspan(index * kPrefixBlock, kPrefixBlock);
}

}  // namespace

PrefixCache::PrefixCache(std::uint64_t max_bytes) : blocks_(std::make_unique<PrefixBlocks>(max_bytes)) {}
PrefixCache::~PrefixCache() = default;
PrefixCache::Statistics PrefixCache::statistics() const { return blocks_->statistics(); }

PrefixCache::Statistics PrefixBlocks::statistics() const {
  const std::lock_guard lock(mutex_);
  return statistics_;
}

PrefixBlocks::Id PrefixBlocks::root_of(const Space& space) {
  std::erase_if(roots_, [](const Root& root) { return root.space.model.expired(); });
  for (const Root& root : roots_) {
    if (same_model(root.space.model, space.model) && root.space.key_type == space.key_type &&
        root.space.value_type == space.value_type && root.space.tenant == space.tenant) {
      return root.id;
    }
  }
  roots_.push_back({space, next_id_++});
  return roots_.back().id;
}

PrefixBlocks::Place PrefixBlocks::find(Id parent, std::uint64_t hash, std::span<const TokenId> tokens) {
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    const Block& block = *it->second;
    if (block.parent == parent && std::ranges::equal(block.tokens, tokens)) return it->second;
  }
  return blocks_.end();
}

std::vector<PrefixBlocks::Place> PrefixBlocks::chain_of(const Space& space, std::span<const TokenId> tokens) {
  std::vector<Place> chain;
  Id parent = root_of(space);
  for (std::size_t i = 0; (i + 1) * kPrefixBlock <= tokens.size(); ++i) {
    const std::span<const TokenId> own = block_of(tokens, i);
    const Place block = find(parent, hash64(std::as_bytes(own), parent), own);
    if (block == blocks_.end()) break;
    chain.push_back(block);
    parent = block->id;
  }
  return chain;
}

void PrefixBlocks::touch(std::span<const Place> chain) {
  for (std::size_t i = chain.size(); i > 0; --i) blocks_.splice(blocks_.begin(), blocks_, chain[i - 1]);
}

void PrefixBlocks::drop(Place block) {
  const auto [first, last] = by_hash_.equal_range(block->hash);
  by_hash_.erase(std::find_if(first, last, [&](const auto& entry) { return entry.second == block; }));
  statistics_.bytes -= block->bytes.size();
  --statistics_.blocks;
  ++statistics_.dropped;
  blocks_.erase(block);
}

bool PrefixBlocks::make_room(std::uint64_t bytes, std::span<const Place> chain) {
  if (bytes > max_bytes_) return false;
  while (statistics_.bytes > max_bytes_ - bytes) {
    const Place oldest = std::prev(blocks_.end());
    if (std::ranges::find(chain, oldest) != chain.end()) return false;
    drop(oldest);
  }
  return true;
}

std::size_t PrefixBlocks::restore(const Space& space, std::span<const TokenId> tokens, std::size_t first,
                                  KvCache& cache) {
  const std::lock_guard lock(mutex_);
  const std::vector<Place> chain = chain_of(space, tokens);
  for (std::size_t i = first; i < chain.size(); ++i) {
    cache.write_block(i, {chain[i]->bytes.data(), chain[i]->bytes.size()});
    ++statistics_.given;
  }
  touch(chain);
  return std::max(first, chain.size());
}

void PrefixBlocks::keep(const Space& space, std::span<const TokenId> tokens, const KvCache& cache) {
  const std::lock_guard lock(mutex_);
  std::vector<Place> chain = chain_of(space, tokens);
  touch(chain);
  for (std::size_t i = chain.size(); (i + 1) * kPrefixBlock <= tokens.size(); ++i) {
    if (!make_room(cache.block_bytes(), chain)) return;
    const std::span<const TokenId> own = block_of(tokens, i);
    const Id parent = chain.empty() ? root_of(space) : chain.back()->id;
    AlignedBuffer bytes(cache.block_bytes());
    if (bytes.size() == 0) return;
    cache.read_block(i, {bytes.data(), bytes.size()});
    const std::uint64_t hash = hash64(std::as_bytes(own), parent);
    blocks_.push_front({next_id_++, hash, parent, {own.begin(), own.end()}, std::move(bytes)});
    try {
      by_hash_.emplace(hash, blocks_.begin());
    } catch (...) {
      blocks_.pop_front();  // or nobody would find it and its bytes would never be dropped
      throw;
    }
    statistics_.bytes += blocks_.front().bytes.size();
    ++statistics_.blocks;
    chain.push_back(blocks_.begin());
  }
  touch(chain);
}

}  // namespace mote::engine
