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

constexpr std::uint64_t kMaxFingerprintBytes = std::uint64_t{1} << 20;

// What the journal's record of a completed tensor holds; its key is the tensor's index.
struct Completed {
  std::uint64_t bytes;
  std::uint64_t checksum;
};

// Whose journal it is, in bytes that are compared as a whole.
std::string journal_owner(std::string_view fingerprint, std::span<const GgufLayout* const> layouts) {
  std::string text;
  for (const GgufLayout* layout : layouts) {
    text += "file " + std::to_string(layout->file_bytes) + " header " +
            std::to_string(hash64(layout->header)) + "\n";
  }
  text += "fingerprint ";
  text += fingerprint;
  return text;
}

std::filesystem::path with_suffix(const std::filesystem::path& path, std::string_view suffix) {
  std::filesystem::path out = path;
  out += suffix;
  return out;
}

Error no_memory(const std::filesystem::path& path) {
  return {kOutOfMemory, "no memory for the file's header", "", path.string(), std::nullopt};
}

// Zeros between a tensor and the next, or the end of the file.
std::uint64_t padding_after(const GgufLayout& layout, std::size_t index) {
  const std::uint64_t end = layout.offsets[index] + layout.bytes[index];
  return (index + 1 < layout.offsets.size() ? layout.offsets[index + 1] : layout.file_bytes) - end;
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
  const GgufPart whole{path, metadata, tensors};
  return create(std::span(&whole, 1), fingerprint);
} catch (const std::bad_alloc&) {
  return no_memory(path);
}

Result<std::unique_ptr<GgufWriter>> GgufWriter::create(std::span<const GgufPart> parts,
                                                       std::string_view fingerprint) try {
  if (parts.empty()) return Error{kInvalidArgument, "no file to write", "", "", std::nullopt};
  std::unique_ptr<GgufWriter> writer(new GgufWriter());
  std::vector<const GgufLayout*> layouts;
  std::size_t tensors = 0;
  writer->files_.reserve(parts.size());
  for (const GgufPart& part : parts) {
    std::error_code ignored;
    if (part.path.filename().empty() || std::filesystem::is_directory(part.path, ignored)) {
      return Error{kOutputCreate, "cannot create the file: the name is that of a folder", "add a file name",
                   part.path.string(), std::nullopt};
    }
    File& file = writer->files_.emplace_back();
    file.path = part.path;
    file.first = tensors;
    MOTE_ASSIGN(file.layout, layout_gguf(part.metadata, part.tensors));
    layouts.push_back(&file.layout);
    tensors += part.tensors.size();
  }
  const std::filesystem::path& first = writer->files_.front().path;
  writer->done_.assign(tensors, false);
  if (fingerprint.size() > kMaxFingerprintBytes) {
    return Error{kInvalidArgument, "the fingerprint of the job is longer than 1 MiB", "", first.string(),
                 std::nullopt};
  }
  // The first part's lock stands for the whole set.
  MOTE_ASSIGN(writer->files_.front().part, sys::OutputFile::open_locked(with_suffix(first, ".part")));
  MOTE_ASSIGN(writer->journal_,
              sys::RecordLog::open(with_suffix(first, ".part.journal"), journal_owner(fingerprint, layouts)));
  MOTE_TRY(writer->resume());
  return writer;
} catch (const std::bad_alloc&) {
  return no_memory(parts.front().path);
}

