// A call of a tool as a model wrote it.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace mote::text {

struct ToolCall {
  std::string name;  // never empty; not checked against any list of tools
  Json arguments;    // an object
};

// A finished answer taken apart. `content` is the text outside of the calls; white space beside a call
// belongs to the call, and what stands before and behind one is joined by a line end.
struct ToolAnswer {
  std::string content;
  std::vector<ToolCall> calls;  // in the order of the text
};

}  // namespace mote::text
