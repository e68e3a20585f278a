// A string whose every byte knows its origin, template or user data. Kept as runs, since nearly every string
// has one. Operations are on byte ranges; where code points matter, the caller finds the boundaries
// (utf8_index.h).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "mote/text_piece.h"

namespace mote::text::jinja {

class TaggedText {
 public:
  TaggedText() = default;
  TaggedText(std::string bytes, bool is_template);

  [[nodiscard]] const std::string& bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }

  // Origin of the byte at `position` < size().
  [[nodiscard]] bool is_template_at(std::size_t position) const;
  // True where no byte is user data.
  [[nodiscard]] bool all_template() const;

  void append(std::string_view bytes, bool is_template);
  void append(const TaggedText& other);
  void append_slice(const TaggedText& other, std::size_t begin, std::size_t end);
  [[nodiscard]] TaggedText slice(std::size_t begin, std::size_t end) const;

  [[nodiscard]] TextPieces pieces() const;

  // Made safe for HTML by the `escape` or `safe` filter; adding to it escapes what is added (as Markup does).
  bool markup = false;

 private:
  struct Run {
    std::size_t end;  // of the run, in bytes
    bool is_template;
  };
  [[nodiscard]] std::size_t run_at(std::size_t position) const;

  std::string bytes_;
  std::vector<Run> runs_;  // neighbours differ in origin; the last end is size(); empty for empty text
};

}  // namespace mote::text::jinja
