// Writes a GGUF v3 file that survives a kill at any moment and resumes.
//
// Data goes to OUT.part in the target folder. OUT.part.journal lists what is complete: a fingerprint of the
// job, then per tensor its index, length and a 64-bit checksum, appended after the data was written. A rerun
// with the same fingerprint, metadata and tensor list re-reads the listed tensors, keeps those whose checksum
// is right and asks the caller for the others only: a killed job repeats at most the tensors that were being
// written. No sync per tensor: after a power cut the checksums find what did not reach the disk.
//
// What this rules out: OUT itself never holds a short file, and two jobs never write one output (JOB_LOCKED).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "formats/gguf_layout.h"
#include "mote/result.h"
#include "sys/output_file.h"

namespace mote::formats {

class GgufWriter {
 public:
  // `fingerprint` names everything that decides the tensors' bytes: sources, options, version of the program.
  // A part file of another job is overwritten. Errors: those of layout_gguf; JOB_LOCKED, OUTPUT_CREATE,
  // OUTPUT_SPACE, IO_READ, IO_WRITE.
  static Result<std::unique_ptr<GgufWriter>> create(const std::filesystem::path& path,
                                                    const Metadata& metadata,
                                                    std::span<const TensorInfo> tensors,
                                                    std::string_view fingerprint);

  // Tensors that an earlier, killed run has completed, or this one.
  [[nodiscard]] bool done(std::size_t index) const;
  [[nodiscard]] std::size_t done_count() const;
  [[nodiscard]] std::uint64_t file_bytes() const { return layout_.file_bytes; }

  // The whole of one tensor, in any order. Thread safe for different indices. TENSOR_BYTES (internal) where
  // the length is not the planned one.
  Result<void> write(std::size_t index, std::span<const std::byte> bytes);

  // Syncs, renames OUT.part to OUT, syncs the folder, removes the journal. GGUF_INCOMPLETE (internal) where a
  // tensor is missing; IO_SYNC, after which nothing is resumed; IO_RENAME. Without finish() the part file
  // stays for a later run.
  Result<void> finish();
  // Removes part file and journal: nothing to resume.
  void discard();

 private:
  GgufWriter() = default;
  Result<void> resume(std::string_view prologue);
  Result<void> write_padding(std::size_t index);

  std::filesystem::path final_path_;
  GgufLayout layout_;
  sys::OutputFile part_;
  sys::OutputFile journal_;
  mutable std::mutex mutex_;  // guards what follows and the journal's end
  std::uint64_t journal_end_ = 0;
  std::vector<bool> done_;
};

}  // namespace mote::formats
