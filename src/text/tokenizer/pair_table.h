// Merges by their two parts: an open-addressing table, because a vocabulary has up to 300,000 merges and
// every pair of neighbours in a text asks for one. As in id_table.h, no look-up goes further than kMaxProbes
// slots, because a file may choose ids of one hash; what finds no free slot so near goes into a tree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "mote/tokenizer.h"
#include "text/tokenizer/id_table.h"

namespace mote::text {

class PairTable {
 public:
  struct Entry {
    std::uint64_t key = kEmpty;
    std::int32_t rank = 0;
    TokenId merged = 0;
  };

  explicit PairTable(std::size_t count = 0) {
    std::size_t capacity = 16;
    while (capacity < count * 2) capacity *= 2;
    entries_.resize(capacity);
  }

  // False where the pair is there already. At most `count` pairs may be inserted.
  bool insert(TokenId left, TokenId right, std::int32_t rank, TokenId merged) {
    const std::uint64_t key = pack(left, right);
    std::size_t slot = hash(key);
    for (std::size_t step = 0; step < kMaxProbes; ++step) {
      if (entries_[slot].key == key) return false;
      if (entries_[slot].key == kEmpty) {
        entries_[slot] = Entry{key, rank, merged};
        return true;
      }
      slot = (slot + 1) & (entries_.size() - 1);
    }
    return far_.try_emplace(key, Entry{key, rank, merged}).second;
  }

  [[nodiscard]] const Entry* find(TokenId left, TokenId right) const {
    const std::uint64_t key = pack(left, right);
    std::size_t slot = hash(key);
    for (std::size_t step = 0; step < kMaxProbes; ++step) {
      if (entries_[slot].key == key) return &entries_[slot];
      if (entries_[slot].key == kEmpty) return nullptr;
      slot = (slot + 1) & (entries_.size() - 1);
    }
    const auto far = far_.find(key);
    return far == far_.end() ? nullptr : &far->second;
  }

 private:
  static constexpr std::uint64_t kEmpty = UINT64_MAX;  // no pair of valid ids: both would be -1
  static std::uint64_t pack(TokenId left, TokenId right) {
    return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) |
           static_cast<std::uint32_t>(right);
  }
  // Fibonacci hashing (Knuth, TAOCP 6.4).
  [[nodiscard]] std::size_t hash(std::uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15ULL) >> 32) & (entries_.size() - 1);
  }

  std::vector<Entry> entries_;  // a power of two
  std::map<std::uint64_t, Entry> far_;
};

}  // namespace mote::text
