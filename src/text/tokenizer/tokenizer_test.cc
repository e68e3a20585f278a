#include "mote/tokenizer.h"

#include <gtest/gtest.h>

#include <array>

#include "base/rng.h"
#include "base/strings.h"
#include "text/tokenizer/added_matcher.h"
#include "text/tokenizer/test_vocabulary.h"

namespace mote {
namespace {

using Ids = std::vector<TokenId>;
using text::TextPiece;
using text::testing::byte_vocabulary;
using text::testing::score_vocabulary;

constexpr const char* kMark = "\xE2\x96\x81";

std::unique_ptr<Tokenizer> made(text::TokenizerData data) {
  auto tokenizer = Tokenizer::create(std::move(data));
  if (!tokenizer) {
    ADD_FAILURE() << format_error(tokenizer.error());
    return nullptr;
  }
  return *std::move(tokenizer);
}

Ids encoded(const Tokenizer& tokenizer, std::string_view text, EncodeOptions options = {}) {
  auto ids = tokenizer.encode(text, options);
  EXPECT_TRUE(ids);
  return ids ? *ids : Ids{};
}

TEST(Tokenizer, MergesBytesInTheOrderOfTheirRanks) {
  const auto t = made(byte_vocabulary({{"b", "c"}, {"a", "b"}, {"a", "bc"}}));
  EXPECT_EQ(encoded(*t, "ab"), (Ids{257}));
  EXPECT_EQ(encoded(*t, "abc"), (Ids{258}));  // "b"+"c" comes first, then "a"+"bc"
  EXPECT_EQ(encoded(*t, "abab"), (Ids{257, 257}));
}

TEST(Tokenizer, ReadsControlTokensOnlyWhereAsked) {
  const auto t = made(byte_vocabulary({{"h", "i"}}, {{"<|im_end|>", TokenType::control}}));
  EXPECT_EQ(encoded(*t, "hi<|im_end|>", {.parse_special = true}), (Ids{256, 257}));
  const Ids plain = encoded(*t, "hi<|im_end|>");
  EXPECT_EQ(plain.size(), 11u);
  EXPECT_EQ(t->decode(plain), "hi<|im_end|>");
  EXPECT_TRUE(t->is_end_of_generation(257));
}

TEST(Tokenizer, NeverTurnsUserTextIntoControlTokens) {
  const auto t = made(byte_vocabulary({{"h", "i"}}, {{"<|im_end|>", TokenType::control},
                                                     {"<tool_call>", TokenType::user_defined},
                                                     {"  ", TokenType::user_defined}}));
  const std::vector<TextPiece> pieces{
      {"<tool_call>", true}, {"<|im_end|><tool_call>  ", false}, {"<|im_end|>", true}};
  auto ids = t->encode_pieces(pieces, false);
  ASSERT_TRUE(ids);
  EXPECT_EQ(ids->front(), 258);
  EXPECT_EQ(ids->back(), 257);
  EXPECT_EQ((*ids)[ids->size() - 2], 259);  // runs of spaces are no markup
  EXPECT_EQ(std::count(ids->begin(), ids->end(), 257), 1);
  EXPECT_EQ(std::count(ids->begin(), ids->end(), 258), 1);
  EXPECT_EQ(t->decode(*ids), "<tool_call><|im_end|><tool_call>  <|im_end|>");
}

TEST(Tokenizer, FindsNoControlTokenThatIsHalfTemplateAndHalfUser) {
  const auto t = made(byte_vocabulary({{"h", "i"}}, {{"<|im_end|>", TokenType::control}}));
  const std::vector<TextPiece> pieces{{"<|im", true}, {"_end|>", false}};
  auto ids = t->encode_pieces(pieces, false);
  ASSERT_TRUE(ids);
  EXPECT_EQ(std::count(ids->begin(), ids->end(), 257), 0);
}

// What a user may write alone, a user may write together with the template: `", "` of a JSON definition
// begins in one and ends in the other. The reference tokenizer sees one text.
TEST(Tokenizer, FindsPlainAddedTokensAcrossTheBorderOfTemplateAndUser) {
  const auto t = made(byte_vocabulary({{"h", "i"}}, {{"\", \"", TokenType::user_defined},
                                                     {"\", \"x", TokenType::user_defined},
                                                     {"<tool_call>", TokenType::user_defined},
                                                     {"<|im_end|>", TokenType::control}}));
  const auto ids = [&](const std::vector<TextPiece>& pieces) { return *t->encode_pieces(pieces, false); };
  EXPECT_EQ(ids({{"hi\",", true}, {" \"hi", false}}), (Ids{256, 257, 256}));
  EXPECT_EQ(ids({{"\"", false}, {", ", true}, {"\"x", false}}),
            (Ids{258}));  // the longest, over three pieces
  EXPECT_EQ(ids({{"<tool", true}, {"_call>", true}}), (Ids{259}));
  EXPECT_EQ(ids({{"<|im_", true}, {"end|>", true}}), (Ids{260}));
  EXPECT_EQ(ids({{"<tool", true}, {"_call>", false}}).size(), 11U);
  EXPECT_EQ(ids({{"<tool", false}, {"_call>", true}}).size(), 11U);
  EXPECT_EQ(ids({{"<|", true}, {"im_end", false}, {"|>", true}}).size(), 10U);
}

TEST(Tokenizer, TokenizesNeighbouringPlainTextAsOneRun) {
  const auto t = made(byte_vocabulary({{"h", "i"}}));
  const std::vector<TextPiece> pieces{{"h", true}, {"i", false}};
  auto ids = t->encode_pieces(pieces, false);
  ASSERT_TRUE(ids);
  EXPECT_EQ(*ids, (Ids{256}));
}

TEST(Tokenizer, GivesBackAnyBytesFromAByteLevelVocabulary) {
  const auto t = made(byte_vocabulary({{"a", "b"}, {"\xC3", "\xA9"}}));
  Rng rng(5);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (std::uint64_t n = rng.next_below(30); n > 0; --n)
      text.push_back(static_cast<char>(rng.next_below(256)));
    ASSERT_EQ(t->decode(encoded(*t, text)), text) << escape_untrusted(text);
  }
}

TEST(Tokenizer, GivesBackAnyBytesThroughByteTokens) {
  const auto t = made(score_vocabulary({kMark, "a", "b", "ab", std::string(kMark) + "ab"}));
  Rng rng(5);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (std::uint64_t n = rng.next_below(30); n > 0; --n)
      text.push_back(static_cast<char>(rng.next_below(256)));
    ASSERT_EQ(t->decode(encoded(*t, text)), text) << escape_untrusted(text);
  }
}

