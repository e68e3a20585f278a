#include "text/tokenizer/charsmap.h"

#include <utf8proc.h>

#include "base/strings.h"
#include "text/tokenizer/errors.h"
#include "text/tokenizer/limits.h"

namespace mote::text {
namespace {

constexpr std::size_t kUnitBytes = 4;
constexpr std::size_t kShortGrapheme = 6;

Error damaged(std::string what) {
  return Error{kTokFormat,
               "cannot use the precompiled character map of the tokenizer: " + std::move(what),
               "the tokenizer is damaged: take it from its publisher again",
               {},
               {}};
}

std::uint32_t read_u32(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < kUnitBytes; ++i)
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return value;
}

constexpr std::uint32_t label_of(std::uint32_t unit) { return unit & 0x800000FFU; }
constexpr bool has_value(std::uint32_t unit) { return ((unit >> 8) & 1U) != 0; }
constexpr std::uint32_t value_of(std::uint32_t unit) { return unit & 0x7FFFFFFFU; }
constexpr std::uint32_t offset_of(std::uint32_t unit) { return (unit >> 10) << ((unit & 0x200U) >> 6); }

}  // namespace

Result<Charsmap> Charsmap::create(std::string bytes) {
  if (bytes.size() > kMaxCharsmapBytes)
    return damaged("it has " + std::to_string(bytes.size()) + " bytes, at most " +
                   with_thousands(kMaxCharsmapBytes) + " are allowed");
  if (bytes.size() < kUnitBytes) return damaged("it has " + std::to_string(bytes.size()) + " bytes");
  const std::size_t trie = read_u32(bytes, 0);
  if (trie % kUnitBytes != 0 || trie >= bytes.size() - kUnitBytes) {
    return damaged("its trie has " + std::to_string(trie) + " bytes of " +
                   std::to_string(bytes.size() - kUnitBytes));
  }
  if (bytes.back() != '\0') return damaged("its last replacement has no end");
  for (std::size_t at = kUnitBytes + trie; at < bytes.size();) {
    const std::size_t end = bytes.find('\0', at);
    if (end - at > kMaxReplacementBytes)
      return damaged("a replacement has " + std::to_string(end - at) + " bytes, at most " +
                     with_thousands(kMaxReplacementBytes) + " are allowed");
    at = end + 1;
  }
  return Charsmap(std::move(bytes), trie / kUnitBytes);
}

std::optional<std::uint32_t> Charsmap::unit(std::size_t index) const {
  if (index >= units_) return std::nullopt;
  return read_u32(bytes_, kUnitBytes * (index + 1));
}

std::optional<std::string_view> Charsmap::replacement(std::size_t offset) const {
  const std::string_view all = std::string_view(bytes_).substr(kUnitBytes * (units_ + 1));
  if (offset >= all.size()) return std::nullopt;
  return all.substr(offset, all.find('\0', offset) - offset);  // create() saw the last zero
}

std::optional<Charsmap::Match> Charsmap::search(std::string_view text, bool longest) const {
  const auto root = unit(0);
  if (!root) return std::nullopt;
  std::optional<Match> found;
  std::size_t node = offset_of(*root);
  // The trie of a damaged file may lead back to itself, so that the text alone would end the walk.
  text = text.substr(0, kMaxCharsmapKeyBytes);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0) break;  // ends keys in the trie
    node ^= byte;
    const auto here = unit(node);
    if (!here || label_of(*here) != byte) break;
    node ^= offset_of(*here);
    if (!has_value(*here)) continue;
    const auto leaf = unit(node);
    if (!leaf) break;
    if (const auto text_to = replacement(value_of(*leaf))) {
      found = Match{i + 1, *text_to};
      if (!longest) break;
    }
  }
  return found;
}

namespace {

void put_replacement(Rewriter& to, std::string_view from, std::string_view replacement) {
  std::ptrdiff_t old_count = 0;
  for (std::size_t i = 0; i < from.size(); ++old_count) next_code_point(from, i);
  std::ptrdiff_t new_count = 0;
  for (std::size_t i = 0; i < replacement.size(); ++new_count) next_code_point(replacement, i);
  if (new_count == 0) {
    to.skip(static_cast<std::size_t>(old_count));
    return;
  }
  // What is more than before is added at the end, what is less goes with the last character.
  std::ptrdiff_t index = 0;
  for (std::size_t i = 0; i < replacement.size(); ++index) {
    const std::size_t begin = i;
    next_code_point(replacement, i);
    std::ptrdiff_t change = index >= old_count ? 1 : 0;
    if (index + 1 == new_count && new_count < old_count) change = new_count - old_count;
    to.put(replacement.substr(begin, i - begin), change);
  }
}

}  // namespace

std::optional<AlignedText> apply_by_graphemes(const Charsmap& map, const AlignedText& aligned,
                                              std::size_t limit) {
  const std::string_view text = aligned.text();
  Rewriter to(aligned);
  const auto one = [&](std::string_view part) {
    const auto match = map.shortest(part);
    if (match) put_replacement(to, part, match->replacement);
    return match.has_value();
  };
  for (std::size_t i = 0; i < text.size();) {
    if (to.size() > limit) return std::nullopt;
    std::size_t stop = i;
    char32_t previous = next_code_point(text, stop);
    utf8proc_int32_t state = 0;
    for (std::size_t next = stop; next < text.size(); stop = next) {
      const char32_t c = next_code_point(text, next);
      if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(previous),
                                           static_cast<utf8proc_int32_t>(c), &state))
        break;
      previous = c;
    }
    const std::string_view grapheme = text.substr(i, stop - i);
    i = stop;
    if (grapheme.size() < kShortGrapheme && one(grapheme)) continue;
    for (std::size_t k = 0; k < grapheme.size();) {
      const std::size_t begin = k;
      next_code_point(grapheme, k);
      const std::string_view character = grapheme.substr(begin, k - begin);
      if (!one(character)) to.put(character, 0);
    }
  }
  return to.finish();
}

}  // namespace mote::text
