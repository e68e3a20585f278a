// Text to token ids and back: byte-level BPE (GPT-2's kind), SentencePiece BPE with byte fallback, unigram
// models (SentencePiece, T5) and WordPiece (BERT).
//
// One class for all sources (tokenizer.json, vocab.json + merges.txt, vocab.txt, GGUF keys, SentencePiece
// .model, llama2.c tokenizer.bin). The ids are those of the program that the source belongs to: Hugging Face
// tokenizers, llama.cpp, sentencepiece, llama2.c. Time is linear in the text for splitting and n log n for
// merging, whatever the text; a megabyte of one letter is an ordinary input.
//
// Special tokens are recognised in text only where the caller says so: text of a user that spells
// "<|im_end|>" is plain text.
//
// Input that is not UTF-8: byte-level vocabularies take every byte as it is, the others spell the offending
// bytes with byte tokens (or as one unknown token where the vocabulary has none). decode() gives those bytes
// back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mote/result.h"
#include "mote/text_piece.h"

namespace mote::formats {
struct Checkpoint;
class Metadata;
}  // namespace mote::formats

namespace mote::text {
struct TokenizerData;
}

namespace mote {

using TokenId = std::int32_t;

// With GGUF's numbers (tokenizer.ggml.token_type).
enum class TokenType : std::uint8_t {
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6
};

struct EncodeOptions {
  bool add_special = false;    // put the tokens around the text that the model expects (often bos)
  bool parse_special = false;  // control tokens spelled in the text become their ids
};

// A token and the bytes [begin, end) of the text that it stands for. What a normalizer or the vocabulary
// added (a space in front, bos and eos) stands for nothing: begin == end.
struct TokenSpan {
  TokenId id = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
  friend bool operator==(const TokenSpan&, const TokenSpan&) = default;
};

// Immutable; every function may be called from several threads at once.
class Tokenizer {
 public:
  // Checks the data and builds the tables. Errors: TOK_VOCAB, TOK_MERGES, TOK_ADDED, TOK_REGEX, TOK_PRE.
  static Result<std::unique_ptr<Tokenizer>> create(text::TokenizerData data);
  ~Tokenizer();

  // Errors: TOK_EXPANSION (a normalizer of the vocabulary's made the text too long), TOK_REGEX (an unknown
  // splitter pattern ran past its budget), OUT_OF_MEMORY.
  [[nodiscard]] Result<std::vector<TokenId>> encode(std::string_view text, EncodeOptions options = {}) const;
  // The same ids, each with its place in the text: through all normalizers, by the rules of Hugging Face's
  // tokenizers. The tokens of one character (bytes of an emoji) share its bytes. Costs about five times as
  // much memory as encode(). Errors: those of encode().
  [[nodiscard]] Result<std::vector<TokenSpan>> encode_with_offsets(std::string_view text,
                                                                   EncodeOptions options = {}) const;
  // Template pieces parse control tokens, user pieces never do. A run of neighbouring plain text is tokenized
  // as one, and added tokens that any text may hold are found across its borders. In user pieces, and half in
  // them, tokens of any kind that look like markup ("<tool_call>") or end a generation stay plain text.
  [[nodiscard]] Result<std::vector<TokenId>> encode_pieces(std::span<const text::TextPiece> pieces,
                                                           bool add_special) const;

  [[nodiscard]] std::size_t vocabulary_size() const;
  // The vocabulary's own spelling ("Ġthe", "▁the", "<0x0A>"); empty where the id is out of range.
  [[nodiscard]] std::string_view piece(TokenId id) const;
  // The bytes that a token stands for; special tokens: their text. SentencePiece tokens keep their leading
  // space.
  [[nodiscard]] std::string token_bytes(TokenId id) const;
  [[nodiscard]] TokenType type(TokenId id) const;
  [[nodiscard]] bool is_control(TokenId id) const;  // control tokens and the unknown token
  [[nodiscard]] std::optional<TokenId> find(std::string_view piece) const;

