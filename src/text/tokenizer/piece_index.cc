#include "text/tokenizer/piece_index.h"

#include <bit>
#include <functional>

namespace mote::text {
namespace {

std::uint64_t hash_of(std::string_view piece) { return std::hash<std::string_view>{}(piece); }
std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

}  // namespace

PieceIndex::PieceIndex(std::span<const std::string> pieces)
    : pieces_(pieces), slots_(std::bit_ceil(pieces.size() * 2 + 1)) {
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const std::uint64_t hash = hash_of(pieces[i]);
    Slot& slot = slots_[seek(pieces[i], hash)];
    if (slot.id == kFree) slot = Slot{tag_of(hash), static_cast<TokenId>(i)};
  }
}

std::size_t PieceIndex::seek(std::string_view piece, std::uint64_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = static_cast<std::size_t>(hash) & mask;
  while (slots_[at].id != kFree) {
    if (slots_[at].tag == tag_of(hash) && pieces_[static_cast<std::size_t>(slots_[at].id)] == piece) break;
    at = (at + 1) & mask;
  }
  return at;
}

std::optional<TokenId> PieceIndex::find(std::string_view piece) const {
  if (slots_.empty()) return std::nullopt;
  const Slot& slot = slots_[seek(piece, hash_of(piece))];
  return slot.id == kFree ? std::nullopt : std::optional<TokenId>(slot.id);
}

}  // namespace mote::text
