#include "formats/gguf_reader.h"

#include <array>
#include <bit>
#include <new>
#include <utility>
#include <vector>

#include "base/checked.h"
#include "base/strings.h"
#include "codec/codec.h"
#include "formats/file_kind.h"
#include "formats/gguf_rules.h"
#include "formats/gguf_values.h"

namespace mote::formats {
namespace {

// The least that an entry takes: a key of one byte, a type and a value of one byte; a name of one byte, the
// number of dimensions, a type and an offset.
constexpr std::uint64_t kSmallestEntry = 8 + 1 + 4 + 1;
constexpr std::uint64_t kSmallestTensorInfo = 8 + 1 + 4 + 4 + 8;

// Of an entry once decoded, beyond the value's own memory: the entry, its place in the index and the key
// twice.
constexpr std::uint64_t kEntryOverhead = sizeof(Metadata::Entry) + 64;

std::string in_quotes(std::string_view name) { return "\"" + escape_untrusted(name, 80) + "\""; }

std::string known_types() {
  std::vector<std::string> names;
  for (const codec::Codec& codec : codec::all_codecs()) {
    if (codec.has_gguf_type()) names.emplace_back(codec.name);
  }
  return join(names, " ");
}

}  // namespace

// Fills a GgufFile from its mapped bytes; used once.
class GgufParser {
 public:
  GgufParser(GgufFile& file, const Limits& limits)
      : out_(file), limits_(limits), cursor_(file.file_.bytes(), limits) {}

  Result<void> parse() {
    MOTE_TRY(magic_and_version());
    MOTE_TRY(counts());
    MOTE_TRY(entries());
    MOTE_TRY(alignment());
    MOTE_TRY(tensor_infos());
    return place_tensors();
  }

 private:
  Result<void> magic_and_version() {
    const std::span<const std::byte> bytes = out_.file_.bytes();
    const FileKind kind = sniff(bytes);
    if (is_pickle(kind)) return pickle_error(out_.file_.path(), kind);
    if (kind == FileKind::gguf_big_endian) {
      return Error{kGgufEndian, "the file is of a big-endian machine",
                   "convert it on the machine that wrote it", "", std::uint64_t{0}};
    }
    if (kind != FileKind::gguf && bytes.size() >= 4) {
      return Error{kGgufMagic,
                   "expected a GGUF file, which starts with \"GGUF\", found " + std::string(describe(kind)),
                   "", "", std::uint64_t{0}};
    }
    if (bytes.size() < kGgufHeaderBytes) {
      return Error{kGgufTruncated,
                   "the header needs " + std::to_string(kGgufHeaderBytes) + " bytes, the file has " +
                       std::to_string(bytes.size()),
                   "the file is incomplete, download or copy it again", "", bytes.size()};
    }
    static_cast<void>(cursor_.number<std::uint32_t>("the magic"));
    MOTE_ASSIGN(out_.version_, cursor_.number<std::uint32_t>("the version"));
    if (out_.version_ == 2 || out_.version_ == 3) return {};
    const std::uint32_t v = out_.version_;
    const std::uint32_t swapped = v << 24U | (v & 0xFF00U) << 8U | (v >> 8U & 0xFF00U) | v >> 24U;
    if (swapped >= 1 && swapped <= 3) {
      return Error{kGgufEndian,
                   "the file is of a big-endian machine (version " + std::to_string(swapped) +
                       " with its bytes reversed)",
                   "convert it on the machine that wrote it", "", std::uint64_t{4}};
    }
    return Error{kGgufVersion, "the GGUF version is " + std::to_string(v) + ", readable are 2 and 3",
                 v == 1 ? "convert the model again with a newer tool"
                        : "the file is damaged, or newer than this program",
                 "", std::uint64_t{4}};
  }

  Result<void> counts() {
    MOTE_ASSIGN(tensor_count_, cursor_.number<std::uint64_t>("the tensor count"));
    MOTE_ASSIGN(entry_count_, cursor_.number<std::uint64_t>("the metadata count"));
    const std::uint64_t rest = cursor_.remaining();
    const auto too_many = [rest](std::uint64_t count, std::string_view what, std::uint64_t at) {
      return Error{kGgufCount,
                   "the header announces " + with_thousands(count) + " " + std::string(what) +
                       ", more than the " + with_thousands(rest) + " bytes after it can hold",
                   "the file is incomplete or damaged", "", at};
    };
    if (entry_count_ > rest / kSmallestEntry) return too_many(entry_count_, "metadata entries", 16);
    if (tensor_count_ > (rest - entry_count_ * kSmallestEntry) / kSmallestTensorInfo) {
      return too_many(tensor_count_, "tensors", 8);
    }
    if (tensor_count_ > limits_.tensors) {
      return Error{kGgufLimit,
                   "the file has " + with_thousands(tensor_count_) + " tensors, the limit is " +
                       with_thousands(limits_.tensors),
                   "", "", std::uint64_t{8}};
    }
    return {};
  }

