#include "formats/gguf_split.h"

#include <utility>

#include "base/strings.h"
#include "formats/gguf_layout.h"
#include "formats/gguf_rules.h"
#include "formats/gguf_shards.h"

namespace mote::formats {
namespace {

// How many tensors each file gets.
std::vector<std::size_t> cut(const GgufLayout& whole, const SplitLimits& split) {
  std::vector<std::size_t> counts(1, 0);
  std::uint64_t file_bytes = 0;
  for (std::size_t i = 0; i < whole.bytes.size(); ++i) {
    const std::uint64_t end = i + 1 < whole.offsets.size() ? whole.offsets[i + 1] : whole.file_bytes;
    const std::uint64_t padded = end - whole.offsets[i];
    const bool full = (split.bytes != 0 && file_bytes + padded > split.bytes) ||
                      (split.tensors != 0 && counts.back() == split.tensors);
    if (full && counts.back() != 0) {
      counts.push_back(0);
      file_bytes = 0;
    }
    ++counts.back();
    file_bytes += padded;
  }
  return counts;
}

// In llama-gguf-split's order, so that files are the same byte for byte.
void set_split(Metadata& metadata, std::size_t no, std::size_t count, std::size_t tensors) {
  metadata.set(std::string(kSplitNo), {ValueType::u16, std::uint64_t{no}, {}});
  metadata.set_i32(std::string(kSplitTensors), static_cast<std::int32_t>(tensors));
  metadata.set(std::string(kSplitCount), {ValueType::u16, std::uint64_t{count}, {}});
}

}  // namespace

Result<std::vector<GgufPart>> plan_split(const std::filesystem::path& path, Metadata metadata,
                                         std::span<const TensorInfo> tensors, const SplitLimits& split,
                                         const Limits& limits) {
  for (const std::string_view key : {kSplitNo, kSplitCount, kSplitTensors}) metadata.erase(key);
  std::vector<GgufPart> parts;
  if (!split.any()) {
    parts.push_back({path, std::move(metadata), tensors});
    return parts;
  }
  MOTE_ASSIGN(const GgufLayout whole, layout_gguf(metadata, tensors));
  const std::vector<std::size_t> counts = cut(whole, split);
  if (counts.size() > limits.shards || tensors.size() > limits.tensors) {
    return Error{kSplitFiles,
                 "cannot split " + with_thousands(tensors.size()) + " tensors into " +
                     with_thousands(counts.size()) + " files: at most " + with_thousands(limits.tensors) +
                     " tensors and " + with_thousands(limits.shards) + " files are read again",
                 "allow larger files", path.string(), std::nullopt};
  }
  std::filesystem::path prefix = path;
  if (prefix.extension() == ".gguf") prefix.replace_extension();
  // An alignment holds for the file that names it, so every file does.
  Metadata later;
  if (const MetaValue* alignment = metadata.find(kAlignmentKey)) {
    later.set(std::string(kAlignmentKey), *alignment);
  }
  std::size_t first = 0;
  for (const std::size_t count : counts) {
    parts.push_back({shard_path(prefix, parts.size(), counts.size()), later, tensors.subspan(first, count)});
    first += count;
  }
  parts.front().metadata = std::move(metadata);
  for (std::size_t no = 0; no < parts.size(); ++no) {
    set_split(parts[no].metadata, no, parts.size(), tensors.size());
  }
  return parts;
}

}  // namespace mote::formats
