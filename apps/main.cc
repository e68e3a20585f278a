// The program: finds the command, parses, calls, prints. Results go to stdout, everything else to stderr; the
// exit status is that of the error's kind.
#include <cstdio>
#include <new>
#include <string>
#include <vector>

#include "apps/cli/command.h"
#include "apps/cli/overview.h"
#include "apps/cli/parse.h"
#include "apps/cli/program.h"
#include "apps/cli/result_json.h"
#include "apps/limits.h"
#include "base/strings.h"

namespace mote::cli {
namespace {

constexpr ErrorCode kModelChanged{"MODEL_CHANGED", ErrorKind::corrupt_data};
constexpr ErrorCode kInternal{"INTERNAL", ErrorKind::internal};
constexpr ErrorCode kOutputClosed{"OUTPUT_CLOSED", ErrorKind::failed};

void print_json(const Json& content) {
  const std::string text = result_json(content).dump(1) + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
}

int fail(Program& program, const Error& error) {
  program.end_progress();
  if (program.json()) {
    Json detail;
    detail["code"] = error.code.name;
    detail["message"] = error.message;
    detail["hint"] = error.hint;
    if (!error.file.empty()) detail["file"] = error.file;
    if (error.byte_position) detail["byte_position"] = *error.byte_position;
    Json out;
    out["error"] = std::move(detail);
    print_json(out);
  } else {
    program.note(format_error(error));
  }
  if (error.code.kind == ErrorKind::cancelled && program.signal() != 0) return 128 + program.signal();
  return exit_status(error.code.kind);
}

int run_global(Program& program, const std::string& option) {
  if (option == "--version") {
    Json version;
    version["version"] = MOTE_VERSION;
    program.json() ? print_json(version) : program.print("mote " MOTE_VERSION "\n");
  } else if (option == "--limits") {
    program.json() ? print_json(limits_json()) : program.print(limits_table());
  } else {
    program.set_json(false);
    program.print(overview());
  }
  return 0;
}

int run_command(Program& program, Command& command, std::span<const std::string> arguments) {
  const Result<CommonSettings> common = parse(command, arguments);
  if (!common) return fail(program, common.error());
  if (common->help) {
    program.set_json(false);
    program.print(help_of(command));
    return 0;
  }
  const Result<Json> result = command.run(program);
  program.end_progress();
  // First of all: a file that lost its end makes every result and every other error a consequence.
  if (const auto file = program.changed_file()) {
    return fail(program, Error{kModelChanged, "the file became shorter while it was read",
                               "do not change a file in use; load it again", *file, std::nullopt});
  }
  if (!result) return fail(program, result.error());
  if (program.json()) print_json(*result);
  // What was cut short by a signal and still has a result says so by its status.
  return program.signal() != 0 ? 128 + program.signal() : 0;
}

int dispatch(Program& program, const std::vector<std::string>& arguments) {
  // Known before anything can fail, so that failures come out as JSON too.
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (argument == "--json") program.set_json(true);
  }
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& first = arguments[i];
    if (first == "--json") continue;
    if (first == "--version" || first == "--limits" || first == "--help" || first == "-h") {
      return run_global(program, first);
    }
    if (first.starts_with("-")) {
      std::vector<std::string_view> known;
      for (const GlobalOption& option : global_options()) known.push_back(option.name);
      const std::vector<std::string> near = nearest(first, known);
      return fail(program,
                  Error{kUsageOption, "unknown option " + escape_untrusted(first, 60) + " before a command",
                        near.empty() ? "options of a command come after it" : "did you mean " + near[0] + "?",
                        "", std::nullopt});
    }
    const Result<std::unique_ptr<Command>> command = find_command(first);
    if (!command) return fail(program, command.error());
    return run_command(program, **command, std::span(arguments).subspan(i + 1));
  }
  if (program.json()) {
    return fail(program,
                Error{kUsageMissing, "no command was given", "`mote --help` lists them", "", std::nullopt});
  }
  program.note(overview());
  return exit_status(ErrorKind::invalid_argument);
}

}  // namespace
}  // namespace mote::cli

int main(int argc, char** argv) {
  using namespace mote;
  using namespace mote::cli;
  Program program;
  int status = 0;
  try {
    status = dispatch(program, std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
  } catch (const std::bad_alloc&) {
    status =
        fail(program, Error{kOutOfMemory, "memory ran out",
                            "close other programs, or use a smaller model or context", "", std::nullopt});
  } catch (const std::exception& e) {
    status = fail(program, Error{kInternal, std::string("something unforeseen happened: ") + e.what(),
                                 "please report it with the command line", "", std::nullopt});
  }
  // A full disk or a closed pipe shows only now; a result that nobody got is no success.
  if ((std::fflush(stdout) != 0 || std::ferror(stdout) != 0) && status == 0) {
    status =
        fail(program, Error{kOutputClosed, "standard output could not be written", "", "", std::nullopt});
  }
  return status;
}
