// Unicode's normal forms (Standard Annex 15) of a run of code points, each result with the change that it is
// to its source, as Rewriter::put takes it. n log n time also for a megabyte of combining marks out of order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mote::text {

enum class UnicodeForm : std::uint8_t { nfc, nfd, nfkc, nfkd };

struct ChangedCharacter {
  char32_t value = 0;
  std::ptrdiff_t change = 0;
};

// Text without a byte of at least this value is in the form already.
unsigned char first_lead_changed(UnicodeForm form);
std::vector<ChangedCharacter> to_form(std::span<const char32_t> run, UnicodeForm form);

}  // namespace mote::text
