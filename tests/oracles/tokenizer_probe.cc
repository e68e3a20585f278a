// Shows what the tokenizers do, for tokenizer_oracle.py.
//
//   tokenizer_probe TOKENIZER [--parse-special] [--add-special] [--skip-special] [--offsets] [--gguf OUT]
//
// Reads texts from standard input, each as a little-endian u32 length and its bytes, and answers each with a
// u32 count, the ids as i32, a u32 length and the bytes that they decode to. `--offsets` writes after the
// ids where each begins and ends in the text, as u32 pairs, and no decoded bytes. `--gguf OUT` writes the
// vocabulary as a GGUF file instead.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf_writer.h"
#include "formats/metadata.h"
#include "mote/tokenizer.h"

namespace {

bool read_exact(void* to, std::size_t bytes) { return std::fread(to, 1, bytes, stdin) == bytes; }

void write_all(const void* from, std::size_t bytes) {
  if (bytes > 0) std::fwrite(from, 1, bytes, stdout);
}

int fail(const mote::Error& error) {
  std::fprintf(stderr, "%s\n", mote::format_error(error).c_str());
  return mote::exit_status(error.code.kind);
}

int write_gguf(const mote::Tokenizer& tokenizer, const char* path) {
  mote::formats::Metadata metadata;
  metadata.set_string("general.architecture", "llama");
  metadata.set_u32("llama.vocab_size", static_cast<std::uint32_t>(tokenizer.vocabulary_size()));
  if (auto written = mote::write_gguf_keys(tokenizer, metadata); !written) return fail(written.error());
  auto writer = mote::formats::GgufWriter::create(path, metadata, {}, "tokenizer_probe");
  if (!writer) return fail(writer.error());
  if (auto done = (*writer)->finish(); !done) return fail(done.error());
  return 0;
}

int answer_offsets(const mote::Tokenizer& tokenizer, mote::EncodeOptions options) {
  std::string text;
  for (;;) {
    std::uint32_t length = 0;
    if (!read_exact(&length, sizeof length)) break;
    text.resize(length);
    if (!read_exact(text.data(), length)) break;
    const auto spans = tokenizer.encode_with_offsets(text, options);
    if (!spans) return fail(spans.error());
    const auto count = static_cast<std::uint32_t>(spans->size());
    write_all(&count, sizeof count);
    for (const mote::TokenSpan& span : *spans) write_all(&span.id, sizeof span.id);
    for (const mote::TokenSpan& span : *spans) {
      const std::uint32_t range[2] = {static_cast<std::uint32_t>(span.begin),
                                      static_cast<std::uint32_t>(span.end)};
      write_all(range, sizeof range);
    }
  }
  return 0;
}

int answer_all(const mote::Tokenizer& tokenizer, mote::EncodeOptions options, bool skip_special) {
  std::string text;
  for (;;) {
    std::uint32_t length = 0;
    if (!read_exact(&length, sizeof length)) break;
    text.resize(length);
    if (!read_exact(text.data(), length)) break;
    const auto ids = tokenizer.encode(text, options);
    if (!ids) return fail(ids.error());
    const std::string decoded = tokenizer.decode(*ids, skip_special);
    const auto count = static_cast<std::uint32_t>(ids->size());
    const auto bytes = static_cast<std::uint32_t>(decoded.size());
    write_all(&count, sizeof count);
    write_all(ids->data(), ids->size() * sizeof(mote::TokenId));
    write_all(&bytes, sizeof bytes);
    write_all(decoded.data(), decoded.size());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  mote::EncodeOptions options;
  bool skip_special = false;
  bool offsets = false;
  const char* gguf = nullptr;
  for (int i = 2; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--parse-special") options.parse_special = true;
    if (flag == "--add-special") options.add_special = true;
    if (flag == "--skip-special") skip_special = true;
    if (flag == "--offsets") offsets = true;
    if (flag == "--gguf" && i + 1 < argc) gguf = argv[++i];
  }
  const auto tokenizer = mote::load_tokenizer(argv[1]);
  if (!tokenizer) return fail(tokenizer.error());
  if (offsets) return answer_offsets(**tokenizer, options);
  return gguf != nullptr ? write_gguf(**tokenizer, gguf) : answer_all(**tokenizer, options, skip_special);
}
