#include "formats/gguf_shards.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.h"
#include "formats/gguf_rules.h"

namespace mote::formats {
namespace {

std::string in_quotes(std::string_view name) { return "\"" + escape_untrusted(name, 80) + "\""; }

Error split_error(const std::filesystem::path& path, std::string message, std::string hint) {
  return {kGgufSplit, std::move(message), std::move(hint), path.string(), std::nullopt};
}

// Five digits at least, as printf's %05u.
std::string padded(std::uint64_t number) {
  std::string digits = std::to_string(number);
  return std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
}

struct SplitKeys {
  std::uint64_t no = 0;
  std::uint64_t count = 0;
  std::uint64_t tensors = 0;
};

Result<SplitKeys> read_keys(const GgufFile& file, const std::filesystem::path& path) {
  SplitKeys out;
  for (const auto& [key, value] : {std::pair{kSplitNo, &out.no}, std::pair{kSplitCount, &out.count},
                                   std::pair{kSplitTensors, &out.tensors}}) {
    auto number = file.metadata().get_uint(key);
    if (!number) {
      return split_error(path, "one shard of several, but " + number.error().message,
                         "the file is damaged, or no shard of this model");
    }
    *value = *number;
  }
  return out;
}

}  // namespace

std::filesystem::path shard_path(const std::filesystem::path& prefix, std::uint64_t no, std::uint64_t count) {
  std::filesystem::path out = prefix;
  out += "-" + padded(no + 1) + "-of-" + padded(count) + ".gguf";
  return out;
}

bool is_shard(const Metadata& metadata) {
  const MetaValue* value = metadata.find(kSplitCount);
  if (value == nullptr) return false;
  const auto count = metadata.get_uint(kSplitCount);
  return !count || *count > 1;  // a count of the wrong type is for read_keys to report
}

Result<std::unique_ptr<GgufShards>> GgufShards::open(std::unique_ptr<GgufFile> first,
                                                     const std::filesystem::path& path,
                                                     const Limits& limits) {
  MOTE_ASSIGN(const SplitKeys keys, read_keys(*first, path));
  if (keys.count > limits.shards) {
    return split_error(path,
                       "the file is one of " + with_thousands(keys.count) + " shards, the limit is " +
                           with_thousands(limits.shards),
                       "the file is damaged or hostile");
  }
  if (keys.tensors > limits.tensors) {
    return split_error(path,
                       "the shards have " + with_thousands(keys.tensors) + " tensors, the limit is " +
                           with_thousands(limits.tensors),
                       "the file is damaged or hostile");
  }
  const std::string name = path.filename().string();
  const std::string ending = shard_path("", keys.no, keys.count).string();
  if (keys.no >= keys.count || !name.ends_with(ending)) {
    return split_error(path,
                       "the file is shard " + with_thousands(keys.no) + " (from 0) of " +
                           with_thousands(keys.count) +
                           " by its metadata; its name should end in \"-NUMBER-of-COUNT.gguf\"",
                       "give all shards the names that they were downloaded under");
  }
  const std::filesystem::path prefix = path.parent_path() / name.substr(0, name.size() - ending.size());
  if (keys.no != 0) {
    return split_error(path,
                       "the file is shard " + std::to_string(keys.no + 1) + " of " +
                           std::to_string(keys.count) + "; the first one has the model's metadata",
                       "open " + shard_path(prefix, 0, keys.count).filename().string());
  }
  auto out = std::make_unique<GgufShards>();
  out->files_.push_back(std::move(first));
  out->paths_.push_back(path);
  for (std::uint64_t no = 1; no < keys.count; ++no) {
    const std::filesystem::path next = shard_path(prefix, no, keys.count);
    auto file = GgufFile::open(next, limits);
    if (!file) {
      if (file.error().code.name != "INPUT_MISSING") return std::move(file).error();
      return split_error(
          next, "shard " + std::to_string(no + 1) + " of " + std::to_string(keys.count) + " is missing",
          "download it into the folder of the first one");
    }
    MOTE_ASSIGN(const SplitKeys found, read_keys(**file, next));
    if (found.no != no || found.count != keys.count || found.tensors != keys.tensors) {
      return split_error(next,
                         "expected shard " + std::to_string(no) + " (from 0) of " +
                             std::to_string(keys.count) + " with " + with_thousands(keys.tensors) +
                             " tensors in all, found shard " + with_thousands(found.no) + " of " +
                             with_thousands(found.count) + " with " + with_thousands(found.tensors),
                         "the file was renamed, or belongs to another model");
    }
    out->files_.push_back(std::move(*file));
    out->paths_.push_back(next);
  }
  MOTE_TRY(out->join());
  if (out->tensors_.size() != keys.tensors) {
    return split_error(path,
                       "the shards have " + with_thousands(out->tensors_.size()) +
                           " tensors, split.tensors.count is " + with_thousands(keys.tensors),
                       "one of the files belongs to another model");
  }
  return out;
}

Result<void> GgufShards::join() {
  metadata_ = files_[0]->take_metadata();
  for (std::size_t f = 0; f < files_.size(); ++f) {
    // Later shards need no metadata of the model; what they repeat must be the same.
    for (const Metadata::Entry& entry : files_[f]->metadata().entries()) {
      if (entry.key == kSplitNo || entry.key == kAlignmentKey) continue;
      const MetaValue* first = metadata_.find(entry.key);
      if (first == nullptr || !(*first == entry.value)) {
        return split_error(
            paths_[f],
            "the metadata's " + in_quotes(entry.key) +
                (first == nullptr ? " is not in the first shard" : " differs from the first shard's"),
            "the file belongs to another model");
      }
    }
    const auto infos = files_[f]->tensors();
    for (std::size_t t = 0; t < infos.size(); ++t) {
      tensors_.push_back(infos[t]);
      places_.push_back({f, t});
    }
  }
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const auto [place, inserted] = index_.try_emplace(tensors_[i].name, i);
    if (inserted) continue;
    return split_error(paths_[places_[i].file],
                       "tensor " + in_quotes(tensors_[i].name) + " is also in " +
                           in_quotes(paths_[places_[place->second].file].filename().string()),
                       "one of the files belongs to another model");
  }
  for (const std::string_view key : {kSplitNo, kSplitCount, kSplitTensors}) metadata_.erase(key);
  return {};
}

std::uint64_t GgufShards::file_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& file : files_) sum += file->file_bytes();
  return sum;
}

Result<QuantizedTensor> GgufShards::read(std::size_t index) const {
  return files_[places_[index].file]->read(places_[index].tensor);
}

std::vector<const sys::MappedFile*> GgufShards::files() const {
  std::vector<const sys::MappedFile*> all;
  for (const auto& file : files_) {
    for (const sys::MappedFile* mapped : file->files()) all.push_back(mapped);
  }
  return all;
}

Result<void> GgufShards::check() const {
  for (const auto& file : files_) MOTE_TRY(file->check());
  return {};
}

std::optional<std::size_t> GgufShards::find(std::string_view name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) return std::nullopt;
  return found->second;
}

}  // namespace mote::formats
