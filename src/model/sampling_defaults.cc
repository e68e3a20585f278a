#include "model/sampling_defaults.h"

#include <cmath>
#include <string_view>

namespace mote::model {
namespace {

constexpr std::string_view kTemperature = "general.sampling.temp";
constexpr std::string_view kTopK = "general.sampling.top_k";
constexpr std::string_view kTopP = "general.sampling.top_p";
constexpr std::string_view kMinP = "general.sampling.min_p";
constexpr std::string_view kRepetitionPenalty = "general.sampling.penalty_repeat";
// Ranges of mote/sampler.h.
constexpr double kMaxTemperature = 100;
constexpr double kMaxPenalty = 100;
constexpr std::int64_t kMaxTopK = INT32_MAX;

std::optional<double> in_range(double value, double low, double high) {
  return std::isfinite(value) && value >= low && value <= high ? std::optional(value) : std::nullopt;
}

std::optional<double> number(const formats::Metadata& metadata, std::string_view key, double low,
                             double high) {
  const Result<double> value = metadata.get_float(key);
  return value ? in_range(*value, low, high) : std::nullopt;
}

std::optional<double> number(const Json& object, std::string_view key, double low, double high) {
  const Json* member = object.find(key);
  const std::optional<double> value = member == nullptr ? std::nullopt : member->as_double();
  return value ? in_range(*value, low, high) : std::nullopt;
}

void set(formats::Metadata& out, std::string_view key, std::optional<double> value) {
  if (value) out.set_f32(std::string(key), static_cast<float>(*value));
}

}  // namespace

SamplingDefaults sampling_defaults(const formats::Metadata& metadata) {
  SamplingDefaults out;
  out.temperature = number(metadata, kTemperature, 0, kMaxTemperature);
  if (const auto* value = metadata.find(kTopK); value != nullptr) {
    // llama.cpp writes it as i32.
    if (const auto* whole = std::get_if<std::int64_t>(&value->value);
        whole != nullptr && *whole >= 0 && *whole <= kMaxTopK)
      out.top_k = *whole;
    if (const auto* whole = std::get_if<std::uint64_t>(&value->value); whole != nullptr && *whole <= kMaxTopK)
      out.top_k = static_cast<std::int64_t>(*whole);
  }
  out.top_p = number(metadata, kTopP, 0, 1);
  out.min_p = number(metadata, kMinP, 0, 1);
  out.repetition_penalty = number(metadata, kRepetitionPenalty, 1e-3, kMaxPenalty);
  return out;
}

void write_sampling_defaults(const Json& generation_config, formats::Metadata& out) {
  if (!generation_config.is_object()) return;
  if (const Json* sampled = generation_config.find("do_sample");
      sampled != nullptr && sampled->is_bool() && !*sampled->if_bool()) {
    out.set_f32(std::string(kTemperature), 0.0F);
    return;
  }
  set(out, kTemperature, number(generation_config, "temperature", 0, kMaxTemperature));
  if (const auto top_k = number(generation_config, "top_k", 0, static_cast<double>(kMaxTopK));
      top_k && *top_k == std::floor(*top_k)) {
    out.set(std::string(kTopK),
            {.type = formats::ValueType::i32, .value = static_cast<std::int64_t>(*top_k)});
  }
  set(out, kTopP, number(generation_config, "top_p", 0, 1));
  set(out, kMinP, number(generation_config, "min_p", 0, 1));
  set(out, kRepetitionPenalty, number(generation_config, "repetition_penalty", 1e-3, kMaxPenalty));
}

}  // namespace mote::model
