// GPT-2's alphabet: every byte as one visible character, so that a vocabulary of bytes can be written as text
// (openai/gpt-2, encoder.py, bytes_to_unicode). Printable bytes stand for themselves, the other 68 for U+0100
// and up.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mote::text {

class ByteAlphabet {
 public:
  constexpr ByteAlphabet() {
    char32_t next = 0x100;
    for (std::uint32_t b = 0; b < 256; ++b) {
      const bool visible = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
      const char32_t c = visible ? static_cast<char32_t>(b) : next++;
      to_char_[b] = c;
      to_byte_[c] = static_cast<std::int16_t>(b);
    }
  }

  [[nodiscard]] constexpr char32_t character(std::uint8_t byte) const { return to_char_[byte]; }
  [[nodiscard]] constexpr std::optional<std::uint8_t> byte(char32_t character) const {
    if (character >= to_byte_.size() || to_byte_[character] < 0) return std::nullopt;
    return static_cast<std::uint8_t>(to_byte_[character]);
  }

  [[nodiscard]] std::string spell(std::string_view bytes) const;
  // Nothing where a character is not of the alphabet.
  [[nodiscard]] std::optional<std::string> unspell(std::string_view spelling) const;

 private:
  static constexpr std::array<std::int16_t, 0x144> none() {
    std::array<std::int16_t, 0x144> table{};
    for (auto& v : table) v = -1;
    return table;
  }
  std::array<char32_t, 256> to_char_{};
  std::array<std::int16_t, 0x144> to_byte_ = none();  // 0x100 + 68 characters
};

inline constexpr ByteAlphabet kByteAlphabet;

}  // namespace mote::text
