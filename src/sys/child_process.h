// Runs a program to its end: no shell, nothing but three descriptors, in a process group of its own, within
// limits of time and output.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mote/cancel.h"
#include "mote/result.h"

namespace mote::sys {

inline constexpr ErrorCode kChildStart{"CHILD_START", ErrorKind::failed};

struct ChildOptions {
  // The program, looked for in PATH where its name has no slash, and its arguments. None may hold a NUL byte.
  std::vector<std::string> command = {};
  std::string input = {};                     // what it finds on stdin
  std::vector<std::string> environment = {};  // "NAME=value"
  double timeout_seconds = 10;
  std::size_t max_output_bytes = std::size_t{64} << 10;  // of stdout; more ends it
  std::size_t max_error_bytes = std::size_t{4} << 10;    // of stderr; what is beyond is dropped
  const CancelToken* cancel = nullptr;
};

enum class ChildEnd : std::uint8_t {
  exited,        // status
  signalled,     // signal
  timed_out,     // and was stopped
  output_limit,  // and was stopped
};

struct ChildResult {
  ChildEnd end = ChildEnd::exited;
  int status = 0;  // 0 to 255
  int signal = 0;
  std::string output;  // stdout, at most max_output_bytes
  std::string errors;  // the beginning of stderr
};

// Returns when the program has ended and its whole group is killed; what it left running in the background
// does not live on unless it left the group. Where it has to be stopped it gets SIGTERM, half a second later
// SIGKILL. The calling program may not ignore SIGCHLD. Errors: CHILD_START (an empty command, a NUL byte, no
// such program, no permission, out of processes or descriptors), CANCELLED.
Result<ChildResult> run_child(const ChildOptions& options);

}  // namespace mote::sys
