#include "engine/prefix_identity.h"

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/hash64.h"
#include "engine/model_identity.h"
#include "kernels/linear.h"
#include "model/model.h"

namespace mote::engine {
namespace {

constexpr ErrorCode kPrefixModel{"PREFIX_MODEL", ErrorKind::failed};

// The digest of what was loaded: files that have changed since, or a moment before, are somebody else's.
Result<std::uint64_t> digest_of(Runtime& runtime, const LoadedModel& model, PrefixStore& store) {
  const formats::TensorSource& files = *model.model().checkpoint->source;
  const Error unknown{kPrefixModel, "the model's files are being changed", "", model.path().string(),
                      std::nullopt};
  const std::optional<ModelStamp>& loaded = model.stamp();
  if (!loaded || !loaded->settled) return unknown;
  const auto unchanged = [&]() -> Result<bool> {
    MOTE_ASSIGN(const ModelStamp now, stamp_model(files, std::chrono::system_clock::now()));
    return now == *loaded;
  };
  MOTE_ASSIGN(const bool before, unchanged());
  if (!before) return unknown;
  if (const auto known = store.digest_of(loaded->value)) return *known;
  runtime.log("reading " + model.path().string() + " to know it again");
  const std::uint64_t digest = digest_model(runtime.pool(), files);
  MOTE_ASSIGN(const bool after, unchanged());
  if (!after) return unknown;
  store.note_digest(loaded->value, digest);
  return digest;
}

}  // namespace

Result<std::string> prefix_identity(Runtime& runtime, const LoadedModel& model, const KvShape& shape,
                                    bool long_divisors, PrefixStore& store) {
  const formats::Checkpoint& checkpoint = *model.model().checkpoint;
  MOTE_ASSIGN(const std::uint64_t files, digest_of(runtime, model, store));
  // What the tensors of a Hugging Face folder mean stands beside them; other files say it themselves.
  const std::string config = checkpoint.config.dump();
  std::string out = "mote " MOTE_VERSION;
  const auto add = [&out](std::string_view name, std::string_view value) {
    out += "\n" + std::string(name) + " " + std::string(value);
  };
  add("instructions", to_string(runtime.isa()));
  add("tiles", std::to_string(kernels::kTileLayoutVersion));
  add("files", std::to_string(files));
  add("config", std::to_string(hash64(std::as_bytes(std::span(config)))));
  add("activations", to_string(model.activations()));
  add("keys", to_string(shape.key_type));
  add("values", to_string(shape.value_type));
  add("layers", std::to_string(shape.layers));
  add("heads", std::to_string(shape.kv_heads) + " of " + std::to_string(shape.head_dim));
  add("positions", std::to_string(shape.block_positions()));
  add("divisors", long_divisors ? "long" : "short");
  return out;
}

}  // namespace mote::engine
