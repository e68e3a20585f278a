#include "text/template/runtime.h"

#include <algorithm>

#include "text/template/template_errors.h"
#include "text/template/value_text.h"

namespace mote::text::jinja {
namespace {

constexpr std::uint64_t kStepsBetweenTimeChecks = 64;
constexpr std::uint64_t kBytesWorthATimeCheck = std::uint64_t{1} << 14;

}  // namespace

Error runtime_error(std::string message) {
  return {kTplRuntime, "cannot render chat template: " + std::move(message),
          "check that the messages and tools have the shape that this template expects", "", std::nullopt};
}

Runtime::Runtime(const TemplateLimits& limits, const std::tm& now)
    : limits_(limits),
      now_(now),
      deadline_(std::chrono::steady_clock::now() + std::chrono::milliseconds(limits.max_milliseconds)) {}

Error Runtime::limit_error(std::string_view what, std::uint64_t limit) const {
  return {
      kTplLimit,
      "cannot render chat template: it needs more than " + std::to_string(limit) + " " + std::string(what),
      "the template does too much work for this conversation; try a simpler one with `mote render "
      "--template`",
      "", std::nullopt};
}

Result<void> Runtime::check_time() {
  next_time_check_ = steps_ + kStepsBetweenTimeChecks;
  if (std::chrono::steady_clock::now() < deadline_) return {};
  return limit_error("milliseconds", limits_.max_milliseconds);
}

Result<void> Runtime::step(std::uint64_t count) {
  if (count > limits_.max_steps - steps_) return limit_error("steps", limits_.max_steps);
  steps_ += count;
  return steps_ >= next_time_check_ ? check_time() : Result<void>();
}

Result<void> Runtime::charge(std::uint64_t bytes) {
  if (bytes > limits_.max_memory_bytes - bytes_)
    return limit_error("bytes of memory", limits_.max_memory_bytes);
  bytes_ += bytes;
  return bytes >= kBytesWorthATimeCheck ? check_time() : Result<void>();
}

Result<void> Runtime::charge_text(std::uint64_t bytes) {
  if (bytes > limits_.max_output_bytes) return limit_error("bytes of output", limits_.max_output_bytes);
  return charge(bytes);
}

Result<Value> Runtime::text(TaggedText text) {
  MOTE_TRY(charge_text(text.size()));
  return Value(std::move(text));
}

Result<Value> Runtime::list(Values items, ListKind kind) {
  MOTE_TRY(charge(items.size() * sizeof(Value)));
  std::uint64_t weight = 1;
  for (const Value& item : items) weight += weight_of(item);
  if (weight > kMaxValueWeight) return limit_error("values in a list", kMaxValueWeight);
  auto made = make_list(std::move(items), kind);
  if (made) return std::move(*made);
  return Error{kTplDepth, "cannot render chat template: a list is nested too deep", "", "", std::nullopt};
}

Result<Value> Runtime::dict(Dict dict) {
  MOTE_TRY(charge(dict.members.size() * 2 * sizeof(Value)));
  if (dict.weight > kMaxValueWeight) return limit_error("values in a dictionary", kMaxValueWeight);
  auto made = make_dict(std::move(dict));
  if (made) return std::move(*made);
  return Error{kTplDepth, "cannot render chat template: a dictionary is nested too deep", "", "",
               std::nullopt};
}

Result<TaggedText> Runtime::str(const Value& value) {
  if (const TaggedText* text = value.if_string()) {
    MOTE_TRY(charge_text(text->size()));
    return *text;  // and stays marked as safe, where it is
  }
  TaggedText text = to_text(value, limits_.max_output_bytes);
  MOTE_TRY(charge_text(text.size()));
  return text;
}

Result<TaggedText> Runtime::repr(const Value& value) {
  TaggedText text = to_repr(value, limits_.max_output_bytes);
  MOTE_TRY(charge_text(text.size()));
  return text;
}

Result<std::vector<const Value*>> bind(const CallArguments& arguments, std::string_view what,
                                       std::initializer_list<std::string_view> parameters,
                                       std::size_t required) {
  const auto fail = [&](const std::string& problem) {
    return runtime_error("'" + std::string(what) + "' " + problem);
  };
  if (arguments.positional.size() > parameters.size()) {
    return fail("takes at most " + std::to_string(parameters.size()) + " arguments, got " +
                std::to_string(arguments.positional.size()));
  }
  std::vector<const Value*> bound(parameters.size(), nullptr);
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) bound[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::ranges::find(parameters, name);
    if (found == parameters.end()) return fail("has no argument '" + escape_untrusted(name, 40) + "'");
    const Value*& slot = bound[static_cast<std::size_t>(found - parameters.begin())];
    if (slot != nullptr) return fail("got the argument '" + name + "' twice");
    slot = &value;
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (bound[i] == nullptr) return fail("needs at least " + std::to_string(required) + " arguments");
  }
  return bound;
}

Result<std::int64_t> integer_or(const Value* value, std::int64_t fallback, std::string_view what) {
  if (value == nullptr) return fallback;
  if (const auto index = value->as_index()) return *index;
  return runtime_error("'" + std::string(what) + "' needs an integer, got " + std::string(type_name(*value)));
}

bool truth_or(const Value* value, bool fallback) { return value != nullptr ? truthy(*value) : fallback; }

}  // namespace mote::text::jinja
