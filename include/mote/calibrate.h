// The calibrate job: texts go through a model, and what its matrices multiply is summed up in a file of
// statistics, for `quantize` and, as an importance matrix, for llama.cpp.
//
// One streamed pass: memory holds the model, one window's activations and the sums, whatever the length of
// the texts. With second moments it goes block by block: memory holds hidden states of all tokens and the
// moments of one block. Sums are in double precision and in an order that depends on the tokens alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
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
  std::size_t done = 0;
  std::size_t total = 0;
  std::string_view what;  // that are counted: "window", or "step" with second moments: windows of blocks
};

struct CalibrateOptions {
  std::filesystem::path input;               // a model: anything LoadedModel::load takes
  std::filesystem::path output;              // GGUF, or llama.cpp's older form where the name ends in .dat
  CalibrationText text;                      // may have no files where there is something to merge
  std::vector<std::filesystem::path> merge;  // statistics of the same model from earlier runs, added
  // Also the second moments x x^T of all inputs (GPTQ's Hessians): with them feedback needs no text that goes
  // through the model again. GGUF only.
  bool second_moments = false;
  // What may be taken besides the mapped model, refused before it starts; 0: no limit. `on_memory` hears what
  // it will take.
  std::uint64_t max_memory = 0;
  std::function<void(std::uint64_t bytes)> on_memory;
  std::function<void(const CalibrateProgress&)> progress;
  const CancelToken* cancel = nullptr;  // checked before each of what progress counts
};

struct CalibrateReport {
  std::size_t tokens = 0;            // that went through the model, in this run and in those merged
  std::size_t windows = 0;           // of this run
  std::size_t tensors = 0;           // with statistics
  std::size_t moments = 0;           // kinds of inputs with second moments
  std::uint64_t planned_memory = 0;  // of observing, besides the mapped model; 0 where texts were merged only
  std::uint64_t bytes = 0;
  double seconds = 0;
  std::vector<std::string> warnings;  // tensors that saw few tokens, texts with leftovers
};

// Errors: those of loading a model, of reading texts (CALIBRATION_SHORT) and statistics (STATISTICS_FILE,
// STATISTICS_NONFINITE, STATISTICS_MODEL), of writing; CALIBRATION_MEMORY, CALIBRATION_FORM, OUT_OF_MEMORY,
// CANCELLED.
Result<CalibrateReport> calibrate(engine::Runtime& runtime, const CalibrateOptions& options);

}  // namespace mote::calibrate
