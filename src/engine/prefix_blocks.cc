#include "engine/prefix_blocks.h"

#include <algorithm>
#include <new>
#include <ranges>

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

PrefixCache::PrefixCache(std::uint64_t max_bytes)
    : blocks_(std::make_unique<PrefixBlocks>(max_bytes, nullptr)) {}
PrefixCache::PrefixCache(std::unique_ptr<PrefixBlocks> blocks) : blocks_(std::move(blocks)) {}
Result<std::shared_ptr<PrefixCache>> PrefixCache::open(std::uint64_t max_bytes,
                                                       const std::filesystem::path& folder,
                                                       std::uint64_t max_folder_bytes) try {
  MOTE_ASSIGN(auto store, PrefixStore::open(folder, max_folder_bytes));
  return std::shared_ptr<PrefixCache>(
      new PrefixCache(std::make_unique<PrefixBlocks>(max_bytes, std::move(store))));
} catch (const std::bad_alloc&) {
  return Error{kOutOfMemory, "no memory for the prefix cache", {}, folder.string(), std::nullopt};
}
PrefixCache::~PrefixCache() { flush(); }
void PrefixCache::flush() { blocks_->flush(); }
PrefixCache::Statistics PrefixCache::statistics() const { return blocks_->statistics(); }
void PrefixCache::clear() { blocks_->clear(); }
void PrefixCache::forget(std::string_view tenant) { blocks_->forget(tenant); }

PrefixCache::Statistics PrefixBlocks::statistics() const {
  const std::lock_guard lock(mutex_);
  return statistics_;
}

PrefixBlocks::RootPlace PrefixBlocks::find_root(const Space& space) {
  return std::ranges::find_if(roots_, [&space](const Root& root) {
    return same_model(root.space.model, space.model) && root.space.key_type == space.key_type &&
           root.space.value_type == space.value_type && root.space.long_divisors == space.long_divisors &&
           root.space.tenant == space.tenant && root.space.identity == space.identity;
  });
}

// Of models that are gone.
void PrefixBlocks::drop_expired() {
  const auto expired = [](const Root& root) { return root.space.model.expired(); };
  while (true) {
    const RootPlace root = std::ranges::find_if(roots_, expired);
    if (root == roots_.end()) return;
    for (const Block& block : std::views::reverse(blocks_)) {
      if (block.root == root->id) save(block);
    }
    drop_all_of(root);
  }
}

// The last block takes the root with it.
void PrefixBlocks::drop_all_of(RootPlace root) {
  const Id id = root->id;
  for (Place block = blocks_.begin(); block != blocks_.end();) {
    const Place next = std::next(block);
    if (block->root == id) drop(block);
    block = next;
  }
}

std::vector<TokenId> PrefixBlocks::text_of(const Block& block) {
  std::vector<const Block*> chain{&block};
  while (chain.back()->parent != chain.back()->root) {
    const Place parent = std::ranges::find(blocks_, chain.back()->parent, &Block::id);
    if (parent == blocks_.end()) return {};
    chain.push_back(&*parent);
  }
  std::vector<TokenId> out;
  out.reserve(chain.size() * kPrefixBlock);
  for (std::size_t i = chain.size(); i > 0; --i) {
    out.insert(out.end(), chain[i - 1]->tokens.begin(), chain[i - 1]->tokens.end());
  }
  return out;
}

void PrefixBlocks::save(const Block& block) {
  const RootPlace root = std::ranges::find(roots_, block.root, &Root::id);
  if (store_ == nullptr || root->space.identity.empty()) return;
  const PrefixOwner owner{root->space.identity, root->space.tenant};
  const std::vector<TokenId> text = text_of(block);
  if (text.empty()) return;
  if (store_->holds(owner, text)) return store_->touch(owner, text);
  if (text.size() / kPrefixBlock > store_->most_blocks(owner, text, block.bytes.size())) return;
  if (store_->save(owner, text, {block.bytes.data(), block.bytes.size()})) ++statistics_.saved;
}

