#include "text/template/tagged_text.h"

#include <algorithm>
#include <utility>

namespace mote::text::jinja {

TaggedText::TaggedText(std::string bytes, bool is_template) : bytes_(std::move(bytes)) {
  if (!bytes_.empty()) runs_.push_back({bytes_.size(), is_template});
}

std::size_t TaggedText::run_at(std::size_t position) const {
  const auto found =
      std::ranges::upper_bound(runs_, position, std::less<>{}, [](const Run& run) { return run.end; });
  return static_cast<std::size_t>(found - runs_.begin());
}

bool TaggedText::is_template_at(std::size_t position) const { return runs_[run_at(position)].is_template; }

bool TaggedText::all_template() const {
  return std::ranges::all_of(runs_, [](const Run& run) { return run.is_template; });
}

void TaggedText::append(std::string_view bytes, bool is_template) {
  if (bytes.empty()) return;
  bytes_.append(bytes);
  if (!runs_.empty() && runs_.back().is_template == is_template) {
    runs_.back().end = bytes_.size();
  } else {
    runs_.push_back({bytes_.size(), is_template});
  }
}

void TaggedText::append(const TaggedText& other) { append_slice(other, 0, other.size()); }

void TaggedText::append_slice(const TaggedText& other, std::size_t begin, std::size_t end) {
  for (std::size_t run = other.run_at(begin); begin < end; ++run) {
    const std::size_t stop = std::min(end, other.runs_[run].end);
    append(std::string_view(other.bytes_).substr(begin, stop - begin), other.runs_[run].is_template);
    begin = stop;
  }
}

TaggedText TaggedText::slice(std::size_t begin, std::size_t end) const {
  TaggedText result;
  result.append_slice(*this, begin, end);
  return result;
}

TextPieces TaggedText::pieces() const {
  TextPieces result;
  std::size_t begin = 0;
  for (const Run& run : runs_) {
    result.push_back({bytes_.substr(begin, run.end - begin), run.is_template});
    begin = run.end;
  }
  return result;
}

}  // namespace mote::text::jinja
