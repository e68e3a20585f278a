// What this processor and operating system can run. A plain struct: detect once, print, pass down.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mote/result.h"

namespace mote::sys {

struct CpuFeatures {
  std::string model_name;  // as the operating system says, for reports
  // x86, each including what the operating system must save for it.
  bool avx2 = false;  // with FMA and F16C
  bool avx_vnni = false;
  bool avx512 = false;  // F, BW, VL, DQ
  bool avx512_vnni = false;
  bool amx_int8 = false;  // Linux wants to be asked for the tiles first: request_tiles()
  // Arm
  bool neon = false;
  bool dotprod = false;
  bool i8mm = false;
  unsigned physical_cores = 1;  // that this process may use (affinity mask)
  unsigned logical_cores = 1;

  // "avx2 avx512 avx512vnni"
  [[nodiscard]] std::string to_string() const;
};

CpuFeatures detect_cpu_features();

// Asks Linux to let this process use tile registers; whether it does. From then on alternate signal stacks
// have to be larger (AT_MINSIGSTKSZ).
bool request_tiles();

}  // namespace mote::sys
