// Finds added tokens in text: leftmost, then longest, as Hugging Face's tokenizers do with their trie.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer/data.h"
#include "text/tokenizer/limits.h"
#include "text/tokenizer/piece_trie.h"

namespace mote::text {

// Which tokens a stretch of text may contain.
enum class MatchMode : std::uint8_t {
  all,         // control tokens too
  no_control,  // user-defined tokens only
  user_text,   // of those, only what no template would write: runs of spaces, words
};

// A stretch of text that ends at byte `end`; stretches lie next to each other and cover the text.
struct Region {
  std::size_t end = 0;
  MatchMode mode = MatchMode::no_control;
};

struct AddedMatch {
  std::size_t begin = 0;  // white space that the token takes with it included
  std::size_t end = 0;
  TokenId id = 0;
};

// A token and the text that it is found by, which must not be empty nor longer than the limit. The least
// permissive mode in which it is found is `mode`.
struct AddedText {
  AddedToken token;
  std::string text;
  MatchMode mode;
};

class AddedMatcher {
 public:
  AddedMatcher() = default;
  // Of equal texts the first one counts.
  explicit AddedMatcher(std::span<const AddedText> tokens);
  [[nodiscard]] bool empty() const { return tokens_.empty(); }
  // Matches in order. Every region that a match touches allows its token, so what is half a user's text is
  // found only where the user could write all of it; the white space that a token takes with it may be
  // anybody's. That white space is searched again, as the reference does: a token of spaces in there is found
  // as well, and then matches overlap.
  [[nodiscard]] std::vector<AddedMatch> find(std::string_view text, std::span<const Region> regions) const;

 private:
  struct Entry {
    AddedToken token;
    MatchMode mode;
  };
  [[nodiscard]] const Entry* longest(std::string_view text, std::size_t begin,
                                     std::span<const Region> regions, std::size_t& end) const;

  PieceTrie trie_;  // its tokens are indices into tokens_
  std::array<bool, 256> first_{};
  std::vector<Entry> tokens_;
};

}  // namespace mote::text
