// Merging of neighbouring symbols by priority: the core of every BPE.
//
// Symbols are a linked list in an array, candidates a binary heap; a merge makes at most two new candidates,
// so n symbols cost at most 3n candidates and n log n time. Searching the whole list for each merge, as the
// textbook form does, takes hours for a megabyte of one letter.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "mote/tokenizer.h"

namespace mote::text {

constexpr TokenId kNoToken = -1;

struct Symbol {
  std::uint32_t begin = 0;   // in the text
  std::uint32_t length = 0;  // 0: merged into another
  std::int32_t previous = -1;
  std::int32_t next = -1;
  TokenId id = kNoToken;
  bool frozen = false;  // never merged
};

struct MergeResult {
  std::uint32_t priority = 0;  // lower first; equal ones from left to right
  TokenId id = kNoToken;
};

// The longest text whose symbols have 31-bit indices.
constexpr std::size_t kMaxMergeBytes = 0x7FFFFFFF;

// A score as a priority: the higher the score, the lower the number. Floats of one sign are ordered as their
// bits are.
inline std::uint32_t priority_of_score(float score) {
  const auto bits = std::bit_cast<std::uint32_t>(score == 0 ? 0.0F : score);
  return (bits & 0x80000000U) != 0 ? bits : 0x7FFFFFFFU - bits;
}

// Merges until `lookup(const Symbol& left, const Symbol& right) -> std::optional<MergeResult>` has nothing
// for any neighbours. `on_merge(left, right, result)` is told of each merge before it happens. Returns the
// candidates made.
template <typename Lookup, typename OnMerge>
std::size_t merge_symbols(std::vector<Symbol>& symbols, const Lookup& lookup, const OnMerge& on_merge) {
  // 16 bytes each: the time goes into moving them through the heap's memory.
  struct Candidate {
    std::uint64_t order;  // priority, then index of the left symbol
    std::uint32_t
        length;  // of both when it was made: symbols only grow, so another sum means that it is stale
    TokenId id;
  };
  const auto later = [](const Candidate& a, const Candidate& b) { return a.order > b.order; };
  const auto at = [&](std::int32_t i) -> Symbol& { return symbols[static_cast<std::size_t>(i)]; };

  std::vector<Candidate> heap;
  std::size_t made = 0;
  const auto propose = [&](std::int32_t left, std::int32_t right) {
    if (left < 0 || right < 0 || at(left).frozen || at(right).frozen) return false;
    const std::optional<MergeResult> result = lookup(at(left), at(right));
    if (!result) return false;
    heap.push_back({(std::uint64_t{result->priority} << 32) | static_cast<std::uint32_t>(left),
                    at(left).length + at(right).length, result->id});
    ++made;
    return true;
  };
  const auto count = static_cast<std::int32_t>(symbols.size());
  for (std::int32_t i = 0; i < count; ++i) {
    at(i).previous = i - 1;
    at(i).next = i + 1 < count ? i + 1 : -1;
    if (i > 0) propose(i - 1, i);
  }
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const Candidate best = heap.back();
    heap.pop_back();
    const auto index = static_cast<std::int32_t>(best.order & 0xFFFFFFFFU);
    Symbol& left = at(index);
    if (left.length == 0 || left.next < 0) continue;
    Symbol& right = at(left.next);
    if (left.length + right.length != best.length) continue;
    on_merge(left, right, best.id);
    left.id = best.id;
    left.length = best.length;
    left.next = right.next;
    right.length = 0;
    if (right.next >= 0) at(right.next).previous = index;
    if (propose(left.previous, index)) std::push_heap(heap.begin(), heap.end(), later);
    if (propose(index, left.next)) std::push_heap(heap.begin(), heap.end(), later);
  }
  return made;
}

}  // namespace mote::text
