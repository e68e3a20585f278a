// What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput: it takes any bytes, hands
// them to one reader and checks what must hold for whatever the reader accepts. It is linked with libFuzzer
// (preset fuzz) or with replay_driver.cc, which repeats files and a fixed number of mutations of them (every
// other preset).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

// Ends the program with a sentence: the fuzzer keeps the input. Unlike assert it is there in release builds.
#define MOTE_FUZZ_CHECK(condition)                                                \
  do {                                                                            \
    if (!(condition)) ::mote::fuzz::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)

namespace mote::fuzz {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// The bytes as a regular file without a folder entry (memfd), one at a time: the file of the call before is
// gone. The name has no extension, so readers have the content only to go by.
std::filesystem::path memory_file(std::string_view content);

// A file in a folder of this process, made on first use and removed at exit. Overwrites.
std::filesystem::path folder_file(std::string_view name, std::string_view content);

// The part of `rest` before the first NUL; `rest` is then what follows it.
std::string_view take_part(std::string_view& rest);

// Reads every byte, so that a sanitizer looks at each.
std::uint64_t touch(std::span<const std::byte> bytes);

}  // namespace mote::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
