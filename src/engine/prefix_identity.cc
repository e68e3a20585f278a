#include "engine/prefix_identity.h"

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/hash64.h"
#include "engine/model_identity.h"
#include "kernels/linear.h"
#include "model/model.h"
#include "sys/mapped_file.h"

namespace mote::engine {
namespace {

// What the tensors of a Hugging Face folder mean stands beside them; other files say it themselves.
constexpr std::uint64_t kMostConfigBytes = std::uint64_t{1} << 24;

Result<std::uint64_t> digest_of(Runtime& runtime, const formats::Checkpoint& checkpoint, PrefixStore& store) {
  MOTE_ASSIGN(const ModelStamp stamp, stamp_model(*checkpoint.source, std::chrono::system_clock::now()));
  if (stamp.settled) {
    if (const auto known = store.digest_of(stamp.value)) return *known;
  }
  const std::uint64_t digest = digest_model(runtime.pool(), *checkpoint.source);
  MOTE_TRY(checkpoint.source->check());
  if (stamp.settled) store.note_digest(stamp.value, digest);
  return digest;
}

}  // namespace

Result<std::string> prefix_identity(Runtime& runtime, const LoadedModel& model, const KvShape& shape,
                                    bool long_divisors, PrefixStore& store) {
  const formats::Checkpoint& checkpoint = *model.model().checkpoint;
  MOTE_ASSIGN(const std::uint64_t files, digest_of(runtime, checkpoint, store));
  std::uint64_t config = 0;
  if (checkpoint.kind == formats::CheckpointKind::huggingface) {
    for (const char* name : {"config.json", "quantize_config.json"}) {
      const auto text = sys::read_text_file(checkpoint.folder / name, kMostConfigBytes);
      config = hash64(text ? std::as_bytes(std::span(*text)) : std::span<const std::byte>(), config);
    }
  }
  std::string out = "mote " MOTE_VERSION;
  const auto add = [&out](std::string_view name, std::string_view value) {
    out += "\n" + std::string(name) + " " + std::string(value);
  };
  add("instructions", to_string(runtime.isa()));
  add("tiles", std::to_string(kernels::kTileLayoutVersion));
  add("files", std::to_string(files));
  add("config", std::to_string(config));
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
