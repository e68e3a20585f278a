// Finds out which kind of tokenizer a path is and reads it.
#include <algorithm>
#include <array>

#include "base/strings.h"
#include "formats/checkpoint.h"
#include "formats/gguf_reader.h"
#include "mote/tokenizer.h"
#include "sys/mapped_file.h"
#include "text/tokenizer/errors.h"
#include "text/tokenizer/gguf_fit.h"
#include "text/tokenizer/limits.h"
#include "text/tokenizer/loaders.h"

namespace mote {
namespace {

namespace fs = std::filesystem;
using text::TokenizerData;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// Names the file in an error that does not.
template <typename T>
Result<T> in_file(Result<T> result, const fs::path& path) {
  if (!result && result.error().file.empty()) result.error().file = path.string();
  return result;
}

Result<Json> read_json(const fs::path& path) {
  MOTE_ASSIGN(const std::string text, sys::read_text_file(path, text::kMaxTokenizerJsonBytes));
  return in_file(parse_json(text, JsonLimits{.max_bytes = text::kMaxTokenizerJsonBytes, .max_depth = 64}),
                 path);
}

Result<TokenizerData> read_json_tokenizer(const fs::path& path) {
  MOTE_ASSIGN(std::string source, sys::read_text_file(path, text::kMaxTokenizerJsonBytes));
  MOTE_ASSIGN(
      const Json root,
      in_file(parse_json(source, JsonLimits{.max_bytes = text::kMaxTokenizerJsonBytes, .max_depth = 64}),
              path));
  MOTE_ASSIGN(TokenizerData data, in_file(text::read_tokenizer_json(root), path));
  MOTE_TRY(text::apply_companion_files(data, path.parent_path()));
  if (!text::why_not_gguf(data).empty()) data.source_json = std::move(source);
  return data;
}

Result<TokenizerData> read_vocab_folder(const fs::path& folder) {
  MOTE_ASSIGN(const Json vocabulary, read_json(folder / "vocab.json"));
  MOTE_ASSIGN(const std::string merges,
              sys::read_text_file(folder / "merges.txt", text::kMaxMergesFileBytes));
  Json config;
  if (is_there(folder / "tokenizer_config.json")) {
    MOTE_ASSIGN(config, read_json(folder / "tokenizer_config.json"));
  }
  MOTE_ASSIGN(TokenizerData data,
              in_file(text::read_vocab_and_merges(vocabulary, merges, config), folder / "vocab.json"));
  MOTE_TRY(text::apply_companion_files(data, folder));
  return data;
}

Result<TokenizerData> read_vocab_txt_file(const fs::path& path) {
  MOTE_ASSIGN(const std::string lines, sys::read_text_file(path, text::kMaxMergesFileBytes));
  Json config;
  if (is_there(path.parent_path() / "tokenizer_config.json")) {
    MOTE_ASSIGN(config, read_json(path.parent_path() / "tokenizer_config.json"));
  }
  MOTE_ASSIGN(TokenizerData data, in_file(text::read_vocab_txt(lines, config), path));
  MOTE_TRY(text::apply_companion_files(data, path.parent_path()));
  return data;
}

Result<TokenizerData> read_sentencepiece_file(const fs::path& path) {
  MOTE_ASSIGN(const sys::MappedFile file, sys::MappedFile::open(path));
  MOTE_ASSIGN(TokenizerData data, in_file(text::read_sentencepiece(file.bytes()), path));
  MOTE_TRY(text::apply_companion_files(data, path.parent_path()));
  return data;
}

Result<TokenizerData> read_file(const fs::path& path) {
  const std::string name = path.filename().string();
  if (name == "vocab.json" || name == "merges.txt") return read_vocab_folder(path.parent_path());
  if (name == "vocab.txt") return read_vocab_txt_file(path);
  MOTE_ASSIGN(const sys::MappedFile file, sys::MappedFile::open(path));
  const std::span<const std::byte> bytes = file.bytes();
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()),
                              std::min<std::size_t>(bytes.size(), 4));
  if (head == "GGUF") {
    MOTE_ASSIGN(const auto gguf, formats::GgufFile::open(path));
    return in_file(text::read_gguf_keys(gguf->metadata()), path);
  }
  if (name.ends_with(".bin")) return in_file(text::read_llama2c(bytes), path);
  if (name.ends_with(".model")) return read_sentencepiece_file(path);
  const std::size_t first = std::min(head.find_first_not_of(" \t\r\n"), head.size());
  if (first < head.size() && head[first] == '{') return read_json_tokenizer(path);
  if (!head.empty() && head[0] == '\n') return read_sentencepiece_file(path);  // field 1, length-delimited
  return Error{text::kTokFormat,
               "cannot tell what kind of tokenizer this is",
               "expected: tokenizer.json, a .model, vocab.json beside merges.txt, vocab.txt, a llama2.c "
               "tokenizer.bin "
               "or a GGUF file",
               path.string(),
               {}};
}

