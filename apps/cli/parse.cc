#include "apps/cli/parse.h"

#include <algorithm>

#include "base/checked.h"
#include "base/strings.h"

namespace mote::cli {
namespace {

const Option* find_flag(std::span<const Option> options, std::string_view flag) {
  for (const Option& option : options) {
    const std::vector<std::string> flags = flags_of(option);
    if (std::find(flags.begin(), flags.end(), flag) != flags.end()) return &option;
  }
  return nullptr;
}

Error unknown_option(Command& command, std::span<const Option> options, std::string_view flag) {
  for (const LaterOption& later : command.later_options()) {
    if (later.name == flag) {
      return Error{kUsageNotYet,
                   std::string(flag) + " of `mote " + std::string(command.name()) + "` (" +
                       std::string(later.what) + ") is not in this version",
                   "leave it out", "", std::nullopt};
    }
  }
  std::vector<std::string> names;
  for (const Option& option : options) {
    for (std::string& name : flags_of(option)) names.push_back(std::move(name));
  }
  // Short names are near to everything, so a suggestion compares like with like.
  const bool is_long = flag.starts_with("--");
  std::vector<std::string_view> candidates;
  for (const std::string& name : names) {
    if (name.starts_with("--") == is_long) candidates.push_back(name);
  }
  const std::vector<std::string> near = nearest(flag, candidates);
  std::string hint = near.empty() ? "" : "did you mean " + join(near, " or ") + "? ";
  hint += "`mote " + std::string(command.name()) + " --help` lists all options";
  return Error{
      kUsageOption,
      "unknown option " + escape_untrusted(flag, 60) + " of `mote " + std::string(command.name()) + "`", hint,
      "", std::nullopt};
}

// One option with the text that was given for it; `option` is null for a positional.
struct Given {
  const Option* option = nullptr;
  std::string value;
};

// Splits arguments into options with their values and positionals. Whole spellings are compared, so "-ctk" is
// never read as "-c tk"; only a number may follow a letter at once ("-t4").
Result<std::vector<Given>> split(Command& command, std::span<const Option> options,
                                 std::span<const std::string> arguments) {
  std::vector<Given> out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") {
      for (++i; i < arguments.size(); ++i) out.push_back({nullptr, arguments[i]});
      break;
    }
    const auto is_number_start = [](char c) { return (c >= '0' && c <= '9') || c == '.'; };
    if (argument.size() < 2 || argument[0] != '-' || is_number_start(argument[1])) {
      out.push_back({nullptr, argument});
      continue;
    }
    std::string flag = argument;
    std::optional<std::string> attached;
    if (const std::size_t equals = argument.find('='); equals != std::string::npos) {
      flag = argument.substr(0, equals);
      attached = argument.substr(equals + 1);
    }
    const Option* option = find_flag(options, flag);
    if (option == nullptr && argument.size() > 2 && argument[1] != '-' && is_number_start(argument[2])) {
      flag = argument.substr(0, 2);
      attached = argument.substr(2);
      option = find_flag(options, flag);
    }
    if (option == nullptr) return unknown_option(command, options, flag);
    if (!takes_value(*option)) {
      if (attached) return bad_value(flag, *attached, "no value: it is a switch");
    } else if (!attached) {
      if (++i == arguments.size()) return bad_value(flag, "nothing", std::string(option->value));
      attached = arguments[i];
    }
    out.push_back({option, attached.value_or("")});
  }
  return out;
}

Result<void> store(const Option& option, const std::string& text) {
  const std::string name = main_name(option);
  if (bool* const* t = std::get_if<bool*>(&option.target)) **t = true;
  if (auto* const* t = std::get_if<std::string*>(&option.target)) **t = text;
  if (auto* const* t = std::get_if<std::vector<std::string>*>(&option.target)) (*t)->push_back(text);
  if (auto* const* t = std::get_if<std::uint64_t*>(&option.target)) {
    const auto value = parse_uint64(text);
    if (!value) return bad_value(name, text, "a whole number from 0 on");
    **t = *value;
  }
  const auto whole = [&]() -> Result<std::int64_t> {
    const auto value = parse_int64(text);
    if (!value) return bad_value(name, text, "a whole number");
    return *value;
  };
  const auto number = [&]() -> Result<double> {
    const auto value = parse_double(text);
    if (!value) return bad_value(name, text, "a number");
    return *value;
  };
  if (auto* const* t = std::get_if<std::int64_t*>(&option.target)) {
    MOTE_ASSIGN(**t, whole());
  }
  if (auto* const* t = std::get_if<std::optional<std::int64_t>*>(&option.target)) {
    MOTE_ASSIGN(**t, whole());
  }
  if (auto* const* t = std::get_if<double*>(&option.target)) {
    MOTE_ASSIGN(**t, number());
  }
  if (auto* const* t = std::get_if<std::optional<double>*>(&option.target)) {
    MOTE_ASSIGN(**t, number());
  }
  return {};
}

// The next positional that is still open: each takes one argument, a list takes all that are left.
const Option* open_positional(std::span<const Option> options, std::span<const Option* const> taken) {
  for (const Option& option : options) {
    if (positional_name(option).empty()) continue;
    if (takes_many(option) || std::find(taken.begin(), taken.end(), &option) == taken.end()) return &option;
  }
  return nullptr;
}

}  // namespace

