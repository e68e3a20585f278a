#include "engine/packed_cache_file.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/checked.h"
#include "base/hash64.h"
#include "base/strings.h"
#include "codec/codec.h"
#include "engine/model_identity.h"
#include "kernels/linear.h"
#include "sys/atomic_file.h"

namespace mote::engine {
namespace {

constexpr std::string_view kMagic = "MOTEPACK";
constexpr std::uint32_t kFormatVersion = 1;
constexpr std::uint32_t kByteOrder = 0x01020304;
// Of a checksum: large enough that the list of them is small, small enough that threads share the work.
constexpr std::size_t kSumChunk = std::size_t{1} << 20U;
constexpr std::size_t kTilesAlignment = 4096;

// Places in the header.
constexpr std::size_t kAtDigest = 72;
constexpr std::size_t kAtCheck = 80;
constexpr std::size_t kAtStamp = 88;
constexpr std::size_t kAtStampCheck = 96;
constexpr std::size_t kAtTable = 104;

class Writer {
 public:
  template <typename T>
  void number(T value) {
    static_assert(std::endian::native == std::endian::little, "numbers lie as the processor has them");
    const auto* raw = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), raw, raw + sizeof value);
  }
  void text(std::string_view text) {
    const auto raw = std::as_bytes(std::span(text));
    bytes_.insert(bytes_.end(), raw.begin(), raw.end());
  }
  void name(std::string_view name) {
    number(static_cast<std::uint32_t>(name.size()));
    text(name);
  }
  std::vector<std::byte>& bytes() { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

template <typename T>
T number_at(std::span<const std::byte> bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

void put_number(std::span<std::byte> bytes, std::size_t at, std::uint64_t value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

// A header and where its parts lie.
struct Header {
  std::vector<std::byte> bytes;  // up to the tiles, checksums, digest and stamp still 0
  std::size_t sums = 0;          // place of the checksums
  std::size_t sum_count = 0;
  std::uint64_t file_bytes = 0;
};

// Nothing where 64 bits do not count the file's bytes.
std::optional<Header> header_of(const PackedLayout& layout) {
  Writer table;
  for (const PackedPlace& place : layout.places()) {
    table.name(place.tensor);
    table.number(place.part);
    table.name(codec::codec_of(place.codec).name);
    for (const std::uint64_t n : {place.rows, place.cols, place.offset, place.bytes}) table.number(n);
  }
  table.bytes().resize((table.bytes().size() + 7) / 8 * 8);  // so that the checksums are aligned
  Header out;
  out.sums = kAtTable + table.bytes().size();
  out.sum_count = layout.bytes() / kSumChunk + (layout.bytes() % kSumChunk == 0 ? 0 : 1);
  const auto begin =
      (Checked(out.sums) + Checked(out.sum_count) * sizeof(std::uint64_t)).aligned_up(kTilesAlignment);
  const auto end = (begin + layout.bytes()).value();
  if (!end) return std::nullopt;
  out.file_bytes = *end;
  Writer fields;
  fields.text(kMagic);
  fields.number(kFormatVersion);
  fields.number(kByteOrder);
  fields.number(kernels::kTileLayoutVersion);
  fields.number(static_cast<std::uint32_t>(kernels::kTileRows));
  fields.number(static_cast<std::uint64_t>(layout.places().size()));
  fields.number(static_cast<std::uint64_t>(out.sums));
  fields.number(*begin.value());
  fields.number(layout.bytes());
  fields.number(out.file_bytes);
  fields.number(static_cast<std::uint64_t>(kSumChunk));
  out.bytes = std::move(fields.bytes());
  out.bytes.resize(kAtTable);
  out.bytes.insert(out.bytes.end(), table.bytes().begin(), table.bytes().end());
  out.bytes.resize(*begin.value());
  return out;
}

// Of everything but the stamp, and itself.
std::uint64_t check_of(std::span<const std::byte> header) {
  return hash64(header.subspan(kAtTable), hash64(header.first(kAtCheck)));
}

// Only beside the header that it was written for.
std::uint64_t stamp_check(std::uint64_t stamp, std::uint64_t header_check) {
  return hash64(std::as_bytes(std::span(&stamp, 1)), header_check);
}

void put_stamp(std::span<std::byte> header, std::optional<std::uint64_t> stamp) {
  const std::uint64_t check = number_at<std::uint64_t>(header, kAtCheck);
  put_number(header, kAtStamp, stamp.value_or(0));
  // One bit off says that there is none.
  put_number(header, kAtStampCheck, stamp_check(stamp.value_or(0), check) ^ (stamp ? 0U : 1U));
}

Error unusable(const std::filesystem::path& path, std::string message,
               std::optional<std::uint64_t> at = std::nullopt) {
  return {kCacheUnusable, std::move(message), "", path.string(), at};
}

// Why a header is not the expected one, in an order in which each answer means something.
std::string difference(std::span<const std::byte> found, const Header& expected) {
  const auto differs = [&](std::size_t at, std::size_t length) {
    return std::memcmp(found.data() + at, expected.bytes.data() + at, length) != 0;
  };
  if (differs(0, kMagic.size())) return "the file is no cache of packed weights";
  if (differs(kMagic.size(), 16)) {
    return "it is of another version of mote or another kind of processor (format " +
           std::to_string(number_at<std::uint32_t>(found, 8)) + ", tiles " +
           std::to_string(number_at<std::uint32_t>(found, 16)) + "; expected " +
           std::to_string(kFormatVersion) + " and " + std::to_string(kernels::kTileLayoutVersion) + ")";
  }
  return "it holds other matrices than the model has";
}

}  // namespace

Result<PackedCacheFile> PackedCacheFile::open(const std::filesystem::path& path, const PackedLayout& layout) {
  PackedCacheFile out;
  MOTE_ASSIGN(out.file_, sys::MappedFile::open(path));
  const std::optional<Header> expected = header_of(layout);
  if (!expected || layout.bytes() == 0) return unusable(path, "the model has no tiles to keep");
  const std::span<const std::byte> file = out.file_.bytes();
  if (file.size() < kAtTable) {
    return unusable(path, "it ends inside its header, after " + with_thousands(file.size()) + " bytes");
  }
  // A copy, which nobody changes between the comparisons.
  const auto header = file.first(std::min(file.size(), expected->bytes.size()));
  out.header_.assign(header.begin(), header.end());
  const std::span<const std::byte> found = out.header_;
  if (std::memcmp(found.data(), expected->bytes.data(), kAtDigest) != 0) {
    return unusable(path, difference(found, *expected));
  }
  if (file.size() != expected->file_bytes) {
    return unusable(path, "it has " + with_thousands(file.size()) + " bytes, expected are " +
                              with_thousands(expected->file_bytes));
  }
  if (number_at<std::uint64_t>(found, kAtCheck) != check_of(found)) {
    return unusable(path, "its header is damaged: the checksum is another one");
  }
  if (std::memcmp(found.data() + kAtTable, expected->bytes.data() + kAtTable, expected->sums - kAtTable) !=
      0) {
    return unusable(path, difference(found, *expected));
  }
  out.model_digest_ = number_at<std::uint64_t>(found, kAtDigest);
  const auto stamp = number_at<std::uint64_t>(found, kAtStamp);
  const std::uint64_t of_stamp = stamp_check(stamp, number_at<std::uint64_t>(found, kAtCheck));
  if (number_at<std::uint64_t>(found, kAtStampCheck) == of_stamp) out.model_stamp_ = stamp;
  // The vector's memory is aligned for any number, the sums' place is a multiple of 8.
  out.sums_ = {reinterpret_cast<const std::uint64_t*>(out.header_.data() + expected->sums),
               expected->sum_count};
  out.tiles_ = file.subspan(expected->bytes.size());
  return out;
}

Result<void> PackedCacheFile::verify_tiles(sys::ThreadPool& pool) const {
  file_.will_need(0, file_.bytes().size());
  const std::vector<std::uint64_t> found = hash_chunks(pool, tiles_, kSumChunk);
  const auto differing = std::ranges::mismatch(found, sums_).in1 - found.begin();
  MOTE_TRY(file_.check_length());
  if (static_cast<std::size_t>(differing) == found.size()) return {};
  return unusable(file_.path(), "its tiles are damaged: a checksum is another one",
                  header_.size() + static_cast<std::size_t>(differing) * kSumChunk);
}

Result<void> PackedCacheFile::restamp(std::uint64_t model_stamp) const {
  std::vector<std::byte> header = header_;
  put_stamp(header, model_stamp);
  MOTE_ASSIGN(sys::OutputFile file, sys::OutputFile::open(file_.path()));
  return file.write_at(kAtStamp, std::span(header).subspan(kAtStamp, kAtTable - kAtStamp));
}

namespace {

Result<void> write_all(sys::OutputFile& file, const std::filesystem::path& path, const Header& header,
                       std::span<const std::byte> tiles) {
  MOTE_TRY(sys::check_free_space(path.parent_path(), header.file_bytes));
  MOTE_TRY(file.resize(0));  // of a job that was killed: another model's, perhaps longer
  MOTE_TRY(file.write_at(0, header.bytes));
  MOTE_TRY(file.write_at(header.bytes.size(), tiles));
  return sys::publish(file, path);
}

}  // namespace

Result<void> write_packed_cache(const std::filesystem::path& path, const PackedLayout& layout,
                                std::span<const std::byte> tiles, std::uint64_t model_digest,
                                std::optional<std::uint64_t> model_stamp, sys::ThreadPool& pool) {
  std::optional<Header> header = header_of(layout);
  if (!header || tiles.empty() || tiles.size() != layout.bytes()) {
    return unusable(path, "cannot write the cache: the model has no tiles to keep");
  }
  put_number(header->bytes, kAtDigest, model_digest);
  const std::vector<std::uint64_t> sums = hash_chunks(pool, tiles, kSumChunk);
  std::memcpy(header->bytes.data() + header->sums, sums.data(), sums.size() * sizeof sums[0]);
  put_number(header->bytes, kAtCheck, check_of(header->bytes));
  put_stamp(header->bytes, model_stamp);

  std::filesystem::path part = path;
  part += ".part";
  MOTE_ASSIGN(sys::OutputFile file, sys::OutputFile::open_locked(part));
  Result<void> written = write_all(file, path, *header, tiles);
  if (!written) {
    std::error_code ignored;
    std::filesystem::remove(part, ignored);
  }
  return written;
}

}  // namespace mote::engine