// Files that may be tokenizers of a llama2.c model, or of a folder without the usual names; sorted.
std::vector<fs::path> loose_tokenizers(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.ends_with(".model") || (name.starts_with("tok") && name.ends_with(".bin")))
      found.push_back(it->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

Error missing(const fs::path& folder) {
  return Error{text::kTokMissing,
               "no tokenizer in this folder: looked for tokenizer.json, vocab.json with merges.txt, "
               "vocab.txt, *.model, "
               "tok*.bin",
               "name one with --tokenizer",
               folder.string(),
               {}};
}

Result<TokenizerData> read_folder(const fs::path& folder) {
  if (is_there(folder / "tokenizer.json")) return read_json_tokenizer(folder / "tokenizer.json");
  if (is_there(folder / "vocab.json") && is_there(folder / "merges.txt")) return read_vocab_folder(folder);
  for (const char* name : {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model"}) {
    if (is_there(folder / name)) return read_sentencepiece_file(folder / name);
  }
  if (is_there(folder / "vocab.txt")) return read_vocab_txt_file(folder / "vocab.txt");
  if (is_there(folder / "tokenizer.bin")) return read_file(folder / "tokenizer.bin");
  const auto loose = loose_tokenizers(folder);
  if (loose.empty()) return missing(folder);
  if (loose.size() > 1) {
    return Error{text::kTokMissing,
                 "this folder has " + std::to_string(loose.size()) + " tokenizers and no usual name",
                 "name one with --tokenizer",
                 folder.string(),
                 {}};
  }
  return read_file(loose.front());
}

// The one of the tokenizers beside a llama2.c file that has as many tokens as the model.
Result<TokenizerData> read_beside_llama2c(const fs::path& folder, std::uint32_t vocabulary) {
  const auto loose = loose_tokenizers(folder);
  if (loose.empty()) return missing(folder);
  std::string sizes;
  for (const fs::path& path : loose) {
    auto data = read_file(path);
    if (!data && loose.size() == 1) return data;
    if (data && data->pieces.size() == vocabulary) return data;
    if (data) sizes += " " + path.filename().string() + " (" + std::to_string(data->pieces.size()) + ")";
  }
  return Error{text::kTokMissing,
               "no tokenizer of " + std::to_string(vocabulary) +
                   " tokens beside the model; found:" + escape_untrusted(sizes),
               "name one with --tokenizer",
               folder.string(),
               {}};
}

Result<std::unique_ptr<Tokenizer>> finish(Result<TokenizerData> data, const fs::path& path) {
  if (!data) return std::move(data).error();
  return in_file(Tokenizer::create(*std::move(data)), path);
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> load_tokenizer(const fs::path& path) {
  std::error_code ignored;
  return finish(fs::is_directory(path, ignored) ? read_folder(path) : read_file(path), path);
}

Result<std::unique_ptr<Tokenizer>> load_tokenizer(const formats::Checkpoint& checkpoint,
                                                  const fs::path& override_path) {
  if (!override_path.empty()) return load_tokenizer(override_path);
  switch (checkpoint.kind) {
    case formats::CheckpointKind::gguf:
      return finish(in_file(text::read_gguf_keys(checkpoint.metadata), checkpoint.path), checkpoint.path);
    case formats::CheckpointKind::llama2c:
      return finish(read_beside_llama2c(checkpoint.folder, checkpoint.llama2c.vocab_size), checkpoint.folder);
    case formats::CheckpointKind::huggingface:
      break;
  }
  return load_tokenizer(checkpoint.folder);
}

}  // namespace mote
