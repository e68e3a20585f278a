// What a long job has found out so far, in a file that outlives a kill: records by key, appended one after
// the other behind a line that says whose they are.
//
//   "mote log 1\n", u64 length and u64 XXH64 of the owner, the owner's bytes
//   records: u64 key, u64 bytes, u64 XXH64 of the payload, u64 XXH64 of the three before; the payload
//
// A payload is written before its header, so what a kill has cut is no record; a header that is damaged ends
// the log. There is no sync: after a power cut the checksums tell which payloads reached the disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "mote/result.h"
#include "sys/output_file.h"

namespace mote::sys {

class RecordLog {
 public:
  // Keeps the records of a file that is there where its owner is the same, byte for byte; begins anew where
  // it is another. Errors: OUTPUT_CREATE, IO_READ, IO_WRITE. Throws std::bad_alloc.
  static Result<RecordLog> open(const std::filesystem::path& path, std::string_view owner);
  // The same, and no other job may open it until this one is closed: JOB_LOCKED.
  static Result<RecordLog> open_locked(const std::filesystem::path& path, std::string_view owner);

  // A log that nobody else sees and that goes with the object, in a folder with room for it. Errors:
  // OUTPUT_CREATE.
  static Result<RecordLog> create_unnamed(const std::filesystem::path& folder);

  RecordLog() = default;

  [[nodiscard]] bool is_open() const { return !file_.path().empty(); }
  [[nodiscard]] const std::filesystem::path& path() const { return file_.path(); }
  // Whether the file was the owner's already.
  [[nodiscard]] bool continued() const { return continued_; }
  [[nodiscard]] bool is_empty() const { return records_.empty(); }
  // Keys in the order in which they were appended.
  [[nodiscard]] std::vector<std::uint64_t> keys() const;
  // The payload last appended for the key; nothing where there is none, or its bytes are damaged. IO_READ.
  [[nodiscard]] Result<std::optional<std::vector<std::byte>>> find(std::uint64_t key) const;
  // Errors: IO_WRITE.
  Result<void> append(std::uint64_t key, std::span<const std::byte> payload);
  // Removes the file, where it has a name: nothing to go on with.
  void discard();

 private:
  struct Header {
    std::uint64_t key;
    std::uint64_t bytes;
    std::uint64_t checksum;
    std::uint64_t check;

    [[nodiscard]] std::uint64_t expected_check() const;
  };
  static_assert(sizeof(Header) == 32);
  struct Record {
    Header header;
    std::uint64_t payload;  // where it begins
  };

  static Result<RecordLog> start(OutputFile file, std::string_view owner);
  Result<void> read_headers();

  OutputFile file_;
  bool named_ = true;
  bool continued_ = false;
  std::vector<Record> records_;
  std::uint64_t end_ = 0;
};

}  // namespace mote::sys
