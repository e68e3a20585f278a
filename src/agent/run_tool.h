// Carries out a call by the command of its tool.
#pragma once

#include <string>
#include <vector>

#include "agent/tools.h"
#include "mote/cancel.h"
#include "mote/result.h"
#include "text/tool_calls/tool_call.h"

namespace mote::agent {

inline constexpr std::size_t kMaxToolOutputBytes = std::size_t{64} << 10;

// {"error": "..."}: what a model reads where a call did not work.
std::string tool_error(std::string_view message);

// Program and arguments. A string argument goes in as it is, any other value as JSON; an element that needs
// an absent argument is left out as a whole, and an optional one that is null counts as absent. Errors, in
// words for the model, which wrote the arguments: a required one is absent, a string holds a NUL byte, or
// begins with "-" where it would begin an element (an option that nobody intended) that does not follow an
// element "--".
Result<std::vector<std::string>> command_line(const Tool& tool, const ToolCommand& command,
                                              const Json& arguments);

struct ToolRunOptions {
  std::vector<std::string> environment = {};  // "NAME=value", for the program
  const CancelToken* cancel = nullptr;
};

// What the tool message says: what the program wrote to stdout without the line ends behind it, or
// tool_error(): no such tool, no command, unusable arguments, a program that does not start, fails, takes too
// long or writes more than kMaxToolOutputBytes. The arguments stand as JSON on its stdin too. Bytes that are
// not UTF-8 become U+FFFD. Errors: CANCELLED only.
Result<std::string> run_tool(const Tools& tools, const text::ToolCall& call, const ToolRunOptions& options);

}  // namespace mote::agent
