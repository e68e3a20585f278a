#include "formats/file_kind.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/strings.h"

namespace mote::formats {
namespace {

constexpr ErrorCode kFormatPickle{"FORMAT_PICKLE", ErrorKind::corrupt_data};

bool looks_like_html(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return false;
  const std::string lower = to_lower_ascii(text.substr(start, 16));
  return lower.starts_with("<!doctype") || lower.starts_with("<html") || lower.starts_with("<head") ||
         lower.starts_with("<?xml");
}

// A pickle of protocol 2 to 5 starts with the opcode PROTO and the protocol's number. Its last opcode is
// STOP, '.', but a checkpoint of PyTorch before 1.6 is several pickles and raw data, so only the start
// counts.
bool looks_like_pickle(std::string_view text) {
  return text.size() >= 3 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5 &&
         // What follows PROTO in real files: FRAME, a long integer (PyTorch's magic), a dictionary, list,
         // tuple, global name, string, or a memo of one of them.
         std::string_view("\x95\x8a}](cX\x8c)N").find(text[2]) != std::string_view::npos;
}

bool looks_like_safetensors(std::string_view text) {
  std::uint64_t length = 0;
  if (text.size() < 9) return false;
  std::memcpy(&length, text.data(), sizeof length);
  return text[8] == '{' && length >= 2 && length <= 100'000'000;
}

bool looks_like_text(std::string_view text) {
  const bool control = std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == 0x7F || (byte < 0x20 && c != '\n' && c != '\r' && c != '\t');
  });
  // The look may end inside a character: up to three bytes of it do not count.
  for (std::size_t cut = 0; !control && cut <= std::min<std::size_t>(3, text.size()); ++cut) {
    if (is_valid_utf8(text.substr(0, text.size() - cut))) return true;
  }
  return false;
}

}  // namespace

FileKind sniff(std::span<const std::byte> head) {
  constexpr std::size_t kLook = 512;
  const std::string_view text(reinterpret_cast<const char*>(head.data()), std::min(head.size(), kLook));
  if (text.empty()) return FileKind::empty;
  if (text.starts_with("GGUF")) return FileKind::gguf;
  if (text.starts_with("FUGG")) return FileKind::gguf_big_endian;
  // Written as little-endian words, 'ggml' lies reversed in the file; the reverse of that is kept for
  // byte-swapped ones.
  for (const std::string_view magic :
       {"lmgg", "fmgg", "tjgg", "algg", "ggml", "ggmf", "ggjt", "ggla", "GGML", "GGMF", "GGJT", "GGLA"}) {
    if (text.starts_with(magic)) return FileKind::old_ggml;
  }
  if (text.starts_with("PK\x03\x04") || text.starts_with("PK\x05\x06")) return FileKind::zip;
  if (looks_like_safetensors(text)) return FileKind::safetensors;
  if (looks_like_pickle(text)) return FileKind::pickle;
  if (text.starts_with("24ka")) return FileKind::llama2c_v1;  // 0x616b3432, "ak42"
  if (text.starts_with("\x1f\x8b")) return FileKind::gzip;
  if (text.starts_with("\x93NUMPY")) return FileKind::numpy;
  if (text.starts_with("\x89HDF\r\n")) return FileKind::hdf5;
  if (text.starts_with("version https://git-lfs")) return FileKind::git_lfs_pointer;
  if (looks_like_html(text)) return FileKind::html;
  if (const std::size_t first = text.find_first_not_of(" \t\r\n");
      first != std::string_view::npos && text[first] == '{' && looks_like_text(text)) {
    return FileKind::json;
  }
  return looks_like_text(text) ? FileKind::text : FileKind::unknown;
}

std::string_view describe(FileKind kind) {
  switch (kind) {
    case FileKind::unknown:
      return "an unknown format";
    case FileKind::empty:
      return "an empty file";
    case FileKind::gguf:
      return "a GGUF file";
    case FileKind::gguf_big_endian:
      return "a GGUF magic with its bytes reversed";
    case FileKind::old_ggml:
      return "a GGML, GGMF or GGJT file, from before GGUF";
    case FileKind::safetensors:
      return "a safetensors file";
    case FileKind::pickle:
      return "a Python pickle";
    case FileKind::zip:
      return "a zip archive, as PyTorch writes its pickles";
    case FileKind::llama2c_v1:
      return "a llama2.c checkpoint of version 1 or 2";
    case FileKind::gzip:
      return "a gzip file";
    case FileKind::html:
      return "an HTML page";
    case FileKind::json:
      return "a JSON text";
    case FileKind::git_lfs_pointer:
      return "a Git LFS pointer, the model itself was not downloaded";
    case FileKind::numpy:
      return "a NumPy array";
    case FileKind::hdf5:
      return "an HDF5 file";
    case FileKind::text:
      return "a text";
  }
  return "an unknown format";
}

Error pickle_error(const std::filesystem::path& path, FileKind kind) {
  return {kFormatPickle,
          "found " + std::string(describe(kind)) +
              "; loading one can run any program, so mote has no reader for it",
          "convert it to safetensors elsewhere (save_pretrained with safe_serialization)", path.string(),
          std::nullopt};
}

}  // namespace mote::formats
