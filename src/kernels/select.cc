#include "kernels/select.h"

#include <array>
#include <string>

#include "kernels/isa_tables.h"
#include "kernels/reference/reference.h"

namespace mote::kernels {

namespace {

constexpr std::array<std::string_view, 9> kIsaNames = {"reference", "avx2", "avxvnni", "avx512", "avx512vnni",
                                                       "amx",       "neon", "dotprod", "i8mm"};

// One row per set that this build contains, in rising order.
struct IsaSet {
  Isa isa;
  const KernelTable* table;  // entries that it improves; the others are null
  bool (*can_run)(const sys::CpuFeatures&);
};

constexpr IsaSet kSets[] = {
    {Isa::reference, &kReferenceKernels, [](const sys::CpuFeatures&) { return true; }},
#if defined(MOTE_KERNELS_X86)
    {Isa::avx2, &kAvx2Kernels, [](const sys::CpuFeatures& f) { return f.avx2; }},
    {Isa::avxvnni, &kAvxVnniKernels, [](const sys::CpuFeatures& f) { return f.avx_vnni; }},
    {Isa::avx512, &kAvx512Kernels, [](const sys::CpuFeatures& f) { return f.avx512; }},
    {Isa::avx512vnni, &kAvx512VnniKernels, [](const sys::CpuFeatures& f) { return f.avx512_vnni; }},
    {Isa::amx, &kAmxKernels, [](const sys::CpuFeatures& f) { return f.amx_int8 && f.avx512_vnni; }},
#elif defined(MOTE_KERNELS_ARM)
    {Isa::neon, &kNeonKernels, [](const sys::CpuFeatures& f) { return f.neon; }},
    {Isa::dotprod, &kDotprodKernels, [](const sys::CpuFeatures& f) { return f.dotprod; }},
    {Isa::i8mm, &kI8mmKernels, [](const sys::CpuFeatures& f) { return f.i8mm && f.dotprod; }},
#endif
};

std::string join_names(const std::vector<Isa>& isas) {
  std::string names;
  for (const Isa isa : isas) {
    if (!names.empty()) names += ", ";
    names += to_string(isa);
  }
  return names;
}

// The overlay, told entry by entry: visit(name, member) for every entry of the table in order.
template <typename Visit>
void for_each_entry(Visit visit) {
  visit("quantize_row", &KernelTable::quantize_row);
  visit("matmul_integer", &KernelTable::matmul_integer);
  visit("matmul_f32", &KernelTable::matmul_f32);
  visit("matmul_f16", &KernelTable::matmul_f16);
  visit("matmul_bf16", &KernelTable::matmul_bf16);
  visit("weighted_sum", &KernelTable::weighted_sum);
  visit("f16_to_f32", &KernelTable::f16_to_f32);
  visit("bf16_to_f32", &KernelTable::bf16_to_f32);
  visit("f32_to_f16", &KernelTable::f32_to_f16);
  visit("q8_0_to_f32", &KernelTable::q8_0_to_f32);
  visit("q4_0_to_f32", &KernelTable::q4_0_to_f32);
  visit("f32_to_q8_0", &KernelTable::f32_to_q8_0);
  visit("f32_to_q4_0", &KernelTable::f32_to_q4_0);
  visit("rms_norm", &KernelTable::rms_norm);
  visit("add", &KernelTable::add);
  visit("add_scaled", &KernelTable::add_scaled);
  visit("scale", &KernelTable::scale);
  visit("silu_mul", &KernelTable::silu_mul);
  visit("rope_adjacent", &KernelTable::rope_adjacent);
  visit("rope_halves", &KernelTable::rope_halves);
  visit("max", &KernelTable::max);
  visit("exp_sum", &KernelTable::exp_sum);
  visit("softmax", &KernelTable::softmax);
}

// The sets to overlay for `forced`, lowest first.
Result<std::vector<const IsaSet*>> sets_up_to(const sys::CpuFeatures& features, std::optional<Isa> forced) {
  const std::vector<Isa> available = available_isas(features);
  const Isa top = forced.value_or(available.back());
  std::vector<const IsaSet*> sets;
  for (const IsaSet& set : kSets) {
    if (!set.can_run(features)) continue;
    sets.push_back(&set);
    if (set.isa == top) return sets;
  }
  return Error{kKernelIsa,
               "instruction set " + std::string(to_string(top)) +
                   " is not available: this build and processor (" + features.to_string() + ") have " +
                   join_names(available),
               "choose one of these, or none for the best",
               {},
               {}};
}

}  // namespace

std::string_view to_string(Isa isa) { return kIsaNames[static_cast<std::size_t>(isa)]; }

Result<Isa> parse_isa(std::string_view name) {
  std::string names;
  for (std::size_t i = 0; i < kIsaNames.size(); ++i) {
    if (kIsaNames[i] == name) return static_cast<Isa>(i);
    names += (i == 0 ? "" : ", ") + std::string(kIsaNames[i]);
  }
  return Error{kKernelIsa,
               "unknown instruction set \"" + escape_untrusted(name) + "\": expected one of " + names,
               "leave it out for the best that this processor has",
               {},
               {}};
}

std::vector<Isa> available_isas(const sys::CpuFeatures& features) {
  std::vector<Isa> isas;
  for (const IsaSet& set : kSets) {
    if (set.can_run(features)) isas.push_back(set.isa);
  }
  return isas;
}

Isa best_isa(const sys::CpuFeatures& features) { return available_isas(features).back(); }

Result<KernelTable> select_kernels(const sys::CpuFeatures& features, std::optional<Isa> forced) {
  MOTE_ASSIGN(const auto sets, sets_up_to(features, forced));
  KernelTable table{};
  for (const IsaSet* set : sets) {
    for_each_entry([&](const char*, auto member) {
      if (set->table->*member != nullptr) table.*member = set->table->*member;
    });
  }
  return table;
}

Result<std::vector<KernelChoice>> describe_kernels(const sys::CpuFeatures& features,
                                                   std::optional<Isa> forced) {
  MOTE_ASSIGN(const auto sets, sets_up_to(features, forced));
  std::vector<KernelChoice> choices;
  for_each_entry([&](const char* name, auto member) {
    KernelChoice choice{name, Isa::reference};
    for (const IsaSet* set : sets) {
      if (set->table->*member != nullptr) choice.isa = set->isa;
    }
    choices.push_back(choice);
  });
  return choices;
}

}  // namespace mote::kernels
