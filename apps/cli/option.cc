#include "apps/cli/option.h"

namespace mote::cli {
namespace {

std::vector<std::string> names_of(const Option& option) {
  std::vector<std::string> names;
  std::string_view rest = option.names;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    names.emplace_back(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return names;
}

}  // namespace

std::vector<std::string> flags_of(const Option& option) {
  std::vector<std::string> flags;
  for (std::string& name : names_of(option)) {
    if (name[0] == '-') flags.push_back(std::move(name));
  }
  return flags;
}

std::string main_name(const Option& option) {
  const std::vector<std::string> flags = flags_of(option);
  for (const std::string& flag : flags) {
    if (flag.starts_with("--")) return flag;
  }
  return flags.empty() ? positional_name(option) : flags[0];
}

std::string positional_name(const Option& option) {
  for (std::string& name : names_of(option)) {
    if (name[0] != '-') return std::move(name);
  }
  return {};
}

bool takes_value(const Option& option) { return !std::holds_alternative<bool*>(option.target); }

bool takes_many(const Option& option) {
  return std::holds_alternative<std::vector<std::string>*>(option.target);
}

}  // namespace mote::cli
