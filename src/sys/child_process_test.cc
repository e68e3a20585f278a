#include "sys/child_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include "sys/mapped_file.h"
#include "testing/environment.h"

namespace mote::sys {
namespace {

ChildOptions shell(std::string script) {
  return {
      .command = {"/bin/sh", "-c", std::move(script)}, .input = {}, .environment = {"PATH=/usr/bin:/bin"}};
}

ChildResult good(const ChildOptions& options) {
  auto result = run_child(options);
  EXPECT_TRUE(result) << format_error(result.error());
  return result ? *result : ChildResult{};
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

bool alive(pid_t id) { return ::kill(id, 0) == 0 || errno != ESRCH; }

// A killed process is an entry of its new parent's for a moment.
bool ends_soon(pid_t id) {
  for (int i = 0; i < 200 && alive(id); ++i) {
    const auto status = read_text_file("/proc/" + std::to_string(id) + "/stat", 4096);
    if (status && status->find(") Z") != std::string::npos) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return !alive(id);
}

TEST(ChildProcess, ReturnsOutputErrorsAndStatus) {
  const ChildResult result = good(shell("echo out; echo err >&2; exit 7"));
  EXPECT_EQ(result.end, ChildEnd::exited);
  EXPECT_EQ(result.status, 7);
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.errors, "err\n");
}

TEST(ChildProcess, PassesArgumentsAsTheyAreWithoutAShell) {
  const ChildResult result =
      good({.command = {"printf", "%s|%s|%s", "$(echo x) `id`", "", "a\nb;*"}, .input = {}});
  EXPECT_EQ(result.output, "$(echo x) `id`||a\nb;*");
}

TEST(ChildProcess, GivesTheInputAndNeverWaitsForItToBeRead) {
  // More than a pipe holds, in both directions.
  std::string text;
  for (int i = 0; text.size() < 200'000; ++i) text += std::to_string(i) + "\n";
  const ChildResult copy = good({.command = {"/bin/cat"}, .input = text, .max_output_bytes = 1 << 20});
  EXPECT_EQ(copy.output, text);
  const ChildResult ignored = good({.command = {"/bin/true"}, .input = text});
  EXPECT_EQ(ignored.end, ChildEnd::exited);
  EXPECT_EQ(ignored.status, 0);
  EXPECT_EQ(good({.command = {"/bin/cat"}, .input = ""}).output, "");
}

TEST(ChildProcess, HandsOnTheEnvironmentNamedAndNothingElse) {
  ::setenv("MOTE_TEST_SECRET", "1", 1);
  const ChildResult result = good({.command = {"/usr/bin/env"}, .input = {}, .environment = {"A=b c", "D="}});
  EXPECT_EQ(result.output, "A=b c\nD=\n");
}

TEST(ChildProcess, HandsOnThreeDescriptorsOnly) {
  const int leaking = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  ASSERT_GE(leaking, 3);
  // ls itself holds the folder that it lists, as the number after the last.
  const ChildResult result = good({.command = {"/bin/ls", "/proc/self/fd"}, .input = {}});
  ::close(leaking);
  EXPECT_EQ(result.output, "0\n1\n2\n3\n");
}

TEST(ChildProcess, HandsOnNoIgnoredSignal) {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  const ChildResult result = good(shell("kill -PIPE $$; echo lived"));
  std::signal(SIGPIPE, before);
  EXPECT_EQ(result.end, ChildEnd::signalled);
  EXPECT_EQ(result.signal, SIGPIPE);
  EXPECT_EQ(result.output, "");
}

TEST(ChildProcess, StopsWhatTakesTooLong) {
  ChildOptions options{.command = {"sleep", "60"}, .input = {}, .timeout_seconds = 0.2};
  EXPECT_LT(seconds_of([&] { EXPECT_EQ(good(options).end, ChildEnd::timed_out); }), 10);
}

TEST(ChildProcess, KillsWhatIgnoresTheSignalAndKeepsWhatItWrote) {
  ChildOptions options = shell("trap '' TERM; echo started; while :; do sleep 1; done");
  options.timeout_seconds = 0.3;
  const double seconds = seconds_of([&] {
    const ChildResult result = good(options);
    EXPECT_EQ(result.end, ChildEnd::timed_out);
    EXPECT_EQ(result.output, "started\n");
  });
  EXPECT_GE(seconds, 0.7);  // time limit and grace
  EXPECT_LT(seconds, 10);
}

TEST(ChildProcess, StopsWhatWritesMoreThanTheLimit) {
  for (const char* script : {"yes", "head -c 65537 /dev/zero; sleep 60"}) {
    EXPECT_LT(seconds_of([&] {
                ChildOptions options = shell(script);
                options.timeout_seconds = 30;
                const ChildResult result = good(options);
                EXPECT_EQ(result.end, ChildEnd::output_limit) << script;
                EXPECT_EQ(result.output.size(), std::size_t{64} << 10);
              }),
              20);
  }
  const ChildResult exact = good(shell("head -c 65536 /dev/zero"));
  EXPECT_EQ(exact.end, ChildEnd::exited);
  EXPECT_EQ(exact.output, std::string(65536, '\0'));
}

TEST(ChildProcess, DropsWhatIsTooMuchOfTheErrors) {
  const ChildResult result = good(shell("yes 12345 | head -c 300000 >&2; echo done"));
  EXPECT_EQ(result.end, ChildEnd::exited);
  EXPECT_EQ(result.output, "done\n");
  EXPECT_EQ(result.errors.size(), 4096U);
  ChildOptions endless = shell("yes >&2");
  endless.timeout_seconds = 0.3;
  EXPECT_EQ(good(endless).end, ChildEnd::timed_out);
}

TEST(ChildProcess, LeavesNothingRunningInItsGroup) {
  const ChildResult result = good(shell("sleep 300 & echo $!"));
  EXPECT_EQ(result.end, ChildEnd::exited);
  EXPECT_EQ(result.status, 0);
  const pid_t background = std::stoi(result.output);
  EXPECT_TRUE(ends_soon(background));
}

TEST(ChildProcess, DoesNotWaitForAProgramThatLeftTheGroupWithTheOutput) {
  const double seconds = seconds_of([&] {
    const ChildResult result = good(shell("setsid sleep 5 & echo gone"));
    EXPECT_EQ(result.output, "gone\n");
  });
  EXPECT_LT(seconds, 4);
}

TEST(ChildProcess, ReportsASignal) {
  const ChildResult result = good(shell("kill -SEGV $$"));
  EXPECT_EQ(result.end, ChildEnd::signalled);
  EXPECT_EQ(result.signal, SIGSEGV);
}

TEST(ChildProcess, WaitsForAProgramThatClosedItsOutputs) {
  const auto folder = testing::fresh_folder();
  ChildOptions options = shell("exec >&- 2>&-; sleep 0.3; echo late > \"$0\"");
  options.command.push_back((folder / "late").string());
  EXPECT_EQ(good(options).status, 0);
  EXPECT_EQ(read_text_file(folder / "late", 100).value_or(""), "late\n");
}

TEST(ChildProcess, IsCancelled) {
  CancelToken cancel;
  ChildOptions options{.command = {"sleep", "60"}, .input = {}, .cancel = &cancel};
  options.timeout_seconds = 60;
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    cancel.request();
  });
  const double seconds = seconds_of([&] {
    const auto result = run_child(options);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code.name, "CANCELLED");
  });
  other.join();
  EXPECT_LT(seconds, 10);
}

TEST(ChildProcess, SaysWhyAProgramCannotStart) {
  const auto folder = testing::fresh_folder();
  const auto code_of = [](const ChildOptions& options) {
    const auto result = run_child(options);
    EXPECT_FALSE(result);
    return result ? "" : std::string(result.error().code.name) + ": " + result.error().message;
  };
  EXPECT_NE(code_of({.command = {"no-such-program-of-mote"}, .input = {}}).find("No such file"),
            std::string::npos);
  EXPECT_NE(code_of({.command = {folder.string()}, .input = {}}).find("Permission denied"),
            std::string::npos);
  for (const ChildOptions& options :
       {ChildOptions{}, ChildOptions{.command = {""}, .input = {}},
        ChildOptions{.command = {"/bin/true", std::string("a\0b", 3)}, .input = {}}}) {
    EXPECT_EQ(code_of(options).rfind("CHILD_START", 0), 0U);
  }
}

TEST(ChildProcess, LeavesNoDescriptorOpen) {
  const auto count = [] {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++n;
    return n;
  };
  const std::size_t before = count();
  for (int i = 0; i < 20; ++i) {
    good({.command = {"/bin/true"}, .input = "x"});
    EXPECT_FALSE(run_child({.command = {"no-such-program-of-mote"}, .input = {}}));
  }
  EXPECT_EQ(count(), before);
}

}  // namespace
}  // namespace mote::sys
