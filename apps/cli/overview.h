// What `mote --help` says, and every command with its options for whoever lists them: completion and manual
// pages.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/cli/command.h"
#include "apps/cli/parse.h"

namespace mote::cli {

// Options before a command, `mote --version`; none takes a value.
struct GlobalOption {
  std::string_view name;
  std::string_view help;
  bool shown = true;  // in the overview
};
std::span<const GlobalOption> global_options();

// One sentence.
std::string_view purpose();

std::string overview();

// A command with the options that its --help shows. Their targets belong to `command` and `common`.
struct DescribedCommand {
  std::unique_ptr<Command> command;
  std::unique_ptr<CommonSettings> common;
  std::vector<Option> options;
};
// In the order of the overview.
std::vector<DescribedCommand> describe_commands();

// USAGE_COMMAND with the nearest names, USAGE_NOT_YET for what is announced.
Result<std::unique_ptr<Command>> find_command(std::string_view name);

}  // namespace mote::cli
