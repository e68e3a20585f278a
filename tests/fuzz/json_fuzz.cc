// JSON: the first byte chooses the depth limit, the rest is a text. What is accepted is within the limit, and
// writing and reading it again changes nothing.
#include <algorithm>
#include <vector>

#include "base/json.h"
#include "base/strings.h"
#include "fuzz/target.h"

namespace {

using mote::Json;

// Nesting of arrays and objects, without recursion.
std::size_t depth_of(const Json& root) {
  struct Entry {
    const Json* value;
    std::size_t depth;
  };
  std::vector<Entry> open = {{&root, 0}};
  std::size_t deepest = 0;
  while (!open.empty()) {
    const Entry entry = open.back();
    open.pop_back();
    if (!entry.value->is_array() && !entry.value->is_object()) continue;
    deepest = std::max(deepest, entry.depth + 1);
    if (const auto* array = entry.value->if_array()) {
      for (const Json& item : *array) open.push_back({&item, entry.depth + 1});
    } else {
      for (const auto& [key, item] : *entry.value->if_object()) open.push_back({&item, entry.depth + 1});
    }
  }
  return deepest;
}

void check_members(const Json& value) {
  const mote::JsonObject* object = value.if_object();
  if (object == nullptr) return;
  for (const auto& [key, member] : *object)
    MOTE_FUZZ_CHECK(value.find(key) == &member);  // so keys are unique
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const mote::JsonLimits limits{.max_bytes = std::uint64_t{1} << 20, .max_depth = data[0] % 64U + 1};
  const std::string_view text = mote::fuzz::as_text(data + 1, size - 1);
  const auto value = mote::parse_json(text, limits);
  if (!value) {
    MOTE_FUZZ_CHECK(!value.error().byte_position || *value.error().byte_position <= text.size());
    MOTE_FUZZ_CHECK(mote::format_error(value.error()).size() <= 500);
    return 0;
  }
  MOTE_FUZZ_CHECK(depth_of(*value) <= limits.max_depth);
  check_members(*value);
  const std::string written = value->dump();
  MOTE_FUZZ_CHECK(mote::is_valid_utf8(written));
  const auto again = mote::parse_json(written, limits);
  MOTE_FUZZ_CHECK(again && again->dump() == written);
  const auto indented = mote::parse_json(value->dump(2), limits);
  MOTE_FUZZ_CHECK(indented && indented->dump() == written);
  return 0;
}
