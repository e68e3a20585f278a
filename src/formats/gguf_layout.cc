#include "formats/gguf_layout.h"

#include <bit>
#include <cstring>
#include <limits>
#include <set>
#include <type_traits>

#include "base/checked.h"
#include "base/strings.h"
#include "codec/codec.h"
#include "formats/gguf_rules.h"

namespace mote::formats {
namespace {

constexpr std::uint32_t kVersion = 3;

// What reaches this module was made by mote, so a fault is an argument's, not a file's.
Error argument_error(const ErrorCode& code, std::string message) {
  return {{code.name, ErrorKind::invalid_argument}, std::move(message), "", "", std::nullopt};
}

std::string in_quotes(std::string_view name) { return "\"" + escape_untrusted(name, 80) + "\""; }

template <typename T>
void put(std::string& out, T value) {
  static_assert(std::endian::native == std::endian::little && std::is_trivially_copyable_v<T>);
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof value);
  out.append(raw, sizeof raw);
}

void put_string(std::string& out, std::string_view text) {
  put<std::uint64_t>(out, text.size());
  out += text;
}

// A widened whole number as T; false where it does not fit.
template <typename T, typename Wide>
bool put_integer(std::string& out, Wide value) {
  if (!std::in_range<T>(value)) return false;
  put(out, static_cast<T>(value));
  return true;
}

template <typename Wide>
bool put_whole(std::string& out, ValueType type, Wide value) {
  switch (type) {
    case ValueType::u8:
      return put_integer<std::uint8_t>(out, value);
    case ValueType::i8:
      return put_integer<std::int8_t>(out, value);
    case ValueType::u16:
      return put_integer<std::uint16_t>(out, value);
    case ValueType::i16:
      return put_integer<std::int16_t>(out, value);
    case ValueType::u32:
      return put_integer<std::uint32_t>(out, value);
    case ValueType::i32:
      return put_integer<std::int32_t>(out, value);
    case ValueType::u64:
      return put_integer<std::uint64_t>(out, value);
    case ValueType::i64:
      return put_integer<std::int64_t>(out, value);
    case ValueType::boolean:
      if (value != 0 && value != 1) return false;
      put(out, static_cast<std::uint8_t>(value));
      return true;
    default:
      return false;
  }
}

bool put_float(std::string& out, ValueType type, double value) {
  if (type == ValueType::f64) {
    put(out, value);
    return true;
  }
  if (type != ValueType::f32) return false;
  put(out, static_cast<float>(value));
  return true;
}

// The value without its type. False where it is not what `value.type` says. Arrays as deep as the reader
// takes.
bool put_value(std::string& out, const MetaValue& value, std::uint32_t depth) {
  constexpr std::uint32_t kMaxDepth = 4;
  if (value.type != ValueType::array) {
    if (const auto* u = std::get_if<std::uint64_t>(&value.value)) return put_whole(out, value.type, *u);
    if (const auto* i = std::get_if<std::int64_t>(&value.value)) return put_whole(out, value.type, *i);
    if (const auto* d = std::get_if<double>(&value.value)) return put_float(out, value.type, *d);
    if (const auto* b = std::get_if<bool>(&value.value)) {
      return value.type == ValueType::boolean && put_whole(out, value.type, static_cast<std::uint64_t>(*b));
    }
    const auto* text = std::get_if<std::string>(&value.value);
    if (text == nullptr || value.type != ValueType::string) return false;
    put_string(out, *text);
    return true;
  }
  if (depth >= kMaxDepth) return false;
  const auto start = [&out, &value](std::size_t count) {
    put(out, static_cast<std::uint32_t>(value.element));
    put<std::uint64_t>(out, count);
  };
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value.value)) {
    if (value.element != ValueType::string) return false;
    start(texts->size());
    for (const std::string& text : *texts) put_string(out, text);
    return true;
  }
  if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&value.value)) {
    start(integers->size());
    for (const std::int64_t v : *integers) {
      if (!put_whole(out, value.element, v)) return false;
    }
    return true;
  }
  if (const auto* floats = std::get_if<std::vector<double>>(&value.value)) {
    start(floats->size());
    for (const double v : *floats) {
      if (!put_float(out, value.element, v)) return false;
    }
    return true;
  }
  const auto* values = std::get_if<std::vector<MetaValue>>(&value.value);
  if (values == nullptr) return false;
  start(values->size());
  for (const MetaValue& v : *values) {
    if (v.type != value.element || !put_value(out, v, depth + 1)) return false;
  }
  return true;
}

