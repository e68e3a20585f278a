#include "text/tokenizer/word_piece_text.h"

#include <array>
#include <utility>

#include "text/tokenizer/space_escape.h"

namespace mote::text {
namespace {

// In this order (tokenizers/src/decoders/wordpiece.rs, cleanup).
constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kCleanUps{{{" .", "."},
                                                                                   {" ?", "?"},
                                                                                   {" !", "!"},
                                                                                   {" ,", ","},
                                                                                   {" ' ", "'"},
                                                                                   {" n't", "n't"},
                                                                                   {" 'm", "'m"},
                                                                                   {" do not", " don't"},
                                                                                   {" 's", "'s"},
                                                                                   {" 've", "'ve"},
                                                                                   {" 're", "'re"}}};

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

}  // namespace

void append_word_piece(std::string& out, std::string_view piece, TokenType type, const TokenizerData& data) {
  std::string text;
  const bool special = type == TokenType::control || type == TokenType::unknown;
  if (data.phantom_space) {
    const bool begins = piece.starts_with(kSpaceMark);
    if (begins || special) text += ' ';
    text += begins ? piece.substr(kSpaceMark.size()) : piece;
  } else if (!data.continuation.empty() && piece.starts_with(data.continuation)) {
    text += piece.substr(data.continuation.size());
  } else {
    text += ' ';
    text += piece;
  }
  if (data.clean_up_spaces) {
    for (const auto& [from, to] : kCleanUps) replace_all(text, from, to);
  }
  out += text;
}

}  // namespace mote::text
