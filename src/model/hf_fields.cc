#include "model/hf_fields.h"

#include "base/strings.h"
#include "model/spec.h"

namespace mote::model {

Error bad_field(std::string_view name, std::string message) {
  return {.code = kModelHparam,
          .message = "cannot use config.json: " + std::string(name) + " " + std::move(message),
          .hint = "compare it with the model's original config.json",
          .file = {},
          .byte_position = {}};
}

const Json* present_field(const Json& object, std::string_view key) {
  const Json* value = object.find(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Result<std::uint32_t> count_field(const Json& config, std::string_view key,
                                  std::optional<std::uint32_t> fallback) {
  const Json* value = present_field(config, key);
  if (value == nullptr) {
    if (fallback) return *fallback;
    return bad_field(key, "is missing, expected a whole number");
  }
  const auto number = value->as_uint64();
  if (!number || *number > UINT32_MAX) {
    return bad_field(
        key, "is " + escape_untrusted(value->dump(), 60) + ", expected a whole number from 0 to 4294967295");
  }
  return static_cast<std::uint32_t>(*number);
}

Result<double> real_field(const Json& object, std::string_view key, std::optional<double> fallback) {
  const Json* value = present_field(object, key);
  if (value == nullptr) {
    if (fallback) return *fallback;
    return bad_field(key, "is missing, expected a number");
  }
  const auto number = value->as_double();
  if (!number) return bad_field(key, "is " + escape_untrusted(value->dump(), 60) + ", expected a number");
  return *number;
}

Result<bool> flag_field(const Json& config, std::string_view key, bool fallback) {
  const Json* value = present_field(config, key);
  if (value == nullptr) return fallback;
  if (value->if_bool() == nullptr) {
    return bad_field(key, "is " + escape_untrusted(value->dump(), 60) + ", expected true or false");
  }
  return *value->if_bool();
}

Result<std::string> text_field(const Json& object, std::string_view key, std::string_view fallback) {
  const Json* value = present_field(object, key);
  if (value == nullptr) return std::string(fallback);
  if (value->if_string() == nullptr) {
    return bad_field(key, "is " + escape_untrusted(value->dump(), 60) + ", expected a string");
  }
  return *value->if_string();
}

}  // namespace mote::model
