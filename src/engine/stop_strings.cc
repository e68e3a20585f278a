#include "engine/stop_strings.h"

#include <algorithm>
#include <utility>

namespace mote::engine {

std::string StopStrings::push(std::string_view text) {
  if (!found_.empty()) return {};
  held_ += text;
  std::size_t first = std::string::npos;
  for (const std::string& stop : strings_) {
    const std::size_t at = held_.find(stop);
    // The earliest wins; where two start together, the one named first.
    if (at < first) {
      first = at;
      found_ = stop;
    }
  }
  if (first != std::string::npos) {
    held_.resize(first);
    return std::exchange(held_, {});
  }
  // The longest end of the text that is the start of a stop string.
  std::size_t keep = 0;
  for (const std::string& stop : strings_) {
    for (std::size_t n = std::min(stop.size() - 1, held_.size()); n > keep; --n) {
      if (held_.ends_with(std::string_view(stop).substr(0, n))) keep = n;
    }
  }
  std::string out = held_.substr(0, held_.size() - keep);
  held_.erase(0, out.size());
  return out;
}

std::string StopStrings::finish() { return found_.empty() ? std::exchange(held_, {}) : std::string(); }

}  // namespace mote::engine
