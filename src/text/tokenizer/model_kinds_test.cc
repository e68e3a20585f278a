// Unigram and WordPiece vocabularies: small ones made by hand, and damaged ones.
#include <gtest/gtest.h>

#include <limits>

#include "base/json.h"
#include "base/rng.h"
#include "formats/metadata.h"
#include "text/tokenizer/loaders.h"
#include "text/tokenizer/piece_trie.h"
#include "text/tokenizer/test_vocabulary.h"

namespace mote::text {
namespace {

Result<std::unique_ptr<Tokenizer>> from_json(const std::string& document) {
  auto json = parse_json(document);
  if (!json) return json.error();
  auto data = read_tokenizer_json(*json);
  if (!data) return data.error();
  return Tokenizer::create(*std::move(data));
}

std::string code_of_json(const std::string& document) {
  auto tokenizer = from_json(document);
  return tokenizer ? "accepted" : std::string(tokenizer.error().code.name);
}

std::string wordpiece(const std::string& model, const std::string& rest = "") {
  return R"({"normalizer":{"type":"BertNormalizer"},"pre_tokenizer":{"type":"BertPreTokenizer"},
            "decoder":{"type":"WordPiece","prefix":"##","cleanup":true})" +
         rest + R"(,"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##",)" +
         model + "}}";
}

std::string unigram(const std::string& vocab, const std::string& rest = "") {
  return R"({"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true},
            "decoder":{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true})" +
         rest + R"(,"model":{"type":"Unigram","unk_id":0,"vocab":)" + vocab + "}}";
}

const std::string kWords =
    R"("max_input_chars_per_word":8,"vocab":{"[UNK]":0,"un":1,"##aff":2,"##able":3,"a":4,",":5,"##a":6})";

TEST(WordPiece, TakesTheLongestTokenThenTheLongestThatContinues) {
  auto tokenizer = from_json(wordpiece(kWords));
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(*(*tokenizer)->encode("Unaffable, A"), (std::vector<TokenId>{0, 5, 4}));  // nine characters
  EXPECT_EQ(*(*tokenizer)->encode("unable, \xC3\xA1"), (std::vector<TokenId>{1, 3, 5, 4}));
  EXPECT_EQ(*(*tokenizer)->encode("unx a"), (std::vector<TokenId>{0, 4}));
  EXPECT_EQ((*tokenizer)->decode(std::vector<TokenId>{1, 3, 5, 4}), "unable, a");
}

TEST(WordPiece, GivesTheBytesOfTheTextThroughTheNormalizer) {
  auto tokenizer = from_json(wordpiece(kWords));
  ASSERT_TRUE(tokenizer);
  // "Á" is two bytes, "a" with a combining acute three.
  auto spans = (*tokenizer)->encode_with_offsets("UN\xC3\x81 a\xCC\x81,");
  ASSERT_TRUE(spans);
  EXPECT_EQ(*spans, (std::vector<TokenSpan>{{1, 0, 2}, {6, 2, 4}, {4, 5, 6}, {5, 8, 9}}));
}

TEST(WordPiece, NeverMakesControlTokensOfText) {
  auto tokenizer = from_json(
      R"({"pre_tokenizer":{"type":"WhitespaceSplit"},"added_tokens":[{"id":1,"content":"[SEP]","special":true}],
          "model":{"type":"WordPiece","unk_token":"[UNK]","vocab":{"[UNK]":0,"[SEP]":1}}})");
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(*(*tokenizer)->encode("[SEP]"), (std::vector<TokenId>{0}));
  EXPECT_EQ(*(*tokenizer)->encode("[SEP]", {.parse_special = true}), (std::vector<TokenId>{1}));
}

