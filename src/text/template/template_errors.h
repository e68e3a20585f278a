// The errors of chat templates. See docs/errors.md.
#pragma once

#include "mote/error.h"

namespace mote::text {

constexpr ErrorCode kTplSyntax{"TPL_SYNTAX", ErrorKind::corrupt_data};  // not Jinja
constexpr ErrorCode kTplUnsupported{"TPL_UNSUPPORTED",
                                    ErrorKind::corrupt_data};               // Jinja, but not offered here
constexpr ErrorCode kTplDepth{"TPL_DEPTH", ErrorKind::corrupt_data};        // nested too deep
constexpr ErrorCode kTplLimit{"TPL_LIMIT", ErrorKind::resource_exhausted};  // a budget is spent
constexpr ErrorCode kTplRaised{"TPL_RAISED", ErrorKind::invalid_argument};  // raise_exception was called
constexpr ErrorCode kTplRuntime{"TPL_RUNTIME", ErrorKind::failed};          // an operation that has no result
constexpr ErrorCode kTplArgument{"TPL_ARGUMENT", ErrorKind::invalid_argument};  // what the caller gave

}  // namespace mote::text
