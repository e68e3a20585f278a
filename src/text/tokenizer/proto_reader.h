// Reads protobuf's wire format, just enough for SentencePiece models: fields one after the other, nothing
// allocated, every length checked against the bytes that remain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "mote/result.h"

namespace mote::text {

enum class WireType : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

struct ProtoField {
  std::uint32_t number = 0;
  WireType type = WireType::varint;
  std::uint64_t integer = 0;  // varint and fixed values
  std::span<const std::byte> bytes;

  [[nodiscard]] std::string_view text() const;
  [[nodiscard]] float as_float() const;  // fixed32
};

class ProtoReader {
 public:
  // `base`: position of the bytes in the file, for errors.
  explicit ProtoReader(std::span<const std::byte> bytes, std::size_t base = 0) : bytes_(bytes), base_(base) {}

  [[nodiscard]] bool at_end() const { return position_ == bytes_.size(); }
  [[nodiscard]] std::size_t position() const { return base_ + position_; }
  // Errors: TOK_PROTO (varint longer than 10 bytes, unknown wire type, field number 0, length past the end).
  Result<ProtoField> next();

 private:
  Result<std::uint64_t> varint();
  Result<std::uint64_t> fixed(std::size_t width);
  [[nodiscard]] Error error(std::string message) const;

  std::span<const std::byte> bytes_;
  std::size_t base_;
  std::size_t position_ = 0;
};

}  // namespace mote::text
