#include "text/tokenizer/piece_index.h"

namespace mote::text {
namespace {

auto text_in(std::span<const std::string> pieces) {
  return [pieces](TokenId id) -> std::string_view { return pieces[static_cast<std::size_t>(id)]; };
}

}  // namespace

PieceIndex::PieceIndex(std::span<const std::string> pieces) : pieces_(pieces), table_(pieces.size()) {
  for (std::size_t i = 0; i < pieces.size(); ++i) table_.insert(static_cast<TokenId>(i), text_in(pieces));
}

std::optional<TokenId> PieceIndex::find(std::string_view piece) const {
  return table_.find(piece, text_in(pieces_));
}

}  // namespace mote::text
