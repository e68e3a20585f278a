// What the kernel tests share: buffers that end at a forbidden page, hostile numbers, the tables of this
// machine.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "kernels/isa_tables.h"
#include "kernels/select.h"

namespace mote::kernels {

// n elements whose last byte is the last before a page that may not be touched; the page before is forbidden
// too.
template <typename T>
class Guarded {
 public:
  explicit Guarded(std::size_t n) : size_(n) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t inner = (n * sizeof(T) + page - 1) / page * page;
    total_ = inner + 2 * page;
    base_ = static_cast<std::byte*>(mmap(nullptr, total_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (inner != 0) mprotect(base_ + page, inner, PROT_READ | PROT_WRITE);
    data_ = reinterpret_cast<T*>(base_ + page + inner - n * sizeof(T));
  }
  explicit Guarded(const std::vector<T>& values) : Guarded(values.size()) {
    if (!values.empty()) std::memcpy(data_, values.data(), values.size() * sizeof(T));
  }
  ~Guarded() { munmap(base_, total_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  T* data() { return data_; }
  T& operator[](std::size_t i) { return data_[i]; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::vector<T> copy() const { return {data_, data_ + size_}; }

 private:
  std::size_t size_ = 0;
  std::size_t total_ = 0;
  std::byte* base_ = nullptr;
  T* data_ = nullptr;
};

inline std::uint32_t bits(float x) { return std::isnan(x) ? 0x7FC00000U : std::bit_cast<std::uint32_t>(x); }

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (bits(a[i]) != bits(b[i])) {
      ADD_FAILURE() << "element " << i << ": " << a[i] << " and " << b[i];
      return false;
    }
  }
  return true;
}

enum class Data { ordinary, zero, outlier, tiny, non_finite };
inline constexpr Data kAllData[] = {Data::ordinary, Data::zero, Data::outlier, Data::tiny, Data::non_finite};
inline constexpr Data kFiniteData[] = {Data::ordinary, Data::zero, Data::outlier, Data::tiny};

inline std::vector<float> numbers(Rng& rng, std::size_t n, Data data) {
  std::vector<float> x(n, 0.0F);
  if (data == Data::zero) return x;
  for (float& v : x) v = static_cast<float>(rng.next_double() * 4.0 - 2.0);
  if (data == Data::tiny) {
    for (float& v : x) v *= 0x1p-127F;  // subnormal
  }
  if (n == 0) return x;
  if (data == Data::outlier) x[n / 2] = 3e5F;
  if (data == Data::non_finite) {
    x[n / 2] = std::numeric_limits<float>::infinity();
    x[n / 3] = std::numeric_limits<float>::quiet_NaN();
    x[0] = -std::numeric_limits<float>::infinity();
  }
  return x;
}

struct NamedTable {
  std::string name;
  KernelTable table;
};

// Every set that this machine runs; the reference first.
inline std::vector<NamedTable> tables() {
  sys::CpuFeatures features = sys::detect_cpu_features();
  features.amx_int8 = features.amx_int8 && sys::request_tiles();
  std::vector<NamedTable> all;
  for (const Isa isa : available_isas(features)) {
    auto table = select_kernels(features, isa);
    EXPECT_TRUE(table.has_value());
    all.push_back({std::string(to_string(isa)), *table});
  }
#if defined(MOTE_KERNELS_X86)
  // Processors with 512-bit VNNI run AVX-VNNI's kernels in another encoding.
  if (features.avx512_vnni) {
    auto table = select_kernels(features, Isa::avx2);
    EXPECT_TRUE(table.has_value());
    table->matmul_integer = kAvxVnniEvexKernels.matmul_integer;
    all.push_back({"avxvnni in the encoding of AVX-512", *table});
    table->matmul_integer = kAmxEmulatedKernels.matmul_integer;
    all.push_back({"amx with emulated tiles", *table});
  }
#endif
  return all;
}

}  // namespace mote::kernels
