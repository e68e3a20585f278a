#include "formats/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <numeric>
#include <optional>
#include <string_view>

#include "base/checked.h"
#include "base/json.h"
#include "base/strings.h"
#include "codec/codec.h"
#include "formats/file_kind.h"

namespace mote::formats {
namespace {

constexpr ErrorCode kStHeaderLength{"ST_HEADER_LENGTH", ErrorKind::corrupt_data};
constexpr ErrorCode kStHeaderJson{"ST_HEADER_JSON", ErrorKind::corrupt_data};
constexpr ErrorCode kStDup{"ST_DUP", ErrorKind::corrupt_data};
constexpr ErrorCode kStMetadata{"ST_METADATA", ErrorKind::corrupt_data};
constexpr ErrorCode kStDtype{"ST_DTYPE", ErrorKind::corrupt_data};
constexpr ErrorCode kStShape{"ST_SHAPE", ErrorKind::corrupt_data};
constexpr ErrorCode kStOffsets{"ST_OFFSETS", ErrorKind::corrupt_data};
constexpr ErrorCode kStCoverage{"ST_COVERAGE", ErrorKind::corrupt_data};
constexpr ErrorCode kStSize{"ST_SIZE", ErrorKind::corrupt_data};
constexpr ErrorCode kStLimit{"ST_LIMIT", ErrorKind::corrupt_data};

// The header's length stands in front of it.
constexpr std::uint64_t kLengthBytes = 8;
// {"name":{"dtype":...,"shape":...,"data_offsets":...}}: three levels, the arrays are the third.
constexpr std::uint32_t kHeaderDepth = 8;

// dtypes that the format knows and that mote cannot use alone: halves of formats with scales of their own,
// and complex numbers (safetensors/src/tensor.rs, enum Dtype).
constexpr std::array<std::string_view, 8> kOtherDtypes = {"F4",          "F6_E2M3",     "F6_E3M2", "F8_E8M0",
                                                          "F8_E4M3FNUZ", "F8_E5M2FNUZ", "C64",     "C128"};

std::optional<CodecId> codec_of_dtype(std::string_view dtype) {
  if (dtype == "F32") return CodecId::f32;
  if (dtype == "F16") return CodecId::f16;
  if (dtype == "BF16") return CodecId::bf16;
  return std::nullopt;
}

std::optional<StoredType> stored_of_dtype(std::string_view dtype) {
  using enum StoredType;
  for (const StoredType type : {f64, f8_e4m3, f8_e5m2, boolean, i8, u8, i16, u16, i32, u32, i64, u64}) {
    if (dtype == to_string(type)) return type;
  }
  return std::nullopt;
}

std::string in_quotes(std::string_view name) { return "\"" + escape_untrusted(name, 80) + "\""; }

Error tensor_error(const ErrorCode& code, std::string_view name, std::string_view what) {
  return {code, "tensor " + in_quotes(name) + " " + std::string(what), "", "", std::nullopt};
}

// A whole number written without fraction or exponent.
std::optional<std::uint64_t> strict_uint(const Json& value) {
  return value.is_integer() ? value.as_uint64() : std::nullopt;
}

}  // namespace

// Fills a SafetensorsFile from its mapped bytes; used once.
class SafetensorsParser {
 public:
  SafetensorsParser(SafetensorsFile& file, const Limits& limits)
      : out_(file), limits_(limits), bytes_(file.file_.bytes()) {}

  Result<void> parse() {
    MOTE_TRY(header_length());
    MOTE_ASSIGN(const Json header, header_json());
    if (header.if_object()->size() > limits_.tensors) {
      return Error{kStLimit,
                   "the header has " + with_thousands(header.if_object()->size()) +
                       " entries, the limit is " + with_thousands(limits_.tensors),
                   "", "", std::nullopt};
    }
    for (const auto& [name, entry] : *header.if_object()) {
      if (name == "__metadata__") {
        MOTE_TRY(metadata(entry));
      } else {
        MOTE_TRY(tensor(name, entry));
      }
    }
    return cover();
  }