  // The bytes of all tokens. Where the vocabulary puts a space before the text, that one is taken off again.
  // `skip_special` leaves out control tokens. Ids out of range give nothing.
  [[nodiscard]] std::string decode(std::span<const TokenId> tokens, bool skip_special = false) const;

  [[nodiscard]] std::optional<TokenId> bos() const;
  [[nodiscard]] std::optional<TokenId> eos() const;
  [[nodiscard]] std::optional<TokenId> unk() const;
  [[nodiscard]] std::optional<TokenId> pad() const;
  // Tokens that end an answer: eos, end of turn, end of message, those of generation_config.json. Ascending.
  [[nodiscard]] const std::vector<TokenId>& end_of_generation() const;
  [[nodiscard]] bool is_end_of_generation(TokenId id) const;
  [[nodiscard]] bool add_bos() const;  // add_special puts bos first
  [[nodiscard]] bool add_eos() const;

  [[nodiscard]] std::string_view model_type() const;  // tokenizer.ggml.model: "gpt2", "llama", "t5", "bert"
  [[nodiscard]] std::string_view pre_name() const;    // tokenizer.ggml.pre; empty where GGUF has no name
  [[nodiscard]] const std::string& chat_template() const;  // Jinja source, empty if none
  // Whether decode() takes one space off the front of a text.
  [[nodiscard]] bool strips_leading_space() const;
  // What a user should know about how this tokenizer was understood, one sentence each: a pattern that mote
  // has no hand-written rule for, with its check sums.
  [[nodiscard]] std::span<const std::string> warnings() const;

  [[nodiscard]] const text::TokenizerData& data() const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

// Streaming decode: text comes out as soon as it is whole characters. The tokenizer must outlive it.
class StreamDecoder {
 public:
  // `start_of_text`: the first token begins a text of its own (an answer), so that a SentencePiece
  // vocabulary's leading space is dropped; false: it continues a text.
  // `kept`: control tokens whose text comes out although `skip_special` leaves out the others.
  explicit StreamDecoder(const Tokenizer& tokenizer, bool start_of_text = true, bool skip_special = true,
                         std::vector<TokenId> kept = {});

  // What can be shown after this token; may be empty. Bytes that can no longer become UTF-8 come out as
  // U+FFFD.
  [[nodiscard]] std::string push(TokenId token);
  // The bytes still held back, as U+FFFD. The decoder is then as new, in the middle of a text.
  [[nodiscard]] std::string finish();
  [[nodiscard]] std::size_t held_back_bytes() const { return pending_.size(); }

 private:
  const Tokenizer* tokenizer_;
  bool strip_space_;
  bool skip_special_;
  std::vector<TokenId> kept_;
  std::string pending_;  // a prefix of one character: at most 3 bytes
};

// A tokenizer file (tokenizer.json, .model, vocab.json beside merges.txt, llama2.c tokenizer.bin, a GGUF file
// with vocabulary) or a folder with one. Errors: TOK_MISSING (with the names looked for), TOK_FORMAT,
// TOK_UNSUPPORTED, those of create() and of reading files.
Result<std::unique_ptr<Tokenizer>> load_tokenizer(const std::filesystem::path& path);

// The checkpoint's own tokenizer: GGUF keys, files of the Hugging Face folder, or tok*.bin, tokenizer.bin,
// *.model beside a llama2.c file. `override_path`, where not empty, is read instead.
Result<std::unique_ptr<Tokenizer>> load_tokenizer(const formats::Checkpoint& checkpoint,
                                                  const std::filesystem::path& override_path = {});

// Writes the tokenizer.ggml.* and tokenizer.chat_template keys so that llama.cpp gives the same ids. `rows`:
// the model's embedding rows; a smaller vocabulary is filled up with "[PADn]" tokens of type unused as
// converters do; 0: no filling. Errors: TOK_PRE where GGUF has no name for the way this tokenizer splits
// text, TOK_VOCAB where the vocabulary is larger than `rows`.
Result<void> write_gguf_keys(const Tokenizer& tokenizer, formats::Metadata& metadata, std::size_t rows = 0);

}  // namespace mote
