#include "text/tokenizer/pre_name.h"

#include "text/tokenizer/byte_alphabet.h"
#include "text/tokenizer/pre_probe.h"
#include "text/tokenizer/sha256.h"
#include "text/tokenizer/split_catalogue.h"
#include "text/tokenizer/splitter.h"

namespace mote::text {
namespace {

// Whether merging gives every token that is a whole word as that one token, so that looking words up first
// changes nothing.
bool merges_make_every_word(const TokenizerData& data, const PieceIndex& index) {
  TokenizerData merging;
  merging.pieces = data.pieces;
  merging.types = data.types;
  merging.merges = data.merges;
  merging.split = data.split;
  const auto encoder = make_byte_encoder(merging, index);
  const auto splitter = Splitter::create(data.split);
  if (!encoder || !splitter) return false;
  std::vector<TokenId> ids;
  for (std::size_t i = 0; i < data.pieces.size(); ++i) {
    if (data.types[i] != TokenType::normal) continue;
    const auto bytes = kByteAlphabet.unspell(data.pieces[i]);
    if (!bytes) continue;
    const auto words = splitter->split(*bytes);
    if (!words) return false;
    if (words->size() != 1) continue;
    ids.clear();
    TokenSink sink(ids);
    if (!(*encoder)->encode({*bytes, {}, 0}, false, MatchMode::no_control, sink)) return false;
    if (ids.size() != 1 || ids.front() != static_cast<TokenId>(i)) return false;
  }
  return true;
}

}  // namespace

PreName find_pre_name(const TokenizerData& data, const PieceIndex& index, std::span<const TokenId> probe) {
  PreName found;
  if (data.split_after.empty()) {
    const std::string_view other = name_of_split(data.split, !data.ignore_merges);
    if (!other.empty() && merges_make_every_word(data, index)) {
      found.name = other;
      return found;
    }
  }
  const std::string sum = probe_sum(probe);
  found.name = name_of_probe(sum);
  for (const SplitPlan* plan : {&data.split, &data.split_after}) {
    for (const SplitStep& step : *plan) {
      if (step.kind != SplitKind::regex) continue;
      found.warnings.push_back(
          "the tokenizer splits text by a pattern that mote has no rule of its own for; "
          "PCRE2 runs it as it is, which is slower (SHA-256 of the pattern " +
          sha256_hex(step.pattern) + ", of the ids of llama.cpp's probe text " + sum + ")");
    }
  }
  return found;
}

}  // namespace mote::text
