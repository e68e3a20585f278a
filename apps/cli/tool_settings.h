// --tools and --execute: the tools of a tools file, shown to a model and carried out.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/tool_loop.h"
#include "agent/tools.h"
#include "apps/cli/option.h"
#include "apps/cli/program.h"
#include "engine/loaded_model.h"
#include "mote/generate.h"
#include "mote/result.h"

namespace mote::cli {

struct ToolSettings {
  std::string file;
  bool execute = false;

  std::vector<Option> options();
  [[nodiscard]] bool given() const { return !file.empty(); }
  // Errors: USAGE_MISSING where --execute stands alone, USAGE_VALUE with --raw.
  [[nodiscard]] Result<void> check(bool raw) const;
  // Errors: TOOLS_FILE, those of reading and of JSON.
  [[nodiscard]] Result<agent::Tools> read() const;
  // Says on stderr, once, which programs may be run; nothing to execute with without --execute.
  [[nodiscard]] std::function<Result<std::string>(const text::ToolCall&)> executor(
      Program& program, const agent::Tools& tools) const;
};

// Errors: TEMPLATE_ABSENT, TOOLS_TEMPLATE where the template does not mention tools.
Result<void> check_template(const engine::LoadedModel& model);

// `name {"argument": ...}`.
std::string call_line(const agent::NumberedCall& call);
// [{id, name, arguments}], and with `result` each.
Json calls_json(const std::vector<agent::NumberedCall>& calls);
Json steps_json(const std::vector<agent::ToolStep>& steps);

}  // namespace mote::cli
