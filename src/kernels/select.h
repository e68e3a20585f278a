// Which kernels this processor and this build get.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "kernels/kernel_table.h"
#include "mote/isa.h"
#include "mote/result.h"
#include "sys/cpu_features.h"

namespace mote::kernels {

// Sets that this build contains and `features` can run, lowest first; the reference is always the first.
std::vector<Isa> available_isas(const sys::CpuFeatures& features);
// The last of them.
Isa best_isa(const sys::CpuFeatures& features);

// The reference overlaid by every available set up to `forced` (by default the best). KERNEL_ISA, listing
// what there is, where `forced` is missing in this build or on this processor.
Result<KernelTable> select_kernels(const sys::CpuFeatures& features,
                                   std::optional<Isa> forced = std::nullopt);

// What serves each entry of the table that select_kernels would return, in the order of KernelTable, for
// doctor.
struct KernelChoice {
  std::string_view entry;  // "matmul_integer"
  Isa isa;                 // whose implementation
};
Result<std::vector<KernelChoice>> describe_kernels(const sys::CpuFeatures& features,
                                                   std::optional<Isa> forced = std::nullopt);

}  // namespace mote::kernels