std::vector<Option> all_options(Command& command, CommonSettings& common) {
  std::vector<Option> options = command.options();
  options.push_back({"--json", "", "print one JSON object on stdout, also on failure", &common.json});
  options.push_back({"-h,--help", "", "print this help", &common.help});
  return options;
}

std::string one_of(std::span<const std::string> names) {
  if (names.size() < 2) return join(names, "");
  return join(names.first(names.size() - 1), ", ") + " or " + names.back();
}

Error bad_value(std::string_view option, std::string_view found, std::string_view expected) {
  return Error{kUsageValue,
               std::string(option) + ": expected " + std::string(expected) + ", found " +
                   (found == "nothing" ? std::string("nothing") : "'" + escape_untrusted(found, 60) + "'"),
               "", "", std::nullopt};
}

Result<std::uint64_t> parse_size(std::string_view option, std::string_view text, bool plain) {
  constexpr std::string_view kUnits = "KMG";
  const std::size_t power = text.empty() ? std::string_view::npos : kUnits.find(text.back());
  std::optional<std::uint64_t> bytes;
  if (power != std::string_view::npos) {
    bytes = parse_uint64(text.substr(0, text.size() - 1));
    for (std::size_t i = 0; bytes && i <= power; ++i) bytes = (Checked(*bytes) * 1000).value();
  }
  if (plain && power == std::string_view::npos) bytes = parse_uint64(text);
  if (!bytes || *bytes == 0) return bad_value(option, text, "a size with its unit, K, M or G: 500M, 2G");
  return *bytes;
}

Result<std::vector<std::uint64_t>> parse_list(std::string_view option, std::string_view text,
                                              std::uint64_t least, std::uint64_t most) {
  std::vector<std::uint64_t> values;
  std::string_view rest = text;
  while (true) {
    const std::size_t comma = rest.find(',');
    const auto value = parse_uint64(rest.substr(0, comma));
    if (!value || *value < least || *value > most) {
      return bad_value(
          option, text,
          "numbers from " + with_thousands(least) + " to " + with_thousands(most) + ", separated by commas");
    }
    values.push_back(*value);
    if (comma == std::string_view::npos) return values;
    rest = rest.substr(comma + 1);
  }
}

Result<CommonSettings> parse(Command& command, std::span<const std::string> arguments) {
  CommonSettings common;
  const std::vector<Option> options = all_options(command, common);
  // Whoever asks for help gets it, whatever else is wrong.
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (argument == "--help" || argument == "-h") common.help = true;
  }
  if (common.help) return common;
  MOTE_ASSIGN(const std::vector<Given> given, split(command, options, arguments));
  std::vector<const Option*> taken;
  for (const Given& one : given) {
    if (one.option != nullptr) taken.push_back(one.option);
  }
  for (const Given& one : given) {
    const Option* option = one.option != nullptr ? one.option : open_positional(options, taken);
    if (option == nullptr) {
      return Error{kUsageValue,
                   "`mote " + std::string(command.name()) + "` takes fewer arguments: '" +
                       escape_untrusted(one.value, 60) + "' is one too many",
                   "quote text that has spaces", "", std::nullopt};
    }
    if (one.option == nullptr) taken.push_back(option);
    MOTE_TRY(store(*option, one.value));
  }
  for (const Option& option : options) {
    if (!option.required || std::find(taken.begin(), taken.end(), &option) != taken.end()) continue;
    const std::string positional = positional_name(option);
    return Error{kUsageMissing,
                 "`mote " + std::string(command.name()) + "` needs " +
                     (positional.empty() ? main_name(option) + " " + std::string(option.value) : positional),
                 "`mote " + std::string(command.name()) + " --help` shows how", "", std::nullopt};
  }
  return common;
}

std::string usage_of(const Command& command, std::span<const Option> options) {
  std::string usage = "mote " + std::string(command.name());
  for (const Option& option : options) {
    const std::string positional = positional_name(option);
    if (!positional.empty()) {
      usage += " " + (option.required ? positional : "[" + positional + "]");
      if (takes_many(option)) usage += "...";
    } else if (option.required) {
      usage += " " + main_name(option) + " " + std::string(option.value);
    }
  }
  return usage + " [OPTIONS]";
}

std::string help_of(Command& command) {
  CommonSettings common;
  const std::vector<Option> options = all_options(command, common);
  std::string positionals;
  std::string flags;
  constexpr std::size_t kHelpColumn = 30;
  for (const Option& option : options) {
    const std::string positional = positional_name(option);
    std::vector<std::string> spellings = flags_of(option);
    if (!positional.empty()) spellings.insert(spellings.begin(), positional);
    std::string left = "  " + join(spellings, ", ");
    if (!option.value.empty()) left += " " + std::string(option.value);
    if (left.size() + 2 > kHelpColumn) {
      left += "\n" + std::string(kHelpColumn, ' ');
    } else {
      left.append(kHelpColumn - left.size(), ' ');
    }
    (positional.empty() ? flags : positionals) += left + std::string(option.help) + "\n";
  }
  std::string out = "Usage: " + usage_of(command, options) + "\n\n" + std::string(command.summary()) + "\n";
  if (!positionals.empty()) out += "\nArguments:\n" + positionals;
  out += "\nOptions:\n" + flags;
  if (!command.epilogue().empty()) out += "\n" + std::string(command.epilogue());
  return out;
}

}  // namespace mote::cli
