#include "chosen_kernels.h"

#include <cstdlib>
#include <iostream>
#include <optional>
#include <vector>

#include "kernels/select.h"

namespace mote::bench {
namespace {

// A benchmark without its kernels has nothing to say.
template <typename T>
T value_or_end(Result<T> result) {
  if (!result) {
    std::cerr << format_error(result.error()) << '\n';
    std::exit(2);
  }
  return *std::move(result);
}

std::optional<kernels::Isa> forced() {
  const char* name = std::getenv("MOTE_ISA");
  if (name == nullptr) return std::nullopt;
  return value_or_end(kernels::parse_isa(name));
}

}  // namespace

const sys::CpuFeatures& features() {
  static const sys::CpuFeatures kFeatures = [] {
    sys::CpuFeatures detected = sys::detect_cpu_features();
    detected.amx_int8 = detected.amx_int8 && sys::request_tiles();
    return detected;
  }();
  return kFeatures;
}

const kernels::KernelTable& table() {
  static const kernels::KernelTable kChosen = value_or_end(kernels::select_kernels(features(), forced()));
  return kChosen;
}

kernels::Isa isa_of(std::string_view entry) {
  static const std::vector<kernels::KernelChoice> kChoices =
      value_or_end(kernels::describe_kernels(features(), forced()));
  for (const kernels::KernelChoice& choice : kChoices) {
    if (choice.entry == entry) return choice.isa;
  }
  return kernels::Isa::reference;
}

}  // namespace mote::bench
