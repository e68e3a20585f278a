#include "apps/cli/program.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "mote/error.h"
#include "sys/lost_pages.h"

namespace mote::cli {
namespace {

// Signal handlers reach nothing but globals, so these four are the program's only ones.
CancelToken g_cancel;                     // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
volatile std::sig_atomic_t g_signal = 0;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

// Whose name g_changed_file holds: nobody's, that of a thread that is writing it, or the first one's.
enum class ChangedFile : int { none, claimed, named };
char g_changed_file[512] = {};              // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
std::atomic<ChangedFile> g_file_changed{};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
static_assert(std::atomic<ChangedFile>::is_always_lock_free, "a signal handler uses it");

// A mapped file became shorter and its end was touched. The work goes on with zeros until it looks at the
// cancel token; main() then reports MODEL_CHANGED instead of whatever came out.
extern "C" void on_bus_error(int number, siginfo_t* info, void* /*context*/) {
  static thread_local char path[sizeof g_changed_file];  // several threads may fault at once
  if (info->si_code == BUS_ADRERR && sys::replace_lost_pages(info->si_addr, path)) {
    // The first one that knows the name tells it; a thread that faulted at the same time may find none.
    ChangedFile nobody = ChangedFile::none;
    if (path[0] != '\0' && g_file_changed.compare_exchange_strong(nobody, ChangedFile::claimed)) {
      std::copy_n(path, sizeof path, g_changed_file);
      g_file_changed = ChangedFile::named;
    }
    g_cancel.request();
    return;
  }
  std::signal(number, SIG_DFL);  // the instruction faults again and ends the program
}

extern "C" void on_signal(int number) {
  if (g_signal != 0) _exit(128 + number);
  g_signal = number;
  g_cancel.request();
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread starts
  return value == nullptr ? std::string() : std::string(value);
}

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void put(std::FILE* file, std::string_view text) { std::fwrite(text.data(), 1, text.size(), file); }

}  // namespace

Program::Program()
    : stdout_terminal_(isatty(STDOUT_FILENO) == 1),
      stderr_terminal_(isatty(STDERR_FILENO) == 1),
      isa_(variable("MOTE_ISA")),
      threads_(variable("MOTE_THREADS")),
      home_(variable("MOTE_HOME")) {
  colour_ = stdout_terminal_ && variable("NO_COLOR").empty() && variable("TERM") != "dumb";
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  struct sigaction bus_action = {};
  bus_action.sa_sigaction = on_bus_error;
  bus_action.sa_flags = SA_SIGINFO;
  sigemptyset(&bus_action.sa_mask);
  sigaction(SIGBUS, &bus_action, nullptr);
  // A reader that went away is an error of the write, not a death without a word.
  std::signal(SIGPIPE, SIG_IGN);
}

void Program::print(std::string_view text) {
  if (json_ || g_file_changed != ChangedFile::none) return;
  end_progress();
  put(stdout, text);
}

void Program::print(const report::Table& table) { print(table.render(colour_)); }

void Program::note(std::string_view line) {
  end_progress();
  put(stderr, std::string(line) + "\n");
}

void Program::warn(std::string_view text) {
  if (warned_.emplace(text).second) note("warning: " + escape_untrusted(text, 500));
}

void Program::progress(std::string_view line) {
  const double now = now_seconds();
  constexpr double kTerminalInterval = 0.1;
  constexpr double kPlainInterval = 10.0;
  if (now - last_progress_ < (stderr_terminal_ ? kTerminalInterval : kPlainInterval)) return;
  const bool first = last_progress_ < 0;
  last_progress_ = now;
  if (stderr_terminal_) {
    put(stderr, "\r\x1b[K" + escape_untrusted(line, 100));
    std::fflush(stderr);
    progress_shown_ = true;
  } else if (!first) {
    put(stderr, std::string(line) + "\n");  // the first one would only say that something short has begun
  }
}

void Program::end_progress() {
  if (!progress_shown_) return;
  put(stderr, "\r\x1b[K");
  std::fflush(stderr);
  progress_shown_ = false;
}

CancelToken& Program::cancel() { return g_cancel; }
int Program::signal() const { return g_signal; }
void Program::forget_signal() {
  g_signal = 0;
  g_cancel.reset();
}

std::optional<std::string> Program::changed_file() const {
  if (g_file_changed != ChangedFile::named) return std::nullopt;
  return std::string(g_changed_file);
}

std::vector<std::string> Program::environment() {
  std::vector<std::string> out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) out.emplace_back(*entry);
  return out;
}

std::vector<std::filesystem::path> Program::data_folders() const {
  std::vector<std::filesystem::path> folders;
  if (!home_.empty()) folders.push_back(home_);
  std::error_code ignored;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  if (self.empty()) return folders;
  // PREFIX/bin/mote with PREFIX/share/mote, or SOURCE/build/PRESET/bin/mote with SOURCE/models.
  const auto prefix = self.parent_path().parent_path();
  folders.push_back(prefix / "share/mote");
  folders.push_back(prefix.parent_path().parent_path());
  folders.push_back(prefix.parent_path());
  return folders;
}

}  // namespace mote::cli