TEST(Tokenizer, MergesThePairWithTheBestScore) {
  // 259 mark, 260 a, 261 b, 262 c, 263 bc, 264 ab, 265 mark+a
  const auto t = made(score_vocabulary({kMark, "a", "b", "c", "bc", "ab", std::string(kMark) + "a"}));
  EXPECT_EQ(encoded(*t, "abc"), (Ids{265, 263}));
  EXPECT_EQ(encoded(*t, "ab"), (Ids{259, 264}));
  EXPECT_EQ(encoded(*t, "ab", {.add_special = true}), (Ids{1, 259, 264}));
  EXPECT_EQ(encoded(*t, "<s>a", {.parse_special = true}), (Ids{1, 265}));
}

TEST(Tokenizer, SpellsCharactersThatTheVocabularyLacksWithByteTokens) {
  const auto t = made(score_vocabulary({kMark, "a"}));
  EXPECT_EQ(encoded(*t, "a\xC3\xA9"), (Ids{259, 260, 3 + 0xC3, 3 + 0xA9}));
}

TEST(Tokenizer, TakesAMegabyteOfOneLetter) {
  std::vector<std::pair<std::string, std::string>> merges;
  for (std::size_t n = 1; n <= 16; n *= 2) merges.emplace_back(std::string(n, 'A'), std::string(n, 'A'));
  const auto t = made(byte_vocabulary(merges));
  const std::string text(std::size_t{1} << 20, 'A');
  EXPECT_EQ(encoded(*t, text).size(), text.size() / 32);
}

