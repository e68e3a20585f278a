// A tools file: what a model may call, and how each call is carried out.
//
//   [{"type": "function",
//     "function": {"name": "set_light", "description": "...", "parameters": {"type": "object", ...}},
//     "execute": {"command": ["lightctl", "--room={room}", "{brightness}"], "timeout_seconds": 10}}]
//
// An array of OpenAI's function definitions, of bare function objects, or an object with such an array as
// "tools". `execute` is mote's own and never shown to the model.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "mote/result.h"

namespace mote::agent {

inline constexpr ErrorCode kToolsFile{"TOOLS_FILE", ErrorKind::invalid_argument};

inline constexpr std::size_t kMaxTools = 1024;
inline constexpr std::size_t kMaxToolNameBytes = 128;
inline constexpr std::size_t kMaxToolTimeoutSeconds = 3600;

// One argument of a command: text with arguments of the call in it.
struct CommandPart {
  std::string text;
  bool is_argument = false;  // `text` is the name of an argument
};
using CommandElement = std::vector<CommandPart>;

struct ToolCommand {
  std::string program;                    // taken as it is: a model never chooses what runs
  std::vector<CommandElement> arguments;  // "{room}" stands for an argument, "{{" for a brace
  double timeout_seconds = 10;
};

struct Tool {
  std::string name;
  std::vector<std::string> required;  // arguments that a call must have
  std::optional<ToolCommand> command;
};

struct Tools {
  std::vector<Tool> tools;
  Json definitions;  // for the chat template: {"type": "function", "function": {...}} each, without `execute`

  [[nodiscard]] const Tool* find(std::string_view name) const;
};

// What a chat template sees of a tools file that is not checked: its array, without `execute`.
Json shown_tools(const Json& file);

// Errors: TOOLS_FILE, naming the tool and what was expected; those of parse_json.
Result<Tools> parse_tools(std::string_view text);

}  // namespace mote::agent
