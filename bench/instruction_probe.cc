// Calls one kernel a number of times, for a tool that counts instructions: instruction_probe CASE CALLS, or
// without arguments the names of all cases. MOTE_ISA chooses the kernels. What is set up does not depend on
// CALLS, so the difference of two runs is what the calls take (count_instructions.py).
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "base/strings.h"
#include "codec/codec.h"
#include "kernels/linear.h"
#include "kernels/select.h"

namespace mote::bench {
namespace {

using kernels::KernelTable;

constexpr std::size_t kRows = 64;
constexpr std::size_t kCols = 512;

std::vector<float> ramp(std::size_t n) {
  std::vector<float> out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<float>(i * 37 % 101) * 0.01F - 0.5F;
  return out;
}

// A product with n columns.
struct Product {
  std::vector<std::byte> blocks;
  kernels::PackedMatrix packed;
  std::vector<float> values, y;
  AlignedBuffer codes, scratch;
  kernels::Activations a;

  Product(const KernelTable& table, CodecId id, std::size_t n)
      : values(ramp(n * kCols)), y(n * kRows), codes(kernels::activation_scratch_bytes(n, kCols)) {
    const codec::Codec& codec = codec::codec_of(id);
    const std::vector<float> weights = ramp(kRows * kCols);
    const std::size_t count = weights.size() / codec.block_elements;
    blocks.resize(count * codec.block_bytes);
    codec.encode_rtn(weights.data(), blocks.data(), count);
    QuantizedTensor tensor;
    tensor.codec = id;
    tensor.shape = Shape{kRows, kCols};
    tensor.planes = {blocks};
    auto made = kernels::prepare_pack(tensor, true);
    if (!made) std::exit(1);
    kernels::pack_tiles(tensor, *made, 0, made->tile_count());
    packed = std::move(*made);
    a = {
        .n = n, .cols = kCols, .values = values.data(), .codes = nullptr, .scales = nullptr, .sums = nullptr};
    kernels::bind_activation_scratch(a, codes.data());
    kernels::quantize_activations(table, a, 0, n);
    scratch = AlignedBuffer(kernels::matmul_scratch_bytes(packed, n));
  }
  void run(const KernelTable& table) {
    kernels::matmul(table, packed, a, y.data(), kRows, 0, packed.tile_count(), scratch.data());
  }
};

using Case = std::function<void(const KernelTable&, std::size_t calls)>;

Case product(CodecId id, std::size_t n) {
  return [id, n](const KernelTable& table, std::size_t calls) {
    Product p(table, id, n);
    for (std::size_t i = 0; i < calls; ++i) p.run(table);
  };
}

std::map<std::string, Case> all_cases() {
  std::map<std::string, Case> cases;
  for (const std::size_t n : {1U, 4U, 32U}) {
    for (const CodecId id : {CodecId::q4_0, CodecId::q4_k, CodecId::q6_k, CodecId::q8_0}) {
      cases["matmul_" + to_lower_ascii(codec::codec_of(id).name) + "_n" + std::to_string(n)] = product(id, n);
    }
  }
  cases["quantize_row"] = [](const KernelTable& table, std::size_t calls) {
    const std::vector<float> x = ramp(kCols);
    std::vector<std::int8_t> codes(kCols);
    std::vector<float> scales(kCols / 32);
    std::vector<std::int32_t> sums(kCols / 16);
    for (std::size_t i = 0; i < calls; ++i) {
      table.quantize_row(x.data(), kCols, codes.data(), scales.data(), sums.data());
    }
  };
  cases["weighted_sum"] = [](const KernelTable& table, std::size_t calls) {
    const std::vector<float> weights = ramp(std::size_t{12} * 64);
    const std::vector<float> values = ramp(std::size_t{64} * 64);
    std::vector<float> out(std::size_t{12} * 64);
    for (std::size_t i = 0; i < calls; ++i) {
      table.weighted_sum({.weights = weights.data(),
                          .weights_stride = 64,
                          .n = 12,
                          .values = values.data(),
                          .values_stride = 64,
                          .count = 64,
                          .dim = 64,
                          .out = out.data(),
                          .out_stride = 64});
    }
  };
  cases["exp_sum"] = [](const KernelTable& table, std::size_t calls) {
    std::vector<float> x = ramp(256);
    for (std::size_t i = 0; i < calls; ++i) static_cast<void>(table.exp_sum(x.data(), x.size(), 0.5F));
  };
  cases["rms_norm"] = [](const KernelTable& table, std::size_t calls) {
    const std::vector<float> x = ramp(kCols);
    std::vector<float> out(kCols);
    for (std::size_t i = 0; i < calls; ++i) table.rms_norm(x.data(), x.data(), out.data(), kCols, 1e-5F);
  };
  cases["silu_mul"] = [](const KernelTable& table, std::size_t calls) {
    const std::vector<float> x = ramp(kCols);
    std::vector<float> out(kCols);
    for (std::size_t i = 0; i < calls; ++i) table.silu_mul(x.data(), x.data(), out.data(), kCols);
  };
  return cases;
}

int run(int argc, char** argv) {
  const std::map<std::string, Case> cases = all_cases();
  if (argc == 1) {
    for (const auto& [name, one] : cases) std::cout << name << '\n';
    return 0;
  }
  const auto found = argc == 3 ? cases.find(argv[1]) : cases.end();
  const auto calls = argc == 3 ? parse_uint64(argv[2]) : std::nullopt;
  if (found == cases.end() || !calls) {
    std::cerr << "usage: instruction_probe [CASE CALLS]\n";
    return 2;
  }
  std::optional<kernels::Isa> forced;
  if (const char* name = std::getenv("MOTE_ISA"); name != nullptr) {
    const auto isa = kernels::parse_isa(name);
    if (!isa) return 2;
    forced = *isa;
  }
  sys::CpuFeatures features = sys::detect_cpu_features();
  features.amx_int8 = features.amx_int8 && sys::request_tiles();
  const auto table = kernels::select_kernels(features, forced);
  if (!table) {
    std::cerr << format_error(table.error()) << '\n';
    return 2;
  }
  found->second(*table, *calls);
  return 0;
}

}  // namespace
}  // namespace mote::bench

int main(int argc, char** argv) { return mote::bench::run(argc, argv); }
