#include "apps/cli/measuring.h"

#include <chrono>

#include "report/number.h"
#include "text/corpus/corpus.h"

namespace mote::cli {

Result<std::unique_ptr<measure::LogitModel>> open_for_measuring(
    Program& program, engine::Runtime& runtime, const std::shared_ptr<const engine::LoadedModel>& model,
    const SessionSettings& settings, std::size_t context) {
  MOTE_ASSIGN(const engine::SessionOptions options, settings.session_options(context));
  return measure::open_for_measuring(runtime, model, options, context, &program.cancel());
}

Result<std::vector<TokenId>> tokens_of_file(Program& program, const Tokenizer& tokenizer,
                                            const std::string& file, std::string_view content) {
  Result<text::Corpus> corpus = text::tokenize_corpus(tokenizer, content, text::corpus_form(file), true);
  if (!corpus) {
    // A text has no place that is at fault.
    if (text::corpus_form(file) != text::CorpusForm::text) corpus.error().file = file;
    return std::move(corpus.error());
  }
  for (const std::string& warning : corpus->warnings(file)) program.warn(warning);
  return std::move(corpus->tokens);
}

measure::MeasureOptions measure_options(Program& program, std::string label) {
  measure::MeasureOptions options;
  options.cancel = &program.cancel();
  const auto start = std::chrono::steady_clock::now();
  options.progress = [&program, label = std::move(label), start](std::size_t done, std::size_t total) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::string line = label + ": window " + std::to_string(done) + " of " + std::to_string(total);
    if (done > 0) {
      line += ", " +
              report::duration(seconds / static_cast<double>(done) * static_cast<double>(total - done)) +
              " left";
    }
    program.progress(line);
  };
  return options;
}

}  // namespace mote::cli