  Result<void> entries() {
    std::vector<std::uint64_t> positions;  // of the keys, for the error of a second one
    for (std::uint64_t i = 0; i < entry_count_; ++i) {
      const std::uint64_t start = cursor_.position();
      MOTE_ASSIGN(const std::string_view key, cursor_.string(limits_.key_bytes, kGgufKey, "a metadata key"));
      if (const auto fault = key_fault(key)) {
        return Error{kGgufKey, "the metadata key " + in_quotes(key) + " " + std::string(*fault), "", "",
                     start};
      }
      if (const MetaValue* first = out_.metadata_.find(key)) {
        const auto entries = out_.metadata_.entries();
        std::size_t at = 0;
        while (&entries[at].value != first) ++at;
        return Error{kGgufDupKey,
                     "the metadata key " + in_quotes(key) + " stands twice, first at byte " +
                         with_thousands(positions[at]),
                     "", "", start};
      }
      MOTE_TRY(cursor_.charge(kEntryOverhead + 2 * key.size()));
      auto value = cursor_.value();
      if (!value) {
        Error error = std::move(value).error();
        error.message += " (key " + in_quotes(key) + ")";
        return error;
      }
      positions.push_back(start);
      out_.metadata_.set(std::string(key), std::move(*value));
    }
    return {};
  }

  Result<void> alignment() {
    const MetaValue* value = out_.metadata_.find(kAlignmentKey);
    if (value == nullptr) return {};
    const auto* number = std::get_if<std::uint64_t>(&value->value);
    if (value->type != ValueType::u32 || number == nullptr) {
      return Error{
          kGgufAlignment,
          "general.alignment must be a u32 and is a value of type " + std::string(to_string(value->type)), "",
          "", std::nullopt};
    }
    if (!std::has_single_bit(*number) || *number > limits_.alignment) {
      return Error{kGgufAlignment,
                   "general.alignment is " + with_thousands(*number) + ", expected a power of two up to " +
                       with_thousands(limits_.alignment),
                   "", "", std::nullopt};
    }
    out_.alignment_ = *number;
    return {};
  }

  Result<void> tensor_infos() {
    out_.tensors_.reserve(tensor_count_);
    out_.offsets_.reserve(tensor_count_);
    for (std::uint64_t i = 0; i < tensor_count_; ++i) MOTE_TRY(tensor_info());
    if (const auto second = out_.build_index()) {
      return Error{kGgufTensorName, "two tensors have the name " + in_quotes(out_.tensors_[*second].name), "",
                   "", positions_[*second]};
    }
    return {};
  }

  Result<void> tensor_info() {
    const std::uint64_t start = cursor_.position();
    MOTE_ASSIGN(const std::string_view name,
                cursor_.string(kMaxTensorNameBytes, kGgufTensorName, "a tensor's name"));
    if (const auto fault = tensor_name_fault(name)) {
      return Error{kGgufTensorName, "the tensor name " + in_quotes(name) + " " + std::string(*fault), "", "",
                   start};
    }
    TensorInfo info;
    info.name = std::string(name);
    MOTE_TRY(shape(info, start));
    MOTE_ASSIGN(const auto type_id, cursor_.number<std::uint32_t>("a tensor's type"));
    const codec::Codec* codec = codec::find_codec_by_gguf_type(type_id);
    if (codec == nullptr) {
      const std::string_view type_name = ggml_type_name(type_id);
      return Error{kGgufTensorType,
                   "tensor " + in_quotes(name) + " has type " + std::to_string(type_id) +
                       (type_name.empty() ? ", which is unknown or retired"
                                          : " (" + std::string(type_name) + "), which mote does not read") +
                       "; known: " + known_types(),
                   "", "", start};
    }
    info.codec = codec->id;
    if (info.shape.cols() % codec->block_elements != 0) {
      return Error{kGgufBlock,
                   "rows of tensor " + in_quotes(name) + " have " + with_thousands(info.shape.cols()) +
                       " elements, no multiple of the " + std::to_string(codec->block_elements) +
                       " that a block of " + std::string(codec->name) + " holds",
                   "", "", start};
    }
    const auto bytes = codec::tensor_bytes(*codec, info.shape).value();
    if (!bytes) return overflow(name, start);
    info.bytes = *bytes;
    MOTE_ASSIGN(const auto offset, cursor_.number<std::uint64_t>("a tensor's offset"));
    out_.tensors_.push_back(std::move(info));
    out_.offsets_.push_back(offset);
    positions_.push_back(start);
    return {};
  }

