// Options of a command as data: one table serves the parser, --help, suggestions, completion and manual
// pages.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace mote::cli {

// Where a value goes. A vector takes every occurrence (and, for a positional, every argument).
using Target = std::variant<bool*, std::string*, std::uint64_t*, std::int64_t*, double*,
                            std::optional<std::int64_t>*, std::optional<double>*, std::vector<std::string>*>;

// What stands where the value is, as far as a shell can offer it.
enum class ValueKind : std::uint8_t {
  free,  // a text or a number
  file,  // to read or to write
  folder,
  path,    // a file or a folder: models and tokenizers are either
  choice,  // one of Option::choices, or something else that the parser may take
};

struct Option {
  // "-n,--predict"; several spellings, the one that messages use is the first long one. A positional has a
  // name without dashes, "MODEL" or "MODEL,-m,--model". Single-dash words ("-ctk") are understood.
  std::string_view names;
  std::string_view value;  // shown in help: "N", "FILE"; empty for a switch
  std::string_view help;   // one line, no full stop
  Target target;
  bool required = false;
  ValueKind kind = ValueKind::free;
  std::vector<std::string> choices = {};  // with ValueKind::choice, from the parser's own table
};

// Options that a later part of the project brings: they are refused by name instead of being unknown.
struct LaterOption {
  std::string_view name;  // "--schema"
  std::string_view what;  // "constrained output"
  bool has_value = true;
};

// "-n" and "--predict" of an option's names, without the positional.
std::vector<std::string> flags_of(const Option& option);
// The first long name, else the first; the positional's name where there is nothing else.
std::string main_name(const Option& option);
// Empty where the option is no positional.
std::string positional_name(const Option& option);
bool takes_value(const Option& option);
// A list: the option may be repeated, the positional takes every argument that is left.
bool takes_many(const Option& option);

}  // namespace mote::cli
