#include "calibrate/windows.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "base/strings.h"
#include "engine/session.h"
#include "model/spec.h"
#include "text/corpus/corpus.h"

namespace mote::calibrate {
namespace {}  // namespace

Result<Windows> windows_of(const engine::LoadedModel& model, const CalibrationText& text) {
  if (text.window == 0 || text.max_windows == 0) {
    return Error{kCalibrationWindow,
                 std::to_string(text.max_windows) + " windows of " + std::to_string(text.window) +
                     " tokens have nothing to learn from",
                 "ask for at least one window of one token",
                 {},
                 {}};
  }
  Windows out;
  // No position that the model was not made for.
  out.window = std::min<std::size_t>(text.window, model.spec().context);
  MOTE_ASSIGN(const Tokenizer* tokenizer, model.require_tokenizer());
  std::vector<std::vector<TokenId>> files;
  std::size_t total = 0;
  for (const std::filesystem::path& path : text.files) {
    MOTE_ASSIGN(text::Corpus corpus, text::read_corpus(*tokenizer, path, kMaxTextBytes, false));
    for (std::string& warning : corpus.warnings(path)) out.warnings.push_back(std::move(warning));
    files.push_back(std::move(corpus.tokens));
    total += files.back().size();
  }
  for (std::size_t w = 0, before = SIZE_MAX; before != out.tokens.size(); ++w) {
    before = out.tokens.size();
    for (const std::vector<TokenId>& tokens : files) {
      if (tokens.size() / out.window <= w || out.count() == text.max_windows) continue;
      const auto first = tokens.begin() + static_cast<std::ptrdiff_t>(w * out.window);
      out.tokens.insert(out.tokens.end(), first, first + static_cast<std::ptrdiff_t>(out.window));
      // As the model always sees it; what comes first draws attention (llama.cpp's imatrix does the same).
      if (tokenizer->add_bos() && tokenizer->bos()) {
        out.tokens[out.tokens.size() - out.window] = *tokenizer->bos();
      }
    }
  }
  if (out.tokens.empty()) {
    return Error{kCalibrationShort,
                 "the calibration texts have " + with_thousands(total) + " tokens in " +
                     with_thousands(files.size()) + " files, none of them a window of " +
                     with_thousands(out.window),
                 "give more text with --data",
                 {},
                 {}};
  }
  MOTE_TRY(engine::check_tokens(out.tokens, model.vocab(), 0, out.tokens.size()));
  return out;
}

}  // namespace mote::calibrate
