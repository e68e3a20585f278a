// A regular expression over tensor names, for --tensor-type RE=TYPE. PCRE2 with a step limit: a pattern comes
// from a command line or a request and must not hang the program (std::regex would recurse and may overflow
// the stack).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "mote/result.h"

namespace mote::quantize {

constexpr ErrorCode kQuantPattern{"QUANT_PATTERN", ErrorKind::invalid_argument};

// A name has at most 64 bytes in GGUF files; plain alternatives need some hundred steps.
inline constexpr std::uint32_t kMaxPatternSteps = 100'000;

class NamePattern {
 public:
  // QUANT_PATTERN with the place in the pattern.
  static Result<NamePattern> compile(std::string_view pattern);

  NamePattern(NamePattern&&) noexcept;
  NamePattern& operator=(NamePattern&&) noexcept;
  ~NamePattern();

  // True where the pattern matches anywhere in the name. QUANT_PATTERN where that takes too many steps.
  [[nodiscard]] Result<bool> matches(std::string_view name) const;
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  struct Compiled;
  NamePattern(std::string text, std::unique_ptr<Compiled> compiled);
  std::string text_;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace mote::quantize
