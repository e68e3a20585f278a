// The state of a running loop, which templates see as `loop`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "text/template/value.h"

namespace mote::text::jinja {

struct Statement;

struct Loop {
  Values items;
  std::size_t index = 0;   // of the current item, from 0
  std::int64_t depth = 0;  // of recursion, from 0
  std::optional<Values> last_changed;
  const Statement* recursion = nullptr;  // what loop(...) runs again; null where the loop is not recursive
  std::shared_ptr<Scope> scope;          // around the loop

  [[nodiscard]] std::optional<Value> attribute(std::string_view name) const {
    const auto number = [](std::size_t value) { return Value(static_cast<std::int64_t>(value)); };
    if (name == "index") return number(index + 1);
    if (name == "index0") return number(index);
    if (name == "revindex") return number(items.size() - index);
    if (name == "revindex0") return number(items.size() - index - 1);
    if (name == "first") return Value(index == 0);
    if (name == "last") return Value(index + 1 == items.size());
    if (name == "length") return number(items.size());
    if (name == "depth") return Value(depth + 1);
    if (name == "depth0") return Value(depth);
    if (name == "previtem") return index > 0 ? items[index - 1] : undefined_name("there is no previous item");
    if (name == "nextitem")
      return index + 1 < items.size() ? items[index + 1] : undefined_name("there is no next item");
    return std::nullopt;
  }
};

}  // namespace mote::text::jinja
