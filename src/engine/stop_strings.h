// Finds the first of several stop strings in text that arrives in pieces, and holds back what may become one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mote::engine {

class StopStrings {
 public:
  explicit StopStrings(std::vector<std::string> strings) : strings_(std::move(strings)) {}

  // Adds text and returns what is now certain to come before any stop string. After a stop nothing comes.
  std::string push(std::string_view text);
  // The rest, when no more text will come.
  std::string finish();
  // The stop string that was found; empty while there is none.
  [[nodiscard]] const std::string& found() const { return found_; }

 private:
  std::vector<std::string> strings_;  // none empty
  std::string held_;
  std::string found_;
};

}  // namespace mote::engine
