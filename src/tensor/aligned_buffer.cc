#include "tensor/aligned_buffer.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

namespace mote {

namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20U;

std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

// `bytes` of zeros, a multiple of kHugePage, that begin at one; null where there is no memory.
std::byte* map_zeros(std::size_t bytes) {
  const std::size_t wide = bytes + kHugePage;
  void* mapped = mmap(nullptr, wide, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* begin = static_cast<std::byte*>(mapped);
  const std::size_t before =
      round_up(reinterpret_cast<std::uintptr_t>(begin), kHugePage) - reinterpret_cast<std::uintptr_t>(begin);
  if (before > 0) munmap(begin, before);
  if (before < kHugePage) munmap(begin + before + bytes, kHugePage - before);
#if defined(MADV_HUGEPAGE)
  // Advice: where the system has no huge pages to give, the buffer is as good.
  madvise(begin + before, bytes, MADV_HUGEPAGE);
#endif
  return begin + before;
}

}  // namespace

void AlignedBuffer::Free::operator()(std::byte* p) const {
  if (mapped_bytes > 0) {
    munmap(p, mapped_bytes);
  } else {
    std::free(p);
  }
}

AlignedBuffer::AlignedBuffer(std::size_t bytes) {
  if (bytes == 0 || bytes > SIZE_MAX - 2 * kHugePage) return;
  if (bytes >= 2 * kHugePage) {
    const std::size_t rounded = round_up(bytes, kHugePage);
    data_ = {map_zeros(rounded), Free{rounded}};
  } else {
    data_ = {static_cast<std::byte*>(std::aligned_alloc(kAlignment, round_up(bytes, kAlignment))), Free{}};
    if (data_ != nullptr) std::memset(data_.get(), 0, bytes);
  }
  if (data_ != nullptr) size_ = bytes;
}

}  // namespace mote
