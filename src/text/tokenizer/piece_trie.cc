#include "text/tokenizer/piece_trie.h"

#include <algorithm>

namespace mote::text {

PieceTrie::PieceTrie(std::vector<std::pair<std::string_view, TokenId>> pieces) {
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  pieces.erase(std::unique(pieces.begin(), pieces.end(),
                           [](const auto& a, const auto& b) { return a.first == b.first; }),
               pieces.end());
  // Each node is a range of the sorted texts that share their first bytes; nodes are made level by level.
  struct Range {
    std::uint32_t begin;
    std::uint32_t end;
  };
  std::vector<Range> level{{0, static_cast<std::uint32_t>(pieces.size())}};
  std::vector<Range> next;
  labels_.push_back(0);
  tokens_.push_back(-1);
  for (std::size_t depth = 0; !level.empty(); ++depth) {
    next.clear();
    for (const Range& range : level) {
      first_child_.push_back(static_cast<std::uint32_t>(labels_.size()));
      std::uint32_t i = range.begin;
      // The text that ends here sorts first and has been noted in its node.
      while (i < range.end && pieces[i].first.size() == depth) ++i;
      while (i < range.end) {
        const char byte = pieces[i].first[depth];
        std::uint32_t stop = i + 1;
        while (stop < range.end && pieces[stop].first[depth] == byte) ++stop;
        labels_.push_back(static_cast<unsigned char>(byte));
        tokens_.push_back(pieces[i].first.size() == depth + 1 ? pieces[i].second : -1);
        next.push_back({i, stop});
        i = stop;
      }
    }
    level.swap(next);
  }
  first_child_.push_back(static_cast<std::uint32_t>(labels_.size()));
}

PieceTrie::Node PieceTrie::child(Node node, unsigned char byte) const {
  const auto begin = labels_.begin() + first_child_[node];
  const auto end = labels_.begin() + first_child_[node + 1];
  if (end - begin <= 8) {
    const auto hit = std::find(begin, end, byte);
    return hit == end ? kNone : static_cast<Node>(hit - labels_.begin());
  }
  // string_view compares bytes as unsigned, so labels of a node ascend.
  const auto hit = std::lower_bound(begin, end, byte);
  return hit == end || *hit != byte ? kNone : static_cast<Node>(hit - labels_.begin());
}

PieceTrie::Node PieceTrie::walk(Node node, std::string_view text) const {
  for (const char c : text) {
    if (node == kNone) return kNone;
    node = child(node, static_cast<unsigned char>(c));
  }
  return node;
}

}  // namespace mote::text
