// A text with its code points laid out: where each begins and what class it has. Splitters walk it by index,
// which makes looking back and ahead free.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "text/tokenizer/unicode_class.h"

namespace mote::text {

class CodePoints {
 public:
  explicit CodePoints(std::string_view text) : text_(text) {
    offsets_.reserve(text.size() + 1);
    values_.reserve(text.size());
    classes_.reserve(text.size());
    std::size_t position = 0;
    while (position < text.size()) {
      offsets_.push_back(position);
      const auto byte = static_cast<unsigned char>(text[position]);
      char32_t c = byte;
      if (byte < 0x80) {
        ++position;
      } else {
        c = next_code_point(text, position);
      }
      values_.push_back(c);
      classes_.push_back(classify(c));
    }
    offsets_.push_back(text.size());
  }

  [[nodiscard]] std::size_t size() const { return values_.size(); }
  [[nodiscard]] char32_t value(std::size_t i) const { return values_[i]; }
  [[nodiscard]] CharClass at(std::size_t i) const { return classes_[i]; }
  // Byte where code point `i` begins; size() gives the text's length.
  [[nodiscard]] std::size_t offset(std::size_t i) const { return offsets_[i]; }
  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  std::string_view text_;
  std::vector<std::size_t> offsets_;
  std::vector<char32_t> values_;
  std::vector<CharClass> classes_;
};

}  // namespace mote::text
