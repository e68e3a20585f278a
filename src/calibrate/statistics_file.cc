#include "calibrate/statistics_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <utility>

#include "base/checked.h"
#include "base/strings.h"
#include "codec/codec.h"
#include "formats/gguf_layout.h"
#include "formats/gguf_reader.h"
#include "sys/atomic_file.h"
#include "sys/mapped_file.h"

namespace mote::calibrate {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "both forms are little-endian");

constexpr std::string_view kType = "general.type";
constexpr std::string_view kImatrix = "imatrix";
constexpr std::string_view kDatasets = "imatrix.datasets";
constexpr std::string_view kChunkCount = "imatrix.chunk_count";
constexpr std::string_view kChunkSize = "imatrix.chunk_size";
constexpr std::string_view kTokens = "mote.calibration.tokens";
constexpr std::string_view kSquares = ".in_sum2";
constexpr std::string_view kSums = ".in_sum";
constexpr std::string_view kCounts = ".counts";
constexpr std::string_view kMoments = ".in_moment2";
// The older form counts windows, whose length it does not say; llama.cpp's own default.
constexpr std::uint64_t kDatWindow = 512;

// Both forms hold floats.
bool is_float(double x) { return std::abs(x) <= static_cast<double>(std::numeric_limits<float>::max()); }

Error bad_file(const fs::path& path, std::string message) {
  return {kStatisticsFile,
          std::move(message),
          "give a file of `mote calibrate` or llama-imatrix",
          path.string(),
          {}};
}

Error too_large(const fs::path& path, const std::string& tensor) {
  return bad_file(path, "a sum of tensor '" + escape_untrusted(tensor) + "' is larger than the file can say");
}

std::optional<std::string> without(std::string_view name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return std::nullopt;
  return std::string(name.substr(0, name.size() - suffix.size()));
}

// ---------------------------------------------------------------- GGUF

Result<std::vector<float>> floats_of(const formats::GgufFile& file, std::size_t index, const fs::path& path) {
  const formats::TensorInfo& info = file.tensors()[index];
  if (info.is_integer() || info.codec != CodecId::f32) {
    return bad_file(path, "tensor '" + escape_untrusted(info.name) + "' is not F32");
  }
  const std::span<const std::byte> bytes = file.stored(index);
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), out.size() * sizeof(float));
  return out;
}

Result<std::vector<std::uint64_t>> to_counts(std::span<const float> values, const std::string& tensor,
                                             const fs::path& path) {
  std::vector<std::uint64_t> out;
  for (const float x : values) {
    constexpr float kMost = 1e18F;
    if (!(x >= 0.0F && x <= kMost)) {
      return Error{kStatisticsNonfinite,
                   "the statistics of tensor '" + escape_untrusted(tensor) + "' count " + std::to_string(x) +
                       " tokens",
                   "calibrate again",
                   path.string(),
                   {}};
    }
    out.push_back(static_cast<std::uint64_t>(std::llround(x)));
  }
  return out;
}

Result<void> read_keys(const formats::Metadata& keys, const fs::path& path, Statistics& out) {
  MOTE_ASSIGN(const std::string type, keys.get_string_or(kType, std::string(kImatrix)));
  if (type != kImatrix || !keys.contains(kChunkSize)) {
    return bad_file(path,
                    "this GGUF file is no importance matrix (general.type '" + escape_untrusted(type) + "')");
  }
  if (keys.contains(kDatasets)) {
    MOTE_ASSIGN(const std::span<const std::string> names, keys.get_strings(kDatasets));
    out.datasets.assign(names.begin(), names.end());
  }
  MOTE_ASSIGN(out.windows, keys.get_uint_or(kChunkCount, 0));
  MOTE_ASSIGN(out.window, keys.get_uint(kChunkSize));
  if (keys.contains(kTokens)) {
    MOTE_ASSIGN(const std::span<const std::int64_t> tokens, keys.get_ints(kTokens));
    out.tokens.reserve(tokens.size());
    for (const std::int64_t id : tokens) {
      if (id < 0 || id > std::numeric_limits<TokenId>::max()) {
        return bad_file(path, "token " + std::to_string(id) + " is no id");
      }
      out.tokens.push_back(static_cast<TokenId>(id));
    }
    if (out.window == 0 || out.tokens.size() % out.window != 0) {
      return bad_file(path, with_thousands(out.tokens.size()) + " tokens are no whole windows of " +
                                with_thousands(out.window));
    }
  }
  return {};
}

// Stay in the file until they are wanted.
class FileMoments : public MomentStore {
 public:
  explicit FileMoments(std::shared_ptr<const formats::GgufFile> file) : file_(std::move(file)) {}

