#include "measure/energy.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <system_error>

namespace mote::measure {
namespace {

std::optional<std::uint64_t> read_number(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::uint64_t value = 0;
  if (!(in >> value)) return std::nullopt;
  return value;
}

// "intel-rapl:0" is a package, "intel-rapl:0:1" a part of one.
bool is_package(const std::string& name) {
  constexpr std::string_view kPrefix = "intel-rapl:";
  return name.starts_with(kPrefix) && name.find(':', kPrefix.size()) == std::string::npos;
}

}  // namespace

EnergyCounter::EnergyCounter(const std::filesystem::path& root) {
  std::error_code error;
  std::vector<std::filesystem::path> zones;
  for (std::filesystem::directory_iterator it(root, error), end; !error && it != end; it.increment(error)) {
    if (is_package(it->path().filename().string())) zones.push_back(it->path());
  }
  std::sort(zones.begin(), zones.end());
  for (const std::filesystem::path& zone : zones) {
    const auto range = read_number(zone / "max_energy_range_uj");
    if (range && read_number(zone / "energy_uj")) packages_.push_back({zone / "energy_uj", *range});
  }
}

EnergyCounter::Reading EnergyCounter::read() const {
  Reading out;
  for (const Package& package : packages_) {
    const auto value = read_number(package.counter);
    if (!value) return {};
    out.push_back(*value);
  }
  return out;
}

std::optional<double> EnergyCounter::joules_since(const Reading& before) const {
  const Reading now = read();
  if (now.empty() || now.size() != before.size()) return std::nullopt;
  double microjoules = 0;
  for (std::size_t i = 0; i < now.size(); ++i) {
    const std::uint64_t begun_again = now[i] < before[i] ? packages_[i].range : 0;
    microjoules +=
        static_cast<double>(begun_again) + static_cast<double>(now[i]) - static_cast<double>(before[i]);
  }
  if (microjoules == 0) return std::nullopt;  // too short for the counter's steps, or it stands still
  return microjoules / 1e6;
}

}  // namespace mote::measure
