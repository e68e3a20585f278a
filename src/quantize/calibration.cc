#include "quantize/calibration.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/strings.h"
#include "engine/session.h"
#include "model/spec.h"
#include "quantize/quantize.h"
#include "text/corpus/corpus.h"

namespace mote::quantize {
namespace {

constexpr ErrorCode kCalibrationShort{"CALIBRATION_SHORT", ErrorKind::invalid_argument};

Result<std::vector<TokenId>> calibration_tokens(const engine::LoadedModel& model, const CalibrationText& data,
                                                std::size_t window, std::vector<std::string>& warnings) {
  MOTE_ASSIGN(const Tokenizer* tokenizer, model.require_tokenizer());
  std::vector<std::vector<TokenId>> files;
  std::size_t total = 0;
  for (const std::filesystem::path& path : data.files) {
    MOTE_ASSIGN(text::Corpus corpus, text::read_corpus(*tokenizer, path, kMaxCalibrationBytes, false));
    for (std::string& warning : corpus.warnings(path)) warnings.push_back(std::move(warning));
    files.push_back(std::move(corpus.tokens));
    total += files.back().size();
  }
  std::vector<TokenId> out;
  // One window of each file in turn, until all are used up.
  for (std::size_t w = 0, before = SIZE_MAX; before != out.size(); ++w) {
    before = out.size();
    for (const std::vector<TokenId>& tokens : files) {
      if (tokens.size() / window <= w || out.size() / window == data.max_windows) continue;
      const auto first = tokens.begin() + static_cast<std::ptrdiff_t>(w * window);
      out.insert(out.end(), first, first + static_cast<std::ptrdiff_t>(window));
      // As the model always sees it; what comes first draws attention (llama.cpp's imatrix does the same).
      if (tokenizer->add_bos() && tokenizer->bos()) out[out.size() - window] = *tokenizer->bos();
    }
  }
  if (out.empty()) {
    return Error{kCalibrationShort,
                 "the calibration texts have " + with_thousands(total) + " tokens in " +
                     with_thousands(files.size()) + " files, none of them a window of " +
                     with_thousands(window),
                 "give more text with --data",
                 {},
                 {}};
  }
  MOTE_TRY(engine::check_tokens(out, model.vocab(), 0, out.size()));
  return out;
}

}  // namespace

Result<Calibration> prepare_calibration(engine::Runtime& runtime, const QuantizeOptions& options) {
  if (options.calibration.window == 0 || options.calibration.max_windows == 0) {
    return Error{kQuantMethod,
                 "feedback on " + std::to_string(options.calibration.max_windows) + " windows of " +
                     std::to_string(options.calibration.window) + " tokens has nothing to learn from",
                 "ask for at least one window of one token",
                 {},
                 {}};
  }
  Calibration out;
  engine::LoadOptions load;
  load.activations = engine::Activations::f32;
  MOTE_ASSIGN(out.model, engine::LoadedModel::load(runtime, options.input, load));
  // No position that the model was not made for.
  out.window = std::min<std::size_t>(options.calibration.window, out.model->spec().context);
  MOTE_ASSIGN(out.tokens, calibration_tokens(*out.model, options.calibration, out.window, out.warnings));
  return out;
}

}  // namespace mote::quantize
