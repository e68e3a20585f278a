// The readers on damaged and on minimal files.
#include <gtest/gtest.h>

#include <bit>
#include <fstream>

#include "base/json.h"
#include "formats/checkpoint.h"
#include "formats/metadata.h"
#include "testing/environment.h"
#include "text/tokenizer/loaders.h"
#include "text/tokenizer/test_vocabulary.h"

namespace mote::text {
namespace {

std::string code_of_json(const std::string& document) {
  auto json = parse_json(document);
  if (!json) return std::string(json.error().code.name);
  auto data = read_tokenizer_json(*json);
  if (!data) return std::string(data.error().code.name);
  auto tokenizer = Tokenizer::create(*std::move(data));
  return tokenizer ? "accepted" : std::string(tokenizer.error().code.name);
}

// A tokenizer.json whose parts can be replaced.
std::string document(const std::string& vocab, const std::string& merges, const std::string& rest = "") {
  return R"({"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":true})" + rest +
         R"(,"model":{"type":"BPE","vocab":)" + vocab + R"(,"merges":)" + merges + "}}";
}

TEST(TokenizerJson, AcceptsAMinimalFile) {
  EXPECT_EQ(code_of_json(document(R"({"a":0,"b":1,"ab":2})", R"(["a b"])")), "accepted");
  EXPECT_EQ(code_of_json(document(R"({"a":0,"b":1,"ab":2})", R"([["a","b"]])")), "accepted");
}

TEST(TokenizerJson, RefusesDamagedVocabularies) {
  const std::string merges = R"(["a b"])";
  EXPECT_EQ(code_of_json(document(R"({"a":0,"b":0,"ab":2})", merges)), "TOK_VOCAB");
  EXPECT_EQ(code_of_json(document(R"({"a":0,"b":1,"ab":2147483647})", merges)), "TOK_VOCAB");
  EXPECT_EQ(code_of_json(document(R"({"a":0,"b":1,"ab":200000})", merges)), "TOK_VOCAB");
  EXPECT_EQ(code_of_json(document(R"({"a":0,"b":1,"":2})", merges)), "TOK_VOCAB");
  EXPECT_EQ(code_of_json(document(R"({"a":0,"b":-1})", merges)), "TOK_VOCAB");
  EXPECT_EQ(code_of_json(document(R"({"a":0,"b":1.5})", merges)), "TOK_VOCAB");
  EXPECT_EQ(code_of_json(document("{}", merges)), "TOK_VOCAB");
  EXPECT_EQ(code_of_json(document("[]", merges)), "TOK_VOCAB");
  EXPECT_EQ(code_of_json(document("{\"" + std::string(1 << 20, 'a') + "\":0}", merges)), "TOK_VOCAB");
}

TEST(TokenizerJson, RefusesDamagedMerges) {
  const std::string vocab = R"({"a":0,"b":1,"ab":2})";
  EXPECT_EQ(code_of_json(document(vocab, R"(["a c"])")), "TOK_MERGES");
  EXPECT_EQ(code_of_json(document(vocab, R"(["b a"])")), "TOK_MERGES");
  EXPECT_EQ(code_of_json(document(vocab, R"(["ab"])")), "TOK_MERGES");
  EXPECT_EQ(code_of_json(document(vocab, R"([["a"]])")), "TOK_MERGES");
  EXPECT_EQ(code_of_json(document(vocab, "[]")), "TOK_MERGES");
  EXPECT_EQ(code_of_json(document(vocab, "null")), "TOK_MERGES");
}

TEST(TokenizerJson, RefusesWhatItDoesNotKnowByName) {
  const std::string vocab = R"({"a":0,"b":1,"ab":2})";
  const std::string merges = R"(["a b"])";
  EXPECT_EQ(code_of_json(R"({"model":{"type":"WordLevel","vocab":{"a":0}}})"), "TOK_UNSUPPORTED");
  EXPECT_EQ(code_of_json(document(vocab, merges, R"(,"normalizer":{"type":"Nmt"})")), "TOK_UNSUPPORTED");
  EXPECT_EQ(code_of_json(document(vocab, merges, R"(,"decoder":{"type":"CTC"})")), "TOK_UNSUPPORTED");
  EXPECT_EQ(code_of_json(document(vocab, merges, R"(,"post_processor":{"type":"Magic"})")),
            "TOK_UNSUPPORTED");
  EXPECT_EQ(code_of_json("{}"), "TOK_FORMAT");
  EXPECT_EQ(code_of_json("[1]"), "TOK_FORMAT");
}

TEST(TokenizerJson, RefusesSequencesInSequencesWithoutEnd) {
  std::string nested = R"({"type":"NFC"})";
  for (int i = 0; i < 12; ++i) nested = R"({"type":"Sequence","normalizers":[)" + nested + "]}";
  EXPECT_EQ(code_of_json(document(R"({"a":0,"b":1,"ab":2})", R"(["a b"])", ",\"normalizer\":" + nested)),
            "TOK_CYCLE");
}

TEST(TokenizerJson, RefusesSplitterPatternsThatAreUnsupported) {
  const std::string split =
      R"({"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(?<=x)y"},"behavior":"Isolated"},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]},"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}})";
  EXPECT_EQ(code_of_json(split), "TOK_REGEX");
}

