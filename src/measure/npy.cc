#include "measure/npy.h"

#include <bit>
#include <string>

#include "base/checked.h"

namespace mote::measure {
namespace {

constexpr ErrorCode kRows{"NPY_ROWS", ErrorKind::internal};
static_assert(std::endian::native == std::endian::little, "rows are written as they lie in memory");

// Magic, version and a Python dictionary literal, padded with spaces so that the data starts at a multiple
// of 64.
std::string header(std::uint64_t rows, std::uint64_t cols) {
  std::string text = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " +
                     std::to_string(cols) + "), }";
  constexpr std::size_t kPrefix = 10;  // 6 bytes of magic, 2 of version, 2 of length
  constexpr std::size_t kAlign = 64;
  const std::size_t unpadded = kPrefix + text.size() + 1;
  text.append((kAlign - unpadded % kAlign) % kAlign, ' ');
  text += '\n';
  std::string out = "\x93NUMPY";
  out += '\x01';
  out += '\0';
  out += static_cast<char>(text.size() & 0xFFU);
  out += static_cast<char>(text.size() >> 8U);
  return out + text;
}

}  // namespace

Result<NpyWriter> NpyWriter::create(const std::filesystem::path& path, std::uint64_t rows,
                                    std::uint64_t cols) {
  const auto floats = (Checked(rows) * Checked(cols)).value();
  if (!floats)
    return Error{kRows, "an array of more than 2^64 elements was asked for", "", path.string(), std::nullopt};
  NpyWriter writer;
  MOTE_ASSIGN(writer.file_, sys::AtomicFile::create(path));
  MOTE_TRY(writer.file_.append(header(rows, cols)));
  writer.missing_ = *floats;
  return writer;
}

Result<void> NpyWriter::write(std::span<const float> rows) {
  if (rows.size() > missing_) {
    return Error{kRows, "more rows were written than announced", "", file_.temporary_path().string(),
                 std::nullopt};
  }
  missing_ -= rows.size();
  return file_.append(std::as_bytes(rows));
}

Result<void> NpyWriter::close() {
  if (missing_ != 0) {
    return Error{kRows, std::to_string(missing_) + " values were announced and not written", "",
                 file_.temporary_path().string(), std::nullopt};
  }
  return file_.commit();
}

}  // namespace mote::measure