Result<std::uint64_t> alignment_of(const Metadata& metadata) {
  const MetaValue* value = metadata.find(kAlignmentKey);
  if (value == nullptr) return kDefaultAlignment;
  const auto* number = std::get_if<std::uint64_t>(&value->value);
  if (value->type != ValueType::u32 || number == nullptr || !std::has_single_bit(*number) ||
      *number > kMaxAlignment) {
    return argument_error(kGgufAlignment, "general.alignment must be a u32, a power of two up to 65,536");
  }
  return *number;
}

Result<void> put_entries(std::string& out, const Metadata& metadata) {
  for (const Metadata::Entry& entry : metadata.entries()) {
    if (const auto fault = key_fault(entry.key)) {
      return argument_error(kGgufKey, "the metadata key " + in_quotes(entry.key) + " " + std::string(*fault));
    }
    put_string(out, entry.key);
    put(out, static_cast<std::uint32_t>(entry.value.type));
    if (!put_value(out, entry.value, 0)) {
      return argument_error(kGgufType, "the value of " + in_quotes(entry.key) + " does not fit its type " +
                                           std::string(to_string(entry.value.type)));
    }
  }
  return {};
}

Result<std::uint64_t> checked_bytes(const TensorInfo& info) {
  if (const auto fault = tensor_name_fault(info.name)) {
    return argument_error(kGgufTensorName,
                          "the tensor name " + in_quotes(info.name) + " " + std::string(*fault));
  }
  for (const std::uint64_t d : info.shape.dims()) {
    if (d == 0) return argument_error(kGgufDims, "tensor " + in_quotes(info.name) + " has a dimension of 0");
  }
  const codec::Codec& codec = codec::codec_of(info.codec);
  if (info.shape.cols() % codec.block_elements != 0) {
    return argument_error(
        kGgufBlock, "rows of tensor " + in_quotes(info.name) + " have " + with_thousands(info.shape.cols()) +
                        " elements, no multiple of the " + std::to_string(codec.block_elements) +
                        " that a block of " + std::string(codec.name) + " holds");
  }
  if (!codec.has_gguf_type()) {
    return argument_error(kGgufType, "tensor " + in_quotes(info.name) + " is " + std::string(codec.name) +
                                         ", which no GGUF file holds");
  }
  const auto elements = info.shape.element_count().value();
  const auto bytes = codec::tensor_bytes(codec, info.shape).value();
  if (!elements || *elements > static_cast<std::uint64_t>(INT64_MAX) || !bytes) {
    return argument_error(kGgufShapeOverflow,
                          "the size of tensor " + in_quotes(info.name) + " exceeds 64 bits");
  }
  return *bytes;
}

}  // namespace

Result<GgufLayout> layout_gguf(const Metadata& metadata, std::span<const TensorInfo> tensors) {
  MOTE_ASSIGN(const std::uint64_t alignment, alignment_of(metadata));
  GgufLayout layout;
  std::string& out = layout.header;
  out = "GGUF";
  put(out, kVersion);
  put<std::uint64_t>(out, tensors.size());
  put<std::uint64_t>(out, metadata.entries().size());
  MOTE_TRY(put_entries(out, metadata));

  std::set<std::string_view> names;
  std::uint64_t offset = 0;  // from the start of the data
  for (const TensorInfo& info : tensors) {
    MOTE_ASSIGN(const std::uint64_t bytes, checked_bytes(info));
    if (!names.insert(info.name).second) {
      return argument_error(kGgufTensorName, "two tensors have the name " + in_quotes(info.name));
    }
    put_string(out, info.name);
    put(out, static_cast<std::uint32_t>(info.shape.rank()));
    for (std::size_t d = info.shape.rank(); d-- > 0;) put(out, info.shape[d]);  // contiguous dimension first
    put(out, codec::codec_of(info.codec).gguf_type);
    put(out, offset);
    layout.offsets.push_back(offset);
    layout.bytes.push_back(bytes);
    const auto next = (Checked(offset) + bytes).aligned_up(alignment).value();
    if (!next) return argument_error(kGgufShapeOverflow, "the size of all tensors exceeds 64 bits");
    offset = *next;
  }
  if (!tensors.empty()) out.resize((out.size() + alignment - 1) / alignment * alignment);
  const auto total = (Checked(offset) + out.size()).value();
  if (!total) return argument_error(kGgufShapeOverflow, "the size of the file exceeds 64 bits");
  for (std::uint64_t& at : layout.offsets) at += out.size();
  layout.file_bytes = *total;
  return layout;
}

}  // namespace mote::formats
