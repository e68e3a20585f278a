// A splitter pattern that is none of the known ones, by PCRE2 with Unicode properties. The pattern is
// untrusted, so it is limited in size, may not look behind or refer back, and each match runs within a budget
// of steps and memory, all matches of a text within another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mote/result.h"

namespace mote::text {

class RegexSplitter {
 public:
  // Counting costs about half of the speed: patterns of the catalogue, which are known to be linear, go
  // without.
  enum class Steps : bool { counted, uncounted };
  static Result<RegexSplitter> compile(const std::string& pattern, Steps steps = Steps::counted);
  // Steps that all matches of a text of `bytes` may take together.
  static std::uint64_t budget(std::size_t bytes);
  RegexSplitter(RegexSplitter&&) noexcept;
  RegexSplitter& operator=(RegexSplitter&&) noexcept;
  ~RegexSplitter();

  struct Match {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  // Non-empty matches of `text` from left to right. Bad bytes of the text never match. Takes its steps from
  // `budget`, where they are counted; TOK_REGEX where it does not last.
  [[nodiscard]] Result<std::vector<Match>> find_all(std::string_view text, std::uint64_t& budget) const;
  // The same with a budget for this text alone.
  [[nodiscard]] Result<std::vector<Match>> find_all(std::string_view text) const {
    std::uint64_t steps = budget(text.size());
    return find_all(text, steps);
  }

 private:
  struct Impl;
  explicit RegexSplitter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mote::text
