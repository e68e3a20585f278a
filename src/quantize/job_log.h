// What a quantize job has found out before it can write tensors, so that a killed job does not find it out
// again: OUT.part.work, beside the writer's OUT.part (sys/record_log.h has the bytes).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "mote/result.h"
#include "sys/record_log.h"

namespace mote::quantize {

// Of what a finding is; the numbers stay, files have them.
enum class Finding : std::uint32_t {
  type_errors = 1,  // of a tensor: its errors in each of its types
  divergence = 2,   // of a tensor: what it does to the model in one type
  blocks = 3,       // of a tensor: its codes, before its factors have learned
  round = 4,        // of learning, one after the other
};

class JobLog {
 public:
  struct Entry {
    std::vector<double> numbers;
    std::vector<std::byte> bytes;
  };

  // owner: everything that decides what will be found. Errors: JOB_LOCKED, OUTPUT_CREATE, IO_READ, IO_WRITE.
  static Result<JobLog> open(const std::filesystem::path& output, std::string_view owner);

  JobLog() = default;  // keeps nothing
  JobLog(JobLog&&) noexcept = default;
  JobLog& operator=(JobLog&&) noexcept = default;
  // A log without findings leaves no file.
  ~JobLog();

  // index: of the tensor in the model's canonical source, or of the round. Nothing where an earlier run did
  // not come so far. Errors: IO_READ.
  [[nodiscard]] Result<std::optional<Entry>> find(Finding of, std::size_t index) const;
  // The same, as many numbers as expected and no bytes.
  [[nodiscard]] Result<std::optional<std::vector<double>>> find_numbers(Finding of, std::size_t index,
                                                                        std::size_t count) const;
  // Errors: IO_WRITE.
  Result<void> put(Finding of, std::size_t index, std::span<const double> numbers,
                   std::span<const std::byte> bytes = {});
  // What a job with other options has left for an output that is complete now; not one that is at work.
  static void remove_abandoned(const std::filesystem::path& output);
  // The job is done, or will never be.
  void discard() { log_.discard(); }

 private:
  sys::RecordLog log_;
};

}  // namespace mote::quantize
