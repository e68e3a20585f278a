// Whether GGUF's own keys can say what a tokenizer does, so that llama.cpp gives the same ids.
#pragma once

#include <string>

#include "text/tokenizer/data.h"

namespace mote::text {

// What the keys cannot say, as the rest of "the format cannot say that ..."; empty where they say all.
std::string why_not_gguf(const TokenizerData& data);
// What BERT's normalizer does with case and accents, from the steps of `data`; only where why_not_gguf() is
// empty.
struct BertCase {
  bool lowercase = false;
  bool strip_accents = false;
};
BertCase bert_case(const TokenizerData& data);

// 16 hexadecimal digits that are equal where text is split in the same way: of the SHA-256 of the steps.
std::string sum_of_splitting(const TokenizerData& data);

// tokenizer.ggml.model of vocabularies that only tokenizer.huggingface.json describes. llama.cpp refuses it
// by name, where a name that it knows would give wrong ids without a word.
inline constexpr std::string_view kJsonOnlyModel = "mote-json";
// The beginning of tokenizer.ggml.pre of ways to split that have no name; a check sum follows.
inline constexpr std::string_view kUnnamedPre = "mote-";
inline constexpr std::string_view kHuggingFaceJsonKey = "tokenizer.huggingface.json";

}  // namespace mote::text
