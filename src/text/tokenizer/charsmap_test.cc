// Character maps built here by hand, and the same with every byte damaged.
#include "text/tokenizer/charsmap.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "text/tokenizer/pre_probe.h"
#include "text/tokenizer/sha256.h"

namespace mote::text {
namespace {

void put_u32(std::string& out, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>((value >> shift) & 0xFF));
}

// Keys "a" -> "b" and "ac" -> "xyz", laid out by hand: the root's children begin at 256 and those of "a" at
// 512 (a child lies at base xor label, a value at the base itself).
std::string small_map() {
  std::vector<std::uint32_t> units(1024, 0);
  const auto unit = [](std::uint32_t label, std::uint32_t offset, bool value) {
    return label | (offset << 10) | (value ? 0x100U : 0U);
  };
  units[0] = unit(0, 256, false);
  const std::uint32_t a = 256 ^ 'a';
  const std::uint32_t base_a = 512;
  units[a] = unit('a', a ^ base_a, true);
  units[base_a] = 0x80000000U | 0;
  const std::uint32_t ac = base_a ^ 'c';
  const std::uint32_t base_ac = 768;
  units[ac] = unit('c', ac ^ base_ac, true);
  units[base_ac] = 0x80000000U | 2;
  std::string out;
  put_u32(out, static_cast<std::uint32_t>(units.size() * 4));
  for (const std::uint32_t u : units) put_u32(out, u);
  out += std::string("b\0xyz\0", 6);
  return out;
}

TEST(Charsmap, FindsTheLongestAndTheShortestStretch) {
  auto map = Charsmap::create(small_map());
  ASSERT_TRUE(map);
  EXPECT_EQ(map->longest("acd")->replacement, "xyz");
  EXPECT_EQ(map->longest("acd")->length, 2u);
  EXPECT_EQ(map->shortest("acd")->replacement, "b");
  EXPECT_FALSE(map->longest("cab"));
  EXPECT_FALSE(map->longest(""));
  EXPECT_EQ(apply_by_graphemes(*map, AlignedText("a-ad", 0, false), 100)->text(), "b-bd");
}

TEST(Charsmap, KeepsTheOriginOfWhatItReplaces) {
  auto map = Charsmap::create(small_map());
  ASSERT_TRUE(map);
  const AlignedText out = *apply_by_graphemes(*map, AlignedText("za", 5, true), 100);
  EXPECT_EQ(out.text(), "zb");
  EXPECT_EQ(out.view().source(1, 2).begin, 6u);
  EXPECT_EQ(out.view().source(1, 2).end, 7u);
}

TEST(Charsmap, RefusesSizesThatDoNotFit) {
  const std::string whole = small_map();
  for (const std::size_t n : {std::size_t{0}, std::size_t{3}, std::size_t{4}, std::size_t{100},
                              whole.size() - 7, whole.size() - 1}) {
    auto map = Charsmap::create(whole.substr(0, n));
    ASSERT_FALSE(map) << n;
    EXPECT_EQ(map.error().code.name, "TOK_FORMAT");
  }
  std::string odd = whole;
  odd[0] = 1;
  EXPECT_FALSE(Charsmap::create(odd));
  EXPECT_FALSE(Charsmap::create(std::string(17U << 20, '\0')));
}

TEST(Charsmap, RefusesReplacementsThatNoMapHas) {
  const std::string whole = small_map();
  EXPECT_TRUE(Charsmap::create(whole + std::string(1024, 'x') + '\0'));
  auto map = Charsmap::create(whole + std::string(1025, 'x') + '\0');
  ASSERT_FALSE(map);
  EXPECT_EQ(map.error().code.name, "TOK_FORMAT");
}

TEST(Charsmap, EndsWhereTheTrieLeadsBackToItself) {
  // "a" leads to the root's children again and has no value but in the first unit: every text of a's would be
  // walked to its end from every place.
  std::vector<std::uint32_t> units(1024, 0);
  const std::uint32_t a = 256 ^ 'a';
  units[0] = 256U << 10U;
  units[a] = 'a' | ((a ^ 256U) << 10U);
  std::string bytes;
  put_u32(bytes, static_cast<std::uint32_t>(units.size() * 4));
  for (const std::uint32_t u : units) put_u32(bytes, u);
  bytes += std::string("b\0", 2);
  auto map = Charsmap::create(bytes);
  ASSERT_TRUE(map);
  const std::string text(std::size_t{1} << 20U, 'a');
  // 2^20 places: 3e8 steps within the limit of a key, 5e11 without.
  for (std::size_t i = 0; i < text.size(); ++i) ASSERT_FALSE(map->longest(std::string_view(text).substr(i)));
}

TEST(Charsmap, StopsAtTheLimitOfTheText) {
  auto map = Charsmap::create(small_map());
  ASSERT_TRUE(map);
  EXPECT_FALSE(apply_by_graphemes(*map, AlignedText(std::string(100, 'a'), 0, false), 50));
  EXPECT_TRUE(apply_by_graphemes(*map, AlignedText(std::string(100, 'a'), 0, false), 100));
}

TEST(Charsmap, StaysWithinItsBytesWhateverTheyAre) {
  Rng rng(3);
  const std::string whole = small_map();
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = whole;
    for (std::uint64_t n = 1 + rng.next_below(40); n > 0; --n)
      bytes[4 + rng.next_below(bytes.size() - 5)] = static_cast<char>(rng.next_below(256));
    auto map = Charsmap::create(bytes);
    if (!map) continue;
    std::string text;
    for (int i = 0; i < 20; ++i) text.push_back(static_cast<char>(rng.next_below(256)));
    for (const std::string& input : {std::string("acacac"), text}) {
      for (std::size_t i = 0; i < input.size(); ++i) {
        const auto match = map->longest(std::string_view(input).substr(i));
        if (match) {
          ASSERT_LE(match->length, input.size() - i);
        }
      }
    }
  }
}

TEST(Sha256, GivesTheSumsOfTheStandard) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(PreProbe, WritesIdsAsPythonDoes) {
  const std::vector<TokenId> ids{1, 22, 333};
  EXPECT_EQ(probe_sum(ids), sha256_hex("[1, 22, 333]"));
  EXPECT_EQ(name_of_probe("3ce83efda5659b07b1ad37ca97ca5797ea4285d9b9ab0dc679e4a720c9da7454"), "gpt-2");
  EXPECT_EQ(name_of_probe(""), "");
}

}  // namespace
}  // namespace mote::text
