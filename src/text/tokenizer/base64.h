// Base 64 (RFC 4648, section 4) with padding, as tokenizer.json has binary data.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mote::text {

// Nothing where a character is not of the alphabet or the length is no multiple of four.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace mote::text
