// How much a model file may ask for before it is refused. Defaults are several times what the largest public
// models need; each protects against a file whose counts were made to exhaust memory or time
// (docs/limits.md).
#pragma once

#include <cstdint>

namespace mote::formats {

struct Limits {
  std::uint64_t metadata_bytes = std::uint64_t{256} << 20;  // GGUF header: keys, values and tensor list
  std::uint64_t string_bytes = std::uint64_t{16} << 20;     // one metadata string
  std::uint64_t array_elements = std::uint64_t{64} << 20;   // one metadata array
  std::uint32_t array_depth = 4;                            // arrays in arrays
  std::uint64_t key_bytes = 65'535;                         // the GGUF specification's own limit
  std::uint64_t tensors = 65'536;
  std::uint32_t alignment = 65'536;
  // What values may take once decoded: this much, or four times the bytes that they take in the file,
  // whichever is more. An array of u8 grows eightfold when widened.
  std::uint64_t decoded_bytes = std::uint64_t{64} << 20;
  std::uint64_t safetensors_header_bytes = 100'000'000;  // the reference reader's limit
  std::uint64_t shards = 1'024;                          // files of one model
  std::uint64_t json_bytes = std::uint64_t{64} << 20;    // model.safetensors.index.json
  std::uint64_t config_bytes = std::uint64_t{8} << 20;   // config.json, generation_config.json
  // Of each of these three: `tensors` entries of a header have some eleven values each.
  std::uint64_t json_values = std::uint64_t{1} << 20;
};

}  // namespace mote::formats