TEST(Tokenizer, RefusesVocabulariesThatContradictThemselves) {
  const auto code = [](text::TokenizerData data) {
    auto t = Tokenizer::create(std::move(data));
    return t ? std::string("accepted") : std::string(t.error().code.name);
  };
  EXPECT_EQ(code({}), "TOK_VOCAB");
  auto data = byte_vocabulary({});
  EXPECT_EQ(code(data), "TOK_MERGES");
  data = byte_vocabulary({{"a", "b"}});
  data.merges[0].merged = 999;
  EXPECT_EQ(code(data), "TOK_MERGES");
  data = byte_vocabulary({{"a", "b"}});
  data.bos = 257;
  EXPECT_EQ(code(data), "TOK_VOCAB");
  data = byte_vocabulary({{"a", "b"}});
  data.types.pop_back();
  EXPECT_EQ(code(data), "TOK_VOCAB");
  data = byte_vocabulary({{"a", "b"}});
  data.pieces[5] = std::string(100'000, 'x');
  EXPECT_EQ(code(data), "TOK_VOCAB");
  data = score_vocabulary({"a"});
  data.pieces[10] = "<0xG7>";
  EXPECT_EQ(code(data), "TOK_VOCAB");
  data = score_vocabulary({"a"});
  data.scores.back() = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(code(data), "TOK_VOCAB");
}

TEST(Tokenizer, GivesNothingForIdsOutOfRange) {
  const auto t = made(byte_vocabulary({{"a", "b"}}));
  EXPECT_EQ(t->piece(-1), "");
  EXPECT_EQ(t->token_bytes(999), "");
  EXPECT_EQ(t->decode(Ids{-5, 97, 1 << 30}), "a");
}

TEST(AddedTokens, FollowTheirFlags) {
  auto data =
      byte_vocabulary({{"a", "b"}}, {{"<m>", TokenType::user_defined}, {"cat", TokenType::user_defined}});
  data.added[0].lstrip = data.added[0].rstrip = true;
  data.added[1].single_word = true;
  const auto t = made(std::move(data));
  EXPECT_EQ(encoded(*t, "a \n<m>\t b"), (Ids{'a', 257, 'b'}));
  EXPECT_EQ(encoded(*t, "cat"), (Ids{258}));
  EXPECT_EQ(encoded(*t, "cats").size(), 4u);
}

// A space that takes the white space behind it, found again at each of the spaces that it has taken.
TEST(AddedTokens, TakeTheirWhiteSpaceInOneWalk) {
  const text::AddedText space{{.id = 7, .rstrip = true}, " ", text::MatchMode::all};
  const text::AddedMatcher matcher(std::span(&space, 1));
  const std::string few = "a  \n b ";
  const text::Region all{few.size(), text::MatchMode::all};
  const auto found = matcher.find(few, std::span(&all, 1));
  ASSERT_EQ(found.size(), 4U);
  for (const auto& [i, begin, end] : {std::array{0U, 1U, 5U}, {1U, 2U, 5U}, {2U, 4U, 5U}, {3U, 6U, 7U}}) {
    EXPECT_EQ(found[i].begin, begin);
    EXPECT_EQ(found[i].end, end);
  }
  const std::string many(std::size_t{1} << 20U, ' ');  // 5e11 steps where each walks to the end
  const text::Region whole{many.size(), text::MatchMode::all};
  EXPECT_EQ(matcher.find(many, std::span(&whole, 1)).size(), many.size());
}

TEST(AddedTokens, MatchTheLongestFromTheLeft) {
  const auto t = made(
      byte_vocabulary({{"x", "y"}}, {{"ab", TokenType::user_defined}, {"abab", TokenType::user_defined}}));
  EXPECT_EQ(encoded(*t, "ababab"), (Ids{258, 257}));
}

TEST(Normalization, BoundsWhatReplacementsMayMake) {
  auto data = byte_vocabulary({{"a", "b"}});
  for (int i = 0; i < 60; ++i)
    data.normalizer.push_back({.kind = text::NormalizerKind::replace, .pattern = "a", .content = "aa"});
  const auto t = made(std::move(data));
  const auto ids = t->encode("a");
  ASSERT_FALSE(ids);
  EXPECT_EQ(ids.error().code.name, "TOK_EXPANSION");
}

TEST(StreamDecoder, HoldsBackCharactersThatAreNotWhole) {
  const auto t = made(byte_vocabulary({{"a", "b"}}));
  StreamDecoder decoder(*t);
  EXPECT_EQ(decoder.push(0xF0), "");
  EXPECT_EQ(decoder.push(0x9F), "");
  EXPECT_EQ(decoder.push(0x98), "");
  EXPECT_EQ(decoder.held_back_bytes(), 3u);
  EXPECT_EQ(decoder.push(0x80), "\xF0\x9F\x98\x80");
  EXPECT_EQ(decoder.push(0xE2), "");
  EXPECT_EQ(decoder.push('x'), "\xEF\xBF\xBDx");
  EXPECT_EQ(decoder.push(0xE2), "");
  EXPECT_EQ(decoder.finish(), "\xEF\xBF\xBD");
  EXPECT_EQ(decoder.finish(), "");
}

TEST(StreamDecoder, GivesTheSameTextAsDecodingAtOnce) {
  const auto t = made(score_vocabulary({kMark, "a", "b", std::string(kMark) + "a", "\xC3\xA9"}));
  const std::string text = "ab a \xC3\xA9 b \xF0\x9F\x98\x80 aa";
  const Ids ids = encoded(*t, text, {.add_special = true});
  StreamDecoder decoder(*t);
  std::string streamed;
  for (const TokenId id : ids) streamed += decoder.push(id);
  streamed += decoder.finish();
  EXPECT_EQ(streamed, text);
  StreamDecoder continuing(*t, false);
  EXPECT_EQ(continuing.push(262), " a");
}

TEST(StreamDecoder, KeepsTheTextOfTheControlTokensThatAreNamed) {
  const auto t = made(byte_vocabulary({{"a", "b"}}, {{"<|end|>", TokenType::control},
                                                     {"<tool_call>", TokenType::control},
                                                     {"</tool_call>", TokenType::control},
                                                     {"<think>", TokenType::user_defined}}));
  const Ids ids = {257, 258, '{', '}', 259, 257, 260};
  const auto streamed = [&](StreamDecoder decoder) {
    std::string out;
    for (const TokenId id : ids) out += decoder.push(id);
    return out + decoder.finish();
  };
  EXPECT_EQ(streamed(StreamDecoder(*t)), "{}<think>");
  EXPECT_EQ(streamed(StreamDecoder(*t, true, true, {258, 259})), "<tool_call>{}</tool_call><think>");
  EXPECT_EQ(streamed(StreamDecoder(*t, true, false)), "<|end|><tool_call>{}</tool_call><|end|><think>");
}

}  // namespace
}  // namespace mote
