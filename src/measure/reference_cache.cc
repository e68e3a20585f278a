#include "measure/reference_cache.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "base/checked.h"
#include "measure/fnv.h"
#include "sys/atomic_file.h"
#include "sys/mapped_file.h"
#include "tensor/float16.h"

namespace mote::measure {
namespace {

constexpr ErrorCode kCorrupt{"CACHE_CORRUPT", ErrorKind::corrupt_data};
constexpr ErrorCode kMismatch{"CACHE_MISMATCH", ErrorKind::invalid_argument};
constexpr ErrorCode kIncomplete{"CACHE_INCOMPLETE", ErrorKind::internal};
static_assert(std::endian::native == std::endian::little,
              "fields and rows are written as they lie in memory");

struct Header {
  std::array<char, 8> magic = {'M', 'O', 'T', 'E', 'L', 'O', 'G', 'P'};
  std::uint32_t version = 1;
  std::uint32_t logit_bytes = 4;
  std::uint64_t vocabulary = 0;
  std::uint64_t rows_per_window = 0;
  std::uint64_t windows = 0;
  std::uint64_t plan_digest = 0;
  std::uint64_t row_digest = 0;

  [[nodiscard]] Checked row_bytes() const { return Checked(vocabulary) * Checked(logit_bytes); }
  [[nodiscard]] Checked data_bytes() const {
    return row_bytes() * Checked(rows_per_window) * Checked(windows);
  }
};
static_assert(sizeof(Header) == 56);

class Writer : public CacheWriter {
 public:
  Writer(LogitModel& model, const Header& header, sys::AtomicFile file, std::filesystem::path path)
      : model_(&model), header_(header), file_(std::move(file)), path_(std::move(path)) {
    missing_ = header_.rows_per_window * header_.windows;
  }

  [[nodiscard]] std::size_t vocabulary() const override { return model_->vocabulary(); }
  Result<void> restart() override { return model_->restart(); }

  Result<std::span<const float>> feed(std::span<const std::int32_t> tokens, std::size_t first_row) override {
    MOTE_ASSIGN(const std::span<const float> rows, model_->feed(tokens, first_row));
    const auto width = static_cast<std::size_t>(header_.vocabulary);
    for (std::size_t at = 0; at + width <= rows.size(); at += width) {
      if (missing_ == 0) return incomplete("more rows came than the plan has");
      MOTE_TRY(record(rows.subspan(at, width)));
      --missing_;
    }
    return rows;
  }

  Result<void> finish() override {
    if (missing_ != 0) return incomplete(std::to_string(missing_) + " rows of the plan are missing");
    header_.row_digest = digest_.value();
    MOTE_TRY(file_.write_at(0, std::as_bytes(std::span(&header_, 1))));
    return file_.commit();
  }

 private:
  [[nodiscard]] Error incomplete(const std::string& what) const {
    return Error{kIncomplete, "writing the reference's logits: " + what, "", path_.string(), std::nullopt};
  }

  Result<void> record(std::span<const float> row) {
    const float top = *std::max_element(row.begin(), row.end());
    std::span<const std::byte> bytes;
    if (header_.logit_bytes == 4) {
      floats_.resize(row.size());
      for (std::size_t i = 0; i < row.size(); ++i) floats_[i] = row[i] - top;
      bytes = std::as_bytes(std::span(floats_));
    } else {
      halves_.resize(row.size());
      for (std::size_t i = 0; i < row.size(); ++i) halves_[i] = float_to_half(row[i] - top);
      bytes = std::as_bytes(std::span(halves_));
    }
    digest_.add(bytes);
    return file_.append(bytes);
  }

  LogitModel* model_;
  Header header_;
  sys::AtomicFile file_;
  std::filesystem::path path_;
  Fnv digest_;
  std::uint64_t missing_ = 0;
  std::vector<float> floats_;
  std::vector<Half> halves_;
};

class Reader : public LogitModel {
 public:
  Reader(sys::MappedFile file, const Header& header) : file_(std::move(file)), header_(header) {}

  [[nodiscard]] std::size_t vocabulary() const override {
    return static_cast<std::size_t>(header_.vocabulary);
  }
  Result<void> restart() override { return {}; }

