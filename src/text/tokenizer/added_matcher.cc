#include "text/tokenizer/added_matcher.h"

#include <algorithm>

#include "base/strings.h"
#include "text/tokenizer/unicode_class.h"

namespace mote::text {
namespace {

// Byte where the last character of text[0, end) begins; requires end > 0.
std::size_t previous_character(std::string_view text, std::size_t end) {
  std::size_t i = end - 1;
  while (i > 0 && end - i < 4 && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) --i;
  return i;
}

char32_t character_at(std::string_view text, std::size_t i) { return next_code_point(text, i); }

bool inside_word(std::string_view text, std::size_t begin, std::size_t end) {
  return (begin > 0 && is_word_character(character_at(text, previous_character(text, begin)))) ||
         (end < text.size() && is_word_character(character_at(text, end)));
}

std::size_t space_before(std::string_view text, std::size_t begin, std::size_t floor) {
  while (begin > floor) {
    const std::size_t i = previous_character(text, begin);
    if (i < floor || !is_white_space(character_at(text, i))) break;
    begin = i;
  }
  return begin;
}

std::size_t space_after(std::string_view text, std::size_t end) {
  while (end < text.size()) {
    std::size_t next = end;
    if (!is_white_space(next_code_point(text, next))) break;
    end = next;
  }
  return end;
}

}  // namespace

void AddedMatcher::add(const AddedToken& token, std::string_view text, MatchMode mode) {
  std::uint32_t node = 0;
  first_[static_cast<unsigned char>(text.front())] = true;
  for (const char c : text) {
    const std::uint64_t key = (static_cast<std::uint64_t>(node) << 8) | static_cast<unsigned char>(c);
    const auto [it, added] = edges_.try_emplace(key, static_cast<std::uint32_t>(terminal_.size()));
    if (added) terminal_.push_back(-1);
    node = it->second;
  }
  if (terminal_[node] >= 0) return;  // the same text twice: the first one counts
  terminal_[node] = static_cast<std::int32_t>(tokens_.size());
  tokens_.push_back(Entry{token, mode});
}

const AddedMatcher::Entry* AddedMatcher::longest(std::string_view text, std::size_t begin,
                                                 const Region& region, std::size_t& end) const {
  const Entry* found = nullptr;
  std::uint32_t node = 0;
  for (std::size_t i = begin; i < region.end; ++i) {
    const auto it =
        edges_.find((static_cast<std::uint64_t>(node) << 8) | static_cast<unsigned char>(text[i]));
    if (it == edges_.end()) break;
    node = it->second;
    if (terminal_[node] < 0) continue;
    const Entry& entry = tokens_[static_cast<std::size_t>(terminal_[node])];
    if (entry.mode < region.mode) continue;
    found = &entry;
    end = i + 1;
  }
  return found;
}

std::vector<AddedMatch> AddedMatcher::find(std::string_view text, std::span<const Region> regions) const {
  std::vector<AddedMatch> matches;
  if (tokens_.empty()) return matches;
  std::size_t taken = 0;  // bytes that belong to earlier matches
  std::size_t region = 0;
  for (std::size_t i = 0; i < text.size();) {
    while (region < regions.size() && regions[region].end <= i) ++region;
    if (region == regions.size()) break;
    std::size_t end = 0;
    const Entry* entry =
        first_[static_cast<unsigned char>(text[i])] ? longest(text, i, regions[region], end) : nullptr;
    if (entry == nullptr) {
      ++i;
      continue;
    }
    if (!entry->token.single_word || !inside_word(text, i, end)) {
      AddedMatch match{i, end, entry->token.id};
      if (entry->token.lstrip) match.begin = space_before(text, i, std::min(taken, i));
      if (entry->token.rstrip) match.end = space_after(text, end);
      matches.push_back(match);
      taken = match.end;
    }
    i = end;
  }
  return matches;
}

}  // namespace mote::text
