#include <array>

#include "apps/cli/command.h"

namespace mote::cli {

std::span<const CommandFactory> all_commands() {
  static constexpr auto kCommands = std::to_array<CommandFactory>({
#ifdef MOTE_TOOLS
      make_demo,
      make_calibrate,
      make_quantize,
      make_compare,
      make_perplexity,
#endif
      make_run,
      make_bench,
      make_doctor,
      make_inspect,
      make_tokenize,
      make_render,
      make_embed,
      make_logits,
      make_completion,
      make_man,
  });
  return kCommands;
}

std::span<const LaterCommand> later_commands() {
  static constexpr auto kLater = std::to_array<LaterCommand>({
#ifndef MOTE_TOOLS
      {"demo", "left out of a device build (MOTE_TOOLS=OFF)"},
      {"calibrate", "left out of a device build (MOTE_TOOLS=OFF)"},
      {"quantize", "left out of a device build (MOTE_TOOLS=OFF)"},
      {"perplexity", "left out of a device build (MOTE_TOOLS=OFF)"},
      {"compare", "left out of a device build (MOTE_TOOLS=OFF)"},
#endif
      {"schema", "constrained output"},
      {"eval", "tasks and quality gates"},
      {"agent", "the agent loop"},
      {"serve", "the server"},
      {"plan", "planning for a device"},
      {"export", "export to other engines"},
      {"train", "training"},
      {"distill", "distillation"},
      {"prune", "pruning"},
      {"init", "projects"},
      {"build", "projects"},
      {"bundle", "deployment bundles"}});
  return kLater;
}

}  // namespace mote::cli
