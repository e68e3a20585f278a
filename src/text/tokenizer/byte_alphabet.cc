#include "text/tokenizer/byte_alphabet.h"

#include "base/strings.h"

namespace mote::text {

std::string ByteAlphabet::spell(std::string_view bytes) const {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) append_utf8(out, character(static_cast<std::uint8_t>(c)));
  return out;
}

std::optional<std::string> ByteAlphabet::unspell(std::string_view spelling) const {
  std::string out;
  out.reserve(spelling.size());
  std::size_t i = 0;
  while (i < spelling.size()) {
    const auto b = byte(next_code_point(spelling, i));
    if (!b) return std::nullopt;
    out.push_back(static_cast<char>(*b));
  }
  return out;
}

}  // namespace mote::text
