// A run of text that knows where it came from: the chat template, or the data that a user or a tool sent.
//
// A chat template writes control tokens ("<|im_start|>") around text that it does not control. Once both are
// one string, nobody can tell a control token from a user who typed one. So rendering returns pieces, and
// only a piece of the template may become a control token; text of a user is always read as plain text.
#pragma once

#include <string>
#include <vector>

namespace mote::text {

struct TextPiece {
  std::string text;          // UTF-8; never empty in a rendered result
  bool is_template = false;  // true: written by the template, control tokens are recognised in it

  friend bool operator==(const TextPiece&, const TextPiece&) = default;
};

using TextPieces = std::vector<TextPiece>;

}  // namespace mote::text
