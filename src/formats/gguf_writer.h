// Writes a GGUF v3 file, or the several files of one model, and survives a kill at any moment and resumes.
//
// Data goes to OUT.part in the target folder, for each OUT. FIRST.part.journal, for all files, lists what is
// complete: a log (sys/record_log.h) that belongs to the job's fingerprint, with a record for each tensor,
// its length and a 64-bit checksum, appended after the data was written. A rerun with the same fingerprint,
// metadata and tensor list re-reads the listed tensors, keeps those whose checksum is right and asks the
// caller for the others only: a killed job repeats at most the tensors that were being written. No sync per
// tensor: after a power cut the checksums find what did not reach the disk.
//
// What this rules out: OUT itself never holds a short file, and two jobs never write one output (JOB_LOCKED).
// Of several files the first gets its name last; a job killed while the others had theirs finds them again by
// the journal's checksums and keeps them.
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
#include "formats/gguf_split.h"
#include "mote/result.h"
#include "sys/output_file.h"
#include "sys/record_log.h"
#include "sys/thread_pool.h"

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
  // The files of one model (plan_split), one at least; a tensor's index counts through all of them.
  static Result<std::unique_ptr<GgufWriter>> create(std::span<const GgufPart> parts,
                                                    std::string_view fingerprint);

  // Tensors that an earlier, killed run has completed, or this one.
  [[nodiscard]] bool done(std::size_t index) const;
  [[nodiscard]] std::size_t done_count() const;
  [[nodiscard]] std::uint64_t file_bytes() const;  // of all files

  // The whole of one tensor, in any order. Thread safe for different indices. TENSOR_BYTES (internal) where
  // the length is not the planned one. With a pool, which takes one call at a time, its workers copy pieces
  // of the tensor to the file.
  Result<void> write(std::size_t index, std::span<const std::byte> bytes, sys::ThreadPool* pool = nullptr);

  // The bytes of a tensor that is done(); `out` is as long as planned. Thread safe. Errors: TENSOR_BYTES
  // (internal) where it is not done or `out` of another length; IO_READ.
  Result<void> read(std::size_t index, std::span<std::byte> out);

  // Syncs, renames OUT.part to OUT (the first last), syncs the folder, removes the journal. GGUF_INCOMPLETE
  // (internal) where a tensor is missing; IO_SYNC, after which nothing is resumed; IO_RENAME. Without
  // finish() the part file stays for a later run.
  Result<void> finish();
  // Removes part files and journal: nothing to resume.
  void discard();

 private:
  struct File {
    std::filesystem::path path;
    std::size_t first = 0;  // index of its first tensor
    GgufLayout layout;
    sys::OutputFile part;
    bool named = false;  // an earlier run gave it its final name: `part` is closed
  };

  GgufWriter() = default;
  Result<void> resume();
  Result<void> read_journal();
  Result<bool> is_whole(const File& file) const;
  Result<void> start_file(File& file);
  static Result<void> write_pieces(File& file, std::uint64_t offset, std::span<const std::byte> bytes,
                                   sys::ThreadPool* pool);
  Result<void> write_padding(File& file, std::size_t index);
  [[nodiscard]] File& file_of(std::size_t index);

  std::vector<File> files_;
  mutable std::mutex mutex_;  // guards what follows, once tensors are written
  sys::RecordLog journal_;
  std::vector<bool> done_;
};

}  // namespace mote::formats
