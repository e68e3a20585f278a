#include "apps/cli/measuring.h"

#include <chrono>

#include "report/number.h"

namespace mote::cli {

Result<measure::WindowPlan> plan_text(const Tokenizer& tokenizer, std::string_view text,
                                      measure::Protocol protocol, std::size_t context,
                                      std::size_t max_windows) {
  MOTE_ASSIGN(const std::vector<TokenId> tokens,
              tokenizer.encode(text, {.add_special = true, .parse_special = false}));
  const std::optional<TokenId> bos = tokenizer.add_bos() ? tokenizer.bos() : std::nullopt;
  return measure::plan_windows(tokens, protocol, context, bos, max_windows);
}

Result<std::unique_ptr<measure::LogitModel>> open_for_measuring(
    Program& program, engine::Runtime& runtime, std::shared_ptr<const engine::LoadedModel> model,
    const SessionSettings& settings, std::size_t context) {
  MOTE_ASSIGN(const engine::SessionOptions options, settings.session_options(context));
  MOTE_ASSIGN(std::unique_ptr<engine::Session> session,
              engine::Session::create(runtime, std::move(model), options));
  return measure::engine_model(std::move(session), &program.cancel());
}

measure::MeasureOptions measure_options(Program& program, std::string label) {
  measure::MeasureOptions options;
  options.cancel = &program.cancel().flag();
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
