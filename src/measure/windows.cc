#include "measure/windows.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/strings.h"
#include "measure/fnv.h"

namespace mote::measure {
namespace {

constexpr ErrorCode kTextShort{"MEASURE_TEXT_SHORT", ErrorKind::invalid_argument};
constexpr ErrorCode kContext{"MEASURE_CONTEXT", ErrorKind::invalid_argument};
constexpr std::size_t kSmallestContext = 4;  // below it nothing is left to score

}  // namespace

std::string_view to_string(Protocol protocol) { return protocol == Protocol::llama ? "llama" : "hf"; }

std::span<const Protocol> all_protocols() {
  static constexpr std::array kProtocols{Protocol::llama, Protocol::hf};
  return kProtocols;
}

std::optional<Protocol> parse_protocol(std::string_view name) {
  for (const Protocol protocol : all_protocols()) {
    if (name == to_string(protocol)) return protocol;
  }
  return std::nullopt;
}

std::size_t default_context(Protocol protocol) { return protocol == Protocol::llama ? 512 : 2048; }

std::uint64_t WindowPlan::digest() const {
  Fnv hash;
  hash.add_u64(static_cast<std::uint64_t>(protocol));
  hash.add_u64(context);
  hash.add_u64(first_scored);
  hash.add_u64(windows.size());
  for (const auto& window : windows) {
    for (const std::int32_t token : window) hash.add_u64(static_cast<std::uint64_t>(token));
  }
  return hash.value();
}

Result<WindowPlan> plan_windows(std::span<const std::int32_t> tokens, Protocol protocol, std::size_t context,
                                std::optional<std::int32_t> bos, std::size_t max_windows) {
  if (context < kSmallestContext || context > kMaxWindow) {
    return Error{
        kContext,
        "a window of " + std::to_string(context) + " tokens was asked for; 4 to 1,048,576 can be scored",
        "give -c a number in that range", "", std::nullopt};
  }
  // One window says little about its own error, so llama.cpp's protocol wants two.
  const std::size_t least = protocol == Protocol::llama ? 2 * context : context;
  if (tokens.size() < least) {
    return Error{kTextShort,
                 "the text has " + with_thousands(tokens.size()) + " tokens; protocol " +
                     std::string(to_string(protocol)) + " with a context of " + with_thousands(context) +
                     " needs " + with_thousands(least),
                 "give a longer text or a smaller -c", "", std::nullopt};
  }
  WindowPlan plan;
  plan.protocol = protocol;
  plan.context = context;
  plan.first_scored = protocol == Protocol::llama ? context / 2 : 0;
  std::size_t count = tokens.size() / context;
  if (max_windows > 0) count = std::min(count, max_windows);
  plan.windows.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto slice = tokens.subspan(i * context, context);
    std::vector<std::int32_t> window(slice.begin(), slice.end());
    if (protocol == Protocol::llama && bos) window[0] = *bos;
    plan.windows.push_back(std::move(window));
  }
  return plan;
}

}  // namespace mote::measure
