#include "apps/cli/text_input.h"

#include "apps/cli/model_options.h"
#include "apps/cli/parse.h"
#include "formats/checkpoint.h"

namespace mote::cli {

std::vector<Option> TextSettings::options() {
  return {{"-p,--prompt", "TEXT", "the text; - is standard input", &prompt},
          {"-f,--file", "FILE", "a file with the text; - is standard input", &file, false, ValueKind::file}};
}

Result<std::string> TextSettings::read() const {
  if (prompt.empty() && file.empty()) {
    return Error{kUsageMissing, "a text is needed", "give -p TEXT or -f FILE", "", std::nullopt};
  }
  if (!prompt.empty() && !file.empty()) {
    return Error{kUsageValue, "-p and -f are both given", "one text at a time", "", std::nullopt};
  }
  if (!file.empty()) return read_input(file);
  if (prompt.back() == "-") return read_input("-");
  return prompt.back();
}

Result<std::unique_ptr<Tokenizer>> open_tokenizer(const Program& program, const std::string& path,
                                                  const std::string& override_path) {
  if (!override_path.empty()) return load_tokenizer(std::filesystem::path(override_path));
  MOTE_ASSIGN(const std::filesystem::path model, model_path(program, path));
  const Result<formats::Checkpoint> checkpoint = formats::open_checkpoint(model);
  if (checkpoint) return load_tokenizer(*checkpoint);
  // No model: perhaps a tokenizer. What is refused for its kind stays refused, in the words of that refusal.
  auto tokenizer = load_tokenizer(model);
  const ErrorKind kind = checkpoint.error().code.kind;
  if (!tokenizer && kind == ErrorKind::corrupt_data && checkpoint.error().code.name == "FORMAT_PICKLE")
    return checkpoint.error();
  return tokenizer;
}

Result<std::vector<TokenId>> parse_tokens(std::string_view text, std::size_t vocabulary) {
  MOTE_ASSIGN(const std::vector<std::uint64_t> values, parse_list("--tokens", text, 0, vocabulary - 1));
  std::vector<TokenId> tokens;
  tokens.reserve(values.size());
  for (const std::uint64_t value : values) tokens.push_back(static_cast<TokenId>(value));
  return tokens;
}

}  // namespace mote::cli
