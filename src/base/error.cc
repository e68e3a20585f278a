#include "mote/error.h"

#include "base/strings.h"

namespace mote {
namespace {

constexpr std::size_t kMaxLineBytes = 500;

}  // namespace

int exit_status(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::failed:
    case ErrorKind::internal:
      return 1;
    case ErrorKind::invalid_argument:
      return 2;
    case ErrorKind::quality_gate:
      return 3;
    case ErrorKind::resource_exhausted:
      return 4;
    case ErrorKind::corrupt_data:
      return 5;
    case ErrorKind::unavailable:
      return 6;
    case ErrorKind::cancelled:
      return 130;
  }
  return 1;
}

std::string escape_untrusted(std::string_view text, std::size_t max_bytes) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  const auto append_escaped = [&out](unsigned char byte) {
    out += "\\x";
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  };
  for (std::size_t i = 0; i < text.size();) {
    if (out.size() >= max_bytes) {
      out += "...";
      break;
    }
    std::size_t next = i;
    const char32_t c = next_code_point(text, next);
    // U+FFFD stands for bad bytes here; C1 controls and bidirectional overrides can hide what a line says.
    const bool hidden = c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xFFFD || (c >= 0x202A && c <= 0x202E) ||
                        (c >= 0x2066 && c <= 0x2069);
    for (; i < next; ++i) {
      if (hidden) {
        append_escaped(static_cast<unsigned char>(text[i]));
      } else {
        out += text[i];
      }
    }
  }
  return out;
}

std::string format_error(const Error& error) {
  std::string line = "error[" + std::string(error.code.name) + "]";
  if (!error.file.empty()) line += " " + escape_untrusted(error.file, 160);
  line += ": " + escape_untrusted(error.message, 280);
  if (error.byte_position) line += ", at byte " + with_thousands(*error.byte_position);
  if (!error.hint.empty()) line += "; " + escape_untrusted(error.hint, 200);
  if (line.size() > kMaxLineBytes) {
    std::size_t cut = kMaxLineBytes - 3;
    while (cut > 0 && (static_cast<unsigned char>(line[cut]) & 0xC0) == 0x80) --cut;
    line.resize(cut);
    line += "...";
  }
  return line;
}

}  // namespace mote
