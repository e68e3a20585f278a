#include "text/tokenizer/merger.h"

#include <gtest/gtest.h>

#include <map>

#include "base/rng.h"

namespace mote::text {
namespace {

using Table = std::map<std::pair<TokenId, TokenId>, MergeResult>;

// As papers write it: of all neighbours the best pair, leftmost first, until there is none.
std::vector<TokenId> brute_force(std::vector<TokenId> ids, const Table& table) {
  for (;;) {
    std::size_t best = ids.size();
    MergeResult result;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto it = table.find({ids[i], ids[i + 1]});
      if (it == table.end() || (best < ids.size() && it->second.priority >= result.priority)) continue;
      best = i;
      result = it->second;
    }
    if (best == ids.size()) return ids;
    ids[best] = result.id;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

std::pair<std::vector<TokenId>, std::size_t> with_heap(const std::vector<TokenId>& ids, const Table& table) {
  std::vector<Symbol> symbols;
  for (std::uint32_t i = 0; i < ids.size(); ++i)
    symbols.push_back(Symbol{.begin = i, .length = 1, .id = ids[i]});
  const std::size_t made = merge_symbols(
      symbols,
      [&](const Symbol& a, const Symbol& b) -> std::optional<MergeResult> {
        const auto it = table.find({a.id, b.id});
        return it == table.end() ? std::nullopt : std::optional(it->second);
      },
      [](const Symbol&, const Symbol&, TokenId) {});
  std::vector<TokenId> out;
  for (const Symbol& symbol : symbols) {
    if (symbol.length > 0) out.push_back(symbol.id);
  }
  return {out, made};
}

TEST(Merger, AgreesWithMergingTheBestPairOfTheWholeListEachTime) {
  Rng rng(3);
  for (int round = 0; round < 2000; ++round) {
    Table table;
    TokenId next = 4;
    for (int m = 0; m < 20; ++m) {
      const auto a = static_cast<TokenId>(rng.next_below(static_cast<std::uint64_t>(next)));
      const auto b = static_cast<TokenId>(rng.next_below(static_cast<std::uint64_t>(next)));
      if (table.try_emplace({a, b}, MergeResult{static_cast<std::uint32_t>(m), next}).second) ++next;
    }
    std::vector<TokenId> ids;
    for (std::uint64_t n = rng.next_below(30); n > 0; --n)
      ids.push_back(static_cast<TokenId>(rng.next_below(4)));
    ASSERT_EQ(with_heap(ids, table).first, brute_force(ids, table)) << "round " << round;
  }
}

TEST(Merger, MakesAtMostThreeCandidatesPerSymbol) {
  Table table;
  for (TokenId id = 0; id < 24; ++id) table[{id, id}] = MergeResult{static_cast<std::uint32_t>(id), id + 1};
  const std::size_t n = std::size_t{1} << 20;
  const auto [ids, made] = with_heap(std::vector<TokenId>(n, 0), table);
  EXPECT_EQ(ids, (std::vector<TokenId>{20}));
  EXPECT_LE(made, 3 * n);
}

TEST(Merger, LeavesFrozenSymbolsAlone) {
  std::vector<Symbol> symbols{{.begin = 0, .length = 1, .id = 0},
                              {.begin = 1, .length = 1, .id = 0, .frozen = true}};
  merge_symbols(
      symbols, [](const Symbol&, const Symbol&) { return std::optional(MergeResult{0, 1}); },
      [](const Symbol&, const Symbol&, TokenId) {});
  EXPECT_EQ(symbols[0].id, 0);
  EXPECT_EQ(symbols[1].length, 1u);
}

}  // namespace
}  // namespace mote::text
