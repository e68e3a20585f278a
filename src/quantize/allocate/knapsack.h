// Which of its candidates each item takes, so that the costs are least and the bytes stay within a budget.
//
// Dynamic programming over bytes in units: the greatest common divisor of all differences where that leaves
// few enough of them, and then the answer is exact; else rounded up, which wastes at most an item's unit, and
// what is left over goes to the exchanges that pay best.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace mote::quantize {

struct Candidate {
  std::uint64_t bytes = 0;
  double cost = 0;
};

// The index of each item's candidate; nothing where even the smallest ones exceed the budget. Every item has
// a candidate. The first of equal ones is taken.
std::optional<std::vector<std::size_t>> choose_within(std::span<const std::vector<Candidate>> items,
                                                      std::uint64_t budget);

}  // namespace mote::quantize
