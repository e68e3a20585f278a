#include "text/tokenizer/proto_reader.h"

#include <bit>
#include <string>

#include "text/tokenizer/errors.h"

namespace mote::text {

std::string_view ProtoField::text() const {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

float ProtoField::as_float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(integer)); }

Error ProtoReader::error(std::string message) const {
  return Error{kTokProto,
               "cannot read the SentencePiece model: " + std::move(message),
               "the file is damaged: take it from its publisher again",
               {},
               position()};
}

Result<std::uint64_t> ProtoReader::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (position_ == bytes_.size()) return error("a number is cut off by the end of the data");
    const auto byte = std::to_integer<std::uint64_t>(bytes_[position_++]);
    if (shift == 63 && byte > 1) return error("a number needs more than 64 bits");
    value |= (byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return error("a number has more than 10 bytes");
}

Result<std::uint64_t> ProtoReader::fixed(std::size_t width) {
  if (bytes_.size() - position_ < width) return error("a number is cut off by the end of the data");
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i)
    value |= std::to_integer<std::uint64_t>(bytes_[position_ + i]) << (8 * i);
  position_ += width;
  return value;
}

Result<ProtoField> ProtoReader::next() {
  MOTE_ASSIGN(const std::uint64_t tag, varint());
  ProtoField field;
  if (tag >> 3 == 0 || tag >> 3 > 536'870'911)
    return error("field number " + std::to_string(tag >> 3) + " is not allowed");
  field.number = static_cast<std::uint32_t>(tag >> 3);
  switch (tag & 7) {
    case 0: {
      field.type = WireType::varint;
      MOTE_ASSIGN(field.integer, varint());
      return field;
    }
    case 1: {
      field.type = WireType::fixed64;
      MOTE_ASSIGN(field.integer, fixed(8));
      return field;
    }
    case 2: {
      field.type = WireType::bytes;
      MOTE_ASSIGN(const std::uint64_t length, varint());
      if (length > bytes_.size() - position_) {
        return error("a field of " + std::to_string(length) + " bytes passes the end of the data");
      }
      field.bytes = bytes_.subspan(position_, static_cast<std::size_t>(length));
      position_ += static_cast<std::size_t>(length);
      return field;
    }
    case 5: {
      field.type = WireType::fixed32;
      MOTE_ASSIGN(field.integer, fixed(4));
      return field;
    }
    default:
      return error("wire type " + std::to_string(tag & 7) + " is not allowed");
  }
}

}  // namespace mote::text
