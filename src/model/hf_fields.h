// Typed fields of config.json. A field that is absent or null has its default, as in transformers; one of
// another type is MODEL_HPARAM with the field's name and value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "mote/result.h"

namespace mote::model {

Error bad_field(std::string_view name, std::string message);  // "cannot use config.json: NAME MESSAGE"
const Json* present_field(const Json& object, std::string_view key);  // null where absent or null
Result<std::uint32_t> count_field(const Json& config, std::string_view key,
                                  std::optional<std::uint32_t> fallback = {});
Result<double> real_field(const Json& object, std::string_view key, std::optional<double> fallback = {});
Result<bool> flag_field(const Json& config, std::string_view key, bool fallback);
Result<std::string> text_field(const Json& object, std::string_view key, std::string_view fallback);

}  // namespace mote::model
