// NumPy's .npy, version 1.0, little endian float32, two dimensions, C order (numpy.lib.format). Rows are
// streamed; the file appears under its name when it is complete.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "mote/result.h"
#include "sys/atomic_file.h"

namespace mote::measure {

class NpyWriter {
 public:
  // Errors: OUTPUT_CREATE, IO_WRITE.
  static Result<NpyWriter> create(const std::filesystem::path& path, std::uint64_t rows, std::uint64_t cols);
  // Any whole number of rows, in order. IO_WRITE; NPY_ROWS where there are more than announced.
  Result<void> write(std::span<const float> rows);
  // NPY_ROWS where rows are missing; errors of AtomicFile::commit.
  Result<void> close();

 private:
  sys::AtomicFile file_;
  std::uint64_t missing_ = 0;  // floats
};

}  // namespace mote::measure
