// The calibrate job: texts go through a model, and what its matrices multiply is summed up in a file of
// statistics, for `quantize` and, as an importance matrix, for llama.cpp.
//
// One streamed pass: memory holds the model, one window's activations and the sums, whatever the length of
// the texts. Sums are in double precision and in an order that depends on the tokens alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "mote/cancel.h"
#include "mote/result.h"
#include "mote/runtime.h"

namespace mote::calibrate {

inline constexpr std::uint64_t kMaxTextBytes = std::uint64_t{1} << 30;  // of one calibration file
inline constexpr std::size_t kUsualWindow = 512;
inline constexpr std::size_t kUsualWindows = 128;

// What runs through the model.
struct CalibrationText {
  // Text; .json, .jsonl and .ndjson: records of texts and conversations, the latter through the model's chat
  // template.
  std::vector<std::filesystem::path> files;
  std::size_t window = kUsualWindow;        // tokens that see one another
  std::size_t max_windows = kUsualWindows;  // taken from the files in turn
};

struct CalibrateProgress {
  std::size_t done = 0;  // windows
  std::size_t total = 0;
};

struct CalibrateOptions {
  std::filesystem::path input;               // a model: anything LoadedModel::load takes
  std::filesystem::path output;              // GGUF, or llama.cpp's older form where the name ends in .dat
  CalibrationText text;                      // may have no files where there is something to merge
  std::vector<std::filesystem::path> merge;  // statistics of the same model from earlier runs, added
  std::function<void(const CalibrateProgress&)> progress;
  const CancelToken* cancel = nullptr;  // checked between windows
};

struct CalibrateReport {
  std::size_t tokens = 0;   // that went through the model, in this run and in those merged
  std::size_t windows = 0;  // of this run
  std::size_t tensors = 0;  // with statistics
  std::uint64_t bytes = 0;
  double seconds = 0;
  std::vector<std::string> warnings;  // tensors that saw few tokens, texts with leftovers
};

// Errors: those of loading a model, of reading texts (CALIBRATION_SHORT) and statistics (STATISTICS_FILE,
// STATISTICS_NONFINITE, STATISTICS_MODEL), of writing; OUT_OF_MEMORY, CANCELLED.
Result<CalibrateReport> calibrate(engine::Runtime& runtime, const CalibrateOptions& options);

}  // namespace mote::calibrate
