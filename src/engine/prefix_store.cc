#include "engine/prefix_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <new>
#include <optional>
#include <system_error>
#include <vector>

#include "base/hash64.h"
#include "mote/error.h"
#include "sys/atomic_file.h"
#include "sys/mapped_file.h"

namespace mote::engine {
namespace {

namespace fs = std::filesystem;

constexpr ErrorCode kOutputCreate{"OUTPUT_CREATE", ErrorKind::failed};

// Raise it when the bytes of a block or of a file change.
constexpr std::string_view kMagic = "MOTEKV01";
constexpr std::uint32_t kByteOrder = 0x01020304;
constexpr std::size_t kAlign = 64;
constexpr std::string_view kSuffix = ".kv";
constexpr std::string_view kDigestSuffix = ".model";
// What a killed process was writing.
constexpr std::string_view kTemporary = ".kv.tmp-";
constexpr std::size_t kNameLength = 16 + 1 + 16;  // without its suffix
constexpr fs::file_time_type::duration kNotAtAll = -std::chrono::hours(1);

std::string hex(std::uint64_t value) {
  std::string out(16, '0');
  for (std::size_t i = 16; i-- > 0; value /= 16) out[i] = "0123456789abcdef"[value % 16];
  return out;
}

std::string name_of_tenant(std::string_view tenant) {
  return hex(hash64(std::as_bytes(std::span(tenant)))) + "-";
}

template <typename Number>
void append_number(std::string& out, Number value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_text(std::string& out, std::string_view text) {
  append_number(out, static_cast<std::uint64_t>(text.size()));
  out += text;
}

// All that a file says before its block: whose it is, and the whole text that the block ends.
std::string header_of(const PrefixOwner& owner, std::span<const TokenId> tokens, std::size_t block_bytes) {
  std::string out(kMagic);
  append_number(out, kByteOrder);
  append_text(out, owner.model);
  append_text(out, owner.tenant);
  append_number(out, static_cast<std::uint64_t>(block_bytes));
  append_text(out, {reinterpret_cast<const char*>(tokens.data()), tokens.size_bytes()});
  out.resize((out.size() + kAlign - 1) / kAlign * kAlign);
  return out;
}

std::uint64_t sum_of(const std::string& header, std::span<const std::byte> block) {
  return hash64(block, hash64(std::as_bytes(std::span(header))));
}

struct Entry {
  fs::path path;
  std::uint64_t bytes;
  fs::file_time_type used;
};

bool is_block(const std::string& name) {
  return name.size() == kNameLength + kSuffix.size() && name[16] == '-' && name.ends_with(kSuffix) &&
         name.find_first_not_of("0123456789abcdef-") == name.size() - kSuffix.size();
}

// The blocks of a folder whose names begin with `begin`. Files of others are not looked at.
// What killed processes have left there goes when it is older than `lives`.
std::vector<Entry> blocks_in(const fs::path& folder, std::string_view begin = {},
                             fs::file_time_type::duration lives = std::chrono::hours(1)) {
  std::vector<Entry> out;
  std::error_code failed;
  for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
    const std::string name = it->path().filename().string();
    std::error_code ignored;
    const fs::file_time_type used = it->last_write_time(ignored);
    if (name.find(kTemporary) == kNameLength && name.starts_with(begin) &&
        used + lives < fs::file_time_type::clock::now()) {
      fs::remove(it->path(), ignored);
    }
    if (!is_block(name) || !name.starts_with(begin)) continue;
    const std::uint64_t bytes = it->file_size(ignored);
    if (!ignored) out.push_back({it->path(), bytes, used});
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<PrefixStore>> PrefixStore::open(const fs::path& given, std::uint64_t max_bytes) try {
  const fs::path folder =
      given.has_filename() ? given : given.parent_path();  // "name/" is made, and not said so
  std::error_code failed;
  if (fs::create_directories(folder, failed)) {
    fs::permissions(folder, fs::perms::owner_all, failed);
  }
  struct stat info{};
  if (!failed && ::stat(folder.c_str(), &info) != 0) failed = {errno, std::generic_category()};
  if (!failed && !S_ISDIR(info.st_mode)) failed = std::make_error_code(std::errc::not_a_directory);
  if (failed) {
    return Error{kOutputCreate, "cannot keep a prefix cache in this folder: " + failed.message(),
                 "give another one", folder.string(), std::nullopt};
  }
  // Who may write keys and values may choose what the model says.
  if (info.st_uid != ::geteuid() && info.st_uid != 0) {
    return Error{
        kOutputCreate,
        "the folder of the prefix cache belongs to another user (" + std::to_string(info.st_uid) + ")",
        "give one of your own", folder.string(), std::nullopt};
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error{kOutputCreate, "others may write to the folder of the prefix cache",
                 "give one of your own, or take their right away (chmod go-w)", folder.string(),
                 std::nullopt};
  }
  return std::unique_ptr<PrefixStore>(new PrefixStore(folder, max_bytes));
} catch (const std::bad_alloc&) {
  return Error{kOutOfMemory, "no memory for the prefix cache", {}, given.string(), std::nullopt};
}

std::size_t PrefixStore::most_blocks(const PrefixOwner& owner, std::span<const TokenId> tokens,
                                     std::size_t block_bytes) const {
  return max_bytes_ / (header_of(owner, tokens, block_bytes).size() + block_bytes + sizeof(std::uint64_t));
}

fs::path PrefixStore::path_of(const PrefixOwner& owner, std::span<const TokenId> tokens) const {
  const std::uint64_t text = hash64(std::as_bytes(tokens), hash64(std::as_bytes(std::span(owner.model))));
  return folder_ / (name_of_tenant(owner.tenant) + hex(text) + std::string(kSuffix));
}

bool PrefixStore::holds(const PrefixOwner& owner, std::span<const TokenId> tokens) const {
  std::error_code ignored;
  return fs::exists(path_of(owner, tokens), ignored);
}

bool PrefixStore::load(const PrefixOwner& owner, std::span<const TokenId> tokens,
                       std::span<std::byte> out) const {
  const fs::path path = path_of(owner, tokens);
  const std::string header = header_of(owner, tokens, out.size());
  std::uint64_t sum = 0;
  const std::size_t whole = header.size() + out.size() + sizeof sum;
  const auto text = sys::read_text_file(path, whole);
  std::error_code ignored;
  if (!text) {
    // Too long or not readable: it would stand in the way of the right one.
    if (text.error().code.name != "INPUT_MISSING") fs::remove(path, ignored);
    return false;
  }
  const std::span<const std::byte> bytes = std::as_bytes(std::span(*text));
  const auto fits = [&] {
    if (bytes.size() != whole || !text->starts_with(header)) return false;
    const std::span<const std::byte> block = bytes.subspan(header.size(), out.size());
    std::memcpy(&sum, bytes.data() + header.size() + out.size(), sizeof sum);
    if (sum != sum_of(header, block)) return false;
    std::ranges::copy(block, out.begin());
    return true;
  };
  if (fits()) return true;
  fs::remove(path, ignored);
  return false;
}

bool PrefixStore::save(const PrefixOwner& owner, std::span<const TokenId> tokens,
                       std::span<const std::byte> block) const {
  const std::string header = header_of(owner, tokens, block.size());
  const std::uint64_t sum = sum_of(header, block);
  if (!make_room(header.size() + block.size() + sizeof sum)) return false;
  auto file = sys::AtomicFile::create(path_of(owner, tokens));
  std::error_code open_to_all;
  if (file) {
    fs::permissions(file->temporary_path(), fs::perms::owner_read | fs::perms::owner_write, open_to_all);
  }
  return file && !open_to_all && file->append(header) && file->append(block) &&
         file->append(std::as_bytes(std::span(&sum, 1))) && file->commit();
}

void PrefixStore::touch(const PrefixOwner& owner, std::span<const TokenId> tokens) const {
  std::error_code ignored;
  fs::last_write_time(path_of(owner, tokens), fs::file_time_type::clock::now(), ignored);
}

std::optional<std::uint64_t> PrefixStore::digest_of(std::uint64_t stamp) const {
  const auto text = sys::read_text_file(folder_ / (hex(stamp) + std::string(kDigestSuffix)), 16);
  if (!text || text->size() != 16) return std::nullopt;
  std::uint64_t digest = 0;
  const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), digest, 16);
  if (failed != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return digest;
}

void PrefixStore::note_digest(std::uint64_t stamp, std::uint64_t digest) const {
  // Best effort: without it the next start reads the model for its digest.
  static_cast<void>(
      sys::write_file_atomically(folder_ / (hex(stamp) + std::string(kDigestSuffix)), hex(digest)));
}

// Blocks used longest ago go.
bool PrefixStore::make_room(std::uint64_t bytes) const {
  if (bytes > max_bytes_) return false;
  std::vector<Entry> blocks = blocks_in(folder_);
  std::uint64_t present = 0;
  for (const Entry& block : blocks) present += block.bytes;
  std::ranges::sort(blocks, {}, &Entry::used);
  for (const Entry& block : blocks) {
    if (present <= max_bytes_ - bytes) break;
    std::error_code failed;
    fs::remove(block.path, failed);
    if (!failed) present -= block.bytes;
  }
  return present <= max_bytes_ - bytes && sys::check_free_space(folder_, bytes);
}

void PrefixStore::forget(std::string_view tenant) const {
  std::error_code ignored;
  for (const Entry& block : blocks_in(folder_, name_of_tenant(tenant), kNotAtAll))
    fs::remove(block.path, ignored);
}

void PrefixStore::clear() const {
  std::error_code ignored;
  for (const Entry& block : blocks_in(folder_, {}, kNotAtAll)) fs::remove(block.path, ignored);
}

}  // namespace mote::engine
