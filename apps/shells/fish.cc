// Fish: one `complete` line for each option, under the condition that its command is on the line.
// Descriptions are the help texts.
#include "apps/shells/script.h"
#include "base/strings.h"

namespace mote::cli {
namespace {

constexpr std::string_view kHead = R"(# fish completion for mote, written by `mote completion fish`.

# Succeeds where option $argv[2] of command $argv[1] takes the next word as its value.
function __mote_takes_value
    switch "$argv[1] $argv[2]"
)";

constexpr std::string_view kWalk = R"(            return 0
    end
    return 1
end

# Two lines: the command before the cursor, perhaps empty, and the place of the word at the cursor among its arguments.
function __mote_state
    set -l command
    set -l place 1
    set -l option
    set -l ended
    for word in (commandline -opc)[2..-1]
        if test -n "$option"
            set option
        else if test -z "$command"
            string match -q -- '-*' $word
            or set command $word
        else if test -n "$ended"
            set place (math $place + 1)
        else if test "$word" = --
            set ended 1
        else if string match -qr -- '^-[^0-9.]' $word
            if __mote_takes_value $command $word
                set option $word
            end
        else
            set place (math $place + 1)
        end
    end
    echo "$command"
    echo $place
end

# Succeeds where $argv[1] is the command on the line, and the word at the cursor is at its place $argv[2], or after it
# with "+" as third argument.
function __mote_at
    set -l state (__mote_state)
    test "$state[1]" = "$argv[1]"
    or return 1
    switch (count $argv)
        case 1
            return 0
        case 2
            test $state[2] -eq $argv[2]
        case '*'
            test $state[2] -ge $argv[2]
    end
end

complete -c mote -f
)";

std::string quoted(std::string_view text) { return "'" + backslashed(text, "\\'") + "'"; }

std::string line(const std::string& condition, const std::string& what) {
  return "complete -c mote -n " + quoted(condition) + " " + what + "\n";
}

// -a takes a text that is read as a command line once more.
std::string offered(const Option& option) {
  switch (option.kind) {
    case ValueKind::free:
      return "-x";
    case ValueKind::file:
    case ValueKind::path:
      return "-r -F";
    case ValueKind::folder:
      return "-x -a " + quoted("(__fish_complete_directories)");
    case ValueKind::choice:
      break;
  }
  std::vector<std::string> words;
  words.reserve(option.choices.size());
  for (const std::string& word : option.choices) words.push_back(quoted(word));
  return "-x -a " + quoted(join(words, " "));
}

std::string spellings(const Option& option) {
  std::string out;
  for (const std::string& flag : flags_of(option)) {
    if (flag.starts_with("--")) {
      out += "-l " + flag.substr(2) + " ";
    } else {
      out += (flag.size() == 2 ? "-s " : "-o ") + flag.substr(1) + " ";
    }
  }
  return out;
}

std::string lines_of(const DescribedCommand& one) {
  const std::string at = "__mote_at " + std::string(one.command->name());
  std::string out;
  std::size_t place = 0;
  for (const Option& option : one.options) {
    if (!flags_of(option).empty()) {
      out += line(at, spellings(option) + (takes_value(option) ? offered(option) + " " : "") + "-d " +
                          quoted(option.help));
    }
    if (positional_name(option).empty()) continue;
    ++place;
    if (option.kind == ValueKind::free) continue;
    const bool names = option.kind == ValueKind::file || option.kind == ValueKind::path;
    out += line(at + " " + std::to_string(place) + (takes_many(option) ? " +" : ""),
                names ? "-F" : offered(option));
  }
  return out;
}

}  // namespace

std::string fish_script(std::span<const DescribedCommand> commands) {
  std::string out(kHead);
  out += "        case";
  for (const DescribedCommand& one : commands) {
    for (const Option& option : one.options) {
      if (!takes_value(option)) continue;
      for (const std::string& flag : flags_of(option))
        out += " " + quoted(std::string(one.command->name()) + " " + flag);
    }
  }
  out += "\n" + std::string(kWalk);
  for (const GlobalOption& option : global_options()) {
    out += line("__mote_at ''", "-l " + std::string(option.name.substr(2)) + " -d " + quoted(option.help));
  }
  for (const DescribedCommand& one : commands) {
    out += line("__mote_at ''",
                "-a " + std::string(one.command->name()) + " -d " + quoted(one.command->summary()));
  }
  for (const DescribedCommand& one : commands) out += lines_of(one);
  return out;
}

}  // namespace mote::cli
