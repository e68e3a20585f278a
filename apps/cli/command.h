// A subcommand: its options as a table, and what it does. Each lives in one file apps/NAME.cc and is listed
// in apps/commands.cc.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "apps/cli/option.h"
#include "base/json.h"
#include "mote/result.h"

namespace mote::cli {

class Program;

class Command {
 public:
  virtual ~Command() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual std::string_view summary() const = 0;
  // Bound to members of this object, so it must outlive them.
  virtual std::vector<Option> options() = 0;
  [[nodiscard]] virtual std::span<const LaterOption> later_options() const { return {}; }
  // Lines below the options in --help: examples.
  [[nodiscard]] virtual std::string_view epilogue() const { return {}; }
  // Prints for people through `program`, which is silent with --json; the object returned is what --json
  // prints.
  virtual Result<Json> run(Program& program) = 0;
};

using CommandFactory = std::unique_ptr<Command> (*)();

// All commands, in the order of `mote --help`.
std::span<const CommandFactory> all_commands();

// Commands that a later part of the project brings.
struct LaterCommand {
  std::string_view name;
  std::string_view what;
};
std::span<const LaterCommand> later_commands();

std::unique_ptr<Command> make_inspect();
std::unique_ptr<Command> make_doctor();
std::unique_ptr<Command> make_tokenize();
std::unique_ptr<Command> make_render();
std::unique_ptr<Command> make_embed();
std::unique_ptr<Command> make_logits();
std::unique_ptr<Command> make_calibrate();
std::unique_ptr<Command> make_quantize();
std::unique_ptr<Command> make_perplexity();
std::unique_ptr<Command> make_compare();
std::unique_ptr<Command> make_run();
std::unique_ptr<Command> make_bench();
std::unique_ptr<Command> make_demo();
std::unique_ptr<Command> make_completion();
std::unique_ptr<Command> make_man();

}  // namespace mote::cli
