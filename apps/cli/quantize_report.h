// What a quantize job has to say: as JSON, as lines for people, and as the files of --report.
#pragma once

#include <filesystem>
#include <string>

#include "base/json.h"
#include "mote/quantize.h"
#include "mote/result.h"
#include "report/table.h"

namespace mote::cli {

struct QuantizeRun {
  quantize::QuantizeReport report;
  bool sized = false;    // types were chosen for a size
  bool dry_run = false;  // nothing was written
};

Json quantize_json(const QuantizeRun& run);
// A row per tensor.
report::Table tensor_table(const QuantizeRun& run);
// Everything but the tensors; ends with a line break.
std::string quantize_summary(const QuantizeRun& run);

// quantize.json, quantize.txt and tensors.svg in `folder`, which is made where it is missing and does not lie
// in what the job is to make. Errors: OUTPUT_CREATE, IO_WRITE and those of publishing a file.
// True where the folder was not there before.
Result<bool> make_report_folder(const std::filesystem::path& folder, const std::filesystem::path& output);
void remove_empty_folder(const std::filesystem::path& folder);
Result<void> write_quantize_report(const std::filesystem::path& folder, const QuantizeRun& run);

}  // namespace mote::cli
