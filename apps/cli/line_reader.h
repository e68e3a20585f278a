// Lines of an interactive chat: libedit with history on a terminal, plain lines otherwise.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace mote::cli {

class LineReader {
 public:
  LineReader();
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // Without the line's end; nothing at the end of input or after an interrupt.
  std::optional<std::string> read();
  [[nodiscard]] bool interactive() const { return editor_ != nullptr; }

 private:
  struct Editor;
  std::unique_ptr<Editor> editor_;
};

}  // namespace mote::cli
