// Which model it is that something was made of: cheaply by what the system knows of its files, surely by what
// is in them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "formats/tensor_source.h"
#include "mote/result.h"
#include "sys/thread_pool.h"

namespace mote::engine {

// A file's times have steps, of 2 s on FAT at the worst, so that two contents within one may carry one stamp.
inline constexpr std::chrono::nanoseconds kStampSettles = std::chrono::seconds(3);

struct ModelStamp {
  std::uint64_t value = 0;  // of size, times and inode of every file
  bool settled = false;     // no file was changed within kStampSettles: another content has another stamp
  bool operator==(const ModelStamp& other) const { return value == other.value; }
};

// `now`: std::chrono::system_clock's. A file from the future never settles. IO_READ.
Result<ModelStamp> stamp_model(const formats::TensorSource& source,
                               std::chrono::system_clock::time_point now);

// Of every byte of every file, headers too: one read of the model, on all threads. Against damage and
// mix-ups, not against somebody who makes two files of one digest.
std::uint64_t digest_model(sys::ThreadPool& pool, const formats::TensorSource& source);

// XXH64 of each `chunk` bytes in order, the last shorter, on all threads.
std::vector<std::uint64_t> hash_chunks(sys::ThreadPool& pool, std::span<const std::byte> bytes,
                                       std::size_t chunk);

}  // namespace mote::engine
