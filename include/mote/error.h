// What a failed operation says. Library code returns errors, it never prints, throws past its API or exits.
//
// An ErrorCode is a name that documents and tests refer to ("GGUF_TRUNCATED", see docs/errors.md) and a kind,
// which is what a caller can act on. Codes are declared as constants by the module that raises them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mote {

// What the caller can do about it. The exit status of the program follows from the kind alone.
enum class ErrorKind : std::uint8_t {
  failed,              // missing file, I/O, permission, unknown architecture: exit 1
  invalid_argument,    // wrong usage or an option out of range: exit 2
  quality_gate,        // the result is worse than was asked for: exit 3
  resource_exhausted,  // does not fit the memory or size budget: exit 4
  corrupt_data,        // damaged, refused or untrusted data: exit 5
  unavailable,         // offline, or busy: exit 6
  cancelled,           // a signal or the caller asked to stop: exit 130
  internal,            // a broken promise of our own: exit 1
};

struct ErrorCode {
  std::string_view name;  // static storage; upper case, for example "GGUF_TRUNCATED"
  ErrorKind kind;
};

// Memory that an operation needed was not there: of any module, at any size. (A plan that cannot fit is
// MODEL_MEMORY, refused before anything is taken.)
inline constexpr ErrorCode kOutOfMemory{"OUT_OF_MEMORY", ErrorKind::resource_exhausted};

struct Error {
  ErrorCode code;
  std::string message;  // what was attempted, what was expected, what was found
  std::string hint;     // the next step; may be empty
  std::string file;     // the file at fault; may be empty
  std::optional<std::uint64_t> byte_position;
};

// Exit status of a command that failed this way: 1 to 6, or 130.
int exit_status(ErrorKind kind);

// One line: `error[CODE] file: message, at byte N; hint`. At most 500 bytes; control characters and invalid
// UTF-8 of untrusted text come out as \xNN.
std::string format_error(const Error& error);

// Untrusted text made safe for one line of a terminal or log: control characters, escapes and invalid UTF-8
// become \xNN; cut to `max_bytes` with "..." where it is longer.
std::string escape_untrusted(std::string_view text, std::size_t max_bytes = 120);

}  // namespace mote
