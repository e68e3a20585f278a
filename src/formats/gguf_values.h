// The header of a GGUF file as a stream of numbers, strings and values, each checked against the bytes that
// remain before anything is allocated for it.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "formats/limits.h"
#include "formats/metadata.h"
#include "mote/result.h"

namespace mote::formats {

class GgufCursor {
 public:
  GgufCursor(std::span<const std::byte> file, const Limits& limits);

  [[nodiscard]] std::uint64_t position() const { return position_; }
  // Bytes that the header may still take: to the file's end or the limit.
  [[nodiscard]] std::uint64_t remaining() const { return end_ - position_; }

  // GGUF_TRUNCATED, or GGUF_LIMIT where the file is long enough but the header is not allowed to be.
  template <typename T>
  Result<T> number(std::string_view what) {
    static_assert(std::is_trivially_copyable_v<T>);
    MOTE_ASSIGN(const std::string_view raw, bytes(sizeof(T), what));
    std::array<char, sizeof(T)> copy;
    std::copy_n(raw.begin(), copy.size(), copy.begin());
    return std::bit_cast<T>(copy);
  }
  // A u64 length and as many bytes, borrowed from the file. Lengths over `max_bytes` are an error of `code`.
  Result<std::string_view> string(std::uint64_t max_bytes, const ErrorCode& code, std::string_view what);
  // A value with its type in front. GGUF_TYPE, GGUF_ARRAY, GGUF_DEPTH, GGUF_STRING, GGUF_LIMIT,
  // GGUF_TRUNCATED.
  Result<MetaValue> value();
  // Adds to what decoded values take. GGUF_LIMIT beyond Limits::decoded_bytes and four times the bytes read
  // so far, `ahead` among them: bytes known to be there that will be read for it.
  Result<void> charge(std::uint64_t decoded_bytes, std::uint64_t ahead = 0);

 private:
  Result<std::string_view> bytes(std::uint64_t count, std::string_view what);
  Result<ValueType> type(std::string_view what);
  Result<MetaValue> scalar(ValueType type);
  Result<MetaValue> array(std::uint32_t depth);
  Result<void> elements(MetaValue& array, std::uint64_t count, std::uint32_t depth);

  std::span<const std::byte> file_;
  const Limits& limits_;
  std::uint64_t end_;
  std::uint64_t position_ = 0;
  std::uint64_t decoded_bytes_ = 0;
};

}  // namespace mote::formats