  void add(MomentEntry entry, std::size_t tensor) {
    entries_.push_back(std::move(entry));
    tensors_.push_back(tensor);
  }

  [[nodiscard]] std::span<const MomentEntry> entries() const override { return entries_; }
  [[nodiscard]] Result<std::vector<float>> read(std::size_t entry, std::size_t matrix) const override {
    std::vector<float> out(packed_size(entries_[entry].cols));
    const std::size_t bytes = out.size() * sizeof(float);
    std::memcpy(out.data(), file_->stored(tensors_[entry]).data() + matrix * bytes, bytes);
    file_->dont_need(tensors_[entry]);
    MOTE_TRY(file_->check());
    return out;
  }

 private:
  std::shared_ptr<const formats::GgufFile> file_;
  std::vector<MomentEntry> entries_;
  std::vector<std::size_t> tensors_;  // of the file
};

// Those of all tensors that have them, which are checked against their other sums.
Result<std::shared_ptr<const MomentStore>> moments_in(const std::shared_ptr<const formats::GgufFile>& file,
                                                      const Statistics& statistics, const fs::path& path) {
  auto out = std::make_shared<FileMoments>(file);
  for (std::size_t i = 0; i < file->tensors().size(); ++i) {
    const formats::TensorInfo& info = file->tensors()[i];
    const auto tensor = without(info.name, kMoments);
    if (!tensor) continue;
    const auto of = statistics.inputs.find(*tensor);
    const std::size_t matrices = of == statistics.inputs.end() ? 0 : of->second.counts.size();
    const std::size_t cols = matrices == 0 ? 0 : of->second.squares.size() / matrices;
    const auto numbers = info.shape.element_count().value();
    const auto expected = (Checked(cols) * (Checked(cols) + 1)).value();
    if (info.is_integer() || info.codec != CodecId::f32 || matrices == 0 || !expected || !numbers ||
        (Checked(*expected / 2) * matrices).value() != *numbers) {
      return bad_file(path, "tensor '" + escape_untrusted(info.name) +
                                "' holds no second moments of the inputs that are counted");
    }
    out->add({*tensor, cols, of->second.counts}, i);
  }
  if (out->entries().empty()) return std::shared_ptr<const MomentStore>();
  return std::shared_ptr<const MomentStore>(out);
}

Result<Statistics> read_gguf(const fs::path& path) {
  MOTE_ASSIGN(auto opened, formats::GgufFile::open(path));
  const std::shared_ptr<const formats::GgufFile> file = std::move(opened);
  Statistics out;
  MOTE_TRY(read_keys(file->metadata(), path, out));
  for (std::size_t i = 0; i < file->tensors().size(); ++i) {
    const std::string& name = file->tensors()[i].name;
    const auto tensor = without(name, kSquares);
    if (!tensor) continue;
    const auto counts = file->find(*tensor + std::string(kCounts));
    if (!counts) return bad_file(path, "tensor '" + escape_untrusted(*tensor) + "' has sums and no counts");
    MOTE_ASSIGN(const std::vector<float> squares, floats_of(*file, i, path));
    MOTE_ASSIGN(const std::vector<float> count, floats_of(*file, *counts, path));
    InputSums& of = out.inputs[*tensor];
    of.squares.assign(squares.begin(), squares.end());
    MOTE_ASSIGN(of.counts, to_counts(count, *tensor, path));
    if (of.counts.empty() || of.squares.empty() || of.squares.size() % of.counts.size() != 0) {
      return bad_file(path, "tensor '" + escape_untrusted(*tensor) + "' has " +
                                with_thousands(of.squares.size()) + " sums and " +
                                with_thousands(of.counts.size()) + " counts");
    }
    if (const auto sums = file->find(*tensor + std::string(kSums))) {
      MOTE_ASSIGN(const std::vector<float> values, floats_of(*file, *sums, path));
      if (values.size() == of.squares.size()) of.sums.assign(values.begin(), values.end());
    }
  }
  if (out.inputs.empty()) return bad_file(path, "this importance matrix has no tensors");
  MOTE_ASSIGN(out.moments, moments_in(file, out, path));
  MOTE_TRY(file->check());
  return out;
}

std::vector<std::byte> to_bytes(std::span<const double> values) {
  std::vector<std::byte> out(values.size() * sizeof(float));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto x = static_cast<float>(values[i]);
    std::memcpy(out.data() + i * sizeof x, &x, sizeof x);
  }
  return out;
}

struct Plane {
  formats::TensorInfo info;
  std::vector<std::byte> bytes;
};

void add_plane(std::vector<Plane>& planes, std::string name, std::span<const double> values,
               std::size_t matrices) {
  const std::size_t cols = values.size() / matrices;
  const Shape shape = matrices == 1 ? Shape{cols} : Shape{matrices, cols};
  planes.push_back({{.name = std::move(name), .codec = CodecId::f32, .shape = shape}, to_bytes(values)});
}

