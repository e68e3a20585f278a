// -p TEXT or -f FILE, and tokenizers that may come without a model.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/cli/option.h"
#include "apps/cli/program.h"
#include "mote/result.h"
#include "mote/tokenizer.h"

namespace mote::cli {

struct TextSettings {
  // Told apart from an empty text: `-p ""` is a text.
  std::vector<std::string> prompt;
  std::string file;
  std::vector<Option> options();
  [[nodiscard]] bool given() const { return !prompt.empty() || !file.empty(); }
  // USAGE_MISSING where neither or both are given; errors of reading. "-" is standard input for either.
  [[nodiscard]] Result<std::string> read() const;
};

// MODEL, or a tokenizer file or folder. `path` empty: the bundled model.
Result<std::unique_ptr<Tokenizer>> open_tokenizer(const Program& program, const std::string& path,
                                                  const std::string& override_path);

// The tokens of a text, "1,2,3". USAGE_VALUE where one is no id below `vocabulary`.
Result<std::vector<TokenId>> parse_tokens(std::string_view text, std::size_t vocabulary);

}  // namespace mote::cli