// What the journal does not vouch for is written again, whatever the part files hold.
Result<void> GgufWriter::resume() {
  const bool same_job = journal_.continued();
  for (std::size_t f = 1; f < files_.size(); ++f) {
    File& file = files_[f];
    const std::filesystem::path part = with_suffix(file.path, ".part");
    std::error_code ignored;
    if (same_job && !std::filesystem::exists(part, ignored) && std::filesystem::exists(file.path, ignored)) {
      // Perhaps renamed by the run before. What is not its own is found out by its bytes below.
      if (auto renamed = sys::OutputFile::open(file.path)) {
        file.part = std::move(*renamed);
        file.named = true;
        continue;
      }
    }
    MOTE_ASSIGN(file.part, sys::OutputFile::open(part));
  }
  if (same_job) {
    MOTE_TRY(read_journal());
  } else {
    for (File& file : files_) MOTE_TRY(file.part.resize(0));
  }
  for (File& file : files_) {
    if (!file.named) continue;
    MOTE_ASSIGN(file.named, is_whole(file));
    file.part = sys::OutputFile();
    if (file.named) continue;
    std::fill_n(done_.begin() + static_cast<std::ptrdiff_t>(file.first), file.layout.bytes.size(), false);
    MOTE_ASSIGN(file.part, sys::OutputFile::open(with_suffix(file.path, ".part")));
  }
  std::uint64_t missing = 0;
  for (const File& file : files_) {
    if (file.named) continue;
    MOTE_ASSIGN(const std::uint64_t present, file.part.size());
    if (present < file.layout.file_bytes) missing += file.layout.file_bytes - present;
  }
  if (missing != 0) MOTE_TRY(sys::check_free_space(files_.front().path.parent_path(), missing));
  for (File& file : files_) {
    if (!file.named) MOTE_TRY(start_file(file));
  }
  return {};
}

Result<void> GgufWriter::read_journal() {
  std::vector<std::byte> buffer;
  for (const std::uint64_t index : journal_.keys()) {
    MOTE_ASSIGN(const auto record, journal_.find(index));
    if (index >= done_.size() || !record || record->size() != sizeof(Completed)) continue;
    Completed completed;
    std::memcpy(&completed, record->data(), sizeof completed);
    File& file = file_of(index);
    const std::size_t local = index - file.first;
    if (completed.bytes != file.layout.bytes[local]) continue;
    MOTE_ASSIGN(const auto found,
                checksum_of(file.part, file.layout.offsets[local], completed.bytes, buffer));
    done_[index] = found == completed.checksum;
    if (!file.named) MOTE_TRY(write_padding(file, local));
  }
  return {};
}

// Whether a file under its final name is the one that this job makes: its tensors by the journal, and what
// lies between them.
Result<bool> GgufWriter::is_whole(const File& file) const {
  MOTE_ASSIGN(const std::uint64_t present, file.part.size());
  if (present != file.layout.file_bytes) return false;
  std::string found(file.layout.header.size(), '\0');
  MOTE_TRY(file.part.read_at(0, std::as_writable_bytes(std::span(found.data(), found.size()))));
  if (found != file.layout.header) return false;
  for (std::size_t i = 0; i < file.layout.bytes.size(); ++i) {
    if (!done_[file.first + i]) return false;
    found.assign(padding_after(file.layout, i), 'x');
    const std::uint64_t end = file.layout.offsets[i] + file.layout.bytes[i];
    MOTE_TRY(file.part.read_at(end, std::as_writable_bytes(std::span(found.data(), found.size()))));
    if (found.find_first_not_of('\0') != std::string::npos) return false;
  }
  return true;
}

Result<void> GgufWriter::start_file(File& file) {
  MOTE_TRY(file.part.resize(file.layout.file_bytes));
  return file.part.write_at(0, file.layout.header);
}

// Padding is written although the file was extended by zeros: after a power cut nothing else vouches for it.
// `index` counts within the file.
Result<void> GgufWriter::write_padding(File& file, std::size_t index) {
  const std::uint64_t count = padding_after(file.layout, index);
  if (count == 0) return {};
  return file.part.write_at(file.layout.offsets[index] + file.layout.bytes[index], std::string(count, '\0'));
}

GgufWriter::File& GgufWriter::file_of(std::size_t index) {
  const auto after = std::upper_bound(files_.begin(), files_.end(), index,
                                      [](std::size_t i, const File& file) { return i < file.first; });
  return *(after - 1);
}

std::uint64_t GgufWriter::file_bytes() const {
  std::uint64_t sum = 0;
  for (const File& file : files_) sum += file.layout.file_bytes;
  return sum;
}

bool GgufWriter::done(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  return done_[index];
}

std::size_t GgufWriter::done_count() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count(done_.begin(), done_.end(), true));
}

