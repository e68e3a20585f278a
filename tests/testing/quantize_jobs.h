// Whole quantize jobs on bundled models, and what must hold of each. Only tests include this.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>

#include "engine/test_runtime.h"
#include "quantize/quantize.h"
#include "testing/environment.h"

namespace mote::quantize::testing {

inline std::filesystem::path agent() { return mote::testing::source_path("models/agent"); }

// A fifth of the agent's size, rows of 128 and 352: for what holds of any model, such as equal bytes.
inline std::filesystem::path stories() {
  return mote::testing::source_path("models/babyllama-tok105/model5000.bin");
}

// More than a hundred windows of 64 of its tokens, no two the same.
inline std::filesystem::path story_text(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "stories.txt";
  std::ofstream out(path, std::ios::binary);
  for (int i = 0; i < 120; ++i) {
    out << "Once upon a time there was a little dog who lived in house number " << i
        << " near the sea. He ran to the water and saw " << i * 7 % 31 << " boats.\n";
  }
  return path;
}

// The job's file is the same for one thread, three, and the plainest kernels.
inline void expect_same_bytes_everywhere(QuantizeOptions options) {
  const std::filesystem::path output = options.output;
  std::string first;
  const auto check = [&](engine::Runtime& runtime, const std::string& name) {
    options.output = output.string() + "." + name;
    const auto report = quantize(runtime, options);
    ASSERT_TRUE(report) << format_error(report.error());
    const std::string bytes = mote::testing::content_of(options.output);
    if (first.empty()) first = bytes;
    EXPECT_TRUE(bytes == first) << name;
  };
  check(*engine::testing::runtime_of(1), "one");
  check(*engine::testing::runtime_of(3), "three");
  check(*engine::testing::runtime_of(2, kernels::Isa::reference), "reference");
}

// The job is stopped where `stops` says so, leaves no file, and gives the same bytes when it runs again.
inline void expect_same_bytes_after_stop(QuantizeOptions options,
                                         const std::function<bool(const QuantizeProgress&)>& stops,
                                         const std::function<void(const QuantizeProgress&)>& resumed = {}) {
  const auto runtime = engine::testing::runtime_of(2);
  ASSERT_TRUE(quantize(*runtime, options));
  const std::string whole = mote::testing::content_of(options.output);
  options.output += ".stopped";
  CancelToken cancel;
  options.cancel = &cancel;
  options.progress = [&](const QuantizeProgress& p) {
    if (stops(p)) cancel.request();
  };
  const auto stopped = quantize(*runtime, options);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code.name, "CANCELLED");
  EXPECT_FALSE(std::filesystem::exists(options.output));
  cancel.reset();
  options.progress = resumed;
  ASSERT_TRUE(quantize(*runtime, options));
  EXPECT_TRUE(mote::testing::content_of(options.output) == whole);
  for (const auto& left : std::filesystem::directory_iterator(options.output.parent_path())) {
    EXPECT_EQ(left.path().string().find(".part"), std::string::npos) << left.path();
  }
}

}  // namespace mote::quantize::testing