TEST(TokenizerJson, RefusesAddedTokensThatContradictTheVocabulary) {
  const std::string added = R"(,"added_tokens":[{"id":1,"content":"<x>","special":true}])";
  EXPECT_EQ(code_of_json(document(R"({"a":0,"b":1,"ab":2})", R"(["a b"])", added)), "TOK_VOCAB");
}

void varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>((value & 0x7F) | 0x80));
  out.push_back(static_cast<char>(value));
}

void bytes_field(std::string& out, std::uint64_t number, std::string_view bytes) {
  varint(out, (number << 3) | 2);
  varint(out, bytes.size());
  out += bytes;
}

std::string piece_message(std::string_view piece, float score, std::uint64_t type) {
  std::string out;
  bytes_field(out, 1, piece);
  varint(out, (2 << 3) | 5);
  const auto bits = std::bit_cast<std::uint32_t>(score);
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>((bits >> (8 * i)) & 0xFF));
  varint(out, 3 << 3);
  varint(out, type);
  return out;
}

std::string small_model(std::uint64_t model_type = 2, std::string_view charsmap = "") {
  std::string out;
  bytes_field(out, 1, piece_message("<unk>", 0, 2));
  bytes_field(out, 1, piece_message("<s>", 0, 3));
  bytes_field(out, 1, piece_message("</s>", 0, 3));
  bytes_field(out, 1, piece_message("\xE2\x96\x81", -1, 1));
  bytes_field(out, 1, piece_message("a", -2, 1));
  bytes_field(out, 1,
              piece_message("\xE2\x96\x81"
                            "a",
                            -0.5F, 1));
  std::string trainer;
  varint(trainer, 3 << 3);
  varint(trainer, model_type);
  bytes_field(out, 2, trainer);
  std::string normalizer;
  bytes_field(normalizer, 1, "identity");
  if (!charsmap.empty()) bytes_field(normalizer, 2, charsmap);
  varint(normalizer, 4 << 3);
  varint(normalizer, 0);
  bytes_field(out, 3, normalizer);
  return out;
}

Result<TokenizerData> read_model(const std::string& bytes) {
  return read_sentencepiece(std::as_bytes(std::span(bytes)));
}

TEST(SentencePieceModel, IsReadFieldByField) {
  auto data = read_model(small_model());
  ASSERT_TRUE(data);
  EXPECT_EQ(data->pieces.size(), 6u);
  EXPECT_EQ(data->bos, 1);
  EXPECT_EQ(data->eos, 2);
  EXPECT_FALSE(data->byte_fallback);
  EXPECT_FALSE(data->remove_extra_whitespaces);
  auto tokenizer = Tokenizer::create(*std::move(data));
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(*(*tokenizer)->encode("a az"), (std::vector<TokenId>{5, 5, 0}));
}

TEST(SentencePieceModel, NeverCrashesWhereItIsCutOff) {
  const std::string whole = small_model();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    auto data = read_model(whole.substr(0, n));
    if (data) {  // also where it is cut between two fields
      ADD_FAILURE_AT(__FILE__, __LINE__) << "accepted " << n << " bytes";
      break;
    }
    const std::string_view code = data.error().code.name;
    ASSERT_TRUE(code == "TOK_PROTO" || code == "TOK_UNSUPPORTED" || code == "TOK_VOCAB") << code;
    if (n > whole.size() - 20) break;  // the normalizer is optional
  }
}

