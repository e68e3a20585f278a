// Finding one text in another in time proportional to both. std::string_view::find compares at every place:
// half a megabyte of "a" and a "b" in a megabyte of "a" takes it seconds, and both may come from a file.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace mote {

// As std::string_view::find. memmem of the GNU C library is the two-way algorithm (Crochemore and Perrin,
// 1991).
inline std::size_t find_text(std::string_view text, std::string_view part, std::size_t from = 0) {
  if (from > text.size()) return std::string_view::npos;
  if (part.size() <= 1) return text.find(part, from);
  const void* found = ::memmem(text.data() + from, text.size() - from, part.data(), part.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

// Where `part` begins in `text`, from the right, no two overlapping; at most `most`. `part` must not be
// empty.
inline std::vector<std::size_t> find_texts_from_right(std::string_view text, std::string_view part,
                                                      std::size_t most) {
  const std::string turned(text.rbegin(), text.rend());
  const std::string turned_part(part.rbegin(), part.rend());
  std::vector<std::size_t> found;
  for (std::size_t at = 0; found.size() < most;) {
    const std::size_t next = find_text(turned, turned_part, at);
    if (next == std::string_view::npos) break;
    at = next + part.size();
    found.push_back(text.size() - at);
  }
  return found;
}

// As std::string_view::rfind.
inline std::size_t rfind_text(std::string_view text, std::string_view part) {
  if (part.size() <= 1) return text.rfind(part);
  const std::vector<std::size_t> last = find_texts_from_right(text, part, 1);
  return last.empty() ? std::string_view::npos : last.front();
}

}  // namespace mote
