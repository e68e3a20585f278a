// What a batch is made of: stretches of sequences, one after the other. A sequence is in a batch once.
#pragma once

#include <cstddef>
#include <span>

#include "engine/kv_cache.h"

namespace mote::engine {

// `n` tokens of one sequence, at positions `first` and up; their keys and values go to `cache`, which has
// those of all positions before.
struct Slice {
  KvCache* cache = nullptr;
  std::size_t first = 0;
  std::size_t n = 0;
};

inline std::size_t tokens_of(std::span<const Slice> slices) {
  std::size_t n = 0;
  for (const Slice& slice : slices) n += slice.n;
  return n;
}

}  // namespace mote::engine
