#include "formats/safetensors_writer.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "base/checked.h"
#include "base/json.h"
#include "base/strings.h"

namespace mote::formats {
namespace {

constexpr ErrorCode kTensorBytes{"TENSOR_BYTES", ErrorKind::internal};
constexpr ErrorCode kIncomplete{"ST_INCOMPLETE", ErrorKind::internal};

// Length, JSON and spaces.
std::string header_of(std::span<const StoredTensor> tensors) {
  JsonObject members;
  Json format;
  format["format"] = "pt";
  members.emplace_back("__metadata__", std::move(format));
  std::uint64_t at = 0;
  for (const StoredTensor& tensor : tensors) {
    JsonArray shape;
    for (const std::uint64_t d : tensor.shape.dims()) shape.emplace_back(d);
    Json entry;
    entry["dtype"] = tensor.dtype;
    entry["shape"] = std::move(shape);
    entry["data_offsets"] = JsonArray{Json(at), Json(at + tensor.bytes)};
    at += tensor.bytes;
    members.emplace_back(tensor.name, std::move(entry));
  }
  std::string json = Json(std::move(members)).dump();
  json.resize((json.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = json.size();
  std::string out(sizeof length, '\0');
  std::memcpy(out.data(), &length, sizeof length);
  return out + json;
}

}  // namespace

std::optional<std::uint64_t> SafetensorsWriter::file_bytes(std::span<const StoredTensor> tensors) {
  Checked total;
  for (const StoredTensor& tensor : tensors) total = total + tensor.bytes;
  if (!total.valid()) return std::nullopt;
  return (total + header_of(tensors).size()).value();
}

Result<SafetensorsWriter> SafetensorsWriter::create(const std::filesystem::path& path,
                                                    std::vector<StoredTensor> tensors) {
  SafetensorsWriter out;
  const std::string header = header_of(tensors);
  std::uint64_t at = header.size();
  for (const StoredTensor& tensor : tensors) {
    out.offsets_.push_back(at);
    at += tensor.bytes;
  }
  out.tensors_ = std::move(tensors);
  out.done_.resize(out.tensors_.size());
  MOTE_ASSIGN(out.file_, sys::OutputFile::create_new(path));
  MOTE_TRY(out.file_.resize(at));
  MOTE_TRY(out.file_.write_at(0, header));
  return out;
}

Result<void> SafetensorsWriter::write(std::size_t index, std::span<const std::byte> bytes) {
  if (index >= tensors_.size() || bytes.size() != tensors_[index].bytes) {
    return Error{kTensorBytes,
                 "tensor " + std::to_string(index) + " has " + with_thousands(bytes.size()) +
                     " bytes, which is not what was planned",
                 "", file_.path().string(), std::nullopt};
  }
  MOTE_TRY(file_.write_at(offsets_[index], bytes));
  done_[index] = true;
  return {};
}

Result<void> SafetensorsWriter::finish() {
  if (const auto missing = std::ranges::find(done_, false); missing != done_.end()) {
    return Error{
        kIncomplete,
        "tensor " + tensors_[static_cast<std::size_t>(missing - done_.begin())].name + " was not written", "",
        file_.path().string(), std::nullopt};
  }
  return file_.sync();
}

}  // namespace mote::formats