void PrefixBlocks::flush() {
  const std::lock_guard lock(mutex_);
  try {
    // The one used longest ago first: of a text its end.
    for (const Block& block : std::views::reverse(blocks_)) save(block);
  } catch (const std::bad_alloc&) {
    return;  // without memory nothing more is kept
  }
}

void PrefixBlocks::save_from(const Space& space, std::span<const TokenId> tokens, std::size_t from,
                             const KvCache& cache) {
  const PrefixOwner owner{space.identity, space.tenant};
  AlignedBuffer bytes(cache.block_bytes());
  if (bytes.size() == 0) return;
  // Those that are there already, before others make room; and none for which they would have to.
  touch_files(owner, tokens);
  const std::size_t most = store_->most_blocks(owner, tokens, bytes.size());
  for (std::size_t blocks = std::min(tokens.size() / kPrefixBlock, most); blocks > from; --blocks) {
    const std::span<const TokenId> text = tokens.first(blocks * kPrefixBlock);
    if (store_->holds(owner, text)) continue;
    cache.read_block(blocks - 1, {bytes.data(), bytes.size()});
    if (store_->save(owner, text, {bytes.data(), bytes.size()})) ++statistics_.saved;
  }
  touch_files(owner, tokens);
}

// The beginning last: what is behind it is of no use without it.
void PrefixBlocks::touch_files(const PrefixOwner& owner, std::span<const TokenId> tokens) const {
  for (std::size_t blocks = tokens.size() / kPrefixBlock; blocks > 0; --blocks) {
    store_->touch(owner, tokens.first(blocks * kPrefixBlock));
  }
}

void PrefixBlocks::clear() {
  const std::lock_guard lock(mutex_);
  forget_if([](const Space&) { return true; });
  if (store_ != nullptr) store_->clear();
}

void PrefixBlocks::forget(std::string_view tenant) {
  const std::lock_guard lock(mutex_);
  forget_if([tenant](const Space& space) { return space.tenant == tenant; });
  if (store_ != nullptr) store_->forget(tenant);
}

void PrefixBlocks::forget_if(const std::function<bool(const Space&)>& unwanted) {
  for (RootPlace root = roots_.begin(); root != roots_.end();) {
    const RootPlace next = std::next(root);
    if (unwanted(root->space)) drop_all_of(root);
    root = next;
  }
}

PrefixBlocks::Place PrefixBlocks::find(Id parent, std::uint64_t hash, std::span<const TokenId> tokens) {
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    const Block& block = *it->second;
    if (block.parent == parent && std::ranges::equal(block.tokens, tokens)) return it->second;
  }
  return blocks_.end();
}

std::vector<PrefixBlocks::Place> PrefixBlocks::chain_of(Id root, std::span<const TokenId> tokens) {
  std::vector<Place> chain;
  Id parent = root;
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
  const RootPlace root = std::ranges::find(roots_, block->root, &Root::id);
  if (--root->blocks == 0) roots_.erase(root);
  blocks_.erase(block);
}

bool PrefixBlocks::make_room(std::uint64_t bytes, std::span<const Place> chain) {
  if (bytes > max_bytes_) return false;
  while (statistics_.bytes > max_bytes_ - bytes) {
    const Place oldest = std::prev(blocks_.end());
    if (std::ranges::find(chain, oldest) != chain.end()) return false;
    save(*oldest);
    drop(oldest);
  }
  return true;
}

std::size_t PrefixBlocks::restore(const Space& space, std::span<const TokenId> tokens, std::size_t first,
                                  KvCache& cache) {
  const std::lock_guard lock(mutex_);
  const RootPlace root = find_root(space);
  std::vector<Place> chain;
  if (root != roots_.end()) chain = chain_of(root->id, tokens);
  for (std::size_t i = first; i < chain.size(); ++i) {
    cache.write_block(i, {chain[i]->bytes.data(), chain[i]->bytes.size()});
    ++statistics_.given;
  }
  touch(chain);
  const std::size_t blocks = std::max(first, chain.size());
  if (store_ == nullptr || space.identity.empty()) return blocks;
  return restore_from_files(space, tokens, blocks, cache, chain);
}

