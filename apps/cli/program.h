// What every command shares: where text goes, whether it may be coloured, the cancel token that signals
// raise, and what was read from the environment. The only place that does any of these.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "mote/cancel.h"
#include "report/table.h"

namespace mote::cli {

class Program {
 public:
  // Reads NO_COLOR, MOTE_ISA, MOTE_THREADS and MOTE_HOME, and takes over SIGINT and SIGTERM: the first one
  // raises the cancel token, a second one ends the program at once. SIGBUS of a mapped file that became
  // shorter raises it too; print() is silent from then on.
  Program();

  void set_json(bool json) { json_ = json; }
  [[nodiscard]] bool json() const { return json_; }

  // Results, to stdout; nothing with --json.
  void print(std::string_view text);
  void print(const report::Table& table);
  // Everything else, to stderr, one line.
  void note(std::string_view line);
  // "warning: ..." to stderr, once for each text however often it is given.
  void warn(std::string_view text);
  // A line that replaces itself on a terminal; elsewhere a plain line at most every ten seconds.
  void progress(std::string_view line);
  void end_progress();

  [[nodiscard]] CancelToken& cancel();
  // SIGINT or SIGTERM once received, otherwise 0.
  [[nodiscard]] int signal() const;
  // For interactive use: an interrupt that was dealt with.
  void forget_signal();
  // The mapped file that became shorter while it was read, if one did: whatever was computed since is void.
  [[nodiscard]] std::optional<std::string> changed_file() const;

  [[nodiscard]] const std::string& isa() const { return isa_; }          // MOTE_ISA, may be empty
  [[nodiscard]] const std::string& threads() const { return threads_; }  // MOTE_THREADS, may be empty
  // The whole environment as "NAME=value", for programs that a command starts.
  [[nodiscard]] static std::vector<std::string> environment();
  // Where bundled models may lie: $MOTE_HOME, beside the build tree, share/mote of the installation.
  [[nodiscard]] std::vector<std::filesystem::path> data_folders() const;
  [[nodiscard]] bool stdout_is_terminal() const { return stdout_terminal_; }

 private:
  bool json_ = false;
  bool stdout_terminal_ = false;
  bool stderr_terminal_ = false;
  bool colour_ = false;
  bool progress_shown_ = false;
  double last_progress_ = -1e9;
  std::set<std::string, std::less<>> warned_;
  std::string isa_;
  std::string threads_;
  std::filesystem::path home_;
};

}  // namespace mote::cli