Result<std::uint64_t> write_gguf(const Statistics& s, const fs::path& path) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  if (s.windows > kMost || s.window > kMost) {
    return bad_file(path, with_thousands(s.windows) + " windows of " + with_thousands(s.window) +
                              " tokens are more than the file can say");
  }
  formats::Metadata keys;
  keys.set_string(std::string(kType), std::string(kImatrix));
  keys.set_strings(std::string(kDatasets), s.datasets);
  keys.set_u32(std::string(kChunkCount), static_cast<std::uint32_t>(s.windows));
  keys.set_u32(std::string(kChunkSize), static_cast<std::uint32_t>(s.window));
  if (!s.tokens.empty()) {
    keys.set_ints(std::string(kTokens), formats::ValueType::i32, {s.tokens.begin(), s.tokens.end()});
  }
  std::vector<Plane> planes;
  for (const auto& [name, of] : s.inputs) {
    if (!std::ranges::all_of(of.squares, is_float) || !std::ranges::all_of(of.sums, is_float)) {
      return too_large(path, name);
    }
    const std::size_t matrices = of.counts.size();
    add_plane(planes, name + std::string(kSquares), of.squares, matrices);
    const std::vector<double> counts(of.counts.begin(), of.counts.end());
    add_plane(planes, name + std::string(kCounts), counts, matrices);
    if (!of.sums.empty()) add_plane(planes, name + std::string(kSums), of.sums, matrices);
  }
  std::vector<formats::TensorInfo> infos;
  infos.reserve(planes.size());
  for (const Plane& plane : planes) infos.push_back(plane.info);
  const std::span<const MomentEntry> moments =
      s.moments == nullptr ? std::span<const MomentEntry>() : s.moments->entries();
  for (const MomentEntry& entry : moments) {
    const std::uint64_t size = packed_size(entry.cols);
    const Shape shape = entry.matrices() == 1 ? Shape{size} : Shape{entry.matrices(), size};
    infos.push_back({.name = entry.tensor + std::string(kMoments), .codec = CodecId::f32, .shape = shape});
  }
  MOTE_ASSIGN(const formats::GgufLayout layout, formats::layout_gguf(keys, infos));
  MOTE_ASSIGN(auto file, sys::AtomicFile::create(path));
  MOTE_TRY(file.append(layout.header));
  std::uint64_t at = layout.header.size();
  const auto pad_to = [&](std::uint64_t end) -> Result<void> {
    const std::string zeros(end - at, '\0');
    at = end;
    return file.append(zeros);
  };
  for (std::size_t i = 0; i < planes.size(); ++i) {
    MOTE_TRY(pad_to(layout.offsets[i]));
    MOTE_TRY(file.append(std::span<const std::byte>(planes[i].bytes)));
    at += planes[i].bytes.size();
  }
  for (std::size_t i = 0; i < moments.size(); ++i) {
    MOTE_TRY(pad_to(layout.offsets[planes.size() + i]));
    for (std::size_t m = 0; m < moments[i].matrices(); ++m) {
      MOTE_ASSIGN(const std::vector<float> sums, s.moments->read(i, m));
      MOTE_TRY(file.append(std::as_bytes(std::span(sums))));
      at += sums.size() * sizeof(float);
    }
  }
  MOTE_TRY(pad_to(layout.file_bytes));
  MOTE_TRY(file.commit());
  return layout.file_bytes;
}

// ---------------------------------------------------------------- the older form

// Takes pieces off the front of a text; empty once something was missing.
class DatReader {
 public:
  explicit DatReader(std::string_view text) : rest_(text) {}
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  std::optional<std::int32_t> number() {
    std::int32_t value = 0;
    const auto bytes = take(sizeof value);
    if (!bytes) return std::nullopt;
    std::memcpy(&value, bytes->data(), sizeof value);
    return value;
  }
  // `count` is checked against what is left before anything is allocated.
  std::optional<std::string_view> take(std::uint64_t bytes) {
    if (bytes > rest_.size()) return std::nullopt;
    const std::string_view out = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return out;
  }

 private:
  std::string_view rest_;
};

