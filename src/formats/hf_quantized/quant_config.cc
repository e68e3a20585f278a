#include "formats/hf_quantized/quant_config.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/strings.h"

namespace mote::formats {
namespace {

std::string in_quotes(std::string_view text) { return "\"" + escape_untrusted(text, 40) + "\""; }

Error not_read(const std::string& what) {
  return {kFormatQuantized, "the folder is quantized as " + what + ", which mote does not read",
          "readable: compressed-tensors (pack-, int- and float-quantized), GPTQ, AWQ (gemm), bitsandbytes (4 "
          "bit); or start from the model in float16 or bfloat16",
          "", std::nullopt};
}

Error bad_field(std::string_view field, std::string_view expected, const Json* found) {
  return {kQuantizedConfig,
          "quantization_config: " + std::string(field) + " is " +
              (found == nullptr ? std::string("missing") : escape_untrusted(found->dump(), 40)) +
              ", expected " + std::string(expected),
          "", "", std::nullopt};
}

const std::string* string_field(const Json& config, std::string_view key) {
  const Json* value = config.find(key);
  return value == nullptr ? nullptr : value->if_string();
}

bool flag(const Json& config, std::string_view key) {
  const Json* value = config.find(key);
  return value != nullptr && value->if_bool() != nullptr && *value->if_bool();
}

bool is_filled(const Json* value) {
  if (value == nullptr || value->is_null()) return false;
  if (const JsonObject* object = value->if_object()) return !object->empty();
  if (const JsonArray* array = value->if_array()) return !array->empty();
  return true;
}

// "mixed-precision" says that the groups have formats of their own.
Result<void> check_format(const Json& holder) {
  constexpr std::array<std::string_view, 5> kReadable{"pack-quantized", "int-quantized", "float-quantized",
                                                      "naive-quantized", "mixed-precision"};
  const std::string* format = string_field(holder, "format");
  if (format == nullptr || std::ranges::find(kReadable, *format) != kReadable.end()) return {};
  return not_read("compressed-tensors " + in_quotes(*format));
}

Result<QuantConfig> compressed_tensors(const Json& config) {
  MOTE_TRY(check_format(config));
  if (const Json* groups = config.find("config_groups"); groups != nullptr) {
    const JsonObject* members = groups->if_object();
    if (members == nullptr) return bad_field("config_groups", "an object", groups);
    for (const auto& [name, group] : *members) MOTE_TRY(check_format(group));
  }
  if (is_filled(config.find("transform_config")))
    return not_read("compressed-tensors with transforms (transform_config)");
  if (const Json* sparsity = config.find("sparsity_config"); is_filled(sparsity)) {
    const std::string* format = string_field(*sparsity, "format");
    if (format != nullptr && *format != "dense") return not_read("compressed-tensors " + in_quotes(*format));
  }
  return QuantConfig{};
}

Result<QuantConfig> gptq(const Json& config) {
  QuantConfig out;
  out.layout = QuantLayout::gptq;
  const Json* bits = config.find("bits");
  const auto count = bits == nullptr ? std::nullopt : bits->as_uint64();
  if (count != 2U && count != 3U && count != 4U && count != 8U)
    return bad_field("bits", "2, 3, 4 or 8", bits);
  out.bits = static_cast<unsigned>(*count);
  const Json* group = config.find("group_size");
  const auto size = group == nullptr ? std::nullopt : group->as_int64();
  if (!size || (*size != -1 && (*size <= 0 || *size % 32 != 0)))
    return bad_field("group_size", "-1 or a multiple of 32", group);
  out.group = *size == -1 ? 0 : static_cast<std::uint64_t>(*size);
  out.symmetric = flag(config, "sym");
  const std::string* format = string_field(config, "checkpoint_format");
  if (format != nullptr && *format != "gptq" && *format != "gptq_v2")
    return not_read("GPTQ " + in_quotes(*format));
  out.zero_less_one = format == nullptr || *format == "gptq";
  // Patterns with "-:" leave layers dense, which their tensors show; others change bits or groups.
  if (const Json* dynamic = config.find("dynamic"); is_filled(dynamic)) {
    const JsonObject* rules = dynamic->if_object();
    if (rules == nullptr) return bad_field("dynamic", "an object", dynamic);
    for (const auto& [pattern, rule] : *rules) {
      if (!pattern.starts_with("-:"))
        return not_read("GPTQ with bits or groups of single layers (dynamic " + in_quotes(pattern) + ")");
    }
  }
  return out;
}

Result<QuantConfig> awq(const Json& config) {
  QuantConfig out;
  out.layout = QuantLayout::awq;
  const Json* bits = config.find("bits");
  if (bits == nullptr) bits = config.find("w_bit");
  if (bits == nullptr || bits->as_uint64() != 4U) return bad_field("bits", "4", bits);
  const std::string* version = string_field(config, "version");
  if (version != nullptr && to_lower_ascii(*version) != "gemm") return not_read("AWQ " + in_quotes(*version));
  return out;
}

Result<QuantConfig> bitsandbytes(const Json& config) {
  if (flag(config, "load_in_8bit") || flag(config, "_load_in_8bit"))
    return not_read("bitsandbytes of 8 bit (LLM.int8)");
  QuantConfig out;
  out.layout = QuantLayout::bitsandbytes;
  return out;
}

}  // namespace

Result<QuantConfig> read_quant_config(const Json& config) {
  if (!config.is_object()) {
    return Error{kQuantizedConfig, "quantization_config is no object", "", "", std::nullopt};
  }
  const std::string* method = string_field(config, "quant_method");
  if (method == nullptr) return bad_field("quant_method", "a string", config.find("quant_method"));
  if (*method == "compressed-tensors") return compressed_tensors(config);
  if (*method == "gptq") return gptq(config);
  if (*method == "awq") return awq(config);
  if (*method == "bitsandbytes") return bitsandbytes(config);
  return not_read("quant_method " + in_quotes(*method));
}

}  // namespace mote::formats
