// What a file seems to be by its first bytes. For errors that say "this is an HTML page" instead of "bad
// magic", and to refuse pickle whatever its name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "mote/error.h"

namespace mote::formats {

enum class FileKind : std::uint8_t {
  unknown,
  empty,
  gguf,
  gguf_big_endian,
  old_ggml,  // GGML, GGMF, GGJT and GGLA, the formats before GGUF
  safetensors,
  pickle,
  zip,  // PyTorch's container of pickles since 1.6
  llama2c_v1,
  gzip,
  html,
  json,
  git_lfs_pointer,
  numpy,
  hdf5,
  text,
};

FileKind sniff(std::span<const std::byte> head);
// "an HTML page", "a Git LFS pointer (the model itself was not downloaded)".
std::string_view describe(FileKind kind);
[[nodiscard]] constexpr bool is_pickle(FileKind kind) {
  return kind == FileKind::pickle || kind == FileKind::zip;
}
// FORMAT_PICKLE, with what was found and how to convert.
Error pickle_error(const std::filesystem::path& path, FileKind kind);

}  // namespace mote::formats
