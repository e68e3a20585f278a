#include "apps/cli/overview.h"

#include <array>

#include "base/strings.h"

namespace mote::cli {

std::span<const GlobalOption> global_options() {
  static constexpr auto kOptions = std::to_array<GlobalOption>(
      {{"--help", "print this help; `mote COMMAND --help` has the options of a command"},
       {"--version", "print the version"},
       {"--limits", "print every default limit"},
       {"--json", "print one JSON object on stdout, also on failure", false}});
  return kOptions;
}

std::string_view purpose() {
  return "takes a language model to a small machine and proves that it still works there";
}

std::string overview() {
  std::string out = "mote " + std::string(purpose()) + ".\n\nUsage: mote COMMAND [OPTIONS]\n\nCommands:\n";
  bool has_demo = false;  // not on a device
  for (const CommandFactory make : all_commands()) {
    const std::unique_ptr<Command> command = make();
    std::string name(command->name());
    name.resize(12, ' ');
    out += "  " + name + std::string(command->summary()) + "\n";
    has_demo = has_demo || command->name() == "demo";
  }
  out += "\nOptions:\n";
  for (const GlobalOption& option : global_options()) {
    if (!option.shown) continue;
    std::string name(option.name);
    name.resize(12, ' ');
    out += "  " + name + std::string(option.help) + "\n";
  }
  return out + "\n" + (has_demo ? "Start with `mote demo`. " : "") + "Every command takes --json.\n";
}

std::vector<DescribedCommand> describe_commands() {
  std::vector<DescribedCommand> all;
  for (const CommandFactory make : all_commands()) {
    DescribedCommand one{make(), std::make_unique<CommonSettings>(), {}};
    one.options = all_options(*one.command, *one.common);
    all.push_back(std::move(one));
  }
  return all;
}

Result<std::unique_ptr<Command>> find_command(std::string_view name) {
  std::vector<std::string> names;
  for (const CommandFactory make : all_commands()) {
    std::unique_ptr<Command> command = make();
    if (command->name() == name) return command;
    names.emplace_back(command->name());
  }
  for (const LaterCommand& later : later_commands()) {
    if (later.name == name) {
      return Error{
          kUsageNotYet,
          "`mote " + std::string(name) + "` (" + std::string(later.what) + ") is not in this version",
          "`mote --help` lists what is", "", std::nullopt};
    }
  }
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::vector<std::string> near = nearest(name, views);
  return Error{kUsageCommand, "unknown command " + escape_untrusted(name, 60),
               near.empty() ? "`mote --help` lists all commands" : "did you mean " + join(near, " or ") + "?",
               "", std::nullopt};
}

}  // namespace mote::cli
