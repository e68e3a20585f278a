// SentencePiece's precompiled character map (google/sentencepiece, src/normalizer.cc): which stretches of
// UTF-8 are replaced by what, as a trie in the file's own bytes.
//
//   u32        bytes of the trie, a multiple of 4, little endian
//   u32 units  a double array as Darts-clone lays it out (s-yata/darts-clone, dawg and units):
//              bits 0-7 label, bit 31 set in values; bit 8: a value follows; bits 10-30 offset, bit 9: times
//              256
//   bytes      replacements, each ended by a zero byte; a value of the trie is where one begins
//
// The bytes come from a model file: every index is checked against the bounds when it is used, and an index
// outside of them ends the search as if the trie had no such branch.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "mote/result.h"
#include "text/tokenizer/aligned_text.h"

namespace mote::text {

class Charsmap {
 public:
  // TOK_FORMAT: too short, sizes that do not fit, replacements without an end or over kMaxReplacementBytes,
  // or larger than 16 MiB.
  static Result<Charsmap> create(std::string bytes);

  struct Match {
    std::size_t length = 0;  // bytes of the text
    std::string_view replacement;
  };
  // The longest and the shortest stretch at the beginning of `text` that the map replaces, of at most
  // kMaxCharsmapKeyBytes.
  [[nodiscard]] std::optional<Match> longest(std::string_view text) const { return search(text, true); }
  [[nodiscard]] std::optional<Match> shortest(std::string_view text) const { return search(text, false); }

 private:
  explicit Charsmap(std::string bytes, std::size_t units) : bytes_(std::move(bytes)), units_(units) {}
  [[nodiscard]] std::optional<Match> search(std::string_view text, bool longest) const;
  [[nodiscard]] std::optional<std::uint32_t> unit(std::size_t index) const;
  [[nodiscard]] std::optional<std::string_view> replacement(std::size_t offset) const;

  std::string bytes_;
  std::size_t units_ = 0;
};

// What Hugging Face's normalizer "Precompiled" does with such a map (crate spm_precompiled): grapheme
// clusters below six bytes are looked up as a whole, longer ones character by character, and in both cases
// the shortest match replaces all that was looked up.
// Nothing where the result would pass `limit` bytes by more than a grapheme.
std::optional<AlignedText> apply_by_graphemes(const Charsmap& map, const AlignedText& text,
                                              std::size_t limit);

}  // namespace mote::text
