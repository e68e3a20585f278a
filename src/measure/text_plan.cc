#include "measure/text_plan.h"

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/session.h"
#include "measure/compare.h"
#include "measure/engine_model.h"

namespace mote::measure {
namespace {

using Model = std::shared_ptr<const engine::LoadedModel>;

Result<PerplexityResult> perplexity_of(engine::Runtime& runtime, const Model& model, const WindowPlan& plan,
                                       const TextOptions& options) {
  MOTE_ASSIGN(const auto opened,
              open_for_measuring(runtime, model, options.session, plan.context, options.run.cancel));
  return measure_perplexity(*opened, plan, runtime.pool(), options.run);
}

}  // namespace

Result<WindowPlan> plan_text(const Tokenizer& tokenizer, std::string_view text, Protocol protocol,
                             std::size_t context, std::size_t max_windows) {
  MOTE_ASSIGN(const std::vector<TokenId> tokens,
              tokenizer.encode(text, {.add_special = true, .parse_special = false}));
  return plan_tokens(tokenizer, tokens, protocol, context, max_windows);
}

Result<WindowPlan> plan_tokens(const Tokenizer& tokenizer, std::span<const TokenId> tokens, Protocol protocol,
                               std::size_t context, std::size_t max_windows) {
  const std::optional<TokenId> bos = tokenizer.add_bos() ? tokenizer.bos() : std::nullopt;
  return plan_windows(tokens, protocol, context == 0 ? default_context(protocol) : context, bos, max_windows);
}

Result<void> check_same_tokens(const Tokenizer& reference, const engine::LoadedModel& model,
                               const WindowPlan& plan) {
  const Tokenizer* tokenizer = model.tokenizer();
  if (tokenizer == nullptr || tokenizer == &reference) return {};
  std::set<TokenId> used;
  for (const auto& window : plan.windows) used.insert(window.begin(), window.end());
  for (const TokenId id : used) {
    if (tokenizer->token_bytes(id) == reference.token_bytes(id)) continue;
    return Error{kTokenizersDiffer,
                 "token " + std::to_string(id) + " is '" + escape_untrusted(tokenizer->token_bytes(id), 30) +
                     "' here and '" + escape_untrusted(reference.token_bytes(id), 30) + "' in the reference",
                 "compare models that share a tokenizer", model.path().string(), std::nullopt};
  }
  return {};
}

Result<std::unique_ptr<LogitModel>> open_for_measuring(engine::Runtime& runtime, const Model& model,
                                                       engine::SessionOptions session, std::size_t context,
                                                       const CancelToken* cancel) {
  session.context = context;
  MOTE_ASSIGN(auto opened, engine::Session::create(runtime, model, session));
  return engine_model(std::move(opened), cancel);
}

Result<PerplexityResult> perplexity(engine::Runtime& runtime, const Model& model, std::string_view text,
                                    const TextOptions& options) {
  MOTE_ASSIGN(const Tokenizer* tokenizer, model->require_tokenizer());
  MOTE_ASSIGN(const WindowPlan plan,
              plan_text(*tokenizer, text, options.protocol, options.context, options.max_windows));
  return perplexity_of(runtime, model, plan, options);
}

Result<PerplexityResult> perplexity(engine::Runtime& runtime, const Model& model,
                                    std::span<const TokenId> tokens, const TextOptions& options) {
  MOTE_ASSIGN(const Tokenizer* tokenizer, model->require_tokenizer());
  MOTE_ASSIGN(const WindowPlan plan,
              plan_tokens(*tokenizer, tokens, options.protocol, options.context, options.max_windows));
  return perplexity_of(runtime, model, plan, options);
}

Result<CompareResult> compare(engine::Runtime& runtime, const Model& reference, std::span<const Model> models,
                              std::string_view text, const TextOptions& options) {
  MOTE_ASSIGN(const Tokenizer* tokenizer, reference->require_tokenizer());
  MOTE_ASSIGN(const WindowPlan plan,
              plan_text(*tokenizer, text, options.protocol, options.context, options.max_windows));
  std::vector<std::unique_ptr<LogitModel>> opened;
  std::vector<LogitModel*> pointers;
  for (const Model& model : models) {
    MOTE_TRY(check_same_tokens(*tokenizer, *model, plan));
    MOTE_ASSIGN(auto one,
                open_for_measuring(runtime, model, options.session, plan.context, options.run.cancel));
    pointers.push_back(one.get());
    opened.push_back(std::move(one));
  }
  MOTE_ASSIGN(const auto base,
              open_for_measuring(runtime, reference, options.session, plan.context, options.run.cancel));
  return compare(*base, pointers, plan, runtime.pool(), options.run);
}

}  // namespace mote::measure