TEST(WordPiece, RefusesDamagedVocabularies) {
  EXPECT_EQ(code_of_json(wordpiece(R"("vocab":{"a":0})")), "TOK_VOCAB");  // no unknown token
  EXPECT_EQ(code_of_json(wordpiece(R"("vocab":{})")), "TOK_VOCAB");
  EXPECT_EQ(code_of_json(wordpiece(R"("max_input_chars_per_word":0,"vocab":{"[UNK]":0})")), "TOK_FORMAT");
  EXPECT_EQ(code_of_json(wordpiece(R"("max_input_chars_per_word":20000,"vocab":{"[UNK]":0})")), "TOK_VOCAB");
  EXPECT_EQ(code_of_json(wordpiece("\"vocab\":{\"[UNK]\":0,\"" + std::string(2000, 'a') + "\":1}")),
            "TOK_VOCAB");
  EXPECT_EQ(read_vocab_txt("", Json()).error().code.name, "TOK_VOCAB");
  EXPECT_EQ(read_vocab_txt("a\nb\n", Json()).error().code.name, "TOK_VOCAB");
  EXPECT_EQ(read_vocab_txt("[UNK]\n[CLS]\n[SEP]\na\na\n", Json()).error().code.name, "TOK_VOCAB");
}

TEST(Unigram, TakesTheCutWithTheBestSum) {
  auto tokenizer =
      from_json(unigram(R"([["<unk>",0],["▁",-2],["a",-1],["b",-1.5],["ab",-2.4],["▁ab",-4.45],["c",-9]])"));
  ASSERT_TRUE(tokenizer);
  // ▁ + ab = -4.4 beats ▁ab = -4.45 and ▁ + a + b = -4.5.
  EXPECT_EQ(*(*tokenizer)->encode("ab"), (std::vector<TokenId>{1, 4}));
  EXPECT_EQ(*(*tokenizer)->encode("xyb"), (std::vector<TokenId>{1, 0, 3}));  // one unknown for both
  EXPECT_EQ((*tokenizer)->decode(std::vector<TokenId>{1, 4, 1, 3}), "ab b");
}

TEST(Unigram, RefusesDamagedVocabularies) {
  EXPECT_EQ(code_of_json(unigram("[]")), "TOK_VOCAB");
  EXPECT_EQ(code_of_json(unigram("{}")), "TOK_VOCAB");
  EXPECT_EQ(code_of_json(unigram(R"([["<unk>"]])")), "TOK_VOCAB");
  EXPECT_EQ(code_of_json(unigram(R"([["<unk>","x"]])")), "TOK_VOCAB");
  EXPECT_EQ(code_of_json(unigram(R"([["<unk>",0],["",1]])")), "TOK_VOCAB");
  EXPECT_EQ(code_of_json(unigram(R"([["<unk>",0],["<unk>",1]])")), "TOK_VOCAB");
  EXPECT_EQ(code_of_json(unigram("[[\"<unk>\",0],[\"" + std::string(2000, 'a') + "\",-1]]")), "TOK_VOCAB");
  EXPECT_EQ(code_of_json(R"({"model":{"type":"Unigram","unk_id":7,"vocab":[["a",0]]}})"), "TOK_FORMAT");
}

TEST(Unigram, SaysWhichCharactersItLacksWithoutAnUnknownToken) {
  auto tokenizer = from_json(R"({"model":{"type":"Unigram","unk_id":null,"vocab":[["a",-1]]}})");
  ASSERT_TRUE(tokenizer);
  EXPECT_TRUE((*tokenizer)->encode("aa"));
  EXPECT_EQ((*tokenizer)->encode("ab").error().code.name, "TOK_VOCAB");
}

