// GGUF's name for a way of splitting that the catalogue does not have as it stands.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "mote/result.h"
#include "text/tokenizer/data.h"
#include "text/tokenizer/text_encoder.h"

namespace mote::text {

struct PreName {
  std::string name;  // empty: there is none
  std::vector<std::string> warnings;
};

// For byte_bpe. `probe`: the ids of probe_text() with special tokens. In this order: the name of the same
// splitter that differs only in whether whole words are taken as they are, if that makes no difference for
// this vocabulary; the name under which llama.cpp's converter knows the vocabulary. Patterns that only PCRE2
// can run give a warning each.
PreName find_pre_name(const TokenizerData& data, const PieceIndex& index, std::span<const TokenId> probe);

}  // namespace mote::text
