// Instruction sets that kernels exist for. `reference` is plain C++ and always there; the others are used
// where the build contains them and the processor has them. All give the same bits.
#pragma once

#include <cstdint>
#include <string_view>

#include "mote/result.h"

namespace mote::kernels {

inline constexpr ErrorCode kKernelIsa{"KERNEL_ISA", ErrorKind::invalid_argument};

enum class Isa : std::uint8_t { reference, avx2, avxvnni, avx512, avx512vnni, amx, neon, dotprod, i8mm };

// "avx512vnni"; the names that MOTE_ISA takes.
std::string_view to_string(Isa isa);
// KERNEL_ISA, with the list of names, where `name` is none of them.
Result<Isa> parse_isa(std::string_view name);

}  // namespace mote::kernels
