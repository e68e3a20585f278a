#include "sys/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string_view>
#include <system_error>
#include <utility>

namespace mote::sys {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kGrace{500};  // between SIGTERM and SIGKILL
// The cancel token and the end of a program that has closed its outputs are looked for this often; the first
// looks follow quickly, because most programs end right after they close them.
constexpr double kLongest = 1e8;  // seconds, three years: beyond it the clock's integers would wrap
constexpr milliseconds kFirstLook{1};
constexpr milliseconds kLongestLook{20};

class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { close(); }
  void close() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }
  [[nodiscard]] int get() const { return number_; }
  [[nodiscard]] bool open() const { return number_ >= 0; }

 private:
  int number_;
};

struct Pipe {
  Descriptor read_end;
  Descriptor write_end;
};

Error start_error(const ChildOptions& options, std::string_view what, std::string hint = {}) {
  const std::string name = options.command.empty() ? "" : options.command[0];
  return {kChildStart, "cannot run \"" + escape_untrusted(name, 100) + "\": " + std::string(what),
          std::move(hint), "", std::nullopt};
}

Error start_error(const ChildOptions& options, int number) {
  return start_error(options, std::generic_category().message(number),
                     number == ENOENT ? "check its name and PATH" : "");
}

// Numbers 0 to 2 are free where the caller has closed its own; taken from there, one would be overwritten
// before it is passed on.
Descriptor above_standard(Descriptor given) {
  if (!given.open() || given.get() > STDERR_FILENO) return given;
  return Descriptor(::fcntl(given.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

// A file in memory, not a pipe: it needs no feeding, so nothing can block and no SIGPIPE can be raised.
Result<Descriptor> input_of(const ChildOptions& options) {
  Descriptor file = above_standard(Descriptor(::memfd_create("input", MFD_CLOEXEC)));
  if (!file.open()) return start_error(options, errno);
  for (std::string_view rest = options.input; !rest.empty();) {
    const ssize_t wrote = ::write(file.get(), rest.data(), rest.size());
    if (wrote < 0) return start_error(options, errno);
    rest.remove_prefix(static_cast<std::size_t>(wrote));
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return start_error(options, errno);
  return file;
}

Result<Pipe> output_pipe(const ChildOptions& options) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return start_error(options, errno);
  Pipe pipe{above_standard(Descriptor(ends[0])), above_standard(Descriptor(ends[1]))};
  if (!pipe.read_end.open() || !pipe.write_end.open()) return start_error(options, errno);
  if (::fcntl(pipe.read_end.get(), F_SETFL, O_NONBLOCK) != 0) return start_error(options, errno);
  return pipe;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  // exec takes char* for historical reasons and changes nothing.
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

class SpawnPlan {
 public:
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  // 0 or an error number.
  int prepare(const std::array<int, 3>& descriptors) {
    for (int target = 0; target < 3; ++target) {
      const int source = descriptors[static_cast<std::size_t>(target)];
      if (const int e = posix_spawn_file_actions_adddup2(&actions_, source, target); e != 0) return e;
    }
    if (const int e = posix_spawn_file_actions_addclosefrom_np(&actions_, 3); e != 0) return e;
    // No signal is blocked or ignored, whatever the caller does with its own.
    sigset_t all;
    sigset_t none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setpgroup(&attributes_, 0);
    return posix_spawnattr_setflags(
        &attributes_,
        static_cast<short>(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP));
  }
  int run(pid_t& child, const ChildOptions& options) {
    const std::vector<char*> arguments = pointers(options.command);
    const std::vector<char*> environment = pointers(options.environment);
    return posix_spawnp(&child, arguments[0], &actions_, &attributes_, arguments.data(), environment.data());
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

// A started program. Its group is killed and it is reaped when this goes, so that neither a process nor an
// entry of the process table is left.
class Child {
 public:
  explicit Child(pid_t id) : id_(id) {}
  ~Child() {
    if (id_ > 0) reap();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void signal_group(int number) const { ::kill(-id_, number); }
  // Leaves the entry in the process table, so that the group's number cannot become another one's meanwhile.
  [[nodiscard]] bool ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == id_;
  }
  // The status as waitpid gives it.
  int reap() {
    signal_group(SIGKILL);
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = -1;
    return status;
  }

 private:
  pid_t id_;
};

// Takes what is there. False where the limit is passed.
bool drain(Descriptor& from, std::string& to, std::size_t limit) {
  char buffer[4096];
  while (from.open()) {
    const ssize_t got = ::read(from.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return true;
    if (got <= 0) {
      from.close();
      return true;
    }
    const std::size_t room = limit - to.size();
    to.append(buffer, std::min(room, static_cast<std::size_t>(got)));
    if (static_cast<std::size_t>(got) > room) return false;
  }
  return true;
}

// The same, and throws away what is beyond the limit: not without end, because the deadline is not looked at.
void drain_and_drop(Descriptor& from, std::string& to, std::size_t limit) {
  constexpr int kReads = 64;
  for (int i = 0; i < kReads && !drain(from, to, limit); ++i) {
  }
}

// Waits for output until `until`, at most `longest`.
void wait_for_output(const Descriptor& output, const Descriptor& errors, milliseconds longest) {
  std::array<pollfd, 2> watched{{{output.get(), POLLIN, 0}, {errors.get(), POLLIN, 0}}};  // -1 is skipped
  ::poll(watched.data(), watched.size(), static_cast<int>(longest.count()));
}

class Supervision {
 public:
  Supervision(const ChildOptions& options, Child& child, Descriptor output, Descriptor errors)
      : options_(options),
        child_(child),
        output_(std::move(output)),
        errors_(std::move(errors)),
        deadline_(Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(
                                     std::clamp(options.timeout_seconds, 0.0, kLongest)))) {}

  Result<ChildResult> run() {
    milliseconds look = kFirstLook;
    while (true) {
      const bool ended = child_.ended();  // before reading: what it wrote until its end is then there
      if (!stopping_ && !drain(output_, result_.output, options_.max_output_bytes))
        stop(ChildEnd::output_limit);
      drain_and_drop(errors_, result_.errors, options_.max_error_bytes);
      if (ended) break;
      const Clock::time_point now = Clock::now();
      if (!cancelled_ && options_.cancel != nullptr && options_.cancel->requested()) {
        cancelled_ = true;
        stop(ChildEnd::signalled);
      }
      if (!stopping_ && now >= deadline_) stop(ChildEnd::timed_out);
      if (stopping_ && now >= kill_at_) break;  // reaping kills
      wait_for_output(output_, errors_, look);
      look = std::min(look * 2, kLongestLook);
    }
    return finish();
  }

 private:
  void stop(ChildEnd why) {
    if (stopping_) return;
    stopping_ = true;
    result_.end = why;
    kill_at_ = Clock::now() + kGrace;
    output_.close();  // nothing more is wanted, and a program that writes on shall not wait for us
    child_.signal_group(SIGTERM);
  }
  Result<ChildResult> finish() {
    const int status = child_.reap();
    if (cancelled_)
      return Error{kCancelled,
                   "the program \"" + escape_untrusted(options_.command[0], 100) + "\" was stopped", "", "",
                   std::nullopt};
    if (!stopping_) {
      result_.end = WIFEXITED(status) ? ChildEnd::exited : ChildEnd::signalled;
      if (WIFEXITED(status)) result_.status = WEXITSTATUS(status);
      if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
    }
    return std::move(result_);
  }

  const ChildOptions& options_;
  Child& child_;
  Descriptor output_;
  Descriptor errors_;
  Clock::time_point deadline_;
  Clock::time_point kill_at_;
  bool stopping_ = false;
  bool cancelled_ = false;
  ChildResult result_;
};

}  // namespace

Result<ChildResult> run_child(const ChildOptions& options) {
  if (options.command.empty() || options.command[0].empty())
    return start_error(options, "the command is empty");
  for (const auto* texts : {&options.command, &options.environment}) {
    for (const std::string& text : *texts) {
      if (text.find('\0') != std::string::npos) return start_error(options, "a text holds a NUL byte");
    }
  }
  MOTE_ASSIGN(Descriptor input, input_of(options));
  MOTE_ASSIGN(Pipe output, output_pipe(options));
  MOTE_ASSIGN(Pipe errors, output_pipe(options));
  pid_t id = -1;
  SpawnPlan plan;
  int failure = plan.prepare({input.get(), output.write_end.get(), errors.write_end.get()});
  if (failure == 0) failure = plan.run(id, options);
  if (failure != 0) return start_error(options, failure);
  Child child(id);
  input.close();
  output.write_end.close();
  errors.write_end.close();
  return Supervision(options, child, std::move(output.read_end), std::move(errors.read_end)).run();
}

}  // namespace mote::sys
