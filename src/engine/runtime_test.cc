#include "engine/runtime.h"

#include <gtest/gtest.h>

namespace mote::engine {
namespace {

struct Widths {
  unsigned generation;
  unsigned prompt;
  bool operator==(const Widths&) const = default;
};

Widths widths(const RuntimeOptions& options) {
  const auto runtime = Runtime::create(options);
  EXPECT_TRUE(runtime);
  return {(*runtime)->width_for(1), (*runtime)->width_for(64)};
}

TEST(Runtime, ThreadsThatAreGivenHoldWhateverThePower) {
  for (const Power power : all_powers()) {
    EXPECT_EQ(widths({.threads = 3,
                      .prompt_threads = 0,
                      .power = power,
                      .isa = {},
                      .memory_limit_bytes = 0,
                      .log = {}}),
              (Widths{3, 3}));
    EXPECT_EQ(widths({.threads = 1,
                      .prompt_threads = 4,
                      .power = power,
                      .isa = {},
                      .memory_limit_bytes = 0,
                      .log = {}}),
              (Widths{1, 4}));
  }
}

TEST(Runtime, SavingGeneratesOnHalfOfTheCores) {
  const unsigned cores = sys::detect_cpu_features().physical_cores;
  const auto of = [](Power power) {
    return widths(
        {.threads = 0, .prompt_threads = 0, .power = power, .isa = {}, .memory_limit_bytes = 0, .log = {}});
  };
  EXPECT_EQ(of(Power::balanced), (Widths{cores, cores}));
  EXPECT_EQ(of(Power::max), (Widths{cores, cores}));
  EXPECT_EQ(of(Power::save), (Widths{(cores + 1) / 2, cores}));
}

}  // namespace
}  // namespace mote::engine
