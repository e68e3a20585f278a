// What a vocabulary does to text before it looks for tokens: Unicode NFC (Qwen2) and plain replacements.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "mote/result.h"
#include "text/tokenizer/data.h"

namespace mote::text {

// Canonical composition (Unicode Standard Annex 15). Bytes outside of UTF-8 stay as they are and separate
// what is around them. n log n time also for a megabyte of combining marks out of order.
std::string to_nfc(std::string_view text);

// All steps in order. TOK_EXPANSION where the result passes 16 times the input plus a megabyte.
Result<std::string> normalize(std::string_view text, std::span<const NormalizerStep> steps);

}  // namespace mote::text
