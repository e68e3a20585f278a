// What a caller chooses when it opens a session.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "mote/prefix_cache.h"

namespace mote::engine {

// How a key or value row is stored. q8_0 and q4_0 are blocks of 32 elements with a half scale, q4_0 of rows
// turned by a Hadamard matrix; queries meet such keys as int8, whatever the activations are.
enum class KvType : std::uint8_t { f16, f32, q8_0, q4_0 };
std::string_view to_string(KvType type);
std::span<const KvType> all_kv_types();
std::optional<KvType> find_kv_type(std::string_view name);  // "f16", "F16"

struct SessionOptions {
  std::size_t context = 0;  // positions; 0: the model's own, at most kDefaultContext
  // Absent: f16, or f32 where the model was loaded with Activations::f32.
  std::optional<KvType> kv_key_type = {};
  std::optional<KvType> kv_value_type = {};
  std::size_t batch = 512;  // tokens that go through the model together, 1 to 4096; no effect on results
  // Where beginnings of texts are kept and looked for; none: only the session's own text is used again.
  std::shared_ptr<PrefixCache> prefix_cache = {};
  // Whose texts: blocks of the cache are shared within a tenant only. See Session::set_tenant.
  std::string tenant = {};
};

inline constexpr std::size_t kDefaultContext = 4096;
inline constexpr std::size_t kMaxContext = std::size_t{1} << 28U;
inline constexpr std::size_t kMaxBatch = 4096;

}  // namespace mote::engine