// One entry: i32 length, name, i32 windows, i32 values, the values as floats: mean times windows.
bool read_dat_entry(DatReader& in, Statistics& out) {
  const auto length = in.number();
  if (!length || *length <= 0) return false;
  const auto name = in.take(static_cast<std::uint64_t>(*length));
  const auto windows = in.number();
  const auto values = in.number();
  if (!name || !windows || !values || *windows < 0 || *values < 1) return false;
  const auto bytes = in.take(static_cast<std::uint64_t>(*values) * sizeof(float));
  if (!bytes) return false;
  InputSums& of = out.inputs[std::string(*name)];
  of.counts = {static_cast<std::uint64_t>(*windows) * kDatWindow};
  of.squares.resize(static_cast<std::size_t>(*values));
  for (std::size_t i = 0; i < of.squares.size(); ++i) {
    float x = 0;
    std::memcpy(&x, bytes->data() + i * sizeof x, sizeof x);
    of.squares[i] = static_cast<double>(x) * kDatWindow;
  }
  return true;
}

// How many windows there were, and of which text: i32 windows, i32 length, name. Older files lack it.
bool read_dat_end(DatReader& in, Statistics& out) {
  if (in.at_end()) return true;
  const auto windows = in.number();
  const auto length = in.number();
  if (!windows || !length || *windows < 0 || *length < 0) return false;
  const auto name = in.take(static_cast<std::uint64_t>(*length));
  if (!name) return false;
  out.windows = static_cast<std::uint64_t>(*windows);
  if (!name->empty()) out.datasets.emplace_back(*name);
  return true;
}

Result<Statistics> read_dat(const fs::path& path) {
  MOTE_ASSIGN(const std::string text, sys::read_text_file(path, kMaxStatisticsBytes));
  DatReader in(text);
  Statistics out;
  out.window = kDatWindow;
  const auto entries = in.number();
  if (!entries || *entries < 1) return bad_file(path, "this is no importance matrix");
  for (std::int32_t i = 0; i < *entries; ++i) {
    if (!read_dat_entry(in, out)) {
      return bad_file(path, "this is no importance matrix, or ends in entry " + std::to_string(i + 1) +
                                " of " + std::to_string(*entries));
    }
  }
  if (!read_dat_end(in, out)) {
    return bad_file(path, "this importance matrix ends in the name of its text");
  }
  return out;
}

void put_number(std::string& out, std::int32_t value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

Result<std::uint64_t> write_dat(const Statistics& s, const fs::path& path) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int32_t>::max();
  std::string out;
  put_number(out, static_cast<std::int32_t>(s.inputs.size()));
  for (const auto& [name, of] : s.inputs) {
    if (of.squares.size() > kMost || name.size() > kMost) {
      return bad_file(path, "tensor '" + escape_untrusted(name) + "' is too large for a .dat file");
    }
    std::uint64_t most = 0;
    for (const std::uint64_t count : of.counts) most = std::max(most, count);
    const auto windows = static_cast<std::int32_t>(std::min((most + kDatWindow - 1) / kDatWindow, kMost));
    put_number(out, static_cast<std::int32_t>(name.size()));
    out += name;
    put_number(out, windows);
    put_number(out, static_cast<std::int32_t>(of.squares.size()));
    const std::size_t cols = of.squares.size() / of.counts.size();
    for (std::size_t i = 0; i < of.squares.size(); ++i) {
      const auto count = static_cast<double>(of.counts[i / cols]);
      // A matrix that saw nothing weighs all inputs alike, as llama.cpp writes it.
      const double value = (count > 0 ? of.squares[i] / count : 1.0) * windows;
      if (!is_float(value)) return too_large(path, name);
      const auto x = static_cast<float>(value);
      out.append(reinterpret_cast<const char*>(&x), sizeof x);
    }
  }
  put_number(out, static_cast<std::int32_t>(std::min(s.windows, kMost)));
  const std::string dataset = s.datasets.empty() ? std::string() : s.datasets.back();
  put_number(out, static_cast<std::int32_t>(dataset.size()));
  out += dataset;
  MOTE_ASSIGN(auto file, sys::AtomicFile::create(path));
  MOTE_TRY(file.append(out));
  MOTE_TRY(file.commit());
  return out.size();
}

}  // namespace

Result<Statistics> read_statistics(const fs::path& path) {
  MOTE_ASSIGN(const auto mapped, sys::MappedFile::open(path));
  constexpr std::array kMagic{std::byte{'G'}, std::byte{'G'}, std::byte{'U'}, std::byte{'F'}};
  const std::span<const std::byte> head =
      mapped.bytes().first(std::min<std::size_t>(4, mapped.bytes().size()));
  if (std::ranges::equal(head, kMagic)) return read_gguf(path);
  return read_dat(path);
}

Result<void> in_file(const fs::path& path, Result<void> result) {
  if (!result) result.error().file = path.string();
  return result;
}

bool is_older_form(const fs::path& path) { return path.extension() == ".dat"; }

Result<std::uint64_t> write_statistics(const Statistics& statistics, const fs::path& path) {
  return is_older_form(path) ? write_dat(statistics, path) : write_gguf(statistics, path);
}

}  // namespace mote::calibrate