Result<void> GgufWriter::write_pieces(File& file, std::uint64_t offset, std::span<const std::byte> bytes,
                                      sys::ThreadPool* pool) {
  constexpr std::size_t kPiece = std::size_t{4} << 20;
  if (pool == nullptr || bytes.size() <= kPiece) return file.part.write_at(offset, bytes);
  std::mutex mutex;
  Result<void> failure;  // of the first piece that failed
  std::size_t failed = bytes.size();
  pool->parallel_for(bytes.size(), kPiece, [&](std::size_t begin, std::size_t end) {
    Result<void> written = file.part.write_at(offset + begin, bytes.subspan(begin, end - begin));
    if (written) return;
    const std::lock_guard lock(mutex);
    if (begin >= failed) return;
    failed = begin;
    failure = std::move(written);
  });
  return failure;
}

Result<void> GgufWriter::write(std::size_t index, std::span<const std::byte> bytes, sys::ThreadPool* pool) {
  File& file = file_of(index);
  const std::size_t local = index - file.first;
  const std::uint64_t planned = local < file.layout.bytes.size() ? file.layout.bytes[local] : 0;
  if (index >= done_.size() || bytes.size() != planned) {
    return Error{kTensorBytes,
                 "tensor " + std::to_string(index) + " was to have " + with_thousands(planned) +
                     " bytes and has " + with_thousands(bytes.size()),
                 "", file.path.string(), std::nullopt};
  }
  if (file.named) return {};  // complete, and these are its bytes
  MOTE_TRY(write_pieces(file, file.layout.offsets[local], bytes, pool));
  MOTE_TRY(write_padding(file, local));
  const Completed completed{bytes.size(), hash64(bytes)};
  const std::lock_guard lock(mutex_);
  MOTE_TRY(journal_.append(index, std::as_bytes(std::span(&completed, 1))));
  done_[index] = true;
  return {};
}

Result<void> GgufWriter::read(std::size_t index, std::span<std::byte> out) {
  const bool known = index < done_.size() && done(index);
  const File& file = file_of(index);
  const std::uint64_t offset = known ? file.layout.offsets[index - file.first] : 0;
  if (!known || out.size() != file.layout.bytes[index - file.first]) {
    return Error{
        kTensorBytes,
        "tensor " + std::to_string(index) + " has no " + with_thousands(out.size()) + " bytes to read back",
        "", file.path.string(), std::nullopt};
  }
  std::size_t got = 0;
  if (file.named) {
    MOTE_ASSIGN(const sys::OutputFile whole, sys::OutputFile::open(file.path));
    MOTE_ASSIGN(got, whole.read_at(offset, out));
  } else {
    MOTE_ASSIGN(got, file.part.read_at(offset, out));
  }
  if (got == out.size()) return {};
  return Error{kTensorBytes, "the file ends within tensor " + std::to_string(index), "", file.path.string(),
               std::nullopt};
}

Result<void> GgufWriter::finish() {
  const std::size_t complete = done_count();
  if (complete != done_.size()) {
    return Error{kGgufIncomplete,
                 std::to_string(complete) + " of " + std::to_string(done_.size()) + " tensors are written",
                 "", files_.front().path.string(), std::nullopt};
  }
  std::vector<sys::Unpublished> set;
  for (File& file : files_) {
    if (!file.named) set.push_back({&file.part, file.path});
  }
  if (auto published = sys::publish(set); !published) {
    // After a failed sync the kernel may count lost pages as clean: reading them back would find the right
    // bytes in memory and vouch for what is not on the device. So nothing of it is resumed.
    if (published.error().code.name == "IO_SYNC") discard();
    return std::move(published).error();
  }
  // After the rename the journal means nothing; where removing it fails, the next job's checksums see through
  // it.
  journal_.discard();
  for (File& file : files_) file.part.close();
  return {};
}

void GgufWriter::discard() {
  std::error_code ignored;
  journal_.discard();
  for (File& file : files_) {
    if (!file.named) std::filesystem::remove(file.part.path(), ignored);
    file.part.close();
  }
}

}  // namespace mote::formats