  Result<std::span<const float>> feed(std::span<const std::int32_t> tokens, std::size_t first_row) override {
    const std::size_t count = tokens.size() - std::min(first_row, tokens.size());
    const std::uint64_t total = header_.rows_per_window * header_.windows;
    if (count > total - next_)
      return Error{kIncomplete, "more rows were asked for than recorded", "", file_.path().string(),
                   std::nullopt};
    MOTE_TRY(file_.check_length());
    const std::size_t values = count * vocabulary();
    const std::size_t row_bytes = vocabulary() * header_.logit_bytes;
    const auto at = sizeof(Header) + static_cast<std::size_t>(next_) * row_bytes;
    const auto bytes = file_.bytes().subspan(at, count * row_bytes);
    rows_.resize(values);
    if (header_.logit_bytes == 4) {
      if (!bytes.empty()) std::memcpy(rows_.data(), bytes.data(), bytes.size());
    } else {
      for (std::size_t i = 0; i < values; ++i) {
        Half half = 0;
        std::memcpy(&half, bytes.data() + i * sizeof(Half), sizeof(Half));
        rows_[i] = half_to_float(half);
      }
    }
    next_ += count;
    return std::span<const float>(rows_);
  }

 private:
  sys::MappedFile file_;
  Header header_;
  std::uint64_t next_ = 0;
  std::vector<float> rows_;
};

Header header_of(const WindowPlan& plan) {
  Header header;
  header.rows_per_window = plan.scored_per_window();
  header.windows = plan.windows.size();
  header.plan_digest = plan.digest();
  return header;
}

}  // namespace

Result<std::unique_ptr<CacheWriter>> open_cache_writer(const std::filesystem::path& path, LogitModel& model,
                                                       const WindowPlan& plan, CacheType type) {
  Header header = header_of(plan);
  header.logit_bytes = type == CacheType::f32 ? 4 : 2;
  header.vocabulary = model.vocabulary();
  const auto bytes = header.data_bytes().value();
  if (!bytes)
    return Error{kIncomplete, "the reference's logits would take more than 2^64 bytes", "", path.string(),
                 std::nullopt};
  const auto folder = path.parent_path();
  MOTE_TRY(sys::check_free_space(folder.empty() ? std::filesystem::path(".") : folder, *bytes));
  MOTE_ASSIGN(sys::AtomicFile file, sys::AtomicFile::create(path));
  MOTE_TRY(file.append(std::as_bytes(std::span(&header, 1))));
  return std::unique_ptr<CacheWriter>(std::make_unique<Writer>(model, header, std::move(file), path));
}

Result<std::unique_ptr<LogitModel>> open_cache_reader(const std::filesystem::path& path,
                                                      const WindowPlan& plan) {
  MOTE_ASSIGN(sys::MappedFile file, sys::MappedFile::open(path));
  const std::string name = path.string();
  const std::string remedy = "delete the file, it is written anew";
  const auto corrupt = [&](const std::string& what, std::uint64_t at) {
    return Error{kCorrupt, "reading the reference's logits: " + what, remedy, name, at};
  };
  const std::span<const std::byte> bytes = file.bytes();
  Header found;
  if (bytes.size() < sizeof(Header))
    return corrupt("the header needs 56 bytes, found " + std::to_string(bytes.size()), 0);
  std::memcpy(&found, bytes.data(), sizeof(Header));
  Header expected = header_of(plan);
  if (found.magic != expected.magic) return corrupt("this is no file of logits (magic MOTELOGP expected)", 0);
  if (found.version != expected.version) {
    return corrupt("version " + std::to_string(found.version) + ", expected 1", 8);
  }
  if (found.logit_bytes != 4 && found.logit_bytes != 2) {
    return corrupt(std::to_string(found.logit_bytes) + " bytes per logit, expected 4 or 2", 12);
  }
  if (found.vocabulary == 0) return corrupt("a vocabulary of 0", 16);
  const auto data = found.data_bytes().value();
  if (!data || *data != bytes.size() - sizeof(Header)) {
    return corrupt("its length is " + std::to_string(bytes.size()) + " bytes, its header says otherwise", 16);
  }
  if (found.rows_per_window != expected.rows_per_window || found.windows != expected.windows ||
      found.plan_digest != expected.plan_digest) {
    return Error{
        kMismatch,
        "the logits are of another text, tokenizer, context or protocol: " + std::to_string(found.windows) +
            " windows of " + std::to_string(found.rows_per_window) + " rows, expected " +
            std::to_string(expected.windows) + " of " + std::to_string(expected.rows_per_window),
        "use the settings that wrote it, or name another file", name, std::nullopt};
  }
  Fnv digest;
  digest.add(bytes.subspan(sizeof(Header)));
  if (digest.value() != found.row_digest) return corrupt("the checksum of its rows does not match", 48);
  return std::unique_ptr<LogitModel>(std::make_unique<Reader>(std::move(file), found));
}

}  // namespace mote::measure
