// Bash: one function that says what stands after an option or at a place of a command, generated; and one
// that walks the words before the cursor, the same for every program. Bash shows no descriptions.
#include <map>

#include "apps/shells/script.h"
#include "base/strings.h"

namespace mote::cli {
namespace {

constexpr std::string_view kHead = R"(# bash completion for mote, written by `mote completion bash`.

# What stands after option $2 of command $1, or at its place $2 ("1" is the first argument): sets kind and words,
# and argument where the option gives an argument by name.
_mote_value()
{
  kind='' words=() argument=''
  case "$1 $2" in
)";

constexpr std::string_view kWalk = R"(
_mote()
{
  local command='' option='' ended='' prefix='' kind='' argument='' place=1 i word
  local -a words=()
  local cur=${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    word=${COMP_WORDS[i]}
    if [[ -n $option ]]; then
      # COMP_WORDBREAKS has the equals sign: "--type=Q8_0" comes as three words.
      [[ $word == '=' && ${COMP_WORDS[i - 1]} == "$option" ]] && continue
      option=''
    elif [[ -z $command ]]; then
      [[ $word == -* ]] || command=$word
    elif [[ -z $ended && $word == -- ]]; then
      ended=1
    elif [[ -z $ended && $word == -[!0-9.]* ]]; then
      if _mote_value "$command" "${word%%=*}"; then
        [[ $word == *=* ]] || option=$word
        [[ -z $argument ]] || ((++place))
      fi
    else
      ((++place))
    fi
  done
  if [[ -n $option ]]; then
    _mote_value "$command" "$option"
    [[ $cur == '=' ]] && cur=''
  elif [[ -z $command ]]; then
    kind=choice
    if [[ $cur == -* ]]; then
      words=(@GLOBALS@)
    else
      words=(@COMMANDS@)
    fi
  elif [[ -z $ended && $cur == -*=* ]]; then
    prefix=${cur%%=*}=
    _mote_value "$command" "${cur%%=*}"
    cur=${cur#*=}
  elif [[ -z $ended && $cur == -* ]] || ! _mote_value "$command" "$place"; then
    [[ -n $ended ]] || _mote_options "$command"
  fi
  case $kind in
    choice)
      for word in "${words[@]}"; do
        [[ $word == "$cur"* ]] || continue
        printf -v word %q "$word"
        COMPREPLY+=("$prefix$word")
      done
      ;;
    # Readline's own completion of names deals with quotes, tildes and colons.
    file | path) compopt -o default ;;
    folder) compopt -o dirnames ;;
  esac
}

complete -F _mote mote
)";

std::string word_list(std::span<const std::string> words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + sh_quoted(word);
  return out;
}

std::string_view kind_name(ValueKind kind) {
  switch (kind) {
    case ValueKind::free:
      return "free";
    case ValueKind::file:
      return "file";
    case ValueKind::folder:
      return "folder";
    case ValueKind::path:
      return "path";
    case ValueKind::choice:
      return "choice";
  }
  return "";
}

std::string settings(const Option& option, bool by_name) {
  std::string out = "kind=" + std::string(kind_name(option.kind));
  if (option.kind == ValueKind::choice) out += " words=(" + word_list(option.choices) + ")";
  if (by_name && !positional_name(option).empty()) out += " argument=1";
  return out;
}

// Lines of the case statement: labels that lead to the same settings stand together.
std::string value_cases(const DescribedCommand& one) {
  const std::string name = std::string(one.command->name()) + " ";
  std::map<std::string, std::vector<std::string>> labels;
  std::size_t place = 0;
  for (const Option& option : one.options) {
    if (!takes_value(option)) continue;
    for (const std::string& flag : flags_of(option)) {
      labels[settings(option, true)].push_back(sh_quoted(name + flag));
    }
    if (positional_name(option).empty()) continue;
    ++place;
    labels[settings(option, false)].push_back(takes_many(option) ? sh_quoted(name) + "[0-9]*"
                                                                 : sh_quoted(name + std::to_string(place)));
  }
  std::string out;
  for (const auto& [what, names] : labels) {
    out += "    " + join(names, " | ") + ") " + what + " ;;\n";
  }
  return out;
}

std::string options_case(const DescribedCommand& one) {
  std::vector<std::string> flags;
  for (const Option& option : one.options) {
    for (std::string& flag : flags_of(option)) flags.push_back(std::move(flag));
  }
  return "    " + sh_quoted(one.command->name()) + ") words=(" + word_list(flags) + ") ;;\n";
}

void replace(std::string& text, std::string_view mark, const std::string& by) {
  text.replace(text.find(mark), mark.size(), by);
}

}  // namespace

std::string bash_script(std::span<const DescribedCommand> commands) {
  std::string out(kHead);
  for (const DescribedCommand& one : commands) out += value_cases(one);
  out +=
      "    *) return 1 ;;\n  esac\n}\n\n# The options of command $1.\n_mote_options()\n{\n  kind=choice "
      "words=()\n"
      "  case $1 in\n";
  std::vector<std::string> names;
  for (const DescribedCommand& one : commands) {
    out += options_case(one);
    names.emplace_back(one.command->name());
  }
  std::vector<std::string> globals;
  for (const GlobalOption& option : global_options()) globals.emplace_back(option.name);
  std::string walk(kWalk);
  replace(walk, "@GLOBALS@", word_list(globals));
  replace(walk, "@COMMANDS@", word_list(names));
  return out + "  esac\n}\n" + walk;
}

}  // namespace mote::cli