TEST(ModelKinds, TakeAMegabyteOfOneLetter) {
  const std::string text(1'000'000, 'a');
  auto pieces = from_json(wordpiece(kWords));
  auto scores = from_json(unigram(R"([["<unk>",0],["▁",-2],["a",-1],["aa",-1.5],["aaaa",-2]])"));
  ASSERT_TRUE(pieces && scores);
  EXPECT_EQ(*(*pieces)->encode(text), (std::vector<TokenId>{0}));
  EXPECT_EQ((*scores)->encode(text)->size(), 250'001u);
}

// Text without a token becomes the unknown one, unless that one ends a generation or is a control token.
TEST(ModelKinds, NeverMakeTheUnknownTokenAWayToControlTokens) {
  const auto ids_of = [](TokenizerData data, std::string_view text) {
    auto tokenizer = Tokenizer::create(std::move(data));
    EXPECT_TRUE(tokenizer) << format_error(tokenizer.error());
    return tokenizer ? *(*tokenizer)->encode(text) : std::vector<TokenId>{-1};
  };
  TokenizerData scored = testing::score_vocabulary({"a"});
  scored.byte_fallback = false;
  scored.space_prefix = SpacePrefix::never;
  const TokenId a = 3 + 256;
  EXPECT_EQ(ids_of(scored, "a\xC3\xA9"), (std::vector<TokenId>{a, 0}));
  for (const TokenId id : {1, 2}) {  // <s>, </s>: control tokens
    scored.unk = id;
    EXPECT_EQ(ids_of(scored, "a\xC3\xA9"), (std::vector<TokenId>{a})) << id;
  }
  scored.unk = 0;
  scored.eos = 0;
  EXPECT_EQ(ids_of(scored, "a\xC3\xA9"), (std::vector<TokenId>{a}));
  scored.eos = 2;
  scored.end_of_generation = {0};
  EXPECT_EQ(ids_of(scored, "a\xC3\xA9"), (std::vector<TokenId>{a}));

  TokenizerData bytes = testing::byte_vocabulary({{"a", "b"}}, {{"<|endoftext|>", TokenType::control}});
  bytes.pieces[0xA9] = "gone";
  bytes.unk = bytes.eos = 257;
  EXPECT_EQ(ids_of(bytes, "ab\xC3\xA9"), (std::vector<TokenId>{256, 0xC3}));

  EXPECT_EQ(code_of_json(R"({"added_tokens":[{"id":0,"content":"[EOS]","special":true}],
                             "model":{"type":"WordPiece","unk_token":"[EOS]","vocab":{"[EOS]":0,"a":1}}})"),
            "accepted");  // nothing says that it ends a generation
}

// llama.cpp takes token 0 of a "llama" vocabulary for the unknown one where no key says otherwise, and a
// token by this name ends a generation whatever its type is.
TEST(ModelKinds, DoNotAssumeThatAnEndIsTheUnknownToken) {
  formats::Metadata metadata;
  metadata.set_string("tokenizer.ggml.model", "llama");
  metadata.set_strings("tokenizer.ggml.tokens", {"[EOS]", "<s>", "</s>", "a"});
  metadata.set_floats("tokenizer.ggml.scores", formats::ValueType::f32, {0, 0, 0, -1});
  metadata.set_ints("tokenizer.ggml.token_type", formats::ValueType::i32, {2, 3, 3, 1});
  metadata.set_bool("tokenizer.ggml.add_space_prefix", false);
  auto data = read_gguf_keys(metadata);
  ASSERT_TRUE(data);
  auto tokenizer = Tokenizer::create(*std::move(data));
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ((*tokenizer)->type(0), TokenType::control);
  EXPECT_EQ(*(*tokenizer)->encode("a\xC3\xA9"), (std::vector<TokenId>{3}));
}

TEST(ModelKinds, ComeBackFromGgufKeys) {
  auto bert = from_json(wordpiece(kWords.substr(0, kWords.size() - 1) + R"(,"[CLS]":7,"[SEP]":8})",
                                  R"(,"added_tokens":[{"id":7,"content":"[CLS]","special":true},
                                     {"id":8,"content":"[SEP]","special":true}],
                                     "post_processor":{"type":"BertProcessing","sep":["[SEP]",8],"cls":["[CLS]",7]})"));
  ASSERT_TRUE(bert);
  formats::Metadata metadata;
  ASSERT_TRUE(write_gguf_keys(**bert, metadata));
  EXPECT_EQ(*metadata.get_string("tokenizer.ggml.model"), "bert");
  auto data = read_gguf_keys(metadata);
  ASSERT_TRUE(data);
  auto again = Tokenizer::create(*std::move(data));
  ASSERT_TRUE(again);
  for (const char* text : {"unable, A", "a una", "unx", "\xC3\x81"}) {
    EXPECT_EQ(*(*again)->encode(text, {.add_special = true}), *(*bert)->encode(text, {.add_special = true}))
        << text;
  }
  EXPECT_EQ((*again)->decode(std::vector<TokenId>{1, 3, 5, 4}), "unable, a");
}

