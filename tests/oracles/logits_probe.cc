// Logits of token sequences, for comparison with another implementation.
//
//   logits_probe MODEL TOKENS OUT LENGTH [key=value]...
//
// TOKENS: int32 ids, sequences of LENGTH; OUT: float32 [ids][vocabulary]. Keys: piece=N feeds N tokens at a
// time (0: all at once), activations=auto|f32, kv=TYPE, threads=N, isa=NAME,
// without=FEATURE (see leave_out).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "engine/loaded_model.h"
#include "engine/runtime.h"
#include "engine/session.h"
#include "kernels/select.h"

namespace {

using Options = std::map<std::string, std::string, std::less<>>;

[[noreturn]] void fail(const mote::Error& error) {
  std::fprintf(stderr, "%s\n", mote::format_error(error).c_str());
  std::exit(1);
}

template <typename T>
T value_or_exit(mote::Result<T> result) {
  if (!result) fail(result.error());
  return std::move(*result);
}

std::string text(const Options& options, std::string_view key, std::string_view fallback) {
  const auto it = options.find(key);
  return it == options.end() ? std::string(fallback) : it->second;
}

std::size_t number(const Options& options, std::string_view key, std::size_t fallback) {
  const auto it = options.find(key);
  return it == options.end() ? fallback : mote::parse_uint64(it->second).value_or(fallback);
}

// The spec without one feature, as if the reader had overlooked it.
void leave_out(std::string_view feature, mote::model::ModelSpec& spec) {
  namespace model = mote::model;
  const auto change = [&](std::string_view name, auto&& apply) {
    if (feature == name) apply();
  };
  change("rope_scaling", [&] {
    spec.rope.scaling = model::RopeScaling::none;
    spec.rope.divisors.clear();
    spec.rope.attention_factor = 1;
  });
  change("attention_factor", [&] { spec.rope.attention_factor = 1; });
  change("long_divisors", [&] { spec.rope.long_divisors = spec.rope.short_divisors; });
  change("qk_norm", [&] { spec.qk_norm = model::QkNorm::none; });
  change("bias", [&] { spec.qkv_bias = spec.output_bias = spec.ffn_bias = false; });
  change("norm_bias", [&] { spec.norm_bias = false; });
  change("norm_kind", [&] { spec.norm = model::NormKind::rms; });
  change("tying", [&] { spec.tied_head = !spec.tied_head; });
  change("window", [&] {
    for (model::BlockSpec& block : spec.block_specs) block.window = 0;
  });
  change("window_pattern", [&] {
    std::uint32_t window = 0;
    for (const model::BlockSpec& block : spec.block_specs) window = std::max(window, block.window);
    for (model::BlockSpec& block : spec.block_specs) block.window = window;
  });
  change("local_rope", [&] { spec.local_rope.base = spec.rope.base; });
  change("rope_gaps", [&] {
    for (model::BlockSpec& block : spec.block_specs) block.rope = model::RopeUse::global;
  });
  change("partial_rope", [&] { spec.rope.dims = spec.head_dim; });
  change("score_cap", [&] { spec.score_cap = 0; });
  change("logit_cap", [&] { spec.logit_cap = 0; });
  change("attention_scale",
         [&] { spec.attention_scale = 1 / std::sqrt(static_cast<double>(spec.head_dim)); });
  change("embedding_scale", [&] { spec.embedding_scale = 1; });
  change("residual_scale", [&] { spec.residual_scale = 1; });
  change("logit_scale", [&] { spec.logit_scale = 1; });
  change("post_norm", [&] { spec.norms.after = false; });
  change("parallel_residual", [&] { spec.parallel_residual = false; });
  change("activation", [&] {
    const bool silu = spec.activation == model::Activation::silu;
    spec.activation = silu ? model::Activation::gelu_tanh : model::Activation::silu;
  });
  change("shared_expert", [&] { spec.experts.shared_hidden = 0; });
  change("shared_gate", [&] { spec.experts.shared_gate = false; });
  change("expert_normalize", [&] { spec.experts.normalize = !spec.experts.normalize; });
  change("expert_used", [&] { spec.experts.used = 1; });
  change("token_types", [&] { spec.token_types = 0; });
  change("positions", [&] { spec.learned_positions = false; });
}

std::vector<std::int32_t> read_tokens(const char* path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  std::vector<std::int32_t> out(bytes.size() / 4);
  std::memcpy(out.data(), bytes.data(), out.size() * 4);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  Options options;
  for (int i = 5; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::size_t equals = argument.find('=');
    if (equals == std::string::npos) return 2;
    options[argument.substr(0, equals)] = argument.substr(equals + 1);
  }
  namespace engine = mote::engine;
  engine::RuntimeOptions runtime_options;
  runtime_options.threads = static_cast<unsigned>(number(options, "threads", 2));
  if (options.contains("isa")) {
    runtime_options.isa = value_or_exit(mote::kernels::parse_isa(text(options, "isa", "")));
  }
  const auto runtime = value_or_exit(engine::Runtime::create(runtime_options));

  engine::LoadOptions load;
  load.need_tokenizer = false;
  if (text(options, "activations", "f32") == "f32") load.activations = engine::Activations::f32;
  const std::string without = text(options, "without", "");
  load.change_model = [&](mote::model::Model& model) { leave_out(without, model.spec); };
  const auto model = value_or_exit(engine::LoadedModel::load(*runtime, argv[1], load));

  const std::vector<std::int32_t> tokens = read_tokens(argv[2]);
  const std::size_t length = mote::parse_uint64(argv[4]).value_or(0);
  if (length == 0 || tokens.size() % length != 0) return 2;
  engine::SessionOptions session_options;
  session_options.context = length;
  if (options.contains("kv")) {
    session_options.kv_key_type = session_options.kv_value_type =
        engine::find_kv_type(text(options, "kv", ""));
  }
  const auto session = value_or_exit(engine::Session::create(*runtime, model, session_options));
  std::size_t piece = number(options, "piece", 0);
  if (piece == 0) piece = length;
  std::ofstream out(argv[3], std::ios::binary);
  for (std::size_t start = 0; start < tokens.size(); start += length) {
    session->truncate(0);
    for (std::size_t at = 0; at < length; at += piece) {
      const std::span<const std::int32_t> part(tokens.data() + start + at, std::min(piece, length - at));
      const auto logits = value_or_exit(session->feed(part, engine::LogitsWanted::all));
      out.write(reinterpret_cast<const char*>(logits.data()),
                static_cast<std::streamsize>(logits.size_bytes()));
    }
  }
  return out.good() ? 0 : 1;
}