  Result<void> shape(TensorInfo& info, std::uint64_t start) {
    MOTE_ASSIGN(const auto rank, cursor_.number<std::uint32_t>("a tensor's number of dimensions"));
    if (rank > Shape::kMaxRank) {
      return Error{kGgufDims,
                   "tensor " + in_quotes(info.name) + " has " + with_thousands(rank) +
                       " dimensions, at most 4 are known",
                   "", "", start};
    }
    std::array<std::uint64_t, Shape::kMaxRank> dims{};
    for (std::uint32_t d = 0; d < rank; ++d) {
      MOTE_ASSIGN(const auto length, cursor_.number<std::int64_t>("a tensor's dimensions"));
      if (length <= 0) {
        return Error{kGgufDims,
                     "dimension " + std::to_string(d) + " of tensor " + in_quotes(info.name) + " is " +
                         std::to_string(length) + ", expected 1 or more",
                     "", "", start};
      }
      dims[rank - 1 - d] = static_cast<std::uint64_t>(length);  // GGUF lists the contiguous dimension first
    }
    info.shape = Shape(std::span<const std::uint64_t>(dims.data(), rank));
    const auto elements = info.shape.element_count().value();
    if (!elements || *elements > static_cast<std::uint64_t>(INT64_MAX)) return overflow(info.name, start);
    return {};
  }

  static Error overflow(std::string_view name, std::uint64_t position) {
    return {kGgufShapeOverflow, "the size of tensor " + in_quotes(name) + " exceeds 64 bits",
            "the file is damaged or hostile", "", position};
  }

  // Offsets must be the running padded sum, as the reference reader demands: no gaps, no overlaps, nothing
  // hidden.
  Result<void> place_tensors() {
    const auto start = Checked(cursor_.position()).aligned_up(out_.alignment_).value();
    const std::uint64_t file_bytes = out_.file_.bytes().size();
    if (!start) return Error{kGgufShapeOverflow, "the header's length exceeds 64 bits", "", "", std::nullopt};
    out_.data_offset_ = *start;
    if (tensor_count_ == 0) return {};
    if (*start > file_bytes) {
      return Error{kGgufTruncated,
                   "tensor data starts at byte " + with_thousands(*start) + " of a file of " +
                       with_thousands(file_bytes),
                   "the file is incomplete, download or copy it again", "", file_bytes};
    }
    const std::uint64_t available = file_bytes - *start;
    // First the whole plan, so that a wrong sum is not reported as a short file.
    std::uint64_t expected = 0;
    for (std::size_t i = 0; i < out_.tensors_.size(); ++i) {
      const TensorInfo& info = out_.tensors_[i];
      if (out_.offsets_[i] != expected) {
        const bool overlap = out_.offsets_[i] < expected && out_.offsets_[i] % out_.alignment_ == 0;
        return Error{overlap ? kGgufOverlap : kGgufOffset,
                     "tensor " + in_quotes(info.name) + " needs offset " + with_thousands(expected) +
                         " after the tensors before it and has " + with_thousands(out_.offsets_[i]) + "; " +
                         with_thousands(available) + " bytes of data are available",
                     "", "", positions_[i]};
      }
      const auto next = (Checked(expected) + info.bytes).aligned_up(out_.alignment_).value();
      if (!next) return overflow(info.name, positions_[i]);
      expected = *next;
    }
    for (std::size_t i = 0; i < out_.tensors_.size(); ++i) {
      const TensorInfo& info = out_.tensors_[i];
      if (out_.offsets_[i] > available || info.bytes > available - out_.offsets_[i]) {
        return Error{kGgufTruncated,
                     "tensor " + in_quotes(info.name) + " needs " + with_thousands(info.bytes) +
                         " bytes at offset " + with_thousands(out_.offsets_[i]) +
                         " of the data, available: " + with_thousands(available),
                     "the file is incomplete, download or copy it again", "", file_bytes};
      }
      out_.offsets_[i] += *start;  // now from the file's start
    }
    return {};
  }

  GgufFile& out_;
  const Limits& limits_;
  GgufCursor cursor_;
  std::uint64_t tensor_count_ = 0;
  std::uint64_t entry_count_ = 0;
  std::vector<std::uint64_t> positions_;  // of every tensor's info
};

Result<std::unique_ptr<GgufFile>> GgufFile::open(const std::filesystem::path& path,
                                                 const Limits& limits) try {
  auto file = std::make_unique<GgufFile>();
  MOTE_ASSIGN(file->file_, sys::MappedFile::open(path));
  auto parsed = GgufParser(*file, limits).parse();
  if (!parsed) {
    Error error = std::move(parsed).error();
    error.file = path.string();
    return error;
  }
  return file;
} catch (const std::bad_alloc&) {
  return Error{kOutOfMemory, "no memory for the file's metadata", "", path.string(), std::nullopt};
}

}  // namespace mote::formats
