// Energy that processor packages have used, from the counters that Linux shows as powercap zones (Intel's
// RAPL and AMD's). Most boards and virtual machines have none, and some systems let only root read them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace mote::measure {

class EnergyCounter {
 public:
  // `root`: where the zones are, "intel-rapl:0" and so on; another folder in tests.
  explicit EnergyCounter(const std::filesystem::path& root = "/sys/class/powercap");

  using Reading = std::vector<std::uint64_t>;  // microjoules, one per package; empty where none can be read
  [[nodiscard]] Reading read() const;
  // Of all packages; nothing where no counter can be read or none has moved. A counter that has begun again
  // at zero since, once, is counted on.
  [[nodiscard]] std::optional<double> joules_since(const Reading& before) const;

 private:
  struct Package {
    std::filesystem::path counter;
    std::uint64_t range;  // the counter begins again behind it
  };
  std::vector<Package> packages_;
};

}  // namespace mote::measure
