// A splitter pattern that is none of the known ones, by PCRE2 with Unicode properties. The pattern is
// untrusted, so it is limited in size, may not look behind or refer back, and each match runs within a budget
// of steps and memory.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mote/result.h"

namespace mote::text {

class RegexSplitter {
 public:
  static Result<RegexSplitter> compile(const std::string& pattern);
  RegexSplitter(RegexSplitter&&) noexcept;
  RegexSplitter& operator=(RegexSplitter&&) noexcept;
  ~RegexSplitter();

  struct Match {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  // Non-empty matches of `text` from left to right. Bad bytes of the text never match.
  [[nodiscard]] Result<std::vector<Match>> find_all(std::string_view text) const;

 private:
  struct Impl;
  explicit RegexSplitter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mote::text
