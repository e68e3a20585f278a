#include "agent/run_tool.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "sys/child_process.h"

namespace mote::agent {
namespace {

constexpr ErrorCode kToolArgument{"TOOL_ARGUMENT", ErrorKind::invalid_argument};
constexpr std::size_t kShownErrorBytes = 500;

Error argument_error(const std::string& name, const std::string& what) {
  return {kToolArgument, "the argument \"" + escape_untrusted(name, 60) + "\" " + what, "", "", std::nullopt};
}

std::string valid_utf8(std::string_view text) {
  if (is_valid_utf8(text)) return std::string(text);
  std::string out;
  for (std::size_t i = 0; i < text.size();) append_utf8(out, next_code_point(text, i));
  return out;
}

// An optional argument that a model gives as null is one that it does not give.
bool is_absent(const Tool& tool, const std::string& name, const Json* value) {
  return value == nullptr ||
         (value->is_null() && std::ranges::find(tool.required, name) == tool.required.end());
}

// Nothing where an argument is absent.
Result<std::optional<std::string>> fill(const Tool& tool, const CommandElement& element,
                                        const Json& arguments, bool options_end) {
  std::string out;
  for (const CommandPart& part : element) {
    if (!part.is_argument) {
      out += part.text;
      continue;
    }
    const Json* value = arguments.find(part.text);
    if (is_absent(tool, part.text, value)) return std::optional<std::string>();
    const std::string* text = value->if_string();
    if (text == nullptr) {
      out += value->dump();
      continue;
    }
    if (text->find('\0') != std::string::npos) return argument_error(part.text, "holds a NUL character");
    if (out.empty() && text->starts_with('-') && !options_end)
      return argument_error(part.text, "may not begin with \"-\"");
    out += *text;
  }
  return std::optional<std::string>(std::move(out));
}

std::string without_line_ends(std::string text) {
  const std::size_t last = text.find_last_not_of("\r\n");
  text.resize(last == std::string::npos ? 0 : last + 1);
  return text;
}

std::string outcome(const ToolCommand& command, const sys::ChildResult& result) {
  std::string what;
  switch (result.end) {
    case sys::ChildEnd::exited:
      if (result.status == 0) return valid_utf8(without_line_ends(result.output));
      what = "the command failed with status " + std::to_string(result.status);
      break;
    case sys::ChildEnd::signalled:
      what = "the command was ended by signal " + std::to_string(result.signal);
      break;
    case sys::ChildEnd::timed_out:
      what = "the command did not end within " + Json(command.timeout_seconds).dump() + " seconds";
      break;
    case sys::ChildEnd::output_limit:
      what = "the command wrote more than " + with_thousands(kMaxToolOutputBytes) + " bytes";
      break;
  }
  const std::string said = without_line_ends(valid_utf8(result.errors.substr(0, kShownErrorBytes)));
  return tool_error(said.empty() ? what : what + ": " + said);
}

}  // namespace

std::string tool_error(std::string_view message) {
  Json out;
  out["error"] = message;
  return out.dump();
}

Result<std::vector<std::string>> command_line(const Tool& tool, const ToolCommand& command,
                                              const Json& arguments) {
  for (const std::string& name : tool.required) {
    if (arguments.find(name) == nullptr) return argument_error(name, "is missing");
  }
  std::vector<std::string> out{command.program};
  bool options_end = false;
  for (const CommandElement& element : command.arguments) {
    MOTE_ASSIGN(std::optional<std::string> text, fill(tool, element, arguments, options_end));
    if (!text) continue;
    options_end = options_end || (*text == "--" && !element[0].is_argument);
    out.push_back(*std::move(text));
  }
  return out;
}

Result<std::string> run_tool(const Tools& tools, const text::ToolCall& call, const ToolRunOptions& options) {
  const Tool* tool = tools.find(call.name);
  if (tool == nullptr)
    return tool_error("there is no tool named \"" + escape_untrusted(call.name, 60) + "\"");
  if (!tool->command) return tool_error("the tool \"" + call.name + "\" cannot be executed here");
  auto command = command_line(*tool, *tool->command, call.arguments);
  if (!command) return tool_error(command.error().message);
  const auto result = sys::run_child({.command = *std::move(command),
                                      .input = call.arguments.dump(),
                                      .environment = options.environment,
                                      .timeout_seconds = tool->command->timeout_seconds,
                                      .max_output_bytes = kMaxToolOutputBytes,
                                      .cancel = options.cancel});
  if (result) return outcome(*tool->command, *result);
  if (result.error().code.kind == ErrorKind::cancelled) return result.error();
  return tool_error(result.error().message);
}

}  // namespace mote::agent
