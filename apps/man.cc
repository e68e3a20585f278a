// mote man: manual pages out of the command table, mote.1 and one for each command.
#include <filesystem>

#include "apps/cli/command.h"
#include "apps/cli/overview.h"
#include "apps/cli/program.h"
#include "apps/roff.h"
#include "base/strings.h"
#include "sys/atomic_file.h"

namespace mote::cli {
namespace {

constexpr ErrorCode kManFolder{"MAN_FOLDER", ErrorKind::failed};

std::string title(const std::string& page) {
  std::string upper = page;
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return R"(.\" Written by `mote man`.)"
         "\n.TH " +
         roff::escape(upper) + " 1 \"" MOTE_DATE "\" \"mote " MOTE_VERSION "\" \"mote manual\"\n";
}

std::string section(std::string_view name) { return ".SH " + roff::argument(name) + "\n"; }
// `term` is roff already, `text` is plain.
std::string entry(const std::string& term, const std::string& text) {
  return ".TP\n" + term + "\n" + roff::escape(text) + "\n";
}
std::string reference(const std::string& page) { return ".BR " + roff::escape(page) + " (1)"; }

std::string page_of(const Command& command) { return "mote-" + std::string(command.name()); }

// "FILE: its help", and what the parser's table takes.
std::string described(const Option& option) {
  std::string term;
  if (const std::string name = positional_name(option); !name.empty()) term = roff::italic(name);
  for (const std::string& flag : flags_of(option)) term += (term.empty() ? "" : ", ") + roff::bold(flag);
  if (!option.value.empty()) term += " " + roff::italic(option.value);
  std::string text(option.help);
  if (option.kind == ValueKind::choice)
    text += (text.ends_with('.') ? "\nOne of " : ".\nOne of ") + join(option.choices, ", ") + ".";
  return entry(term, text);
}

std::string synopsis(const DescribedCommand& one) {
  std::string out = ".B mote " + std::string(one.command->name()) + "\n";
  for (const Option& option : one.options) {
    const std::string name = positional_name(option);
    if (!name.empty()) {
      const std::string word = roff::italic(name) + (takes_many(option) ? "..." : "");
      out += (option.required ? word : "[" + word + "]") + "\n";
    } else if (option.required) {
      out += roff::bold(main_name(option)) + " " + roff::italic(option.value) + "\n";
    }
  }
  return out + "[" + roff::italic("OPTIONS") + "]\n";
}

std::string command_page(const DescribedCommand& one) {
  const std::string page = page_of(*one.command);
  std::string arguments;
  std::string flags;
  for (const Option& option : one.options)
    (positional_name(option).empty() ? flags : arguments) += described(option);
  std::string out = title(page) + section("NAME") + roff::escape(page) + " \\- " +
                    roff::escape(one.command->summary()) + "\n" + section("SYNOPSIS") + synopsis(one) +
                    section("DESCRIPTION") + roff::escape(one.command->summary()) + ".\n";
  if (const std::string_view more = one.command->epilogue(); !more.empty()) {
    // Lines as they are: they hold examples and lists.
    out += ".PP\n.nf\n" + roff::escape(more) + ".fi\n";
  }
  if (!arguments.empty()) out += section("ARGUMENTS") + arguments;
  return out + section("OPTIONS") + flags + section("EXIT STATUS") + "See\n" + reference("mote") + ".\n" +
         section("SEE ALSO") + reference("mote") + "\n";
}

struct Status {
  ErrorKind kind;
  std::string_view meaning;
};

std::string statuses() {
  static constexpr Status kStatuses[] = {
      {ErrorKind::failed, "failed: a missing file, input or output, permission, an unknown architecture"},
      {ErrorKind::invalid_argument, "wrong usage, or an option out of range"},
      {ErrorKind::quality_gate, "the result is worse than was asked for"},
      {ErrorKind::resource_exhausted, "does not fit the memory or size budget"},
      {ErrorKind::corrupt_data, "damaged, refused or untrusted data"},
      {ErrorKind::unavailable, "offline, or busy"},
      {ErrorKind::cancelled, "stopped by an interrupt; 143 where it was told to end"}};
  std::string out = entry("0", "good");
  for (const Status& status : kStatuses)
    out += entry(std::to_string(exit_status(status.kind)), std::string(status.meaning));
  return out;
}

std::string main_page(std::span<const DescribedCommand> commands) {
  std::string out = title("mote") + section("NAME") + "mote \\- " + roff::escape(purpose()) + "\n" +
                    section("SYNOPSIS") + ".B mote\n" + roff::italic("COMMAND") + "\n[" +
                    roff::italic("OPTIONS") + "]\n" + section("DESCRIPTION") +
                    "Results go to standard output, everything else to standard error.\n"
                    "Each command has a page of its own.\n" +
                    section("COMMANDS");
  std::string also;
  for (const DescribedCommand& one : commands) {
    out += ".TP\n" + reference(page_of(*one.command)) + "\n" + roff::escape(one.command->summary()) + "\n";
    also += (also.empty() ? "" : ",\n") + reference(page_of(*one.command));
  }
  out += section("OPTIONS");
  for (const GlobalOption& option : global_options())
    out += entry(roff::bold(option.name), std::string(option.help));
  out += section("EXIT STATUS") + statuses() + section("ENVIRONMENT");
  out += entry(roff::bold("MOTE_THREADS"), "threads, where no option says how many");
  out += entry(roff::bold("MOTE_ISA"), "the instruction set to use instead of the best one");
  out += entry(roff::bold("MOTE_HOME"), "the folder that holds models/ and examples/, for the bundled model");
  out += entry(roff::bold("NO_COLOR"), "no colours on a terminal, where it is set to anything");
  return out + section("SEE ALSO") + also + "\n";
}

struct Page {
  std::string name;  // "mote-quantize.1"
  std::string text;
};

std::vector<Page> all_pages() {
  const std::vector<DescribedCommand> commands = describe_commands();
  std::vector<Page> pages{{"mote.1", main_page(commands)}};
  for (const DescribedCommand& one : commands)
    pages.push_back({page_of(*one.command) + ".1", command_page(one)});
  return pages;
}

std::vector<std::string> command_names() {
  std::vector<std::string> names;
  for (const CommandFactory make : all_commands()) names.emplace_back(make()->name());
  return names;
}

class Man : public Command {
 public:
  [[nodiscard]] std::string_view name() const override { return "man"; }
  [[nodiscard]] std::string_view summary() const override {
    return "Print a manual page: `mote man quantize | man -l -`";
  }
  std::vector<Option> options() override {
    // A command is made for its name alone in command_names(), so this does not call itself.
    return {
        {"COMMAND", "", "the command; mote itself if absent", &command_, false, ValueKind::choice,
         command_names()},
        {"-o,--output", "DIR", "write all pages to this folder instead", &output_, false, ValueKind::folder}};
  }

