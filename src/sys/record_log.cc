#include "sys/record_log.h"

#include <algorithm>
#include <array>
#include <ranges>
#include <string>
#include <system_error>
#include <utility>

#include "base/hash64.h"

namespace mote::sys {
namespace {

constexpr std::string_view kMagic = "mote log 1\n";

std::string prologue_of(std::string_view owner) {
  const std::array<std::uint64_t, 2> fields{owner.size(), hash64(std::as_bytes(std::span(owner)))};
  std::string out(kMagic);
  for (const std::byte b : std::as_bytes(std::span(fields))) out += static_cast<char>(b);
  out += owner;
  return out;
}

}  // namespace

std::uint64_t RecordLog::Header::expected_check() const {
  const std::array<std::uint64_t, 3> fields{key, bytes, checksum};
  return hash64(std::as_bytes(std::span(fields)));
}

Result<RecordLog> RecordLog::open(const std::filesystem::path& path, std::string_view owner) {
  MOTE_ASSIGN(OutputFile file, OutputFile::open(path));
  return start(std::move(file), owner);
}

Result<RecordLog> RecordLog::open_locked(const std::filesystem::path& path, std::string_view owner) {
  MOTE_ASSIGN(OutputFile file, OutputFile::open_locked(path));
  return start(std::move(file), owner);
}

Result<RecordLog> RecordLog::create_unnamed(const std::filesystem::path& folder) {
  // A name that is taken is that of another such log which is being created.
  constexpr unsigned kMostNames = 100;
  for (unsigned n = 0;; ++n) {
    const std::filesystem::path path =
        (folder.empty() ? std::filesystem::path(".") : folder) / (".mote-spill-" + std::to_string(n));
    Result<OutputFile> file = OutputFile::create_new(path);
    if (!file) {
      std::error_code ignored;
      if (n < kMostNames && std::filesystem::exists(path, ignored)) continue;
      return std::move(file).error();
    }
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    MOTE_ASSIGN(RecordLog log, start(std::move(*file), {}));
    log.named_ = false;
    return log;
  }
}

Result<RecordLog> RecordLog::start(OutputFile file, std::string_view owner) {
  RecordLog log;
  log.file_ = std::move(file);
  const std::string prologue = prologue_of(owner);
  log.end_ = prologue.size();
  std::string found(prologue.size(), '\0');
  MOTE_ASSIGN(const std::size_t got,
              log.file_.read_at(0, std::as_writable_bytes(std::span(found.data(), found.size()))));
  log.continued_ = got == prologue.size() && found == prologue;
  if (log.continued_) {
    MOTE_TRY(log.read_headers());
    MOTE_TRY(log.file_.resize(log.end_));
  } else {
    MOTE_TRY(log.file_.resize(0));
    MOTE_TRY(log.file_.write_at(0, prologue));
  }
  return log;
}

Result<void> RecordLog::read_headers() {
  MOTE_ASSIGN(const std::uint64_t size, file_.size());
  while (size - end_ >= sizeof(Header)) {
    Header header;
    MOTE_TRY(file_.read_at(end_, std::as_writable_bytes(std::span(&header, 1))));
    const std::uint64_t payload = end_ + sizeof(Header);
    if (header.check != header.expected_check() || header.bytes > size - payload) break;
    records_.push_back({header, payload});
    end_ = payload + header.bytes;
  }
  return {};
}

std::vector<std::uint64_t> RecordLog::keys() const {
  std::vector<std::uint64_t> out;
  out.reserve(records_.size());
  for (const Record& record : records_) out.push_back(record.header.key);
  return out;
}

Result<std::optional<std::vector<std::byte>>> RecordLog::find(std::uint64_t key) const {
  const auto newest_first = records_ | std::views::reverse;
  const auto record =
      std::ranges::find(newest_first, key, [](const Record& candidate) { return candidate.header.key; });
  if (record == newest_first.end()) return std::optional<std::vector<std::byte>>();
  std::vector<std::byte> payload(record->header.bytes);
  MOTE_ASSIGN(const std::size_t got, file_.read_at(record->payload, payload));
  if (got != payload.size() || hash64(payload) != record->header.checksum) {
    return std::optional<std::vector<std::byte>>();
  }
  return std::optional(std::move(payload));
}

Result<void> RecordLog::append(std::uint64_t key, std::span<const std::byte> payload) {
  Header header{key, payload.size(), hash64(payload), 0};
  header.check = header.expected_check();
  const std::uint64_t start = end_ + sizeof(Header);
  MOTE_TRY(file_.write_at(start, payload));
  MOTE_TRY(file_.write_at(end_, std::as_bytes(std::span(&header, 1))));
  records_.push_back({header, start});
  end_ = start + payload.size();
  return {};
}

void RecordLog::discard() {
  if (!is_open()) return;
  std::error_code ignored;
  if (named_) std::filesystem::remove(file_.path(), ignored);
  file_ = OutputFile();
  records_.clear();
}

}  // namespace mote::sys
