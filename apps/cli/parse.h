// Arguments to options. An unknown option is an error with the nearest names, one that is announced for later
// is refused by name.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "apps/cli/command.h"
#include "mote/result.h"

namespace mote::cli {

constexpr ErrorCode kUsageOption{"USAGE_OPTION", ErrorKind::invalid_argument};  // unknown option
constexpr ErrorCode kUsageValue{"USAGE_VALUE", ErrorKind::invalid_argument};    // missing or unusable value
constexpr ErrorCode kUsageMissing{"USAGE_MISSING",
                                  ErrorKind::invalid_argument};  // a required argument is absent
constexpr ErrorCode kUsageCommand{"USAGE_COMMAND", ErrorKind::invalid_argument};  // unknown command
constexpr ErrorCode kUsageNotYet{"USAGE_NOT_YET", ErrorKind::invalid_argument};   // announced, not there

// Options that every command has.
struct CommonSettings {
  bool help = false;
  bool json = false;
};

// The command's options and those that every command has, as --help lists them.
std::vector<Option> all_options(Command& command, CommonSettings& common);

// `arguments` without program and command name. Fills the command's settings.
Result<CommonSettings> parse(Command& command, std::span<const std::string> arguments);

// "mote quantize IN --type T [OPTIONS]".
std::string usage_of(const Command& command, std::span<const Option> options);

// What --help prints.
std::string help_of(Command& command);

// "a, b or c".
std::string one_of(std::span<const std::string> names);

// USAGE_VALUE for `option`, saying what was found and expected.
Error bad_value(std::string_view option, std::string_view found, std::string_view expected);

// "2G" as llama-gguf-split reads it, a number of thousands, millions or billions of bytes; `plain`: or of
// bytes. USAGE_VALUE.
Result<std::uint64_t> parse_size(std::string_view option, std::string_view text, bool plain);

// "1,2,4" as numbers from `least` to `most`; USAGE_VALUE.
Result<std::vector<std::uint64_t>> parse_list(std::string_view option, std::string_view text,
                                              std::uint64_t least, std::uint64_t most);

}  // namespace mote::cli
