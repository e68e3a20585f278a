// The stages of Hugging Face's tokenizer.json around the model: normalizer, pre-tokenizer, post-processor and
// decoder, each a tagged object or a sequence of them. What mote does not have is refused by name, because
// guessing would give wrong ids without a word.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "mote/result.h"
#include "text/tokenizer/data.h"
#include "text/tokenizer/errors.h"
#include "text/tokenizer/limits.h"

namespace mote::text {

Error json_unsupported(std::string what);
Error json_malformed(std::string what);
Error json_too_deep(std::string_view what);

// Members of an object, with a fallback where they are absent or of another type.
std::string json_string(const Json& object, std::string_view key);
bool json_flag(const Json& object, std::string_view key, bool fallback);
inline bool json_present(const Json* value) { return value != nullptr && !value->is_null(); }

// How the pieces of text reach the model.
enum class PieceAlphabet : std::uint8_t { plain, bytes, marked };

// Each appends to `data`. `alphabet`: what the pre-tokenizer makes of the text.
Result<void> read_json_normalizer(const Json& step, TokenizerData& data);
Result<void> read_json_pre_tokenizer(const Json& step, TokenizerData& data, PieceAlphabet& alphabet);
Result<void> read_json_post_processor(const Json& step, TokenizerData& data);
Result<void> read_json_decoder(const Json* step, PieceAlphabet alphabet, TokenizerData& data);

constexpr int kMaxSequenceDepth = 8;  // of sequences in sequences; real files have one

template <typename Visit>
Result<void> for_each_json_step_of(const Json& step, std::string_view list_key, std::string_view what,
                                   int depth, std::size_t& count, const Visit& visit) {
  if (depth > kMaxSequenceDepth) return json_too_deep(what);
  const std::string type = json_string(step, "type");
  if (type != "Sequence") {
    if (++count > kMaxPipelineSteps)
      return json_malformed("its " + std::string(what) + " has more than " +
                            std::to_string(kMaxPipelineSteps) + " steps");
    return visit(step, type);
  }
  const Json* list = step.find(list_key);
  const JsonArray* items = list == nullptr ? nullptr : list->if_array();
  if (items == nullptr) return json_malformed("a sequence without \"" + std::string(list_key) + "\"");
  for (const Json& item : *items)
    MOTE_TRY(for_each_json_step_of(item, list_key, what, depth + 1, count, visit));
  return {};
}

// Calls visit(object, type) for each step, sequences flattened in order. TOK_CYCLE where they nest too deep,
// TOK_FORMAT where they are more than kMaxPipelineSteps.
template <typename Visit>
Result<void> for_each_json_step(const Json& step, std::string_view list_key, std::string_view what,
                                const Visit& visit) {
  std::size_t count = 0;
  return for_each_json_step_of(step, list_key, what, 0, count, visit);
}

}  // namespace mote::text
