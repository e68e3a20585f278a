#include "text/tokenizer/special_names.h"

#include <algorithm>
#include <array>

#include "text/tokenizer/text_encoder.h"

namespace mote::text {
namespace {

constexpr std::array<std::string_view, 15> kEnds{"<|eot_id|>",
                                                 "<|im_end|>",
                                                 "<|end|>",
                                                 "<end_of_turn>",
                                                 "<|endoftext|>",
                                                 "<|eom_id|>",
                                                 "<|end_of_text|>",
                                                 "<EOT>",
                                                 "_<EOT>",
                                                 "[EOT]",
                                                 "[EOS]",
                                                 "<end_of_utterance>",
                                                 "<\xEF\xBD\x9C"
                                                 "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>",
                                                 "<|end_of_turn|>",
                                                 "</s>"};

}  // namespace

bool ends_generation_by_name(std::string_view piece) {
  return std::find(kEnds.begin(), kEnds.end(), piece) != kEnds.end();
}

bool is_control_by_name(std::string_view piece) {
  constexpr std::string_view kWideBar = "\xEF\xBD\x9C";  // U+FF5C
  if (piece == "<pad>" || piece == "<mask>" || piece == "<2mass>" || piece == "[@BOS@]") return true;
  if (piece.size() < 4 || piece.front() != '<' || piece.back() != '>') return false;
  const std::string_view inner = piece.substr(1, piece.size() - 2);
  return (inner.starts_with('|') && inner.ends_with('|')) ||
         (inner.starts_with(kWideBar) && inner.ends_with(kWideBar)) || inner.starts_with("unused");
}

bool looks_like_markup(std::string_view piece) {
  if (piece.size() < 3) return false;
  return (piece.front() == '<' && piece.back() == '>') || (piece.front() == '[' && piece.back() == ']');
}

}  // namespace mote::text
