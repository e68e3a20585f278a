// A fixed text whose ids tell tokenizers apart, as llama.cpp's converter uses it: the SHA-256 of the ids,
// written as Python writes a list, names the way of splitting where the vocabulary is a known one, and is
// what to look for or to report where it is not.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "mote/tokenizer.h"

namespace mote::text {

std::string_view probe_text();
// Of the ids of the text with special tokens added and parsed; 64 hexadecimal digits.
std::string probe_sum(std::span<const TokenId> ids);
// GGUF's name for the vocabulary with this sum; empty where it is unknown.
std::string_view name_of_probe(std::string_view sum);

}  // namespace mote::text
