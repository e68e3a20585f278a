#include "apps/cli/line_reader.h"

#include <histedit.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

namespace mote::cli {
namespace {

char* prompt(EditLine* /*editor*/) {
  static char text[] = "> ";
  return text;
}

}  // namespace

struct LineReader::Editor {
  EditLine* editor = nullptr;
  History* history = nullptr;
  HistEvent event{};
};

LineReader::LineReader() {
  if (isatty(STDIN_FILENO) != 1) return;
  auto made = std::make_unique<Editor>();
  made->editor = el_init("mote", stdin, stdout, stderr);
  made->history = history_init();
  if (made->editor == nullptr || made->history == nullptr) {
    if (made->editor != nullptr) el_end(made->editor);
    if (made->history != nullptr) history_end(made->history);
    return;
  }
  history(made->history, &made->event, H_SETSIZE, 500);
  el_set(made->editor, EL_PROMPT, prompt);
  el_set(made->editor, EL_EDITOR, "emacs");
  el_set(made->editor, EL_HIST, history, made->history);
  editor_ = std::move(made);
}

LineReader::~LineReader() {
  if (editor_ == nullptr) return;
  history_end(editor_->history);
  el_end(editor_->editor);
}

std::optional<std::string> LineReader::read() {
  if (editor_ == nullptr) {
    std::string line;
    if (!std::getline(std::cin, line)) return std::nullopt;
    return line;
  }
  int length = 0;
  const char* got = el_gets(editor_->editor, &length);
  if (got == nullptr || length <= 0) return std::nullopt;
  std::string line(got, static_cast<std::size_t>(length));
  if (line.find_first_not_of(" \t\r\n") != std::string::npos)
    history(editor_->history, &editor_->event, H_ENTER, got);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  return line;
}

}  // namespace mote::cli
