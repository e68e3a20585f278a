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

AddedMatcher::AddedMatcher(std::span<const AddedText> tokens) {
  std::vector<std::pair<std::string_view, TokenId>> texts;
  for (const AddedText& added : tokens) {
    first_[static_cast<unsigned char>(added.text.front())] = true;
    texts.emplace_back(added.text, static_cast<TokenId>(tokens_.size()));
    tokens_.push_back(Entry{added.token, added.mode});
  }
  trie_ = PieceTrie(std::move(texts));
}

const AddedMatcher::Entry* AddedMatcher::longest(std::string_view text, std::size_t begin,
                                                 std::span<const Region> regions, std::size_t& end) const {
  const Entry* found = nullptr;
  PieceTrie::Node node = PieceTrie::kRoot;
  MatchMode strictest = MatchMode::all;  // of the regions walked through
  for (std::size_t i = begin, region = 0; i < text.size(); ++i) {
    while (region < regions.size() && regions[region].end <= i) ++region;
    if (region == regions.size()) break;
    strictest = std::max(strictest, regions[region].mode);
    node = trie_.child(node, static_cast<unsigned char>(text[i]));
    if (node == PieceTrie::kNone) break;
    if (trie_.token(node) < 0) continue;
    const Entry& entry = tokens_[static_cast<std::size_t>(trie_.token(node))];
    if (entry.mode < strictest) continue;
    found = &entry;
    end = i + 1;
  }
  return found;
}

std::vector<AddedMatch> AddedMatcher::find(std::string_view text, std::span<const Region> regions) const {
  std::vector<AddedMatch> matches;
  if (tokens_.empty()) return matches;
  std::size_t taken = 0;      // bytes that belong to earlier matches
  std::size_t space_end = 0;  // where the last run of white space that was looked at ends
  std::size_t region = 0;
  for (std::size_t i = 0; i < text.size();) {
    while (region < regions.size() && regions[region].end <= i) ++region;
    if (region == regions.size()) break;
    std::size_t end = 0;
    const Entry* entry = first_[static_cast<unsigned char>(text[i])]
                             ? longest(text, i, regions.subspan(region), end)
                             : nullptr;
    if (entry == nullptr) {
      ++i;
      continue;
    }
    if (!entry->token.single_word || !inside_word(text, i, end)) {
      AddedMatch match{i, end, entry->token.id};
      if (entry->token.lstrip) match.begin = space_before(text, i, std::min(taken, i));
      // Inside of a run its end is known: a token that is a space would walk to it from every place.
      if (entry->token.rstrip) match.end = space_end = end < space_end ? space_end : space_after(text, end);
      matches.push_back(match);
      taken = match.end;
    }
    i = end;
  }
  return matches;
}

}  // namespace mote::text
