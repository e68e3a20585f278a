// The three families of word patterns, one match at a time. Each function takes a range [begin, end) of code
// points and says where the match that starts at `begin` ends; it always advances, and the cost is linear
// over a whole text.
#pragma once

#include <cstddef>

#include "text/tokenizer/code_points.h"
#include "text/tokenizer/split_step.h"

namespace mote::text {

// GPT-2 (openai/gpt-2, encoder.py):
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
std::size_t gpt2_word_end(const CodePoints& text, std::size_t begin, std::size_t end);

// cl100k_base (openai/tiktoken) as Llama-3 and Qwen have it; N is {1,digits}, L may include \p{M}; with or
// without contractions, and with the line breaks of SplitStep:
//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}N|
//   ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
std::size_t cl100k_word_end(const CodePoints& text, std::size_t begin, std::size_t end,
                            const SplitStep& step);

// o200k_base (openai/tiktoken) as GPT-4o has it, and Mistral's Tekken without contractions; U is
// [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], D is [\p{Ll}\p{Lm}\p{Lo}\p{M}], C the contractions:
//   [^\r\n\p{L}\p{N}]?U*D+C?|[^\r\n\p{L}\p{N}]?U+D*C?|\p{N}N|
//   ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
// Kimi K2 (moonshotai/Kimi-K2-Instruct, tokenization_kimi.py): [\p{Han}]+ before all, sets U and D without
// Han, and [\r\n]* behind others.
std::size_t camel_word_end(const CodePoints& text, std::size_t begin, std::size_t end, const SplitStep& step);

}  // namespace mote::text