 private:
  Result<void> header_length() {
    if (bytes_.size() < kLengthBytes) {
      return Error{kStHeaderLength,
                   "a safetensors file starts with 8 bytes of header length, this one has " +
                       std::to_string(bytes_.size()) + " bytes",
                   "the file is incomplete, download or copy it again", "", std::uint64_t{0}};
    }
    std::memcpy(&length_, bytes_.data(), sizeof length_);
    const std::uint64_t available = bytes_.size() - kLengthBytes;
    const FileKind kind = sniff(bytes_);
    if (is_pickle(kind)) return pickle_error(out_.file_.path(), kind);
    std::string_view reason;
    if (length_ < 2) reason = "the shortest header, {}, has 2";
    if (length_ > available) reason = "more than the file has";
    if (length_ > limits_.safetensors_header_bytes) reason = "more than the limit";
    if (reason.empty()) return {};
    return Error{kStHeaderLength,
                 "the header's length is " + with_thousands(length_) + " bytes: " + std::string(reason) +
                     " (file " + with_thousands(bytes_.size()) + ", limit " +
                     with_thousands(limits_.safetensors_header_bytes) + ")",
                 kind == FileKind::unknown || kind == FileKind::safetensors
                     ? "the file is incomplete or damaged, download or copy it again"
                     : "this looks like " + std::string(describe(kind)),
                 "", std::uint64_t{0}};
  }

  Result<Json> header_json() {
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + kLengthBytes, length_);
    if (text.front() != '{') {
      return Error{
          kStHeaderJson,
          "the header must start with '{' and starts with \"" + escape_untrusted(text.substr(0, 8)) + "\"",
          "the file is damaged or no safetensors file", "", kLengthBytes};
    }
    if (!is_valid_utf8(text)) {
      return Error{kStHeaderJson, "the header is not valid UTF-8", "the file is damaged", "", kLengthBytes};
    }
    auto header = parse_json(text, {limits_.safetensors_header_bytes, kHeaderDepth, limits_.json_values});
    if (!header) {
      Error error = std::move(header).error();
      error.code = error.code.name == "JSON_DUPLICATE_KEY" ? kStDup : kStHeaderJson;
      error.message = "the header: " + error.message;
      if (error.byte_position) *error.byte_position += kLengthBytes;
      return error;
    }
    return std::move(*header);
  }

  Result<void> metadata(const Json& entry) {
    const JsonObject* members = entry.if_object();
    if (members == nullptr) return Error{kStMetadata, "__metadata__ is no object", "", "", std::nullopt};
    for (const auto& [key, value] : *members) {
      const std::string* text = value.if_string();
      if (text == nullptr) {
        return Error{kStMetadata, "the value of " + in_quotes(key) + " in __metadata__ is no string", "", "",
                     std::nullopt};
      }
      out_.metadata_.emplace_back(key, *text);
    }
    return {};
  }

  Result<void> tensor(const std::string& name, const Json& entry) {
    const JsonObject* members = entry.if_object();
    if (members == nullptr) return header_error(name, "is no object");
    const Json* dtype = entry.find("dtype");
    const Json* shape = entry.find("shape");
    const Json* offsets = entry.find("data_offsets");
    if (dtype == nullptr || shape == nullptr || offsets == nullptr || members->size() != 3) {
      return header_error(name, "needs dtype, shape and data_offsets, and nothing else");
    }
    TensorInfo info;
    info.name = name;
    MOTE_TRY(read_dtype(info, *dtype));
    MOTE_TRY(read_shape(info, *shape));
    const JsonArray* range = offsets->if_array();
    const auto begin = range != nullptr && range->size() == 2 ? strict_uint((*range)[0]) : std::nullopt;
    const auto end = range != nullptr && range->size() == 2 ? strict_uint((*range)[1]) : std::nullopt;
    if (!begin || !end) return tensor_error(kStOffsets, name, "needs two whole numbers as data_offsets");
    const std::uint64_t available = bytes_.size() - kLengthBytes - length_;
    if (*begin > *end || *end > available) {
      return tensor_error(kStOffsets, name,
                          "has data_offsets " + with_thousands(*begin) + " to " + with_thousands(*end) +
                              ", the file has " + with_thousands(available) + " bytes of data");
    }
    if (*end - *begin != stored_bytes(info)) {
      return tensor_error(kStSize, name,
                          "has " + with_thousands(*end - *begin) + " bytes of data, dtype " +
                              *dtype->if_string() + " and shape " + to_string(info.shape) + " need " +
                              with_thousands(stored_bytes(info)));
    }
    out_.tensors_.push_back(std::move(info));
    out_.offsets_.push_back(*begin);
    return {};
  }

  Result<void> read_dtype(TensorInfo& info, const Json& value) {
    const std::string* dtype = value.if_string();
    if (dtype == nullptr) return tensor_error(kStDtype, info.name, "has a dtype that is no string");
    if (const auto codec = codec_of_dtype(*dtype)) {
      info.codec = *codec;
      return {};
    }
    if (const auto stored = stored_of_dtype(*dtype)) {
      info.stored = *stored;
      info.codec = weight_codec(*stored).value_or(CodecId::f32);
      return {};
    }
    const bool known = std::find(kOtherDtypes.begin(), kOtherDtypes.end(), *dtype) != kOtherDtypes.end();
    Error error =
        tensor_error(kStDtype, info.name,
                     "has dtype " + in_quotes(*dtype) +
                         (known ? ", which mote does not read" : ", which the format does not know") +
                         "; readable: F64 F32 F16 BF16 F8_E4M3 F8_E5M2 BOOL and I, U of 8 to 64 bits");
    if (known) error.hint = "save the model in float32, float16 or bfloat16";
    return error;
  }

