#include "text/tokenizer/aligned_text.h"

#include <algorithm>

#include "base/strings.h"

namespace mote::text {

AlignedView AlignedView::sub(std::size_t begin, std::size_t length) const {
  AlignedView part{text.substr(begin, length), {}, base};
  if (tracked()) {
    part.origin = origin.subspan(begin, part.text.size());
    part.base = begin < origin.size() ? origin[begin].begin : origin.back().end;
  }
  return part;
}

Origin AlignedView::source(std::size_t begin, std::size_t end) const {
  if (origin.empty() || begin >= end || begin >= origin.size()) return {base, base};
  return {origin[begin].begin, origin[std::min(end, origin.size()) - 1].end};
}

AlignedText::AlignedText(std::string_view text, std::uint32_t base, bool track)
    : text_(text), base_(base), track_(track) {
  if (!track) return;
  origin_.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const auto begin = base + static_cast<std::uint32_t>(i);
    next_code_point(text, i);
    const auto end = base + static_cast<std::uint32_t>(i);
    origin_.resize(i, Origin{begin, end});
  }
}

AlignedText::AlignedText(const AlignedView& view)
    : text_(view.text),
      origin_(view.origin.begin(), view.origin.end()),
      base_(view.base),
      track_(view.tracked()) {}

void AlignedText::append(const AlignedText& other) {
  text_ += other.text_;
  origin_.insert(origin_.end(), other.origin_.begin(), other.origin_.end());
}

void AlignedText::prepend(std::string_view text) {
  text_.insert(0, text);
  if (!track_) return;
  const Origin origin = origin_.empty() ? Origin{base_, base_} : origin_.front();
  origin_.insert(origin_.begin(), text.size(), origin);
}

void AlignedText::append_end(std::string_view text) {
  text_ += text;
  if (track_) origin_.resize(text_.size(), origin_.empty() ? Origin{base_, base_} : origin_.back());
}

void AlignedText::truncate(std::size_t bytes) {
  text_.resize(std::min(bytes, text_.size()));
  if (track_) origin_.resize(text_.size());
}

Rewriter::Rewriter(const AlignedView& from, bool track) : from_(from) {
  to_.base_ = from.base;
  to_.track_ = track;
  to_.text_.reserve(from.text.size());
  if (track) to_.origin_.reserve(from.text.size());
}

void Rewriter::step() {
  if (at_ < from_.text.size()) next_code_point(from_.text, at_);
}

void Rewriter::skip(std::size_t characters) {
  for (; characters > 0; --characters) step();
}

void Rewriter::put(std::string_view character, std::ptrdiff_t change) {
  to_.text_ += character;
  if (to_.track_) {
    Origin origin{from_.base, from_.base};
    if (change > 0) {
      if (at_ > 0) origin = from_.origin[at_ - 1];
    } else if (at_ < from_.origin.size()) {
      origin = from_.origin[at_];
    } else if (!from_.origin.empty()) {
      origin = from_.origin.back();
    }
    to_.origin_.resize(to_.text_.size(), origin);
  }
  for (; change <= 0; ++change) step();
}

void Rewriter::put(char32_t character, std::ptrdiff_t change) {
  std::string bytes;
  append_utf8(bytes, character);
  put(bytes, change);
}

void Rewriter::copy(std::size_t bytes) {
  const AlignedView part = from_.sub(at_, bytes);
  to_.text_ += part.text;
  if (to_.track_) to_.origin_.insert(to_.origin_.end(), part.origin.begin(), part.origin.end());
  at_ += part.text.size();
}

}  // namespace mote::text
