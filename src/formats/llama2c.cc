#include "formats/llama2c.h"

#include <array>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "base/checked.h"
#include "base/strings.h"
#include "formats/file_kind.h"

namespace mote::formats {
namespace {

constexpr ErrorCode kLlama2cHeader{"LLAMA2C_HEADER", ErrorKind::corrupt_data};
constexpr ErrorCode kLlama2cSize{"LLAMA2C_SIZE", ErrorKind::corrupt_data};
constexpr ErrorCode kLlama2cVersion{"LLAMA2C_VERSION", ErrorKind::corrupt_data};

constexpr std::uint64_t kHeaderBytes = 7 * sizeof(std::int32_t);

Result<Llama2cHeader> parse_header(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeaderBytes) {
    return Error{kLlama2cHeader,
                 "the header needs " + std::to_string(kHeaderBytes) + " bytes, the file has " +
                     std::to_string(bytes.size()),
                 "", "", std::uint64_t{0}};
  }
  std::array<std::int32_t, 7> fields{};
  std::memcpy(fields.data(), bytes.data(), kHeaderBytes);
  static constexpr std::array<std::string_view, 7> kNames = {
      "dim", "hidden_dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "seq_len"};
  Llama2cHeader header;
  header.tied = fields[5] > 0;
  std::array<std::uint32_t, 7> values{};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    // A negative vocabulary size says that the head has a matrix of its own.
    const std::int64_t value = i == 5 && fields[i] < 0 ? -std::int64_t{fields[i]} : std::int64_t{fields[i]};
    if (value <= 0) {
      return Error{kLlama2cHeader,
                   "the header's " + std::string(kNames[i]) + " is " + std::to_string(fields[i]),
                   "the file is no llama2.c checkpoint, or damaged", "", std::uint64_t{4 * i}};
    }
    values[i] = static_cast<std::uint32_t>(value);
  }
  header.dim = values[0];
  header.hidden_dim = values[1];
  header.n_layers = values[2];
  header.n_heads = values[3];
  header.n_kv_heads = values[4];
  header.vocab_size = values[5];
  header.seq_len = values[6];
  if (header.dim % header.n_heads != 0 || header.head_dim() % 2 != 0 ||
      header.n_heads % header.n_kv_heads != 0 || header.n_layers > kMaxLlama2cLayers) {
    return Error{kLlama2cHeader,
                 "the header's sizes do not fit together: dim " + std::to_string(header.dim) + ", " +
                     std::to_string(header.n_layers) + " layers, " + std::to_string(header.n_heads) +
                     " heads, " + std::to_string(header.n_kv_heads) + " of them for keys and values",
                 "the file is no llama2.c checkpoint, or damaged", "", std::uint64_t{0}};
  }
  return header;
}

}  // namespace

// Walks through the file in its fixed order and lists what lies there.
class Llama2cLayout {
 public:
  Llama2cLayout(std::vector<TensorInfo>& tensors, std::vector<std::uint64_t>& offsets)
      : tensors_(tensors), offsets_(offsets) {}

  void one(std::string name, const Shape& shape) {
    const std::uint64_t bytes = (shape.element_count() * sizeof(float)).value().value_or(0);
    tensors_.push_back({std::move(name), CodecId::f32, shape, bytes});
    offsets_.push_back(end_.value().value_or(0));
    skip(shape.element_count());
  }
  void per_layer(std::uint32_t layers, std::string_view kind, const Shape& shape) {
    for (std::uint32_t l = 0; l < layers; ++l)
      one("blk." + std::to_string(l) + "." + std::string(kind) + ".weight", shape);
  }
  void skip(Checked floats) { end_ = end_ + floats * sizeof(float); }
  // Invalid where any size exceeded 64 bits; then nothing of the list may be used.
  [[nodiscard]] Checked end() const { return end_; }

 private:
  std::vector<TensorInfo>& tensors_;
  std::vector<std::uint64_t>& offsets_;
  Checked end_ = kHeaderBytes;
};

Result<std::unique_ptr<Llama2cFile>> Llama2cFile::open(const std::filesystem::path& path) try {
  auto file = std::make_unique<Llama2cFile>();
  MOTE_ASSIGN(file->file_, sys::MappedFile::open(path));
  const std::span<const std::byte> bytes = file->file_.bytes();
  const FileKind kind = sniff(bytes);
  if (is_pickle(kind)) return pickle_error(path, kind);
  if (kind == FileKind::llama2c_v1) {
    return Error{kLlama2cVersion,
                 "the file is a llama2.c checkpoint of version 1 or 2; mote reads the legacy layout",
                 "export it with version 0", path.string(), std::uint64_t{0}};
  }
  auto header = parse_header(bytes);
  if (!header) {
    Error error = std::move(header).error();
    error.file = path.string();
    return error;
  }
  const Llama2cHeader& h = file->header_ = *header;
  const std::uint64_t kv_dim = std::uint64_t{h.head_dim()} * h.n_kv_heads;

  Llama2cLayout layout(file->tensors_, file->offsets_);
  layout.one("token_embd.weight", {h.vocab_size, h.dim});
  layout.per_layer(h.n_layers, "attn_norm", {h.dim});
  layout.per_layer(h.n_layers, "attn_q", {h.dim, h.dim});
  layout.per_layer(h.n_layers, "attn_k", {kv_dim, h.dim});
  layout.per_layer(h.n_layers, "attn_v", {kv_dim, h.dim});
  layout.per_layer(h.n_layers, "attn_output", {h.dim, h.dim});
  layout.per_layer(h.n_layers, "ffn_norm", {h.dim});
  layout.per_layer(h.n_layers, "ffn_gate", {h.hidden_dim, h.dim});
  layout.per_layer(h.n_layers, "ffn_down", {h.dim, h.hidden_dim});
  layout.per_layer(h.n_layers, "ffn_up", {h.hidden_dim, h.dim});
  layout.one("output_norm.weight", {h.dim});
  layout.skip(Checked(h.seq_len) * h.head_dim());  // cosines and sines of the rotation, half of head_dim each
  if (!h.tied) layout.one("output.weight", {h.vocab_size, h.dim});

  const auto end = layout.end().value();
  if (end != bytes.size()) {
    return Error{kLlama2cSize,
                 "the header's sizes need a file of " + (end ? with_thousands(*end) : "more than 2^64") +
                     " bytes, this one has " + with_thousands(bytes.size()),
                 "the file is incomplete, or no llama2.c checkpoint", path.string(), std::nullopt};
  }
  static_cast<void>(file->build_index());  // names are unique by construction
  return file;
} catch (const std::bad_alloc&) {
  return Error{kOutOfMemory, "no memory for the tensor list", "", path.string(), std::nullopt};
}

}  // namespace mote::formats
