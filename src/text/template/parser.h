// Tokens to a tree: Jinja2's grammar and precedence, with a cap on nesting.
//
// As in Jinja2, an unknown filter or test is an error of the whole template, unless it stands inside an `if`,
// where it is one only when it is reached.
#pragma once

#include <cstdint>
#include <string>

#include "mote/result.h"
#include "text/template/ast.h"

namespace mote::text::jinja {

// `source` is valid UTF-8 with normalised newlines. Errors: TPL_SYNTAX, TPL_UNSUPPORTED, TPL_DEPTH, each with
// line and column.
Result<Program> parse_program(const std::string& source, std::uint32_t max_depth);

}  // namespace mote::text::jinja
