#include "measure/energy.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "testing/environment.h"

namespace mote::measure {
namespace {

void write(const std::filesystem::path& path, std::uint64_t value) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << value << "\n";
}

TEST(EnergyCounter, AddsPackagesAndCountsOnWhereOneBeginsAgain) {
  const std::filesystem::path root = testing::fresh_folder();
  for (const std::string zone : {"intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0", "dtpm"}) {
    write(root / zone / "max_energy_range_uj", 1000000);
    write(root / zone / "energy_uj", 900000);
  }
  const EnergyCounter counter(root);
  const EnergyCounter::Reading before = counter.read();
  ASSERT_EQ(before.size(), 2U);
  write(root / "intel-rapl:0/energy_uj", 950000);
  write(root / "intel-rapl:1/energy_uj", 100000);    // 200,000 further
  write(root / "intel-rapl:0:0/energy_uj", 990000);  // a part of package 0
  ASSERT_TRUE(counter.joules_since(before));
  EXPECT_DOUBLE_EQ(*counter.joules_since(before), 0.25);
}

TEST(EnergyCounter, IsNothingWithoutACounterAndNeverZero) {
  const std::filesystem::path folder = testing::fresh_folder();
  const EnergyCounter none(folder);
  EXPECT_FALSE(none.joules_since(none.read()));
  const EnergyCounter elsewhere(folder / "absent");
  EXPECT_FALSE(elsewhere.joules_since(elsewhere.read()));
  write(folder / "intel-rapl:0/energy_uj", 5);
  write(folder / "still/intel-rapl:0/energy_uj", 5);
  write(folder / "still/intel-rapl:0/max_energy_range_uj", 9);
  const EnergyCounter still(folder / "still");
  EXPECT_EQ(still.read().size(), 1U);
  EXPECT_FALSE(still.joules_since(still.read()));
  const EnergyCounter without_range(folder);
  EXPECT_FALSE(without_range.joules_since(without_range.read()));
}

}  // namespace
}  // namespace mote::measure
