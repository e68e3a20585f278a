// Zsh: one _arguments specification for each spelling of an option, `(EXCLUDED)-o[DESCRIPTION]:NAME:ACTION`.
// What zsh itself reads in there is escaped first, then the whole is quoted for the shell.
#include "apps/shells/script.h"
#include "base/strings.h"

namespace mote::cli {
namespace {

constexpr std::string_view kTail = R"(}

if [[ $funcstack[1] == _mote ]]; then
  _mote "$@"
else
  compdef _mote mote
fi
)";

std::string action_of(const Option& option) {
  switch (option.kind) {
    case ValueKind::free:
      return " ";  // the name is shown, nothing is offered
    case ValueKind::file:
    case ValueKind::path:
      return "_files";
    case ValueKind::folder:
      return "_files -/";
    case ValueKind::choice:
      break;
  }
  std::string out = "(";
  for (const std::string& word : option.choices) {
    out += (out.size() == 1 ? "" : " ") + backslashed(word, "\\ ():;&|<>*?[]{}$`'\"#~^=!");
  }
  return out + ")";
}

std::string value_of(const Option& option) {
  const std::string name =
      positional_name(option).empty() ? std::string(option.value) : positional_name(option);
  return ":" + backslashed(name, "\\:") + ":" + action_of(option);
}

// Specifications of one option, each on its own line.
std::string lines_of(const Option& option, std::size_t place) {
  const bool many = takes_many(option);
  const bool positional = !positional_name(option).empty();
  std::vector<std::string> excluded = flags_of(option);
  std::string out;
  const auto add = [&](const std::string& specification) {
    out += " \\\n        " + sh_quoted(specification);
  };
  if (positional) {
    const std::string others = excluded.empty() || many ? "" : "(" + join(excluded, " ") + ")";
    add(others + (many ? "*" : std::to_string(place)) + value_of(option));
    excluded.push_back(std::to_string(place));
  }
  for (const std::string& flag : flags_of(option)) {
    const bool by_equals = takes_value(option) && flag.starts_with("--");
    add((many ? "*" : "(" + join(excluded, " ") + ")") + flag + (by_equals ? "=" : "") + "[" +
        backslashed(option.help, "\\[]:") + "]" + (takes_value(option) ? value_of(option) : ""));
  }
  return out;
}

}  // namespace

std::string zsh_script(std::span<const DescribedCommand> commands) {
  std::string out =
      "#compdef mote\n# zsh completion for mote, written by `mote completion zsh`.\n\n_mote() {\n"
      "  local curcontext=$curcontext state line ret=1\n  typeset -A opt_args\n  local -a commands\n"
      "  commands=(\n";
  for (const DescribedCommand& one : commands) {
    out += "    " +
           sh_quoted(std::string(one.command->name()) + ":" + backslashed(one.command->summary(), "\\:")) +
           "\n";
  }
  out += "  )\n  _arguments -C";
  for (const GlobalOption& option : global_options()) {
    out += " \\\n    " + sh_quoted((option.name == "--json" ? "" : "(- *)") + std::string(option.name) + "[" +
                                   backslashed(option.help, "\\[]:") + "]");
  }
  out +=
      " \\\n    '1: :->command' \\\n    '*:: :->arguments' && ret=0\n  case $state in\n    command)\n"
      "      _describe -t commands 'mote command' commands && ret=0\n      ;;\n    arguments)\n"
      "      curcontext=\"${curcontext%:*:*}:mote-$words[1]:\"\n      case $words[1] in\n";
  for (const DescribedCommand& one : commands) {
    out += "      " + std::string(one.command->name()) + ")\n        _arguments -S :";
    std::size_t place = 0;
    for (const Option& option : one.options) {
      if (!positional_name(option).empty()) ++place;
      out += lines_of(option, place);
    }
    out += " && ret=0\n        ;;\n";
  }
  return out + "      esac\n      ;;\n  esac\n  return ret\n" + std::string(kTail);
}

}  // namespace mote::cli