TEST(SentencePieceModel, RefusesOtherTypesByName) {
  EXPECT_EQ(read_model(small_model(3)).error().code.name, "TOK_UNSUPPORTED");
  auto damaged_map = read_model(small_model(2, "rules"));
  ASSERT_TRUE(damaged_map);
  EXPECT_EQ(Tokenizer::create(*std::move(damaged_map)).error().code.name, "TOK_FORMAT");
  EXPECT_EQ(read_model(std::string(20, '\xFF')).error().code.name, "TOK_PROTO");
  EXPECT_EQ(read_model(std::string("\x0A\xFF\xFF\xFF\xFF\x0F", 6)).error().code.name, "TOK_PROTO");
}

std::string llama2c_file(const std::vector<std::string>& pieces) {
  std::string out("\x10\0\0\0", 4);
  for (const std::string& piece : pieces) {
    out += std::string(4, '\0');
    out.push_back(static_cast<char>(piece.size()));
    out += std::string(3, '\0') + piece;
  }
  return out;
}

TEST(Llama2cTokenizer, HoldsItsRecordsToTheEndOfTheFile) {
  const std::string whole = llama2c_file({"<unk>", "\n<s>\n", "\n</s>\n", " a"});
  auto data = read_llama2c(std::as_bytes(std::span(whole)));
  ASSERT_TRUE(data);
  EXPECT_EQ(data->pieces[1], "<s>");
  EXPECT_EQ(data->pieces[3],
            "\xE2\x96\x81"
            "a");
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const std::string cut = whole.substr(0, n);
    auto short_data = read_llama2c(std::as_bytes(std::span(cut)));
    // Records have no count, so a file cut between two of them is a smaller vocabulary.
    if (short_data) {
      EXPECT_EQ(n, whole.size() - 10);
    } else {
      EXPECT_EQ(short_data.error().code.name, "TOK_FORMAT") << n;
    }
  }
}

TEST(GgufKeys, ComeBackAsTheyWereWritten) {
  auto data =
      testing::byte_vocabulary({{"a", "b"}, {"ab", "c"}}, {{"<|im_end|>", TokenType::control}}, "qwen2");
  data.eos = 258;
  data.chat_template = "{{ x }}";
  auto tokenizer = Tokenizer::create(std::move(data));
  ASSERT_TRUE(tokenizer);
  formats::Metadata metadata;
  ASSERT_TRUE(write_gguf_keys(**tokenizer, metadata, 300));
  EXPECT_EQ(metadata.get_strings("tokenizer.ggml.tokens")->size(), 300u);
  EXPECT_EQ((*metadata.get_strings("tokenizer.ggml.tokens"))[299], "[PAD299]");
  EXPECT_EQ((*metadata.get_ints("tokenizer.ggml.token_type"))[299], 5);
  EXPECT_EQ(*metadata.get_string("tokenizer.ggml.pre"), "qwen2");
  auto read = read_gguf_keys(metadata);
  ASSERT_TRUE(read);
  auto again = Tokenizer::create(*std::move(read));
  ASSERT_TRUE(again);
  const std::string text = "abc ab<|im_end|> 123 [PAD299]";
  EXPECT_EQ(*(*again)->encode(text, {.parse_special = true}),
            *(*tokenizer)->encode(text, {.parse_special = true}));
  EXPECT_EQ((*again)->eos(), 258);
  EXPECT_EQ((*again)->chat_template(), "{{ x }}");
  EXPECT_EQ(write_gguf_keys(**tokenizer, metadata, 10).error().code.name, "TOK_VOCAB");
}

TEST(GgufKeys, NameTheKnownSplittersWhereOneIsUnknown) {
  auto tokenizer = Tokenizer::create(testing::byte_vocabulary({{"a", "b"}}));
  formats::Metadata metadata;
  ASSERT_TRUE(write_gguf_keys(**tokenizer, metadata));
  metadata.set_string("tokenizer.ggml.pre", "brand-new");
  auto read = read_gguf_keys(metadata);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code.name, "TOK_PRE");
  EXPECT_NE(read.error().hint.find("llama-bpe"), std::string::npos);
  metadata.set_string("tokenizer.ggml.model", "rwkv");
  EXPECT_EQ(read_gguf_keys(metadata).error().code.name, "TOK_UNSUPPORTED");
  EXPECT_EQ(read_gguf_keys(formats::Metadata{}).error().code.name, "TOK_MISSING");
}

