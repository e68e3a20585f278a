#include "tensor/aligned_buffer.h"

#include <sys/mman.h>

#include <cstdint>

namespace mote {

namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20U;

}  // namespace

AlignedBuffer::AlignedBuffer(std::size_t bytes) {
  if (bytes == 0 || bytes > SIZE_MAX - kHugePage) return;
  const bool is_large = bytes >= 2 * kHugePage;
  const std::size_t alignment = is_large ? kHugePage : kAlignment;
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  data_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment, rounded)));
  if (data_ == nullptr) return;
#if defined(MADV_HUGEPAGE)
  // Advice: where the system has no huge pages to give, the buffer is as good.
  if (is_large) madvise(data_.get(), rounded, MADV_HUGEPAGE);
#endif
  size_ = bytes;
  std::memset(data_.get(), 0, bytes);
}

}  // namespace mote
