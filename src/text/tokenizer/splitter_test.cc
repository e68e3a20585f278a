#include "text/tokenizer/splitter.h"

#include <gtest/gtest.h>

#include <string>

#include "base/rng.h"
#include "base/strings.h"
#include "text/tokenizer/regex_splitter.h"
#include "text/tokenizer/split_catalogue.h"
#include "text/tokenizer/unicode_class.h"

namespace mote::text {
namespace {

std::vector<std::string> words(std::string_view name, const std::string& text) {
  auto splitter = Splitter::create(split_by_name(name)->plan);
  EXPECT_TRUE(splitter);
  auto cut = splitter->split(text);
  EXPECT_TRUE(cut);
  std::vector<std::string> out;
  for (const Word& word : *cut) out.push_back(text.substr(word.begin, word.end - word.begin));
  return out;
}

using Words = std::vector<std::string>;

TEST(Splitter, Gpt2KeepsOneSpaceWithTheWordThatFollows) {
  EXPECT_EQ(words("gpt-2", "I'll  go to 12 places!?\n\n"),
            (Words{"I", "'ll", " ", " go", " to", " 12", " places", "!?", "\n\n"}));
}

TEST(Splitter, SmolLmCutsNumbersIntoDigits) {
  EXPECT_EQ(words("smollm", "a 123"), (Words{"a", " ", "1", "2", "3"}));
}

TEST(Splitter, Llama3CutsNumbersAfterThreeDigitsAndIgnoresTheCaseOfContractions) {
  EXPECT_EQ(words("llama-bpe", "I'LL pay $12345.\n\nok"),
            (Words{"I", "'LL", " pay", " $", "123", "45", ".\n\n", "ok"}));
}

TEST(Splitter, Qwen2CutsNumbersIntoDigits) {
  EXPECT_EQ(words("qwen2", "x=12\n  y"), (Words{"x", "=", "1", "2", "\n", " ", " y"}));
}

// The same patterns run by PCRE2, which shares no code with the hand-written ones.
class AgainstRegex : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(AgainstRegex, GivesTheSameWordsOnRandomText) {
  const auto [name, pattern] = GetParam();
  auto splitter = Splitter::create(split_by_name(name)->plan);
  auto regex = RegexSplitter::compile(pattern);
  ASSERT_TRUE(splitter && regex);
  const std::u32string alphabet =
      U"aZs'tdrevlmLſʰǅÉ 019½Ⅷ٣\t\n\r\u00A0\u3000éＡ漢々〇⺀\u0301\U0001F600.,!?-_/$€";
  Rng rng(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (std::uint64_t n = rng.next_below(24); n > 0; --n)
      append_utf8(text, alphabet[rng.next_below(alphabet.size())]);
    auto expected = regex->find_all(text);
    auto got = splitter->split(text);
    ASSERT_TRUE(expected && got);
    ASSERT_EQ(got->size(), expected->size()) << escape_untrusted(text);
    for (std::size_t i = 0; i < got->size(); ++i) {
      ASSERT_EQ((*got)[i].begin, (*expected)[i].begin) << escape_untrusted(text);
      ASSERT_EQ((*got)[i].end, (*expected)[i].end) << escape_untrusted(text);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Families, AgainstRegex,
    ::testing::Values(
        std::pair{"gpt-2", R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"},
        std::pair{
            "llama-bpe",
            R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
        std::pair{
            "qwen2",
            R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
        std::pair{
            "tekken",
            R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
        std::pair{
            "gpt-4o",
            R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
        std::pair{
            "kimi-k2",
            R"(\p{sc:Han}+|[^\r\n\p{L}\p{N}]?(?:(?!\p{sc:Han})[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])*(?:(?!\p{sc:Han})[\p{Ll}\p{Lm}\p{Lo}\p{M}])+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?(?:(?!\p{sc:Han})[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])+(?:(?!\p{sc:Han})[\p{Ll}\p{Lm}\p{Lo}\p{M}])*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
        std::pair{
            "seed-coder",
            R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)"},
        std::pair{"ufakzeka",
                  R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
        std::pair{
            "bailingmoe",
            R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)"},
        std::pair{
            "qwen35",
            R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}));

// Steps of their own for patterns that PCRE2 would take the square of a number's length for.
class FromTheRight : public ::testing::TestWithParam<std::pair<SplitKind, const char*>> {};

TEST_P(FromTheRight, GivesTheSameWordsAsItsPattern) {
  const auto [kind, pattern] = GetParam();
  auto fast = Splitter::create({{.kind = kind, .digits = 3}});
  auto slow = Splitter::create({{.kind = SplitKind::regex, .pattern = pattern}});
  ASSERT_TRUE(fast && slow);
  const std::u32string alphabet = U"0123456789٣½²Ⅷ⅑⑧ a_.é漢\u0301\u200D ";
  Rng rng(9);
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (std::uint64_t n = rng.next_below(24); n > 0; --n)
      append_utf8(text, alphabet[rng.next_below(rng.next_below(2) == 0 ? 10 : alphabet.size())]);
    const auto expected = slow->split(text);
    const auto got = fast->split(text);
    ASSERT_TRUE(expected && got);
    ASSERT_EQ(got->size(), expected->size()) << text;
    for (std::size_t i = 0; i < got->size(); ++i) ASSERT_EQ((*got)[i].end, (*expected)[i].end) << text;
  }
  // 10^6 digits: 5e10 steps for the pattern.
  const auto long_number = fast->split(std::string(1'000'000, '7'));
  ASSERT_TRUE(long_number);
  EXPECT_EQ(long_number->size(), 333'334U);
  EXPECT_EQ(long_number->front().end, 1U);
}

INSTANTIATE_TEST_SUITE_P(
    Runs, FromTheRight,
    ::testing::Values(std::pair{SplitKind::numbers_from_right, R"(\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N})))"},
                      std::pair{SplitKind::decimals_from_right, R"(\p{Nd}{1,3}(?=(?:\p{Nd}{3})*(?!\p{Nd})))"},
                      std::pair{SplitKind::decimal_words_from_right,
                                R"(\p{Nd}{1,3}(?=(?:\p{Nd}{3})*(?![\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}²³¹¼½¾])))"}));

// PCRE2 10.42 knows Unicode 14, which lacks U+2B739 and the last of the ranges.
TEST(UnicodeClass, HanIsTheScriptHan) {
  auto regex = RegexSplitter::compile(R"(\p{sc:Han})");
  ASSERT_TRUE(regex);
  std::string text;
  std::vector<char32_t> expected;
  for (char32_t c = 0; c < 0x31350; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    append_utf8(text, c);
    if (is_han(c) && c != 0x2B739) expected.push_back(c);
  }
  const auto matches = regex->find_all(text);
  ASSERT_TRUE(matches);
  ASSERT_EQ(matches->size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    std::size_t at = (*matches)[i].begin;
    ASSERT_EQ(next_code_point(text, at), expected[i]);
  }
}

TEST(Splitter, AfmoeKeepsTheFirstGroupOfANumberWithTheSpacesBeforeIt) {
  EXPECT_EQ(words("afmoe", "x  1234"), (Words{"x", " ", " ", "1", "234"}));
  EXPECT_EQ(words("afmoe", "1234567"), (Words{"1", "234", "567"}));
}

// Its own tokens are cut from their neighbours, and then by the later steps as any text.
TEST(Splitter, ChameleonCutsItsTokensSpacesAndDigits) {
  EXPECT_EQ(
      words("chameleon", "aIMGIMGABZb<sentinel:12> 3   b\t."),
      (Words{"a", "IMGIMGABZ", "b", "<", "sentinel", ":", "1", "2", ">", " ", "3", "  ", " b", "\t", "."}));
}

TEST(Splitter, CoversTheTextWithoutGapsWhateverTheBytes) {
  Rng rng(11);
  for (const std::string_view name : known_split_names()) {
    auto splitter = Splitter::create(split_by_name(name)->plan);
    ASSERT_TRUE(splitter) << name;
    for (int round = 0; round < 50; ++round) {
      std::string text;
      for (std::uint64_t n = rng.next_below(40); n > 0; --n)
        text.push_back(static_cast<char>(rng.next_below(256)));
      auto got = splitter->split(text);
      ASSERT_TRUE(got) << name;
      std::size_t at = 0;
      for (const Word& word : *got) {
        ASSERT_EQ(word.begin, at);
        ASSERT_LT(word.begin, word.end);
        at = word.end;
      }
      ASSERT_EQ(at, text.size());
    }
  }
}

TEST(Splitter, RefusesPatternsThatLookBehindReferBackMeanSomethingElseOrAreTooLarge) {
  for (const std::string& pattern :
       {std::string("(?<=a)b"), std::string("(?<!a)b"), std::string(R"((a)\1)"), std::string("(?R)"),
        std::string("(*LIMIT_MATCH=9)a"), std::string("[^a[bc]]+"), std::string("[a-z&&[^b]]"),
        std::string("[a&&b]"), std::string("\\h+"), std::string("[\\h]"), std::string("(a"),
        std::string(1'000'000, 'a'), std::string()}) {
    auto regex = RegexSplitter::compile(pattern);
    ASSERT_FALSE(regex) << escape_untrusted(pattern);
    EXPECT_EQ(regex.error().code.name, "TOK_REGEX");
  }
}

TEST(Splitter, StopsAPatternThatBacktracksWithoutEnd) {
  auto regex = RegexSplitter::compile("(a+)+(b|c)(a+)+$");
  ASSERT_TRUE(regex);
  auto matches = regex->find_all(std::string(60, 'a') + "b" + std::string(60, 'a') + "!");
  ASSERT_FALSE(matches);
  EXPECT_EQ(matches.error().code.name, "TOK_REGEX");
}

TEST(Splitter, StopsAPatternThatLooksToTheEndOfTheTextFromEveryPlace) {
  // Given back step by step; in one step, because nothing can be given back; and over many short words.
  std::string words;
  for (int i = 0; i < 20'000; ++i) words += "hello ";
  for (const auto& [pattern, text] :
       {std::pair{R"([\s\S]*\x{10FFFF}|\w+)", words}, std::pair{R"(\S*+!|\w)", std::string(100'000, 'x')}}) {
    auto regex = RegexSplitter::compile(pattern);
    ASSERT_TRUE(regex);
    auto matches = regex->find_all(text);
    ASSERT_FALSE(matches) << pattern;
    EXPECT_EQ(matches.error().code.name, "TOK_REGEX");
  }
  std::string runs;
  for (int i = 0; i < 2000; ++i) runs += std::string(19, 'a') + "b ";
  auto splitter =
      Splitter::create({{.kind = SplitKind::space}, {.kind = SplitKind::regex, .pattern = "(a+)+$"}});
  ASSERT_TRUE(splitter);
  auto got = splitter->split(runs);  // 2^19 steps for each word, below the limit of one match
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code.name, "TOK_REGEX");
}

TEST(Splitter, CountsNoStepsWhereTheCatalogueHasThePattern) {
  EXPECT_FALSE(is_catalogue_pattern(R"(\w+)"));
  EXPECT_TRUE(is_catalogue_pattern(R"(\s?\p{L}+)"));
}

TEST(Splitter, TakesTimeInProportionToTheText) {
  // 4 MiB of two-byte words. Work per word that grows with the text, such as a check of all of it, would
  // make 2^21 * 2^22 / 2 steps: over an hour at one a nanosecond.
  auto regex = RegexSplitter::compile("[ab]{2}");
  ASSERT_TRUE(regex);
  std::string text(std::size_t{4} << 20U, 'a');
  auto matches = regex->find_all(text);
  ASSERT_TRUE(matches);
  EXPECT_EQ(matches->size(), text.size() / 2);
  for (std::size_t i = 7; i < text.size(); i += 16) text[i] = '\xFF';
  matches = regex->find_all(text);
  ASSERT_TRUE(matches);
  EXPECT_EQ(matches->size(), text.size() / 16 * 7);  // 7 letters, 15 between bad bytes, 8
}

TEST(Splitter, NeverMatchesBadBytesNorAcrossThem) {
  const auto words = [](const char* pattern, std::string_view text) {
    auto regex = RegexSplitter::compile(pattern);
    EXPECT_TRUE(regex);
    Words out;
    const auto matches = regex->find_all(text);
    EXPECT_TRUE(matches);
    for (const auto& match : *matches) out.emplace_back(text.substr(match.begin, match.end - match.begin));
    return out;
  };
  EXPECT_EQ(words(".+", "ab\xFF\xC3\xA9\xC3z\xE4\xBD"), (Words{"ab", "\xC3\xA9", "z"}));
  EXPECT_EQ(words("a*",
                  "\x80"
                  "baa\xC3\xA9"),
            (Words{"aa"}));  // empty matches move on by one character
  EXPECT_EQ(words("^a",
                  "a\xFF"
                  "a"),
            (Words{"a"}));
  EXPECT_EQ(words("a$",
                  "a\xFF"
                  "a"),
            (Words{"a"}));
  // At every line's beginning and end, as Oniguruma has it.
  EXPECT_EQ(words("^a", "a\na a"), (Words{"a", "a"}));
  EXPECT_EQ(words("a+$", "aa\naaa aaaa"), (Words{"aa", "aaaa"}));
}

TEST(Splitter, DoesWithMatchesWhatTheBehaviorSays) {
  const auto cut = [](SplitBehavior behavior, bool invert) {
    auto splitter = Splitter::create(
        {{.kind = SplitKind::literal, .pattern = "-", .behavior = behavior, .invert = invert}});
    EXPECT_TRUE(splitter);
    const std::string text = "-a--b-";
    std::vector<std::string> out;
    const auto words = splitter->split(text);
    for (const Word& word : *words) out.push_back(text.substr(word.begin, word.end - word.begin));
    return out;
  };
  // What Hugging Face's Split gives for the same text and pattern.
  EXPECT_EQ(cut(SplitBehavior::isolated, false), (Words{"-", "a", "-", "-", "b", "-"}));
  EXPECT_EQ(cut(SplitBehavior::removed, false), (Words{"a", "b"}));
  EXPECT_EQ(cut(SplitBehavior::removed, true), (Words{"-", "-", "-", "-"}));
  EXPECT_EQ(cut(SplitBehavior::contiguous, false), (Words{"-", "a", "--", "b", "-"}));
  EXPECT_EQ(cut(SplitBehavior::merged_with_previous, false), (Words{"-", "a-", "-", "b-"}));
  EXPECT_EQ(cut(SplitBehavior::merged_with_next, false), (Words{"-a", "-", "-b", "-"}));
}

TEST(Splitter, EndsCamelCaseWordsWhereTheCaseChanges) {
  EXPECT_EQ(words("gpt-4o", "camelCaseHTTPServer's x/y"),
            (Words{"camel", "Case", "HTTPServer's", " x", "/y"}));
}

TEST(SplitCatalogue, ReadsBackThePlanOfEachNameThatIsWritten) {
  for (const std::string_view name :
       {"gpt-2", "smollm", "llama-bpe", "qwen2", "qwen35", "deepseek-llm", "gpt-4o", "tekken", "dbrx",
        "seed-coder", "superbpe", "bloom", "youtu"}) {
    const auto named = split_by_name(name);
    ASSERT_TRUE(named);
    EXPECT_EQ(name_of_split(named->plan, named->ignore_merges), name);
  }
  EXPECT_EQ(name_of_split({}, false), "");
  EXPECT_FALSE(split_by_name("no-such-splitter"));
}

TEST(SplitCatalogue, ReadsBackEachPatternOfItsPlans) {
  for (const std::string_view name : known_split_names()) {
    const SplitPlan plan = split_by_name(name)->plan;
    for (const SplitStep& step : plan) {
      if (step.kind == SplitKind::regex) {
        EXPECT_EQ(step_for_pattern(step.pattern), step) << name;
      }
    }
  }
}

// DeepSeek's has line ends as they are, BLOOM's a class within a class.
TEST(SplitCatalogue, KnowsPatternsAsTheModelsSpellThem) {
  const SplitPlan deepseek{
      step_for_pattern("\\p{N}{1,3}"), step_for_pattern("[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+"),
      step_for_pattern("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"
                       "|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*"
                       "|\\s*[\r\n]+|\\s+(?!\\S)|\\s+")};
  EXPECT_EQ(name_of_split(deepseek, false), "deepseek-v3");
  const SplitPlan bloom{step_for_pattern(" ?[^(\\s|[.,!?\u2026\u3002\uFF0C\u3001\u0964\u06D4\u060C])]+")};
  EXPECT_EQ(name_of_split(bloom, false), "bloom");
}

}  // namespace
}  // namespace mote::text
