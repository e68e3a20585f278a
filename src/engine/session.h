// mote/session.h with the types that it only names.
#pragma once

#include "engine/loaded_model.h"
#include "engine/runtime.h"
#include "mote/session.h"

namespace mote::engine {

// CTX_FULL where the tokens do not fit behind `position` of a context, TOKEN_ID where one is outside the
// vocabulary.
Result<void> check_tokens(std::span<const TokenId> tokens, std::size_t vocab, std::size_t position,
                          std::size_t context);

}  // namespace mote::engine
