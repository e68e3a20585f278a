#include "apps/cli/tool_settings.h"

#include <set>
#include <utility>

#include "agent/run_tool.h"
#include "apps/cli/model_options.h"
#include "apps/cli/parse.h"
#include "base/strings.h"
#include "text/conversation.h"

namespace mote::cli {
namespace {

constexpr ErrorCode kToolsTemplate{"TOOLS_TEMPLATE", ErrorKind::failed};

// "lights, lock-door"; each program once.
std::string programs_of(const agent::Tools& tools) {
  std::set<std::string> names;
  for (const agent::Tool& tool : tools.tools) {
    if (tool.command) names.insert(tool.command->program);
  }
  return join(std::vector<std::string>(names.begin(), names.end()), ", ");
}

Json call_json(const agent::NumberedCall& call) {
  Json out;
  out["id"] = call.id;
  out["name"] = call.call.name;
  out["arguments"] = call.call.arguments;
  return out;
}

}  // namespace

std::vector<Option> ToolSettings::options() {
  return {
      {"--tools", "FILE", "JSON: an array of tools that the model may call", &file, false, ValueKind::file},
      {"--execute", "", "run the commands of --tools for the model's calls, and let it go on", &execute}};
}

Result<void> ToolSettings::check(bool raw) const {
  if (execute && !given()) {
    return Error{kUsageMissing, "--execute needs --tools", "name the file that says what a call runs", "",
                 std::nullopt};
  }
  if (raw && given()) {
    return Error{kUsageValue, "--raw and --tools are both given",
                 "tools are shown to the model by its chat template; leave out --raw", "", std::nullopt};
  }
  return {};
}

Result<agent::Tools> ToolSettings::read() const {
  MOTE_ASSIGN(const std::string text, read_input(file));
  Result<agent::Tools> tools = agent::parse_tools(text);
  if (!tools) tools.error().file = file;
  return tools;
}

std::function<Result<std::string>(const text::ToolCall&)> ToolSettings::executor(
    Program& program, const agent::Tools& tools) const {
  if (!execute) return {};
  return [&program, &tools](const text::ToolCall& call) {
    if (const std::string programs = programs_of(tools); !programs.empty())
      program.warn("--execute runs programs with arguments that the model chooses: " + programs);
    return agent::run_tool(tools, call, {.environment = Program::environment(), .cancel = &program.cancel()});
  };
}

Result<void> check_template(const engine::LoadedModel& model) {
  if (model.chat_template() == nullptr) {
    return Error{text::kTemplateAbsent, "the model has no chat template that could show it the tools",
                 "use an instruction-tuned model that was trained to call tools", model.path().string(),
                 std::nullopt};
  }
  if (text::shows_tools(*model.chat_template())) return {};
  return Error{kToolsTemplate, "the model's chat template does not mention tools",
               "use a model that was trained to call tools", model.path().string(), std::nullopt};
}

std::string call_line(const agent::NumberedCall& call) {
  return call.call.name + " " + call.call.arguments.dump();
}

Json calls_json(const std::vector<agent::NumberedCall>& calls) {
  Json out = JsonArray{};
  for (const agent::NumberedCall& call : calls) out.push_back(call_json(call));
  return out;
}

Json steps_json(const std::vector<agent::ToolStep>& steps) {
  Json out = JsonArray{};
  for (const agent::ToolStep& step : steps) {
    Json one = call_json(step.call);
    one["result"] = step.result;
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace mote::cli
