#include "formats/tensor_source.h"

#include "base/strings.h"
#include "codec/codec.h"

namespace mote::formats {

namespace {
constexpr ErrorCode kTensorType{"TENSOR_TYPE", ErrorKind::corrupt_data};
}  // namespace

std::string_view type_name(const TensorInfo& info) {
  return info.stored == StoredType::codec ? codec::codec_of(info.codec).name : to_string(info.stored);
}

std::uint64_t stored_bytes(const TensorInfo& info) {
  if (info.file_bytes != 0) return info.file_bytes;
  if (info.stored == StoredType::codec) return info.bytes;
  // Readers have checked the product.
  return (info.shape.element_count() * element_bytes(info.stored)).value().value_or(0);
}

Result<void> check_is_weight(const TensorInfo& info) {
  if (!info.is_integer()) return {};
  return Error{kTensorType,
               "tensor \"" + escape_untrusted(info.name, 80) + "\" holds " +
                   std::string(to_string(info.stored)) + " values, expected floating-point weights",
               "a quantized checkpoint of another tool? start from the model in float16 or bfloat16", "",
               std::nullopt};
}

}  // namespace mote::formats
