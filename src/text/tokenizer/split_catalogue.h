// The ways of splitting that are known by name: GGUF's `tokenizer.ggml.pre`, and the patterns that
// tokenizer.json files carry. A new vocabulary of a known kind is one more line in the table.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer/split_step.h"

namespace mote::text {

// How the pieces of a GGUF vocabulary with merges are spelled.
enum class Spelling : std::uint8_t {
  byte_letters,  // GPT-2's letters for bytes
  marked,        // plain text with "▁" for spaces, as SentencePiece has it, and <0xNN> for other bytes
  marked_lines,  // the same; a run of line breaks that is a token is that token
};

struct NamedSplit {
  SplitPlan plan;
  bool ignore_merges =
      false;  // what GGUF leaves out and the name implies (ggml-org/llama.cpp, src/llama-vocab.cpp)
  bool add_bos = false;
  Spelling spelling = Spelling::byte_letters;
};

// By GGUF name ("gpt-2", "llama-bpe", "qwen2", ...); nothing where the name is unknown.
std::optional<NamedSplit> split_by_name(std::string_view pre_name);
std::vector<std::string_view> known_split_names();
// The GGUF name under which llama.cpp splits and merges byte letters as this plan does; empty where there is
// none.
std::string_view name_of_split(const SplitPlan& plan, bool ignore_merges);
// The hand-written step for a pattern of tokenizer.json, or a PCRE2 step with the pattern.
SplitStep step_for_pattern(std::string_view pattern);

// True for a PCRE2 pattern of a named way of splitting: known to take steps in proportion to the text.
bool is_catalogue_pattern(std::string_view pattern);

}  // namespace mote::text
