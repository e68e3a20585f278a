// The JSON object that a command prints: what it found, under the number of the schema that it follows.
#pragma once

#include "base/json.h"

namespace mote::cli {

inline constexpr int kJsonSchema = 1;

inline Json result_json(const Json& content) {
  Json whole;
  whole["schema"] = kJsonSchema;
  if (const JsonObject* members = content.if_object()) {
    for (const JsonMember& member : *members) whole[member.first] = member.second;
  }
  return whole;
}

}  // namespace mote::cli
