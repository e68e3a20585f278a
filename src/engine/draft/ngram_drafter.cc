#include "engine/draft/ngram_drafter.h"

#include <algorithm>
#include <bit>

#include "mote/generate.h"

namespace mote::engine {
namespace {

constexpr std::size_t kKey = 2;      // tokens that have to agree at least
constexpr std::size_t kTries = 24;   // places looked at per proposal
constexpr std::size_t kEnough = 32;  // an agreement as long as that is not made better by a longer one
constexpr std::uint32_t kNowhere = 0xFFFFFFFFU;

// By the length of the agreement: 2, 3 to 4, 5 to 8, more.
std::size_t grade_of(std::size_t length) { return length <= 2 ? 0 : length <= 4 ? 1 : length <= 8 ? 2 : 3; }

}  // namespace

NgramDrafter::NgramDrafter(std::size_t context)
    : newest_(std::bit_ceil(std::clamp<std::size_t>(context, 256, std::size_t{1} << 20U)), kNowhere) {
  older_.reserve(context);
  draft_.reserve(kMostDraft);
}

std::size_t NgramDrafter::slot(const TokenId* key) const {
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < kKey; ++i) {
    // Fibonacci hashing (Knuth, TAOCP 3, section 6.4), a step per token.
    hash = (hash ^ static_cast<std::uint32_t>(key[i])) * 0x9E3779B97F4A7C15U;
  }
  return static_cast<std::size_t>(hash >> 32U) & (newest_.size() - 1);
}

// The key at the very end is left out: what follows it is not known yet.
void NgramDrafter::index(std::span<const TokenId> tokens) {
  for (; indexed_ + 1 < tokens.size(); ++indexed_) {
    std::uint32_t before = kNowhere;
    if (indexed_ + 1 >= kKey) {
      std::uint32_t& head = newest_[slot(tokens.data() + indexed_ + 1 - kKey)];
      before = head;
      head = static_cast<std::uint32_t>(indexed_);
    }
    older_.push_back(before);
  }
}

Result<Draft> NgramDrafter::propose(std::span<const TokenId> tokens, std::size_t most) {
  if (tokens.size() < kKey + 1 || tokens.size() >= kNowhere || most == 0) return Draft{};
  index(tokens);
  const std::size_t end = tokens.size() - 1;
  std::size_t best = 0;
  std::size_t length = kKey - 1;
  std::uint32_t place = newest_[slot(tokens.data() + end + 1 - kKey)];
  for (std::size_t tries = 0; place != kNowhere && tries < kTries && length < kEnough; ++tries) {
    std::size_t same = 0;
    while (same <= place && same < kEnough && tokens[place - same] == tokens[end - same]) ++same;
    if (same > length) {  // of equal ones the newest stays
      length = same;
      best = place + 1;
    }
    place = older_[place];
  }
  if (best == 0) return Draft{};
  // A stretch that reaches the end goes on as it has begun: a b a b -> a b a b.
  draft_.clear();
  for (std::size_t i = 0; i < most; ++i) {
    const std::size_t from = best + i;
    draft_.push_back(from < tokens.size() ? tokens[from] : draft_[from - tokens.size()]);
  }
  return Draft{draft_, grade_of(length)};
}

}  // namespace mote::engine
