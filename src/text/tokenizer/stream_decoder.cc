#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "mote/tokenizer.h"

namespace mote {
namespace {

enum class Prefix : std::uint8_t { whole, cut, bad };

// What the bytes from `i` on begin with: a whole character of `length` bytes, one that is cut off by the end
// of the text, or `length` bytes that no further byte can make valid (Unicode Standard 3.9, table 3-7).
Prefix classify_prefix(std::string_view text, std::size_t i, std::size_t& length) {
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned lead = byte(i);
  length = 1;
  if (lead < 0x80) return Prefix::whole;
  if (lead < 0xC2 || lead > 0xF4) return Prefix::bad;
  const std::size_t need = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  for (std::size_t k = 1; k < need; ++k) {
    if (i + k >= text.size()) return Prefix::cut;
    unsigned low = 0x80;
    unsigned high = 0xBF;
    if (k == 1 && lead == 0xE0) low = 0xA0;
    if (k == 1 && lead == 0xED) high = 0x9F;  // no surrogates
    if (k == 1 && lead == 0xF0) low = 0x90;
    if (k == 1 && lead == 0xF4) high = 0x8F;
    if (byte(i + k) < low || byte(i + k) > high) return Prefix::bad;
    length = k + 1;
  }
  return Prefix::whole;
}

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

}  // namespace

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool start_of_text, bool skip_special,
                             std::vector<TokenId> kept)
    : tokenizer_(&tokenizer),
      strip_space_(start_of_text && tokenizer.strips_leading_space()),
      skip_special_(skip_special),
      kept_(std::move(kept)) {}

std::string StreamDecoder::push(TokenId token) {
  if (skip_special_ && tokenizer_->type(token) == TokenType::control &&
      std::ranges::find(kept_, token) == kept_.end()) {
    return {};
  }
  std::string bytes = tokenizer_->token_bytes(token);
  if (strip_space_ && !bytes.empty()) {
    const TokenType kind = tokenizer_->type(token);
    if ((kind == TokenType::normal || kind == TokenType::user_defined) && bytes.front() == ' ')
      bytes.erase(0, 1);
    strip_space_ = false;
  }
  pending_ += bytes;
  std::string out;
  std::size_t i = 0;
  while (i < pending_.size()) {
    std::size_t length = 0;
    const Prefix kind = classify_prefix(pending_, i, length);
    if (kind == Prefix::cut) break;
    out += kind == Prefix::whole ? std::string_view(pending_).substr(i, length) : kReplacement;
    i += length;
  }
  pending_.erase(0, i);
  return out;
}

std::string StreamDecoder::finish() {
  const bool cut = !pending_.empty();
  pending_.clear();
  strip_space_ = false;
  return cut ? std::string(kReplacement) : std::string();
}

}  // namespace mote
