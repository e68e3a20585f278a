#include "formats/gguf_writer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "base/hash64.h"
#include "base/strings.h"
#include "formats/gguf_rules.h"
#include "sys/atomic_file.h"

namespace mote::formats {
namespace {

constexpr ErrorCode kTensorBytes{"TENSOR_BYTES", ErrorKind::internal};
constexpr ErrorCode kGgufIncomplete{"GGUF_INCOMPLETE", ErrorKind::internal};
constexpr ErrorCode kInvalidArgument{"INVALID_ARGUMENT", ErrorKind::invalid_argument};
constexpr ErrorCode kOutputCreate{"OUTPUT_CREATE", ErrorKind::failed};

constexpr std::uint64_t kMaxPrologueBytes = std::uint64_t{1} << 20;

// One completed tensor. `check` covers the other three fields, so that a record cut by a crash does not
// count.
struct Record {
  std::uint64_t index;
  std::uint64_t bytes;
  std::uint64_t checksum;
  std::uint64_t check;

  [[nodiscard]] std::uint64_t expected_check() const {
    const std::array<std::uint64_t, 3> fields = {index, bytes, checksum};
    return hash64(std::as_bytes(std::span(fields)));
  }
};
static_assert(sizeof(Record) == 32);

// What the journal starts with: whose job it is, in bytes that are compared as a whole.
std::string make_prologue(std::string_view fingerprint, const GgufLayout& layout) {
  std::string text = "mote journal 1\n";
  text +=
      "file " + std::to_string(layout.file_bytes) + " header " + std::to_string(hash64(layout.header)) + "\n";
  text += "fingerprint " + std::to_string(fingerprint.size()) + "\n";
  text += fingerprint;
  text += "\n";
  return text;
}

std::filesystem::path with_suffix(const std::filesystem::path& path, std::string_view suffix) {
  std::filesystem::path out = path;
  out += suffix;
  return out;
}

// Checksum of a range of the file; nothing where the file ends before it does.
Result<std::optional<std::uint64_t>> checksum_of(const sys::OutputFile& file, std::uint64_t offset,
                                                 std::uint64_t length, std::vector<std::byte>& buffer) {
  buffer.resize(length);
  MOTE_ASSIGN(const std::size_t got, file.read_at(offset, buffer));
  if (got != length) return std::optional<std::uint64_t>();
  return std::optional<std::uint64_t>(hash64(buffer));
}

}  // namespace

Result<std::unique_ptr<GgufWriter>> GgufWriter::create(const std::filesystem::path& path,
                                                       const Metadata& metadata,
                                                       std::span<const TensorInfo> tensors,
                                                       std::string_view fingerprint) try {
  std::error_code ignored;
  if (path.filename().empty() || std::filesystem::is_directory(path, ignored)) {
    return Error{kOutputCreate, "cannot create the file: the name is that of a folder", "add a file name",
                 path.string(), std::nullopt};
  }
  std::unique_ptr<GgufWriter> writer(new GgufWriter());
  writer->final_path_ = path;
  MOTE_ASSIGN(writer->layout_, layout_gguf(metadata, tensors));
  writer->done_.assign(tensors.size(), false);
  const std::string prologue = make_prologue(fingerprint, writer->layout_);
  if (prologue.size() > kMaxPrologueBytes) {
    return Error{kInvalidArgument, "the fingerprint of the job is longer than 1 MiB", "", path.string(),
                 std::nullopt};
  }
  MOTE_ASSIGN(writer->part_, sys::OutputFile::open_locked(with_suffix(path, ".part")));
  MOTE_ASSIGN(writer->journal_, sys::OutputFile::open(with_suffix(path, ".part.journal")));
  MOTE_TRY(writer->resume(prologue));
  return writer;
} catch (const std::bad_alloc&) {
  return Error{kOutOfMemory, "no memory for the file's header", "", path.string(), std::nullopt};
}

Result<void> GgufWriter::resume(std::string_view prologue) {
  // The journal first: what it does not vouch for is written again, whatever the part file holds.
  MOTE_ASSIGN(const std::uint64_t journal_bytes, journal_.size());
  std::string start(std::min<std::uint64_t>(prologue.size(), journal_bytes), '\0');
  MOTE_TRY(journal_.read_at(0, std::as_writable_bytes(std::span(start.data(), start.size()))));
  const bool same_job = start == prologue;
  journal_end_ = prologue.size();
  if (same_job) {
    std::vector<std::byte> buffer;
    for (; journal_bytes - journal_end_ >= sizeof(Record); journal_end_ += sizeof(Record)) {
      Record record;
      MOTE_ASSIGN(const std::size_t got,
                  journal_.read_at(journal_end_, std::as_writable_bytes(std::span(&record, 1))));
      if (got != sizeof record || record.check != record.expected_check())
        break;  // cut or damaged: the rest is void
      if (record.index >= done_.size() || record.bytes != layout_.bytes[record.index]) break;
      MOTE_ASSIGN(const auto found,
                  checksum_of(part_, layout_.offsets[record.index], layout_.bytes[record.index], buffer));
      done_[record.index] = found == record.checksum;
      MOTE_TRY(write_padding(record.index));
    }
  } else {
    MOTE_TRY(journal_.resize(0));
    MOTE_TRY(part_.resize(0));
    MOTE_TRY(journal_.write_at(0, prologue));
  }
  MOTE_TRY(journal_.resize(journal_end_));
  MOTE_ASSIGN(const std::uint64_t present, part_.size());
  if (present < layout_.file_bytes) {
    MOTE_TRY(sys::check_free_space(final_path_.parent_path(), layout_.file_bytes - present));
  }
  MOTE_TRY(part_.resize(layout_.file_bytes));
  return part_.write_at(0, layout_.header);
}

// Padding is written although the file was extended by zeros: after a power cut nothing else vouches for it.
Result<void> GgufWriter::write_padding(std::size_t index) {
  const std::uint64_t end = layout_.offsets[index] + layout_.bytes[index];
  const std::uint64_t next =
      index + 1 < layout_.offsets.size() ? layout_.offsets[index + 1] : layout_.file_bytes;
  if (next == end) return {};
  return part_.write_at(end, std::string(next - end, '\0'));
}

bool GgufWriter::done(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  return done_[index];
}

std::size_t GgufWriter::done_count() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count(done_.begin(), done_.end(), true));
}

