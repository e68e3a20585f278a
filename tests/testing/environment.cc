#include "testing/environment.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

namespace mote::testing {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::optional<std::filesystem::path> existing(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) ? std::optional(path) : std::nullopt;
}

struct Folders {
  std::vector<std::filesystem::path> made;
  Folders() = default;
  Folders(const Folders&) = delete;
  Folders& operator=(const Folders&) = delete;
  ~Folders() {
    std::error_code ignored;
    for (const auto& folder : made) std::filesystem::remove_all(folder, ignored);
  }
};

}  // namespace

std::filesystem::path source_path(std::string_view relative) {
  return std::filesystem::path(MOTE_SOURCE_DIR) / relative;
}

std::optional<std::filesystem::path> shared_path(std::string_view relative) {
  const std::filesystem::path folder = variable("MOTE_SHARED");
  return existing((folder.empty() ? std::filesystem::path(MOTE_SOURCE_DIR) / "../shared" : folder) /
                  relative);
}

std::optional<std::filesystem::path> model_path(std::string_view relative) {
  const std::filesystem::path folder = variable("MOTE_MODELS");
  return existing((folder.empty() ? std::filesystem::path(variable("HOME")) / ".cache/mote-models" : folder) /
                  relative);
}

bool oracles_required() { return variable("MOTE_REQUIRE_ORACLES") == "1"; }

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return "<unreadable>";
  return {std::istreambuf_iterator<char>(in), {}};
}

void save(const std::filesystem::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::filesystem::path fresh_folder() {
  static Folders folders;
  std::string pattern = (std::filesystem::temp_directory_path() / "mote-test-XXXXXX").string();
  folders.made.emplace_back(::mkdtemp(pattern.data()));
  return folders.made.back();
}

}  // namespace mote::testing
