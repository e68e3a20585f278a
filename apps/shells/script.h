// The completion script of each shell, out of the command table. What is offered: commands, options before a
// command, a command's options in all spellings, and where a value is due the choices of its table, files or
// folders. A text or number gets no offer.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "apps/cli/overview.h"

namespace mote::cli {

// Bash 4.1 or newer, with and without the package bash-completion.
std::string bash_script(std::span<const DescribedCommand> commands);
// Zsh 5 with compinit. Serves as the autoloaded file _mote and as text to source.
std::string zsh_script(std::span<const DescribedCommand> commands);
// Fish 3.0 or newer.
std::string fish_script(std::span<const DescribedCommand> commands);

// One word for bash and zsh, whatever is in it: in single quotes, a single quote itself as '\''.
std::string sh_quoted(std::string_view text);

// `text` with a backslash before each character that is one of `special`.
std::string backslashed(std::string_view text, std::string_view special);

}  // namespace mote::cli
