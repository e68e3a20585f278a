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

namespace mote::text {

enum class TokenizerAlgorithm : std::uint8_t {
  byte_bpe,   // GPT-2: bytes spelled as 256 visible characters, merges by rank inside words
  char_bpe,   // tokenizer.json of SentencePiece models: characters, merges by rank, bytes for what is missing
  score_bpe,  // SentencePiece, GGUF "llama", llama2.c: characters, the pair with the best score first
};

// How a token that is matched in the text before anything else behaves (Hugging Face's AddedToken).
struct AddedToken {
  TokenId id = 0;
  bool lstrip = false;       // takes white space on its left with it
  bool rstrip = false;       // and on its right
  bool single_word = false;  // not inside a word
  bool normalized = false;   // matched in the normalized text
};

// One step of a normalizer: NFC, or every `pattern` replaced by `content`.
struct NormalizerStep {
  bool nfc = false;
  std::string pattern{};
  std::string content{};
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
  std::vector<float> scores;  // score_bpe only, else empty

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

  // byte_bpe
  SplitPlan split;
  std::string pre_name;           // GGUF's name for `split`; empty where it has none
  bool add_prefix_space = false;  // a space before text that does not begin with one

  // char_bpe and score_bpe
  SpacePrefix space_prefix = SpacePrefix::never;
  bool byte_fallback = false;
  bool fuse_unknown = false;   // neighbouring unknown characters give one token
  bool literal_space = false;  // llama2.c: " " in the vocabulary's own bytes, "▁" in the text is no space
  bool escape_space = true;    // " " becomes "▁" before merging (char_bpe: a normalizer may do it instead)
  bool remove_extra_whitespaces = false;  // spaces at the ends dropped, runs made one
  bool user_defined_in_text =
      false;                     // SentencePiece: user-defined tokens are found after the prefix was added
  bool split_at_spaces = false;  // char_bpe: every "▁" begins a word (Metaspace with split)
  std::string unknown_surface;   // what the unknown token decodes to; empty: its spelling

  std::optional<TokenId> bos, eos, unk, pad, eot, eom;
  std::vector<TokenId> end_of_generation;  // besides eos, eot, eom and what their names say
  std::vector<TokenId> prefix, suffix;     // what add_special puts before and after

  std::string chat_template;
};

}  // namespace mote::text
