// Ids by their spelling, in an open-addressing table of 8 bytes a slot. The spellings lie elsewhere:
// `text_of(id)` is the caller's and says where, the same one for every call on a table.
//
// A vocabulary comes from a file, and whoever writes the file may choose spellings of one hash, so that every
// look-up would walk over all of them: half a million such tokens would take minutes. No look-up goes further
// than kMaxProbes slots here; what finds no free one so near goes into a tree. At a load of one half the
// longest walk of honest spellings grows with the logarithm of their number (Knuth, TAOCP 6.4) and stays far
// below the limit for 2^24 of them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mote/tokenizer.h"

namespace mote::text {

inline constexpr std::size_t kMaxProbes = 256;

class IdTable {
 public:
  IdTable() = default;
  // Room for `count` ids before the table grows.
  explicit IdTable(std::size_t count) : slots_(std::bit_ceil(count * 2 + 1)) {}

  template <typename TextOf>
  [[nodiscard]] std::optional<TokenId> find(std::string_view text, const TextOf& text_of) const {
    const std::uint64_t hash = hash_of(text);
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t step = 0; step < kMaxProbes && step < slots_.size(); ++step) {
      const Slot& slot = slots_[(hash + step) & mask];
      if (slot.id == kFree) return std::nullopt;
      if (slot.tag == tag_of(hash) && std::string_view(text_of(slot.id)) == text) return slot.id;
    }
    const auto far = far_.find(text);
    return far == far_.end() ? std::nullopt : std::optional<TokenId>(far->second);
  }

  // The id that the text had before; nothing where it is new and now has `id`. text_of(id) must be the text
  // already.
  template <typename TextOf>
  std::optional<TokenId> insert(TokenId id, const TextOf& text_of) {
    if (count_ * 2 >= slots_.size()) grow(text_of);
    const std::string_view text = text_of(id);
    if (const auto there = find(text, text_of)) return there;
    put(id, text);
    return std::nullopt;
  }

 private:
  static constexpr TokenId kFree = -1;
  struct Slot {
    std::uint32_t tag = 0;  // upper half of the hash: tells most strangers without a look at their text
    TokenId id = kFree;
  };

  static std::uint64_t hash_of(std::string_view text) { return std::hash<std::string_view>{}(text); }
  static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

  // A text that is not there.
  void put(TokenId id, std::string_view text) {
    const std::uint64_t hash = hash_of(text);
    for (std::size_t step = 0; step < kMaxProbes; ++step) {
      Slot& slot = slots_[(hash + step) & (slots_.size() - 1)];
      if (slot.id != kFree) continue;
      slot = Slot{tag_of(hash), id};
      ++count_;
      return;
    }
    far_.emplace(text, id);
  }

  template <typename TextOf>
  void grow(const TextOf& text_of) {
    std::vector<Slot> old(std::bit_ceil(slots_.size() * 2 + 1));
    old.swap(slots_);
    const auto far = std::exchange(far_, {});
    count_ = 0;
    for (const Slot& slot : old) {
      if (slot.id != kFree) put(slot.id, text_of(slot.id));
    }
    for (const auto& [text, id] : far) put(id, text);
  }

  std::vector<Slot> slots_;  // a power of two
  std::size_t count_ = 0;    // of them taken
  std::map<std::string, TokenId, std::less<>> far_;
};

}  // namespace mote::text
