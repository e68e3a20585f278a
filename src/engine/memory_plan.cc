#include "engine/memory_plan.h"

#include <algorithm>
#include <string>

#include "base/checked.h"
#include "base/strings.h"
#include "engine/forward.h"
#include "engine/packed_layout.h"
#include "engine/session.h"
#include "engine/weights.h"
#include "model/tensor_names.h"

namespace mote::engine {
namespace {

// Threads whose scratch is planned before a runtime's number is known: an upper bound for edge devices.
constexpr unsigned kPlannedThreads = 16;

Error bad_option(std::string_view name, const std::string& value, const std::string& expected) {
  return {
      .code = kSessionOption,
      .message = "cannot open a session: " + std::string(name) + " is " + value + ", expected " + expected,
      .hint = {},
      .file = {},
      .byte_position = {}};
}

Result<void> check_kv_type(std::string_view name, KvType type, std::size_t head_dim) {
  const bool blocks = type == KvType::q8_0 || type == KvType::q4_0;
  if (!blocks || head_dim % 32 == 0) return {};
  return bad_option(
      name, std::string(to_string(type)),
      "f16 or f32, since heads of " + std::to_string(head_dim) + " elements are no multiple of 32");
}

}  // namespace

Result<SessionPlan> plan_session(const model::ModelSpec& spec, Activations activations,
                                 const SessionOptions& options, std::size_t count) {
  SessionPlan plan;
  const std::size_t own = std::min<std::size_t>(spec.context, kDefaultContext);
  plan.kv.context = options.context == 0 ? own : options.context;
  // More than the model was made for is allowed up to the bound of a file's own value: rope goes on.
  if (plan.kv.context > kMaxContext) {
    return bad_option("context", std::to_string(options.context), "1 to " + std::to_string(kMaxContext));
  }
  if (options.batch < 1 || options.batch > kMaxBatch) {
    return bad_option("batch", std::to_string(options.batch), "1 to " + std::to_string(kMaxBatch));
  }
  // No batch has more tokens than the sessions together.
  plan.batch = count > options.batch ? options.batch : std::min(options.batch, plan.kv.context * count);
  const KvType usual = activations == Activations::f32 ? KvType::f32 : KvType::f16;
  plan.kv.key_type = options.kv_key_type.value_or(usual);
  plan.kv.value_type = options.kv_value_type.value_or(usual);
  plan.kv.layers = spec.blocks;
  plan.kv.kv_heads = spec.kv_heads;
  plan.kv.head_dim = spec.head_dim;
  MOTE_TRY(check_kv_type("kv_key_type", plan.kv.key_type, spec.head_dim));
  MOTE_TRY(check_kv_type("kv_value_type", plan.kv.value_type, spec.head_dim));
  return plan;
}

Result<void> check_memory(std::string_view what, const MemoryPlan& plan, std::uint64_t needed,
                          std::uint64_t available) {
  if (needed <= available) return {};
  return Error{.code = kModelMemory,
               .message = "cannot " + std::string(what) + ": needs " + human_bytes(needed) +
                          ", available are " + human_bytes(available) + " (weights " +
                          human_bytes(plan.packed_weights) + ", mapped " + human_bytes(plan.mapped_weights) +
                          ", KV " + human_bytes(plan.kv) + ", scratch " + human_bytes(plan.scratch) + ")",
               .hint = "ask for a shorter context, a smaller KV type or a smaller model",
               .file = {},
               .byte_position = {}};
}

Result<MemoryPlan> plan_memory(const model::Model& model, Activations activations,
                               const SessionOptions& options, std::size_t count) {
  MOTE_ASSIGN(const SessionPlan session, plan_session(model.spec, activations, options, count));
  MemoryPlan plan;
  plan.packed_weights = PackedLayout(model, activations == Activations::f32).bytes();
  const auto tensors = model.canonical->tensors();
  for (const formats::TensorInfo& info : tensors) {
    const bool looked_up =
        info.name == model::gguf_name(model::Role::token_embd) || is_looked_up(model.spec, info.name);
    const bool matrix = info.shape.rank() >= 2;
    if (!matrix || looked_up || !uses_integers(info, activations == Activations::f32)) {
      plan.mapped_weights += info.bytes;
    }
  }
  const auto one = session.kv.bytes();
  const auto kv = one ? (Checked(*one) * count).value() : std::nullopt;
  const auto scratch = Forward::scratch_bytes(model.spec, session.batch, session.kv.context, kPlannedThreads);
  if (!kv || !scratch || !(Checked(*kv) + *scratch + plan.packed_weights + plan.mapped_weights).value()) {
    return Error{.code = kModelMemory,
                 .message = "cannot plan memory: " + std::to_string(count) + " contexts of " +
                            std::to_string(session.kv.context) +
                            " positions take more bytes than 64 bits count",
                 .hint = "ask for a shorter context",
                 .file = {},
                 .byte_position = {}};
  }
  plan.kv = *kv;
  plan.scratch = *scratch;
  return plan;
}

void map_packed_weights(MemoryPlan& plan) {
  plan.mapped_weights += plan.packed_weights;
  plan.packed_weights = 0;
}

Result<MemoryPlan> plan_memory(const LoadedModel& model, const SessionOptions& options, std::size_t count) {
  MOTE_ASSIGN(MemoryPlan plan, plan_memory(model.model(), model.activations(), options, count));
  if (model.weights().cache.is_open()) map_packed_weights(plan);
  return plan;
}

}  // namespace mote::engine
