// Tokenizer files: tokenizer.json, and what else has no name of its own (a SentencePiece model, GGUF keys),
// told apart by their first bytes as the loader does. Whatever is accepted encodes text into ids of its
// vocabulary.
#include "fuzz/target.h"
#include "mote/tokenizer.h"

namespace {

// Letters, digits, spaces, marks that compose, bytes that are no UTF-8, and spellings of special tokens.
constexpr std::string_view kTexts[] = {"",
                                       " ",
                                       "Hello, world! 123 4567\n\n  don't",
                                       "a\xCC\x81 \xC3\xA9 \xF0\x9F\x98\x80 \xE2\x96\x81x",
                                       "\xFF\xFE\x80 <s></s><|im_end|> <0x41>",
                                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

void check_text(const mote::Tokenizer& tokenizer, std::string_view text, bool special) {
  const auto ids = tokenizer.encode(text, {.add_special = special, .parse_special = special});
  if (!ids) return;
  for (const mote::TokenId id : *ids) {
    MOTE_FUZZ_CHECK(id >= 0 && static_cast<std::size_t>(id) < tokenizer.vocabulary_size());
    // The unknown token may stand for text that has no other; control tokens may not.
    MOTE_FUZZ_CHECK(special || tokenizer.type(id) != mote::TokenType::control);
  }
  mote::StreamDecoder stream(tokenizer);
  for (const mote::TokenId id : *ids) static_cast<void>(stream.push(id));
  static_cast<void>(stream.finish());
  static_cast<void>(tokenizer.decode(*ids, special));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto tokenizer = mote::load_tokenizer(mote::fuzz::memory_file(mote::fuzz::as_text(data, size)));
  if (!tokenizer) return 0;
  const mote::Tokenizer& t = **tokenizer;
  for (const std::string_view text : kTexts) {
    check_text(t, text, false);
    check_text(t, text, true);
  }
  for (const auto& id : {t.bos(), t.eos(), t.unk(), t.pad()}) {
    MOTE_FUZZ_CHECK(!id || (*id >= 0 && static_cast<std::size_t>(*id) < t.vocabulary_size()));
  }
  return 0;
}
