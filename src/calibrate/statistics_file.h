// Statistics in a file.
//
// Written and read: llama.cpp's importance matrix as GGUF (its tools/imatrix): general.type "imatrix",
// imatrix.datasets, imatrix.chunk_count, imatrix.chunk_size; for each tensor NAME.in_sum2 F32
// [matrices][cols] and NAME.counts F32 [matrices]. mote adds NAME.in_sum, NAME.in_moment2 and the array
// mote.calibration.tokens, which others skip. Also written and read: the older form (.dat), which holds means
// per window of 512 tokens and no more.
#pragma once

#include <filesystem>

#include "calibrate/statistics.h"
#include "mote/error.h"
#include "mote/result.h"

namespace mote::calibrate {

inline constexpr ErrorCode kStatisticsFile{"STATISTICS_FILE", ErrorKind::corrupt_data};

inline constexpr std::uint64_t kMaxStatisticsBytes = std::uint64_t{1} << 30;  // of the older form

// Errors: those of reading files and GGUF, STATISTICS_FILE (not an importance matrix, sums without counts, a
// length that does not fit), STATISTICS_NONFINITE (a count that is no number).
Result<Statistics> read_statistics(const std::filesystem::path& path);

// The same, with the file's name in an error.
Result<void> in_file(const std::filesystem::path& path, Result<void> result);

// Whether a name is that of the older form, by its ending.
bool is_older_form(const std::filesystem::path& path);

// The older form where the name ends in .dat. Replaces an existing file once it is complete; returns its
// bytes. Errors: those of writing, STATISTICS_FILE (more than the form can say).
Result<std::uint64_t> write_statistics(const Statistics& statistics, const std::filesystem::path& path);

}  // namespace mote::calibrate
