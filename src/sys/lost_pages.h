// What stands between a program and its death when a mapped file becomes shorter than its mapping: touching a
// page behind the new end raises SIGBUS, in whatever thread and however deep in a kernel.
//
// The library installs no signal handler and keeps no list of mappings (that would be a global); a program
// that wants an error instead of a crash calls replace_lost_pages from its own handler, raises its cancel
// token and reports MODEL_CHANGED once the work has stopped. Without such a handler the process dies as any
// other that maps files.
//
// Why not pread instead: weights are read in place, many times, by kernels that know no errors.
#pragma once

#include <span>

namespace mote::sys {

// Async-signal-safe. True where `address` lies in a shared read-only mapping of a file, as MappedFile makes
// them (found in /proc/self/maps): from its page to the mapping's end there are zero pages now, so that the
// instruction that faulted goes on, with a value that means nothing. `path` gets the file's name with a final
// zero, cut to fit; empty where unknown. False, and nothing changed, for any other address.
bool replace_lost_pages(const void* address, std::span<char> path) noexcept;

}  // namespace mote::sys
