// SHA-256 (FIPS 180-4), as a check sum that others compute as well.
#pragma once

#include <string>
#include <string_view>

namespace mote::text {

std::string sha256_hex(std::string_view bytes);

}  // namespace mote::text