Result<void> GgufWriter::write(std::size_t index, std::span<const std::byte> bytes) {
  if (index >= layout_.bytes.size() || bytes.size() != layout_.bytes[index]) {
    return Error{kTensorBytes,
                 "tensor " + std::to_string(index) + " was to have " +
                     with_thousands(index < layout_.bytes.size() ? layout_.bytes[index] : 0) +
                     " bytes and has " + with_thousands(bytes.size()),
                 "", final_path_.string(), std::nullopt};
  }
  MOTE_TRY(part_.write_at(layout_.offsets[index], bytes));
  MOTE_TRY(write_padding(index));
  Record record{index, bytes.size(), hash64(bytes), 0};
  record.check = record.expected_check();
  const std::lock_guard lock(mutex_);
  MOTE_TRY(journal_.write_at(journal_end_, std::as_bytes(std::span(&record, 1))));
  journal_end_ += sizeof record;
  done_[index] = true;
  return {};
}

Result<void> GgufWriter::finish() {
  const std::size_t complete = done_count();
  if (complete != layout_.bytes.size()) {
    return Error{
        kGgufIncomplete,
        std::to_string(complete) + " of " + std::to_string(layout_.bytes.size()) + " tensors are written", "",
        final_path_.string(), std::nullopt};
  }
  if (auto published = sys::publish(part_, final_path_); !published) {
    // After a failed sync the kernel may count lost pages as clean: reading them back would find the right
    // bytes in memory and vouch for what is not on the device. So nothing of it is resumed.
    if (published.error().code.name == "IO_SYNC") discard();
    return std::move(published).error();
  }
  // After the rename the journal means nothing; where removing it fails, the next job's checksums see through
  // it.
  std::error_code ignored;
  std::filesystem::remove(journal_.path(), ignored);
  journal_.close();
  part_.close();
  return {};
}

void GgufWriter::discard() {
  std::error_code ignored;
  std::filesystem::remove(journal_.path(), ignored);
  std::filesystem::remove(part_.path(), ignored);
  journal_.close();
  part_.close();
}

}  // namespace mote::formats