TEST(ModelKinds, CarryTheirJsonWhereGgufCannotSayIt) {
  const std::string source = wordpiece(kWords, R"(,"post_processor":null)");
  auto data = read_tokenizer_json(*parse_json(source));
  ASSERT_TRUE(data);
  auto bare = Tokenizer::create(*data);
  ASSERT_TRUE(bare);
  formats::Metadata metadata;
  EXPECT_EQ(write_gguf_keys(**bare, metadata).error().code.name, "TOK_PRE");
  data->source_json = source;
  auto tokenizer = Tokenizer::create(*data);
  ASSERT_TRUE(write_gguf_keys(**tokenizer, metadata));
  // A name that llama.cpp refuses instead of giving other ids.
  EXPECT_EQ(*metadata.get_string("tokenizer.ggml.model"), "mote-json");
  auto read = read_gguf_keys(metadata);
  ASSERT_TRUE(read);
  auto again = Tokenizer::create(*std::move(read));
  ASSERT_TRUE(again);
  EXPECT_EQ(*(*again)->encode("unable"), (std::vector<TokenId>{1, 3}));
}

TEST(ModelKinds, NeverCrashOnDamagedGgufArrays) {
  auto tokenizer = from_json(unigram(R"([["<unk>",0],["▁",-2],["a",-1]])"));
  ASSERT_TRUE(tokenizer);
  formats::Metadata metadata;
  ASSERT_TRUE(write_gguf_keys(**tokenizer, metadata));
  metadata.set_ints("tokenizer.ggml.precompiled_charsmap", formats::ValueType::u8, {8, 0, 0, 0, 1});
  auto data = read_gguf_keys(metadata);
  ASSERT_TRUE(data);
  EXPECT_EQ(Tokenizer::create(*std::move(data)).error().code.name, "TOK_FORMAT");
  metadata.set_ints("tokenizer.ggml.precompiled_charsmap", formats::ValueType::i32, {300});
  EXPECT_EQ(read_gguf_keys(metadata).error().code.name, "TOK_FORMAT");
  metadata.erase("tokenizer.ggml.precompiled_charsmap");
  metadata.set_floats("tokenizer.ggml.scores", formats::ValueType::f32, {0.0});
  data = read_gguf_keys(metadata);
  ASSERT_TRUE(data);
  EXPECT_EQ(Tokenizer::create(*std::move(data)).error().code.name, "TOK_VOCAB");
}

TEST(PieceTrie, FindsWhatALinearSearchFinds) {
  Rng rng(5);
  std::vector<std::string> texts;
  for (int i = 0; i < 500; ++i) {
    std::string text;
    for (std::uint64_t n = 1 + rng.next_below(6); n > 0; --n)
      text.push_back(
          static_cast<char>(rng.next_below(2) == 0 ? 'a' + rng.next_below(3) : rng.next_below(256)));
    texts.push_back(text);
  }
  std::vector<std::pair<std::string_view, TokenId>> pieces;
  for (std::size_t i = 0; i < texts.size(); ++i) pieces.emplace_back(texts[i], static_cast<TokenId>(i));
  const PieceTrie trie(pieces);
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (std::uint64_t n = 1 + rng.next_below(6); n > 0; --n)
      text.push_back(static_cast<char>('a' + rng.next_below(3)));
    if (round < 500) text = texts[static_cast<std::size_t>(round)];
    TokenId expected = -1;
    for (std::size_t i = texts.size(); i-- > 0;) {
      if (texts[i] == text) expected = static_cast<TokenId>(i);
    }
    const PieceTrie::Node node = trie.walk(PieceTrie::kRoot, text);
    EXPECT_EQ(node == PieceTrie::kNone ? -1 : trie.token(node), expected);
  }
}

}  // namespace
}  // namespace mote::text
