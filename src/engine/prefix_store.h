// The folder of a prefix cache: blocks of keys and values in files, for later sessions of any process.
//
// A file is found by a hash of whose block it is and of the text up to its end, and then has to begin, byte
// for byte, with what this program would write for exactly that: no number of the file is used as a size or a
// place. The bytes that follow have a checksum. What is wrong with a file makes it one that is not there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "mote/result.h"
#include "mote/tokenizer.h"

namespace mote::engine {

// Whose blocks: sessions with equal owners compute equal bits.
struct PrefixOwner {
  std::string model;  // everything that decides the bits: weights, types, arithmetic
  std::string tenant;
};

class PrefixStore {
 public:
  // Makes the folder, for this user alone, where it is missing; files are for this user alone too. Errors:
  // OUTPUT_CREATE (also of a folder that belongs to somebody else).
  static Result<std::unique_ptr<PrefixStore>> open(const std::filesystem::path& folder,
                                                   std::uint64_t max_bytes);

  // Fills `out` with the block that ends the text `tokens`; false where there is none.
  bool load(const PrefixOwner& owner, std::span<const TokenId> tokens, std::span<std::byte> out) const;
  // Keeps it; what was used longest ago makes room. Of one text the end comes first, so that the beginning,
  // without which it is of no use, outlives it. False without room, permission or memory.
  bool save(const PrefixOwner& owner, std::span<const TokenId> tokens,
            std::span<const std::byte> block) const;
  // Blocks of a text of this length for which there is room at all.
  [[nodiscard]] std::size_t most_blocks(const PrefixOwner& owner, std::span<const TokenId> tokens,
                                        std::size_t block_bytes) const;
  [[nodiscard]] bool holds(const PrefixOwner& owner, std::span<const TokenId> tokens) const;

  // Says that the block that ends the text was used just now.
  void touch(const PrefixOwner& owner, std::span<const TokenId> tokens) const;

  // A model's digest by the stamp of its files, from an earlier start.
  [[nodiscard]] std::optional<std::uint64_t> digest_of(std::uint64_t stamp) const;
  void note_digest(std::uint64_t stamp, std::uint64_t digest) const;

  void forget(std::string_view tenant) const;
  void clear() const;

 private:
  PrefixStore(std::filesystem::path folder, std::uint64_t max_bytes)
      : folder_(std::move(folder)), max_bytes_(max_bytes) {}
  [[nodiscard]] std::filesystem::path path_of(const PrefixOwner& owner,
                                              std::span<const TokenId> tokens) const;
  [[nodiscard]] bool make_room(std::uint64_t bytes) const;

  std::filesystem::path folder_;
  std::uint64_t max_bytes_;
};

}  // namespace mote::engine
