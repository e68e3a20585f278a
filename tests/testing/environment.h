// Where tests find what is not part of the project, and how they say that it is missing.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace mote::testing {

// The project's own files: "models/babyllama/...", "tests/golden/...".
std::filesystem::path source_path(std::string_view relative);

// Shared data beside the checkout ($MOTE_SHARED, else ../shared); nothing where the file is missing.
std::optional<std::filesystem::path> shared_path(std::string_view relative);

// The real model and BASE ($MOTE_MODELS, else ~/.cache/mote-models); nothing where the file is missing.
std::optional<std::filesystem::path> model_path(std::string_view relative);

// True where a skip counts as a failure (MOTE_REQUIRE_ORACLES=1, as in CI).
bool oracles_required();

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
// Sanitizers answer mlock() themselves and lock nothing.
inline constexpr bool kLocksMemory = !kSanitized;

// The bytes of a file; "<unreadable>" where it cannot be opened, which no test expects.
std::string content_of(const std::filesystem::path& path);
void save(const std::filesystem::path& path, std::string_view content);

// An empty folder of its own for each call, removed at program end.
std::filesystem::path fresh_folder();

}  // namespace mote::testing

// Skips with a plain reason, or fails where oracles are required.
#define MOTE_NEEDS(condition, reason)                              \
  do {                                                             \
    if (!(condition)) {                                            \
      if (::mote::testing::oracles_required()) FAIL() << (reason); \
      GTEST_SKIP() << (reason);                                    \
    }                                                              \
  } while (false)