  Result<void> read_shape(TensorInfo& info, const Json& value) {
    const JsonArray* dims = value.if_array();
    if (dims == nullptr) return tensor_error(kStShape, info.name, "has a shape that is no array");
    if (dims->size() > Shape::kMaxRank) {
      return tensor_error(kStShape, info.name,
                          "has " + std::to_string(dims->size()) + " dimensions, at most 4 are read");
    }
    std::array<std::uint64_t, Shape::kMaxRank> lengths{};
    for (std::size_t i = 0; i < dims->size(); ++i) {
      const auto length = strict_uint((*dims)[i]);
      if (!length || *length == 0) {
        return tensor_error(kStShape, info.name,
                            "has dimension " + std::to_string(i) + " of " +
                                escape_untrusted((*dims)[i].dump(), 40) +
                                ", expected a whole number of 1 or more");
      }
      lengths[i] = *length;
    }
    info.shape = Shape(std::span<const std::uint64_t>(lengths.data(), dims->size()));
    const auto in_file = (info.shape.element_count() * element_bytes(info.stored)).value();
    const auto as_weight = codec::tensor_bytes(codec::codec_of(info.codec), info.shape).value();
    if (!in_file || !as_weight)
      return tensor_error(kStShape, info.name,
                          "has shape " + to_string(info.shape) + ": its size exceeds 64 bits");
    info.bytes = info.is_integer() ? *in_file : *as_weight;
    return {};
  }

  // Sorted by position, the tensors must follow each other without gap or overlap from the first byte to the
  // last: nothing is shared and nothing is hidden.
  Result<void> cover() {
    std::vector<std::size_t> order(out_.tensors_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [this](std::size_t a, std::size_t b) { return out_.offsets_[a] < out_.offsets_[b]; });
    const std::uint64_t data_start = kLengthBytes + length_;
    std::vector<TensorInfo> tensors;
    std::vector<std::uint64_t> offsets;
    std::uint64_t expected = 0;
    for (const std::size_t i : order) {
      TensorInfo& info = out_.tensors_[i];
      if (out_.offsets_[i] != expected) {
        return tensor_error(kStCoverage, info.name,
                            "starts at byte " + with_thousands(out_.offsets_[i]) + " of the data, " +
                                (out_.offsets_[i] < expected ? "inside" : "after a gap behind") +
                                " the tensor before it, which ends at " + with_thousands(expected));
      }
      expected += stored_bytes(info);  // cannot wrap: each end was compared with the file's length
      offsets.push_back(data_start + out_.offsets_[i]);
      tensors.push_back(std::move(info));
    }
    const std::uint64_t available = bytes_.size() - data_start;
    if (expected != available) {
      return Error{kStCoverage,
                   "the tensors end at byte " + with_thousands(expected) + " of " +
                       with_thousands(available) + " bytes of data: the rest belongs to none",
                   "the file is damaged, or something was appended to it", "", data_start + expected};
    }
    out_.tensors_ = std::move(tensors);
    out_.offsets_ = std::move(offsets);
    out_.build_index();  // names are unique: keys of one JSON object
    return {};
  }

  static Error header_error(std::string_view name, std::string_view what) {
    return {kStHeaderJson, "the header's entry " + in_quotes(name) + " " + std::string(what), "", "",
            std::nullopt};
  }

  SafetensorsFile& out_;
  const Limits& limits_;
  std::span<const std::byte> bytes_;
  std::uint64_t length_ = 0;
};

Result<std::unique_ptr<SafetensorsFile>> SafetensorsFile::open(const std::filesystem::path& path,
                                                               const Limits& limits) try {
  auto file = std::make_unique<SafetensorsFile>();
  MOTE_ASSIGN(file->file_, sys::MappedFile::open(path));
  auto parsed = SafetensorsParser(*file, limits).parse();
  if (!parsed) {
    Error error = std::move(parsed).error();
    error.file = path.string();
    return error;
  }
  return file;
} catch (const std::bad_alloc&) {
  return Error{kOutOfMemory, "no memory for the file's header", "", path.string(), std::nullopt};
}

}  // namespace mote::formats