// Goes on where memory ends.
std::size_t PrefixBlocks::restore_from_files(const Space& space, std::span<const TokenId> tokens,
                                             std::size_t blocks, KvCache& cache, std::vector<Place>& chain) {
  const PrefixOwner owner{space.identity, space.tenant};
  const std::size_t before = blocks;
  AlignedBuffer bytes;
  for (; (blocks + 1) * kPrefixBlock <= tokens.size(); ++blocks) {
    const std::span<const TokenId> text = tokens.first((blocks + 1) * kPrefixBlock);
    if (!store_->holds(owner, text)) break;
    if (bytes.size() == 0) bytes = AlignedBuffer(cache.block_bytes());
    if (bytes.size() == 0 || !store_->load(owner, text, {bytes.data(), bytes.size()})) break;
    cache.write_block(blocks, {bytes.data(), bytes.size()});
    ++statistics_.given;
    ++statistics_.loaded;
    if (chain.size() == blocks) insert(space, text, cache, chain);
  }
  touch(chain);
  if (blocks > before) touch_files(owner, tokens.first(blocks * kPrefixBlock));
  return blocks;
}

// The new last block of `chain`.
bool PrefixBlocks::insert(const Space& space, std::span<const TokenId> tokens, const KvCache& cache,
                          std::vector<Place>& chain) {
  if (!make_room(cache.block_bytes(), chain)) return false;
  AlignedBuffer bytes(cache.block_bytes());
  if (bytes.size() == 0) return false;
  const std::size_t index = chain.size();
  const std::span<const TokenId> own = block_of(tokens, index);
  chain.reserve(index + 1);
  RootPlace root = find_root(space);  // anew: making room may have dropped it
  const bool new_root = root == roots_.end();
  if (new_root) root = roots_.insert(roots_.end(), {space, next_id_++, 0});
  const Id parent = chain.empty() ? root->id : chain.back()->id;
  const std::uint64_t hash = hash64(std::as_bytes(own), parent);
  try {
    blocks_.push_front({next_id_++, hash, parent, root->id, {own.begin(), own.end()}, std::move(bytes)});
    try {
      by_hash_.emplace(hash, blocks_.begin());
    } catch (...) {
      blocks_.pop_front();  // nobody would find it, and its bytes would never be dropped
      throw;
    }
  } catch (...) {
    if (new_root) roots_.erase(root);
    throw;
  }
  cache.read_block(index, {blocks_.front().bytes.data(), blocks_.front().bytes.size()});
  ++root->blocks;
  statistics_.bytes += blocks_.front().bytes.size();
  ++statistics_.blocks;
  chain.push_back(blocks_.begin());
  return true;
}

void PrefixBlocks::keep(const Space& space, std::span<const TokenId> tokens, const KvCache& cache) {
  const std::lock_guard lock(mutex_);
  drop_expired();
  const RootPlace root = find_root(space);
  std::vector<Place> chain;
  if (root != roots_.end()) chain = chain_of(root->id, tokens);
  // Also where memory runs out on the way: a block must not be dropped before those behind it.
  struct Touch {
    PrefixBlocks& blocks;
    std::vector<Place>& chain;
    ~Touch() { blocks.touch(chain); }
  } const at_the_end{*this, chain};
  const bool stays = store_ == nullptr || space.identity.empty();
  while ((chain.size() + 1) * kPrefixBlock <= tokens.size() && insert(space, tokens, cache, chain)) {
  }
  if (!stays && (chain.size() + 1) * kPrefixBlock <= tokens.size()) {
    save_from(space, tokens, chain.size(), cache);
  }
}

}  // namespace mote::engine
