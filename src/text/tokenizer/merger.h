// Merging of neighbouring symbols by priority: the core of every BPE.
//
// Symbols are a linked list in an array, candidates a binary heap; a merge makes at most two new candidates,
// so n symbols cost at most 3n candidates and n log n time. Searching the whole list for each merge, as the
// textbook form does, takes hours for a megabyte of one letter.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "mote/tokenizer.h"

namespace mote::text {

constexpr TokenId kNoToken = -1;

struct Symbol {
  std::size_t begin = 0;   // in the text
  std::size_t length = 0;  // 0: merged into another
  std::ptrdiff_t previous = -1;
  std::ptrdiff_t next = -1;
  TokenId id = kNoToken;
  bool frozen = false;  // never merged
};

struct MergeResult {
  double priority = 0;  // lower first; equal ones from left to right
  TokenId id = kNoToken;
};

// Merges until `lookup(const Symbol& left, const Symbol& right) -> std::optional<MergeResult>` has nothing
// for any neighbours. `on_merge(left, right, result)` is told of each merge before it happens. Returns the
// candidates made.
template <typename Lookup, typename OnMerge>
std::size_t merge_symbols(std::vector<Symbol>& symbols, const Lookup& lookup, const OnMerge& on_merge) {
  struct Candidate {
    double priority;
    std::ptrdiff_t left;
    std::ptrdiff_t right;
    std::size_t length;  // of both when it was made: a symbol that has grown since makes it stale
    TokenId id;
  };
  const auto later = [](const Candidate& a, const Candidate& b) {
    return a.priority != b.priority ? a.priority > b.priority : a.left > b.left;
  };
  const auto at = [&](std::ptrdiff_t i) -> Symbol& { return symbols[static_cast<std::size_t>(i)]; };

  std::vector<Candidate> heap;
  heap.reserve(symbols.size());
  std::size_t made = 0;
  const auto propose = [&](std::ptrdiff_t left, std::ptrdiff_t right) {
    if (left < 0 || right < 0 || at(left).frozen || at(right).frozen) return false;
    const std::optional<MergeResult> result = lookup(at(left), at(right));
    if (!result) return false;
    heap.push_back({result->priority, left, right, at(left).length + at(right).length, result->id});
    ++made;
    return true;
  };
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    symbols[i].previous = static_cast<std::ptrdiff_t>(i) - 1;
    symbols[i].next = i + 1 < symbols.size() ? static_cast<std::ptrdiff_t>(i) + 1 : -1;
    if (i > 0) propose(static_cast<std::ptrdiff_t>(i) - 1, static_cast<std::ptrdiff_t>(i));
  }
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const Candidate best = heap.back();
    heap.pop_back();
    Symbol& left = at(best.left);
    Symbol& right = at(best.right);
    if (left.length == 0 || right.length == 0 || left.length + right.length != best.length) continue;
    on_merge(left, right, best.id);
    left.id = best.id;
    left.length = best.length;
    left.next = right.next;
    right.length = 0;
    if (right.next >= 0) at(right.next).previous = best.left;
    if (propose(left.previous, best.left)) std::push_heap(heap.begin(), heap.end(), later);
    if (propose(best.left, left.next)) std::push_heap(heap.begin(), heap.end(), later);
  }
  return made;
}

}  // namespace mote::text