TEST(GgufKeys, RefuseMergesOfTokensThatDoNotExist) {
  auto tokenizer = Tokenizer::create(testing::byte_vocabulary({{"a", "b"}}));
  formats::Metadata metadata;
  ASSERT_TRUE(write_gguf_keys(**tokenizer, metadata));
  metadata.set_strings("tokenizer.ggml.merges", {"a nothing"});
  EXPECT_EQ(read_gguf_keys(metadata).error().code.name, "TOK_MERGES");
  metadata.set_strings("tokenizer.ggml.merges", {"ab"});
  EXPECT_EQ(read_gguf_keys(metadata).error().code.name, "TOK_MERGES");
  metadata.erase("tokenizer.ggml.merges");
  EXPECT_EQ(read_gguf_keys(metadata).error().code.name, "TOK_MERGES");
}

TEST(LoadTokenizer, SaysWhatItLookedForInAFolderWithoutOne) {
  const auto folder = mote::testing::fresh_folder();
  auto tokenizer = load_tokenizer(folder);
  ASSERT_FALSE(tokenizer);
  EXPECT_EQ(tokenizer.error().code.name, "TOK_MISSING");
  EXPECT_NE(tokenizer.error().message.find("tokenizer.json"), std::string::npos);
  std::ofstream(folder / "notes.txt") << "hello";
  EXPECT_EQ(load_tokenizer(folder / "notes.txt").error().code.name, "TOK_FORMAT");
}

TEST(LoadTokenizer, ReadsTheFilesBesideTokenizerJson) {
  const auto folder = mote::testing::fresh_folder();
  std::ofstream(folder / "tokenizer.json")
      << document(R"({"a":0,"b":1,"ab":2})", R"(["a b"])",
                  R"(,"added_tokens":[{"id":3,"content":"<e>","special":true}])");
  std::ofstream(folder / "tokenizer_config.json")
      << R"({"eos_token":{"content":"<e>"},"chat_template":"old"})";
  std::ofstream(folder / "generation_config.json") << R"({"eos_token_id":[3,1]})";
  std::ofstream(folder / "chat_template.jinja") << "new";
  auto tokenizer = load_tokenizer(folder);
  ASSERT_TRUE(tokenizer) << format_error(tokenizer.error());
  EXPECT_EQ((*tokenizer)->eos(), 3);
  EXPECT_EQ((*tokenizer)->end_of_generation(), (std::vector<TokenId>{1, 3}));
  EXPECT_EQ((*tokenizer)->chat_template(), "new");
  EXPECT_EQ((*tokenizer)->pre_name(), "gpt-2");
}

TEST(LoadTokenizer, FindsTheTokenizerBesideALlama2cModelByItsSize) {
  for (const auto& [model, size, file] :
       {std::tuple{"models/babyllama-tok105/model5000.bin", 105, "tok105.model"},
        std::tuple{"models/stories260K/stories260K.bin", 512, "tok512.bin"}}) {
    const auto path = mote::testing::shared_path(model);
    MOTE_NEEDS(path, std::string("no shared data: ") + model);
    auto checkpoint = formats::open_checkpoint(*path);
    ASSERT_TRUE(checkpoint) << format_error(checkpoint.error());
    auto own = load_tokenizer(*checkpoint);
    ASSERT_TRUE(own) << format_error(own.error());
    EXPECT_EQ((*own)->vocabulary_size(), static_cast<std::size_t>(size));
    EXPECT_EQ((*own)->bos(), 1);
    auto named = load_tokenizer(*checkpoint, path->parent_path() / file);
    ASSERT_TRUE(named);
    EXPECT_EQ(*(*named)->encode("Once upon a time"), *(*own)->encode("Once upon a time"));
    EXPECT_EQ((*own)->decode(*(*own)->encode("Once upon a time")), "Once upon a time");
  }
}

}  // namespace
}  // namespace mote::text
