#include "apps/cli/tool_comparison.h"

#include <cstdint>
#include <utility>
#include <variant>

#include "base/rng.h"
#include "measure/statistics.h"
#include "mote/session.h"
#include "mote/tokenizer.h"

namespace mote::cli {
namespace {

// Of the bootstrap over items; the error of an error is then 1.6 %.
constexpr std::size_t kDraws = 2000;
constexpr std::uint64_t kSeed = 0x6D6F7465;

bool expects_calls(const agent::ToolTestItem& item) {
  const auto* calls = std::get_if<agent::ExpectedCalls>(&item.expect);
  return calls != nullptr && !calls->calls.empty();
}

void count(ToolVariant& variant, const agent::ToolTestItem& item, bool right) {
  for (ToolScore* score :
       {&variant.all, &variant.sets[item.set], expects_calls(item) ? &variant.calls : nullptr}) {
    if (score == nullptr) continue;
    ++score->items;
    score->right += right ? 1 : 0;
  }
}

// One window that scores the tokens of the answer.
measure::WindowPlan along(const agent::AnsweredItem& answered, const engine::LoadedModel& model,
                          std::size_t context) {
  std::vector<TokenId> ids = answered.prompt;
  ids.insert(ids.end(), answered.tokens.begin(), answered.tokens.end());
  if (const auto end = model.tokenizer()->eos(); end && answered.ended && ids.size() < context)
    ids.push_back(*end);
  measure::WindowPlan plan;
  plan.protocol = measure::Protocol::hf;
  plan.context = ids.size();
  plan.first_scored = answered.prompt.size() - 1;
  plan.windows.push_back(std::move(ids));
  return plan;
}

}  // namespace

Result<std::vector<std::size_t>> compare_on_tool_test(Program& program, engine::Runtime& runtime,
                                                      std::span<const agent::ToolTestItem> items,
                                                      std::span<ToolVariant> variants, std::size_t context) {
  engine::SessionOptions options;
  options.context = context;
  std::vector<std::unique_ptr<engine::Session>> sessions;
  std::vector<measure::LogitModel*> compared;
  for (std::size_t v = 0; v < variants.size(); ++v) {
    MOTE_ASSIGN(auto session, engine::Session::create(runtime, variants[v].model, options));
    sessions.push_back(std::move(session));
    if (v != 0) compared.push_back(variants[v].logits.get());
  }
  std::vector<std::size_t> tokens;
  measure::MeasureOptions measuring;
  measuring.cancel = &program.cancel();
  for (std::size_t i = 0; i < items.size(); ++i) {
    program.progress("item " + std::to_string(i + 1) + " of " + std::to_string(items.size()));
    measure::WindowPlan plan;
    for (std::size_t v = 0; v < variants.size(); ++v) {
      MOTE_ASSIGN(const agent::AnsweredItem answered,
                  agent::answer_item(*variants[v].model, *sessions[v], items[i], program.cancel()));
      count(variants[v], items[i], agent::is_right(items[i], answered.text));
      if (v == 0) plan = along(answered, *variants[v].model, context);
    }
    MOTE_ASSIGN(const measure::CompareResult result,
                measure::compare(*variants[0].logits, compared, plan, runtime.pool(), measuring));
    tokens.push_back(result.tokens);
    for (std::size_t m = 0; m < result.models.size(); ++m) {
      const auto n = static_cast<double>(result.tokens);
      variants[m + 1].divergence.push_back(result.models[m].kld_mean * n);
      variants[m + 1].agreeing += result.models[m].top1_agreement * n;
    }
  }
  program.end_progress();
  return tokens;
}

ToolTestLoss loss_of(const ToolVariant& variant, std::span<const std::size_t> tokens) {
  double sum = 0;
  double total = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    sum += variant.divergence[i];
    total += static_cast<double>(tokens[i]);
  }
  return {sum / total, measure::bootstrap_stderr(variant.divergence, tokens, kDraws, Rng(kSeed)),
          variant.agreeing / total};
}

}  // namespace mote::cli
