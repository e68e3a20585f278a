// Offsets without the white space at a token's ends, as Hugging Face's ByteLevel and Roberta post-processors
// give them (trim_offsets).
#pragma once

#include <string_view>

#include "mote/tokenizer.h"
#include "text/tokenizer/data.h"

namespace mote::text {

// `first`: the first token of the text, whose leading space may be one that the vocabulary added.
void trim_span(std::string_view text, std::string_view piece, bool first, const TokenizerData& data,
               TokenSpan& span);

}  // namespace mote::text
