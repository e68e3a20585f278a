// What token texts say about themselves, where files do not say it.
#pragma once

#include <string_view>

namespace mote::text {

// Texts that end an answer in the model families known ("<|im_end|>", "<|eot_id|>", ...).
bool ends_generation_by_name(std::string_view piece);
// Texts that converters treat as control tokens although tokenizer.json does not mark them as special.
bool is_control_by_name(std::string_view piece);

}  // namespace mote::text
