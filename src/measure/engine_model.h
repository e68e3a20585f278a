// The engine as a LogitModel: one session, filled and emptied window by window.
#pragma once

#include <memory>

#include "engine/session.h"
#include "measure/logit_model.h"

namespace mote::measure {

// The session's context must hold a window. `cancel` may be null.
std::unique_ptr<LogitModel> engine_model(std::unique_ptr<engine::Session> session, const CancelToken* cancel);

}  // namespace mote::measure
