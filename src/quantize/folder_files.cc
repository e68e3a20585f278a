#include "quantize/folder_files.h"

#include <array>
#include <string>
#include <string_view>
#include <system_error>

#include "formats/hf_quantized/pack.h"
#include "sys/mapped_file.h"
#include "sys/output_file.h"

namespace mote::quantize {
namespace {

namespace fs = std::filesystem;

// By name, so that nothing else of a folder (other weights, pictures, licences of data) comes along.
constexpr std::array<std::string_view, 13> kCopied{"generation_config.json",
                                                   "tokenizer.json",
                                                   "tokenizer.model",
                                                   "tokenizer_config.json",
                                                   "special_tokens_map.json",
                                                   "added_tokens.json",
                                                   "vocab.json",
                                                   "vocab.txt",
                                                   "merges.txt",
                                                   "spiece.model",
                                                   "chat_template.jinja",
                                                   "chat_template.json",
                                                   "LICENSE"};

Result<void> write_new(const fs::path& path, std::string_view text) {
  MOTE_ASSIGN(sys::OutputFile file, sys::OutputFile::create_new(path));
  MOTE_TRY(file.write_at(0, text));
  return file.sync();
}

}  // namespace

Result<void> write_folder_files(const fs::path& from, const Json& config, CodecId id, CodecId dense,
                                const fs::path& to) {
  for (const std::string_view name : kCopied) {
    std::error_code ignored;
    if (!fs::is_regular_file(from / name, ignored)) continue;
    MOTE_ASSIGN(const sys::MappedFile file, sys::MappedFile::open(from / name));
    const std::span<const std::byte> bytes = file.bytes();
    MOTE_TRY(write_new(to / name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
    MOTE_TRY(file.check_length());
  }
  const std::array<std::string, 1> kept{"lm_head"};
  Json written = config;
  written["quantization_config"] = formats::quantization_config(id, dense, kept);
  MOTE_TRY(write_new(to / "config.json", written.dump(2) + "\n"));
  const Json older = formats::quantize_config(id);
  if (older.is_null()) return {};
  return write_new(to / "quantize_config.json", older.dump(2) + "\n");
}

}  // namespace mote::quantize
