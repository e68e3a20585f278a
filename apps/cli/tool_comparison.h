// One tool test answered by several models, and what each of them lost against the first along its answers.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "agent/tool_test.h"
#include "apps/cli/program.h"
#include "engine/loaded_model.h"
#include "engine/runtime.h"
#include "measure/compare.h"
#include "mote/result.h"

namespace mote::cli {

struct ToolScore {
  std::size_t right = 0;
  std::size_t items = 0;
};

struct ToolVariant {
  std::string type;  // of its weights: "Q4_K_M"
  std::filesystem::path path;
  double bits_per_weight = 0;
  std::shared_ptr<const engine::LoadedModel> model;
  std::unique_ptr<measure::LogitModel> logits;
  // Filled by compare_on_tool_test.
  ToolScore all;
  ToolScore calls;                        // items that expect calls
  std::map<std::string, ToolScore> sets;  // by the test's names for them
  std::vector<double> divergence;         // from the first model, summed over an item's tokens
  double agreeing = 0;                    // tokens whose most likely one is the first model's
};

struct ToolTestLoss {
  double kld = 0;
  double kld_stderr = 0;  // bootstrap over items
  double top1_agreement = 0;
};

// Answers every item with every model. Returns how many tokens of each item were compared: those of the
// first model's answer and, where it ended by itself, its end. Errors: those of agent::answer_item and of
// measure::compare.
Result<std::vector<std::size_t>> compare_on_tool_test(Program& program, engine::Runtime& runtime,
                                                      std::span<const agent::ToolTestItem> items,
                                                      std::span<ToolVariant> variants, std::size_t context);

ToolTestLoss loss_of(const ToolVariant& variant, std::span<const std::size_t> tokens);

}  // namespace mote::cli
