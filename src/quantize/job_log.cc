#include "quantize/job_log.h"

#include <algorithm>
#include <cstring>
#include <system_error>
#include <utility>

namespace mote::quantize {
namespace {

std::uint64_t key_of(Finding of, std::size_t index) {
  return static_cast<std::uint64_t>(of) << 32 | static_cast<std::uint32_t>(index);
}

std::filesystem::path path_of(const std::filesystem::path& output) {
  std::filesystem::path out = output;
  out += ".part.work";
  return out;
}

}  // namespace

Result<JobLog> JobLog::open(const std::filesystem::path& output, std::string_view owner) {
  JobLog out;
  MOTE_ASSIGN(out.log_, sys::RecordLog::open_locked(path_of(output), owner));
  return out;
}

void JobLog::remove_abandoned(const std::filesystem::path& output) {
  std::error_code ignored;
  if (!std::filesystem::exists(path_of(output), ignored)) return;
  if (auto found = open(output, {})) found->discard();
}

JobLog::~JobLog() {
  if (log_.is_open() && log_.is_empty()) log_.discard();
}

Result<std::optional<JobLog::Entry>> JobLog::find(Finding of, std::size_t index) const {
  std::optional<Entry> none;
  if (!log_.is_open()) return none;
  MOTE_ASSIGN(const auto payload, log_.find(key_of(of, index)));
  std::uint64_t count = 0;
  if (!payload || payload->size() < sizeof count) return none;
  std::memcpy(&count, payload->data(), sizeof count);
  const std::span<const std::byte> rest = std::span(*payload).subspan(sizeof count);
  if (count > rest.size() / sizeof(double)) return none;
  Entry out;
  out.numbers.resize(count);
  std::ranges::copy(rest.first(count * sizeof(double)),
                    std::as_writable_bytes(std::span(out.numbers)).begin());
  const auto bytes = rest.subspan(count * sizeof(double));
  out.bytes.assign(bytes.begin(), bytes.end());
  return std::optional(std::move(out));
}

Result<std::optional<std::vector<double>>> JobLog::find_numbers(Finding of, std::size_t index,
                                                                std::size_t count) const {
  MOTE_ASSIGN(auto entry, find(of, index));
  if (!entry || entry->numbers.size() != count || !entry->bytes.empty()) {
    return std::optional<std::vector<double>>();
  }
  return std::optional(std::move(entry->numbers));
}

Result<void> JobLog::put(Finding of, std::size_t index, std::span<const double> numbers,
                         std::span<const std::byte> bytes) {
  if (!log_.is_open()) return {};
  const std::uint64_t count = numbers.size();
  std::vector<std::byte> payload;
  payload.reserve(sizeof count + numbers.size_bytes() + bytes.size());
  std::ranges::copy(std::as_bytes(std::span(&count, 1)), std::back_inserter(payload));
  std::ranges::copy(std::as_bytes(numbers), std::back_inserter(payload));
  std::ranges::copy(bytes, std::back_inserter(payload));
  return log_.append(key_of(of, index), payload);
}

}  // namespace mote::quantize
