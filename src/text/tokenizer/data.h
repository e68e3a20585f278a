// Everything that defines a tokenizer, as plain data. Loaders fill it, Tokenizer::create checks it and builds
// tables, write_gguf_keys reads it back. It is the one place where the sources meet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mote/tokenizer.h"
#include "text/tokenizer/split_step.h"
#include "text/tokenizer/unicode_form.h"

namespace mote::text {

enum class TokenizerAlgorithm : std::uint8_t {
  byte_bpe,   // GPT-2: bytes spelled as 256 visible characters, merges by rank inside words
  char_bpe,   // tokenizer.json of SentencePiece models: characters, merges by rank, bytes for what is missing
  score_bpe,  // SentencePiece, GGUF "llama", llama2.c: characters, the pair with the best score first
  unigram,    // SentencePiece, tokenizer.json "Unigram", GGUF "t5": the cut with the best sum of scores
  wordpiece,  // BERT: the longest token at the beginning of a word, then the longest that continues it
};

// Which program's unigram model: they differ in details that decide ids (unigram_encoder.cc).
enum class UnigramRules : std::uint8_t { sentencepiece, huggingface, llama_cpp };

// How token texts become text.
enum class DecodeStyle : std::uint8_t {
  bytes,      // byte_bpe: letters of the byte alphabet
  marked,     // "▁" is a space, byte tokens are bytes
  wordpiece,  // a space before each token that does not continue a word
  spaced,     // a space between any two tokens (tokenizer.json without decoder)
};

// How a token that is matched in the text before anything else behaves (Hugging Face's AddedToken).
struct AddedToken {
  TokenId id = 0;
  bool lstrip = false;       // takes white space on its left with it
  bool rstrip = false;       // and on its right
  bool single_word = false;  // not inside a word
  bool normalized = false;   // matched in the normalized text
};

enum class NormalizerKind : std::uint8_t {
  unicode_form,  // `form`
  lowercase,
  strip_marks,             // drops marks (\p{M})
  strip_nonspacing_marks,  // drops marks of category Mn
  prepend,                 // puts `content` before text that is not empty
  replace,                 // every `pattern`, literally, by `content`
  replace_regex,           // every match of `pattern` by `content`
  strip,                   // white space at the ends: `left`, `right`
  clean_controls,          // BERT: drops control characters and U+FFFD, makes white space spaces
  space_cjk,               // BERT: spaces around ideographs
  charsmap,                // SentencePiece's map in `pattern`, applied to grapheme clusters
};

struct NormalizerStep {
  NormalizerKind kind = NormalizerKind::unicode_form;
  UnicodeForm form = UnicodeForm::nfc;
  std::string pattern{};
  std::string content{};
  bool left = false;
  bool right = false;
};

enum class SpacePrefix : std::uint8_t {
  never,
  always,          // before every stretch of plain text (SentencePiece, llama.cpp)
  unless_present,  // the same, where the text does not begin with one (Metaspace "always")
  first_stretch,   // only at the beginning of the whole text, unless present (Metaspace "first")
};

struct TokenizerData {
  TokenizerAlgorithm algorithm = TokenizerAlgorithm::byte_bpe;

  // The vocabulary: three lists of the same length, by id.
  std::vector<std::string> pieces;  // GGUF's spelling: "Ġthe" for byte_bpe, "▁the" for the others
  std::vector<TokenType> types;
  std::vector<double> scores;  // score_bpe (floats) and unigram, else empty

  std::vector<TokenId> outside_model;  // added tokens that only the matcher knows, ascending

  // byte_bpe and char_bpe, best first; ids of the two parts and of the result.
  struct Merge {
    TokenId left = 0;
    TokenId right = 0;
    TokenId merged = 0;
  };
  std::vector<Merge> merges;
  bool ignore_merges = false;  // a whole word that is a token is taken as it is

  std::vector<AddedToken> added;  // control, unknown and user-defined tokens that are matched in the text
  std::vector<NormalizerStep> normalizer;

  // All but score_bpe; `split_after` works on what Metaspace or the byte alphabet made of the words.
  SplitPlan split;
  SplitPlan split_after;
  std::string pre_name;            // GGUF's name for the way of splitting; empty where it has none
  bool add_prefix_space = false;   // byte_bpe: a space before text that does not begin with one
  bool trim_offsets = false;       // offsets leave out the white space at a token's ends,
  bool trim_after_prefix = false;  // but not the one that was put before the text

  // char_bpe, score_bpe, unigram
  SpacePrefix space_prefix = SpacePrefix::never;
  bool byte_fallback = false;
  bool fuse_unknown = false;   // neighbouring unknown characters give one token
  bool literal_space = false;  // llama2.c: " " in the vocabulary's own bytes, "▁" in the text is no space
  bool escape_space = true;    // " " becomes "▁" before merging (char_bpe: a normalizer may do it instead)
  bool whole_line_breaks = false;  // char_bpe: a run of "\n" that is a token needs no merges
  bool split_at_spaces = false;    // every "▁" begins a word (Metaspace with split)

  // SentencePiece's own normalizer (.model, GGUF "t5")
  bool sentence_normalizer = false;
  std::string charsmap;                   // precompiled; empty: none
  bool remove_extra_whitespaces = false;  // spaces at the ends dropped, runs made one
  bool user_defined_in_text = false;      // user-defined tokens are found after the prefix was added
  UnigramRules unigram_rules = UnigramRules::sentencepiece;

  // wordpiece
  std::string continuation = "##";  // how tokens that continue a word begin; empty with `phantom_space`
  bool phantom_space = false;       // GGUF: "▁" begins the tokens that begin a word instead
  std::uint32_t max_word_characters = 100;  // longer words are unknown; 0: no limit

  DecodeStyle decode_style = DecodeStyle::bytes;
  bool strip_first_space = false;  // decode() drops a space that the vocabulary put before the text,
  bool strip_first_token = false;  // or all spaces of the first token
  bool clean_up_spaces = false;    // wordpiece: " ." becomes "." and the like
  std::string unknown_surface;     // what the unknown token decodes to; empty: its spelling

  std::optional<TokenId> bos, eos, unk, pad, eot, eom, sep, cls, mask;
  std::vector<TokenId> end_of_generation;  // besides eos, eot, eom and what their names say
  std::vector<TokenId> prefix, suffix;     // what add_special puts before and after

  std::string chat_template;
  std::string source_json;            // tokenizer.json, kept where GGUF's own keys cannot say it
  std::vector<std::string> warnings;  // what a user should know about how this tokenizer was understood
};

}  // namespace mote::text