  Result<Json> run(Program& program) override {
    const std::vector<Page> pages = all_pages();
    if (!output_.empty()) return write_all(program, pages);
    std::string wanted = "mote.1";
    if (!command_.empty()) {
      MOTE_ASSIGN(const std::unique_ptr<Command> command, find_command(command_));
      wanted = page_of(*command) + ".1";
    }
    Json out;
    for (const Page& page : pages) {
      if (page.name != wanted) continue;
      program.print(page.text);
      out["page"] = page.name;
      out["text"] = page.text;
    }
    return out;
  }

 private:
  Result<Json> write_all(Program& program, std::span<const Page> pages) const {
    std::error_code error;
    std::filesystem::create_directories(output_, error);
    if (error) {
      return Error{kManFolder, "the folder for the pages cannot be made: " + error.message(),
                   "name another one with -o", output_, std::nullopt};
    }
    JsonArray files;
    for (const Page& page : pages) {
      const std::filesystem::path path = std::filesystem::path(output_) / page.name;
      MOTE_TRY(sys::write_file_atomically(path, page.text));
      files.emplace_back(path.string());
    }
    program.print("wrote " + std::to_string(pages.size()) + " pages to " + escape_untrusted(output_) + "\n");
    Json out;
    out["files"] = std::move(files);
    return out;
  }

  std::string command_;
  std::string output_;
};

}  // namespace

std::unique_ptr<Command> make_man() { return std::make_unique<Man>(); }

}  // namespace mote::cli
