#include "kernels/select.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/kernel_testing.h"
#include "kernels/reference/reference.h"

namespace mote::kernels {
namespace {

using testing::HasSubstr;

TEST(SelectKernels, NamesGoBothWays) {
  for (int i = 0; i < 9; ++i) {
    const auto isa = static_cast<Isa>(i);
    const auto parsed = parse_isa(to_string(isa));
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(*parsed, isa);
  }
}

TEST(SelectKernels, AnUnknownNameIsAnErrorThatListsTheNames) {
  const auto parsed = parse_isa("avx1024");
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().code.name, "KERNEL_ISA");
  EXPECT_THAT(parsed.error().message, HasSubstr("\"avx1024\""));
  EXPECT_THAT(parsed.error().message, HasSubstr("avx512vnni"));
}

TEST(SelectKernels, ASetThatTheProcessorLacksIsAnErrorThatListsWhatThereIs) {
  const auto table = select_kernels(sys::CpuFeatures{}, Isa::avx2);
  ASSERT_FALSE(table.has_value());
  EXPECT_EQ(table.error().code.name, "KERNEL_ISA");
  EXPECT_THAT(table.error().message, HasSubstr("avx2 is not available"));
  EXPECT_THAT(table.error().message, HasSubstr("have reference"));
}

TEST(SelectKernels, WithoutFeaturesTheReferenceServesAllEntries) {
  const auto choices = describe_kernels(sys::CpuFeatures{});
  ASSERT_TRUE(choices.has_value());
  EXPECT_EQ(choices->size(), sizeof(KernelTable) / sizeof(void*));
  for (const KernelChoice& choice : *choices) EXPECT_EQ(choice.isa, Isa::reference) << choice.entry;
}

TEST(SelectKernels, EveryEntryIsFilledInEverySet) {
  for (const NamedTable& named : tables()) {
    void* entries[sizeof(KernelTable) / sizeof(void*)];
    std::memcpy(entries, &named.table, sizeof entries);
    for (std::size_t i = 0; i < std::size(entries); ++i)
      EXPECT_NE(entries[i], nullptr) << named.name << " entry " << i;
  }
}

// What a forced choice says is what runs: the pointer is the reference's exactly where the description says
// so.
TEST(SelectKernels, AForcedSetIsTheOneThatRuns) {
  const sys::CpuFeatures features = sys::detect_cpu_features();
  for (const Isa isa : available_isas(features)) {
    const auto table = select_kernels(features, isa);
    const auto choices = describe_kernels(features, isa);
    ASSERT_TRUE(table.has_value() && choices.has_value());
    void* chosen[sizeof(KernelTable) / sizeof(void*)];
    void* reference[sizeof(KernelTable) / sizeof(void*)];
    std::memcpy(chosen, &*table, sizeof chosen);
    std::memcpy(reference, &kReferenceKernels, sizeof reference);
    bool is_used = isa == Isa::reference;
    for (std::size_t i = 0; i < choices->size(); ++i) {
      EXPECT_LE((*choices)[i].isa, isa) << (*choices)[i].entry;
      EXPECT_EQ((*choices)[i].isa == Isa::reference, chosen[i] == reference[i]) << (*choices)[i].entry;
      is_used = is_used || (*choices)[i].isa == isa;
    }
    EXPECT_TRUE(is_used) << to_string(isa) << " serves no entry";
  }
}

TEST(SelectKernels, TheBestIsTheLastAvailable) {
  const sys::CpuFeatures features = sys::detect_cpu_features();
  EXPECT_EQ(best_isa(features), available_isas(features).back());
  EXPECT_EQ(available_isas(features).front(), Isa::reference);
}

}  // namespace
}  // namespace mote::kernels
