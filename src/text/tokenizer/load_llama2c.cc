// llama2.c's tokenizer.bin (karpathy/llama2.c, tokenizer.py writes it, run.c reads it). There is no magic and
// no count: records fill the file exactly. Spaces are literal, and "<s>" and "</s>" carry newlines around
// them.
#include <bit>
#include <cstring>

#include "text/tokenizer/errors.h"
#include "text/tokenizer/limits.h"
#include "text/tokenizer/loaders.h"
#include "text/tokenizer/space_escape.h"

namespace mote::text {
namespace {

constexpr std::size_t kHeaderBytes = 4;
constexpr std::size_t kRecordBytes = 8;  // score and length
constexpr std::size_t kFirstByteToken = 3;

std::uint32_t read_u32(std::span<const std::byte> bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value |= std::to_integer<std::uint32_t>(bytes[at + i]) << (8 * i);
  return value;
}

Error format_error_at(std::string message, std::size_t position) {
  return Error{kTokFormat,
               "cannot read a llama2.c tokenizer: " + std::move(message),
               "expected: the tokenizer.bin that llama2.c's tokenizer.py writes",
               {},
               position};
}

}  // namespace

Result<TokenizerData> read_llama2c(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeaderBytes + kRecordBytes)
    return format_error_at("the file has " + std::to_string(bytes.size()) + " bytes", 0);
  const std::uint32_t longest = read_u32(bytes, 0);
  if (longest == 0 || longest > kMaxLlama2cTokenBytes) {
    return format_error_at("it says that its longest token has " + std::to_string(longest) + " bytes", 0);
  }
  TokenizerData data;
  data.algorithm = TokenizerAlgorithm::score_bpe;
  std::size_t at = kHeaderBytes;
  while (at < bytes.size()) {
    if (bytes.size() - at < kRecordBytes)
      return format_error_at("a token is cut off by the end of the file", at);
    const float score = std::bit_cast<float>(read_u32(bytes, at));
    const std::uint32_t length = read_u32(bytes, at + 4);
    at += kRecordBytes;
    if (length == 0 || length > longest || length > bytes.size() - at) {
      return format_error_at("token " + std::to_string(data.pieces.size()) + " has " +
                                 std::to_string(length) + " bytes, " + std::to_string(bytes.size() - at) +
                                 " are left and " + std::to_string(longest) + " are the most",
                             at);
    }
    const std::string_view raw(reinterpret_cast<const char*>(bytes.data()) + at, length);
    at += length;
    std::string piece;
    for (const char c : raw) {
      if (c == ' ') {
        piece += kSpaceMark;
      } else {
        piece.push_back(c);
      }
    }
    const std::size_t id = data.pieces.size();
    TokenType type = TokenType::normal;
    if (id == 0) {
      type = TokenType::unknown;
    } else if (id < kFirstByteToken) {
      type = TokenType::control;
      if (piece.size() > 2 && piece.front() == '\n' && piece.back() == '\n')
        piece = piece.substr(1, piece.size() - 2);
    } else if (id < kFirstByteToken + 256 &&
               parse_byte_token(piece) == static_cast<std::uint8_t>(id - kFirstByteToken)) {
      type = TokenType::byte;
    }
    data.pieces.push_back(std::move(piece));
    data.types.push_back(type);
    data.scores.push_back(score);
  }
  if (data.pieces.size() < kFirstByteToken) return format_error_at("it has fewer than three tokens", at);
  data.unk = 0;
  data.bos = 1;
  data.eos = 2;
  data.prefix = {1};
  for (TokenId id = 0; id < 3; ++id) data.added.push_back(AddedToken{.id = id});
  data.byte_fallback = true;
  data.fuse_unknown = true;
  data.literal_space = true;
  data.space_prefix = SpacePrefix::always;
  data.decode_style = DecodeStyle::marked;
  data.strip_first_space = true;
  data.pre_name = "default";
  return data;
}

}  // namespace mote::text
