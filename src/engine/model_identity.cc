#include "engine/model_identity.h"

#include <algorithm>
#include <vector>

#include "base/hash64.h"

namespace mote::engine {
namespace {

constexpr std::size_t kDigestChunk = std::size_t{1} << 20U;

std::uint64_t hash_words(const std::vector<std::uint64_t>& words) {
  return hash64(std::as_bytes(std::span(words)));
}

}  // namespace

Result<ModelStamp> stamp_model(const formats::TensorSource& source,
                               std::chrono::system_clock::time_point now) {
  const auto now_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
  std::vector<std::uint64_t> words;
  ModelStamp out{.value = 0, .settled = true};
  for (const sys::MappedFile* file : source.files()) {
    MOTE_ASSIGN(const sys::FileStamp stamp, file->stamp());
    // No device number: it may be another one after every start of the machine.
    words.insert(words.end(), {stamp.bytes, static_cast<std::uint64_t>(stamp.modified_ns),
                               static_cast<std::uint64_t>(stamp.changed_ns), stamp.inode});
    const std::int64_t last = std::max(stamp.modified_ns, stamp.changed_ns);
    if (last > now_ns - kStampSettles.count()) out.settled = false;
  }
  out.value = hash_words(words);
  return out;
}

std::uint64_t digest_model(sys::ThreadPool& pool, const formats::TensorSource& source) {
  std::vector<std::uint64_t> words;
  for (const sys::MappedFile* file : source.files()) {
    words.push_back(file->bytes().size());
    words.push_back(hash_words(hash_chunks(pool, file->bytes(), kDigestChunk)));
    file->dont_need(0, file->bytes().size());  // those pages that are read again come back
  }
  return hash_words(words);
}

std::vector<std::uint64_t> hash_chunks(sys::ThreadPool& pool, std::span<const std::byte> bytes,
                                       std::size_t chunk) {
  std::vector<std::uint64_t> hashes((bytes.size() + chunk - 1) / chunk);
  pool.parallel_for(hashes.size(), 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t at = i * chunk;
      hashes[i] = hash64(bytes.subspan(at, std::min(chunk, bytes.size() - at)));
    }
  });
  return hashes;
}

}  // namespace mote::engine
