// Text through fixed vocabularies: the first byte chooses the vocabulary, the rest is text of any bytes. What
// comes back is the text, no control token is made from what a user typed, and the stream decoder agrees.
#include <vector>

#include "base/strings.h"
#include "fuzz/target.h"
#include "mote/tokenizer.h"
#include "text/tokenizer/test_vocabulary.h"

namespace {

using mote::TokenId;
using mote::Tokenizer;
using mote::TokenType;
using mote::text::TokenizerData;

struct Vocabulary {
  std::unique_ptr<Tokenizer> tokenizer;
  bool marks_are_spaces;  // "▁" in the text comes back as a space
};

Vocabulary make(TokenizerData data, bool marks_are_spaces) {
  auto made = Tokenizer::create(std::move(data));
  MOTE_FUZZ_CHECK(made);
  return {std::move(*made), marks_are_spaces};
}

TokenizerData byte_level(std::string_view pre) {
  return mote::text::testing::byte_vocabulary({{"a", "a"},
                                               {"aa", "aa"},
                                               {" ", "a"},
                                               {"e", "r"},
                                               {"h", "e"},
                                               {" ", " "},
                                               {"1", "2"},
                                               {"\n", "\n"},
                                               {"'", "s"}},
                                              {{"<|im_start|>", TokenType::control},
                                               {"<|im_end|>", TokenType::control},
                                               {"<tool_call>", TokenType::user_defined},
                                               {"::", TokenType::user_defined}},
                                              pre);
}

TokenizerData by_score() {
  return mote::text::testing::score_vocabulary({"\xE2\x96\x81", "a", "b",
                                                "\xE2\x96\x81"
                                                "a",
                                                "ab", "er", "h", "e", "he", "\xC3\xA9", "aa", "aaaa"});
}

const std::vector<Vocabulary>& vocabularies() {
  static const std::vector<Vocabulary> all = [] {
    std::vector<Vocabulary> made;
    for (const std::string_view pre : {"gpt-2", "llama-bpe", "qwen2", "smollm", "deepseek-llm"}) {
      if (mote::text::split_by_name(pre)) made.push_back(make(byte_level(pre), false));
    }
    made.push_back(make(by_score(), true));
    TokenizerData no_prefix = by_score();
    no_prefix.space_prefix = mote::text::SpacePrefix::never;
    no_prefix.strip_first_space = false;
    made.push_back(make(std::move(no_prefix), true));
    return made;
  }();
  return all;
}

std::string expected_text(const Vocabulary& vocabulary, std::string_view text) {
  std::string out(text);
  if (!vocabulary.marks_are_spaces) return out;
  for (std::size_t at = 0; (at = out.find("\xE2\x96\x81", at)) != std::string::npos;) out.replace(at, 3, " ");
  return out;
}

void check_plain(const Vocabulary& vocabulary, std::string_view text) {
  const Tokenizer& t = *vocabulary.tokenizer;
  const auto ids = t.encode(text);
  MOTE_FUZZ_CHECK(ids);
  MOTE_FUZZ_CHECK(ids->size() <= text.size() + 1);  // a token has a byte at least; the prefix is one more
  for (const TokenId id : *ids) MOTE_FUZZ_CHECK(!t.is_control(id));
  const std::string back = t.decode(*ids);
  MOTE_FUZZ_CHECK(back == expected_text(vocabulary, text));

  mote::StreamDecoder stream(t, true, false);
  std::string streamed;
  for (const TokenId id : *ids) streamed += stream.push(id);
  streamed += stream.finish();
  if (mote::is_valid_utf8(back)) MOTE_FUZZ_CHECK(streamed == back);
  MOTE_FUZZ_CHECK(mote::is_valid_utf8(streamed));
}

// The same text as a user's, alone and between two pieces of a template that end and begin within a token: no
// token that it is in, or half in, is one that a template alone may write.
void check_pieces(const Tokenizer& t, std::string_view text) {
  if (text.empty()) return;
  const mote::text::TextPiece own{std::string(text), false};
  for (const mote::text::TextPieces& pieces :
       {mote::text::TextPieces{own}, mote::text::TextPieces{{"<|im_", true}, own, {"end|>", true}},
        mote::text::TextPieces{{"<tool", true}, own, {"_call>", true}}}) {
    const auto ids = t.encode_pieces(pieces, false);
    MOTE_FUZZ_CHECK(ids);
    for (const TokenId id : *ids) {
      MOTE_FUZZ_CHECK(!t.is_control(id) && !t.is_end_of_generation(id));
      MOTE_FUZZ_CHECK(t.piece(id) != "<tool_call>");
    }
  }
}

void check_special(const Tokenizer& t, std::string_view text) {
  const auto ids = t.encode(text, {.add_special = true, .parse_special = true});
  MOTE_FUZZ_CHECK(ids);
  for (const TokenId id : *ids)
    MOTE_FUZZ_CHECK(id >= 0 && static_cast<std::size_t>(id) < t.vocabulary_size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Vocabulary& vocabulary = vocabularies()[data[0] % vocabularies().size()];
  const std::string_view text = mote::fuzz::as_text(data + 1, size - 1);
  check_plain(vocabulary, text);
  check_pieces(*vocabulary.tokenizer, text);
  check_special(*vocabulary.tokenizer, text);
  return 0;
}
