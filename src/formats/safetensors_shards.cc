#include "formats/safetensors_shards.h"

#include <algorithm>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "base/json.h"
#include "base/strings.h"

namespace mote::formats {
namespace {

constexpr ErrorCode kStIndex{"ST_INDEX", ErrorKind::corrupt_data};

std::string in_quotes(std::string_view name) { return "\"" + escape_untrusted(name, 80) + "\""; }

Error index_error(const std::filesystem::path& path, std::string message, std::string hint = "") {
  return {kStIndex, std::move(message), std::move(hint), path.string(), std::nullopt};
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0:", 4)) == std::string_view::npos && is_valid_utf8(name);
}

// True where the file that `name` leads to lies in the folder itself, or in the blobs of the same Hugging
// Face cache entry: MODEL/snapshots/REVISION/NAME -> MODEL/blobs/HASH.
Result<bool> stays_inside(const std::filesystem::path& folder, const std::filesystem::path& file) {
  std::error_code status;
  const std::filesystem::path real_folder = std::filesystem::canonical(folder, status);
  if (status) return false;
  const std::filesystem::path real_file = std::filesystem::canonical(file, status);
  if (status) return true;  // missing: opening it says so
  if (real_file.parent_path() == real_folder) return true;
  const std::filesystem::path snapshots = real_folder.parent_path();
  return snapshots.filename() == "snapshots" && real_file.parent_path() == snapshots.parent_path() / "blobs";
}

}  // namespace

Result<std::unique_ptr<SafetensorsShards>> SafetensorsShards::open(const std::filesystem::path& index_path,
                                                                   const Limits& limits) try {
  MOTE_ASSIGN(const std::string text, sys::read_text_file(index_path, limits.json_bytes));
  auto parsed = parse_json(text, {limits.json_bytes, 16, limits.json_values});
  if (!parsed) {
    Error error = std::move(parsed).error();
    error.code = kStIndex;
    error.file = index_path.string();
    return error;
  }
  const Json* map = parsed->find("weight_map");
  const JsonObject* weights = map == nullptr ? nullptr : map->if_object();
  if (weights == nullptr || weights->empty()) {
    return index_error(index_path, "the index has no weight_map that lists tensors");
  }

  auto out = std::make_unique<SafetensorsShards>();
  std::filesystem::path folder = index_path.parent_path();
  if (folder.empty()) folder = ".";
  std::map<std::string_view, std::size_t> file_numbers;
  std::vector<std::string_view> names;
  std::map<std::string_view, std::size_t> file_of;  // tensor to file, as the index says
  for (const auto& [tensor, file] : *weights) {
    const std::string* name = file.if_string();
    if (name == nullptr || !is_plain_name(*name)) {
      return index_error(index_path,
                         "the file of tensor " + in_quotes(tensor) + " is " +
                             escape_untrusted(file.dump(), 80) +
                             ", expected the name of a file beside the index",
                         "the index is damaged or hostile");
    }
    const auto [place, inserted] = file_numbers.try_emplace(*name, names.size());
    if (inserted) names.push_back(*name);
    file_of.emplace(tensor, place->second);
  }
  if (names.size() > limits.shards) {
    return index_error(index_path, "the index names " + with_thousands(names.size()) +
                                       " files, the limit is " + with_thousands(limits.shards));
  }
  for (const std::string_view name : names) {
    const std::filesystem::path file_path = folder / name;
    MOTE_ASSIGN(const bool inside, stays_inside(folder, file_path));
    if (!inside) {
      return index_error(index_path,
                         "the file " + in_quotes(name) + " is a link that leaves the model's folder",
                         "put the file itself there");
    }
    auto file = SafetensorsFile::open(file_path, limits);
    if (!file) {
      if (file.error().code.name != "INPUT_MISSING") return std::move(file).error();
      return index_error(index_path, "the file " + in_quotes(name) + " of the index is missing",
                         "download it too");
    }
    out->files_.push_back(std::move(*file));
  }
  for (std::size_t f = 0; f < out->files_.size(); ++f) {
    const auto infos = out->files_[f]->tensors();
    for (std::size_t t = 0; t < infos.size(); ++t) {
      const auto expected = file_of.find(infos[t].name);
      if (expected == file_of.end() || expected->second != f) {
        return index_error(index_path,
                           "tensor " + in_quotes(infos[t].name) + " lies in " + in_quotes(names[f]) +
                               ", the index " +
                               (expected == file_of.end() ? std::string("does not list it")
                                                          : "says " + in_quotes(names[expected->second])),
                           "index and files are not of one model");
      }
      out->tensors_.push_back(infos[t]);
      out->places_.push_back({f, t});
    }
  }
  for (std::size_t i = 0; i < out->tensors_.size(); ++i) out->index_.emplace(out->tensors_[i].name, i);
  for (const auto& [tensor, file] : *weights) {
    if (!out->index_.contains(tensor)) {
      return index_error(
          index_path,
          "tensor " + in_quotes(tensor) + " of the index is not in " + in_quotes(*file.if_string()),
          "index and files are not of one model");
    }
  }
  return out;
} catch (const std::bad_alloc&) {
  return Error{kOutOfMemory, "no memory for the index", "", index_path.string(), std::nullopt};
}

std::uint64_t SafetensorsShards::file_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& file : files_) sum += file->file_bytes();
  return sum;
}

Result<QuantizedTensor> SafetensorsShards::read(std::size_t index) const {
  return files_[places_[index].file]->read(places_[index].tensor);
}

std::vector<const sys::MappedFile*> SafetensorsShards::files() const {
  std::vector<const sys::MappedFile*> all;
  for (const auto& file : files_) {
    for (const sys::MappedFile* mapped : file->files()) all.push_back(mapped);
  }
  return all;
}

Result<void> SafetensorsShards::check() const {
  for (const auto& file : files_) MOTE_TRY(file->check());
  return {};
}

std::optional<std::size_t> SafetensorsShards::find(std::string_view name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) return std::nullopt;
  return found->second;
}

}  // namespace mote::formats
