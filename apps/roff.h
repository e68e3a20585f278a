// Text for the man(7) macros of troff and mandoc.
#pragma once

#include <string>
#include <string_view>

namespace mote::cli::roff {

// `text` so that it prints as it is: backslashes, hyphens (options are to be copied from the page), quotes
// and accents that typesetters change, characters beyond ASCII, and lines that would begin with a control
// character. Invalid UTF-8 comes out as U+FFFD.
std::string escape(std::string_view text);

// In bold and in italics, within a line.
std::string bold(std::string_view text);
std::string italic(std::string_view text);

// An argument of a macro, in double quotes.
std::string argument(std::string_view text);

}  // namespace mote::cli::roff
