// The inner loops of the weighted search, over sixteen blocks at a time: one block (or sub-block) per lane.
//
// Why blocks in lanes: every lane runs the sequence of operations that a plain loop over one block would run,
// so that no sum is reassociated and the result is the same on every instruction set. The same source
// (search_kernels.inc) is compiled once per instruction set; it uses the compilers' vector types, add,
// multiply, divide, compare and select only, and no library function.
//
// x and u (the weights of the squared error) lie as [element][lane], aligned to 64 bytes. Unused lanes hold
// zeros.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mote::quantize {

inline constexpr std::size_t kLanes = 16;
inline constexpr std::size_t kMaxBlock = 32;

// Formats with scales of their own in each block of 32: half bits of scale and offset (0 where the format has
// none), codes from 0 as [element][lane].
struct alignas(64) BlockCodes {
  std::uint8_t codes[kMaxBlock * kLanes];
  std::uint16_t scale[kLanes];
  std::uint16_t offset[kLanes];
};

// Formats with super-blocks of 256 (lanes are sub-blocks): 16 lanes of 16 elements are one super-block, 16
// lanes of 32 elements are two. x ~ d * scale * value - dmin * min; scale and min are the integers that the
// format stores, before any bias.
struct alignas(64) SuperCodes {
  std::uint8_t codes[kMaxBlock * kLanes];
  std::int16_t scale[kLanes];
  std::int16_t min[kLanes];
  std::uint16_t d[2];
  std::uint16_t dmin[2];
};

// Sums over the elements of a band, in eight interleaved chains added up in order.
struct BandSums {
  double squared_error = 0;  // of x - y
  double squared_norm = 0;   // of x
  bool finite = true;        // whether all of x and y are
};

struct SearchKernels {
  using BlockKernel = void (*)(const float* x, const float* u, BlockCodes& out) noexcept;
  using SuperKernel = void (*)(const float* x, const float* u, SuperCodes& out) noexcept;
  BlockKernel q4_0, q4_1, q5_0, q5_1, q8_0, iq4_nl;
  SuperKernel q2_k, q3_k, q4_k, q5_k, q6_k, iq4_xs;
  // What comes before and after the search: halves as floats, exactly, and how far `y` is from `x`.
  void (*widen_halves)(const std::byte* halves, float* out, std::size_t count) noexcept;
  BandSums (*compare)(const float* x, const float* y, std::size_t count) noexcept;
};

extern const SearchKernels kSearchBaseline;
#if defined(__x86_64__)
extern const SearchKernels kSearchAvx2;
extern const SearchKernels kSearchAvx512;
#endif

}  // namespace mote::quantize
