// Calibration texts as windows of tokens.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "engine/loaded_model.h"
#include "mote/calibrate.h"
#include "mote/error.h"
#include "mote/result.h"
#include "mote/tokenizer.h"

namespace mote::calibrate {

inline constexpr ErrorCode kCalibrationShort{"CALIBRATION_SHORT", ErrorKind::invalid_argument};
inline constexpr ErrorCode kCalibrationWindow{"CALIBRATION_WINDOW", ErrorKind::invalid_argument};

struct Windows {
  std::size_t window = 0;             // tokens that see one another, no more than the model's context
  std::vector<TokenId> tokens;        // whole windows; each begins with BOS where the model has it
  std::vector<std::string> warnings;  // one sentence each: what of the files was left out
  [[nodiscard]] std::size_t count() const { return window == 0 ? 0 : tokens.size() / window; }
};

// One window of each file in turn, until all are used up or there are as many as asked for. Errors: those of
// text::read_corpus, CALIBRATION_SHORT (no file fills a window), CALIBRATION_WINDOW (no tokens or no windows
// asked for), TOKEN_ID.
Result<Windows> windows_of(const engine::LoadedModel& model, const CalibrationText& text);

}  // namespace mote::calibrate
