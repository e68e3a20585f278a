#include "text/tokenizer/gguf_fit.h"

#include <algorithm>

#include "text/tokenizer/sha256.h"
#include "text/tokenizer/space_escape.h"

namespace mote::text {
namespace {

bool is_step(const NormalizerStep& step, NormalizerKind kind) { return step.kind == kind; }

std::string why_not_bytes(const TokenizerData& data) {
  // NFC has no key. llama.cpp leaves it out for the models that have it (Qwen2), and so do their users.
  const bool plain = std::all_of(data.normalizer.begin(), data.normalizer.end(), [](const auto& step) {
    return step.kind == NormalizerKind::unicode_form && step.form == UnicodeForm::nfc;
  });
  if (!plain) return "its normalizer changes the text";
  if (data.add_prefix_space) return "it puts a space before the text";
  return data.pre_name.empty() ? "it splits text in a way that has no name there" : "";
}

std::string why_not_characters(const TokenizerData& data) {
  if (!data.split.empty() || !data.split_after.empty()) return "it splits text before merging";
  if (!data.charsmap.empty()) return "it normalizes text";
  const bool plain = std::all_of(data.normalizer.begin(), data.normalizer.end(), [](const auto& step) {
    const bool prefix = is_step(step, NormalizerKind::prepend) && step.content == kSpaceMark;
    const bool mark =
        is_step(step, NormalizerKind::replace) && step.pattern == " " && step.content == kSpaceMark;
    return prefix || mark;
  });
  if (!plain) return "its normalizer changes the text";
  const bool all_bytes = [&] {
    const auto bytes = byte_tokens(data);
    return std::all_of(bytes.begin(), bytes.end(), [](TokenId id) { return id >= 0; });
  }();
  if (data.algorithm == TokenizerAlgorithm::char_bpe && !(data.byte_fallback && all_bytes))
    return "it has no byte tokens for characters that it lacks";
  return {};
}

std::string why_not_unigram(const TokenizerData& data) {
  if (data.byte_fallback) return "it spells unknown characters with byte tokens";
  if (data.unigram_rules != UnigramRules::huggingface) return {};
  if (!data.split_after.empty()) return "it splits text after marking spaces";
  for (const SplitStep& step : data.split) {
    if (step.kind != SplitKind::space || step.behavior != SplitBehavior::removed)
      return "it splits text before looking for tokens";
  }
  if (data.space_prefix != SpacePrefix::unless_present && data.space_prefix != SpacePrefix::always)
    return "it does not put a space before every word";
  for (const NormalizerStep& step : data.normalizer) {
    const bool one_space =
        is_step(step, NormalizerKind::replace_regex) && step.pattern == " {2,}" && step.content == " ";
    if (!one_space && !is_step(step, NormalizerKind::charsmap)) return "its normalizer changes the text";
  }
  return {};
}

std::string why_not_wordpiece(const TokenizerData& data) {
  if (data.phantom_space) return {};
  if (data.continuation != "##") return "tokens that continue a word do not begin with ##";
  const SplitPlan bert{{.kind = SplitKind::space, .behavior = SplitBehavior::removed},
                       {.kind = SplitKind::punctuation}};
  if (data.split != bert || !data.split_after.empty()) return "it does not split text as BERT does";
  std::size_t i = 0;
  const auto next_is = [&](NormalizerKind kind) {
    const bool found = i < data.normalizer.size() && is_step(data.normalizer[i], kind);
    if (found) ++i;
    return found;
  };
  if (!next_is(NormalizerKind::clean_controls) || !next_is(NormalizerKind::space_cjk))
    return "it does not clean text as BERT does";
  if (next_is(NormalizerKind::unicode_form)) next_is(NormalizerKind::strip_nonspacing_marks);
  next_is(NormalizerKind::lowercase);
  if (i != data.normalizer.size()) return "its normalizer is not BERT's";
  if (!data.cls || !data.sep || data.prefix != std::vector{*data.cls} ||
      data.suffix != std::vector{*data.sep})
    return "it does not put a class token before and a separator after the text";
  return {};
}

}  // namespace

std::string why_not_gguf(const TokenizerData& data) {
  switch (data.algorithm) {
    case TokenizerAlgorithm::byte_bpe:
      return why_not_bytes(data);
    case TokenizerAlgorithm::char_bpe:
    case TokenizerAlgorithm::score_bpe:
      return why_not_characters(data);
    case TokenizerAlgorithm::unigram:
      return why_not_unigram(data);
    case TokenizerAlgorithm::wordpiece:
      return why_not_wordpiece(data);
  }
  return {};
}

std::string sum_of_splitting(const TokenizerData& data) {
  std::string text;
  for (const SplitPlan* plan : {&data.split, &data.split_after}) {
    for (const SplitStep& step : *plan) {
      for (const auto number : {static_cast<int>(step.kind), static_cast<int>(step.digits),
                                static_cast<int>(step.marks_are_letters), static_cast<int>(step.contractions),
                                static_cast<int>(step.line_breaks), static_cast<int>(step.leading_space),
                                static_cast<int>(step.behavior), static_cast<int>(step.invert)})
        text += std::to_string(number) + ',';
      for (const CodeRange& range : step.ranges) {
        text += std::to_string(static_cast<std::uint32_t>(range.first)) + '-' +
                std::to_string(static_cast<std::uint32_t>(range.last)) + ',';
      }
      text += step.pattern + ';';
    }
    text += data.add_prefix_space ? '+' : '|';
  }
  return sha256_hex(text).substr(0, 16);
}

BertCase bert_case(const TokenizerData& data) {
  BertCase out;
  for (const NormalizerStep& step : data.normalizer) {
    out.lowercase = out.lowercase || is_step(step, NormalizerKind::lowercase);
    out.strip_accents = out.strip_accents || is_step(step, NormalizerKind::strip_nonspacing_marks) ||
                        is_step(step, NormalizerKind::strip_marks);
  }
  return out;
}

}  // namespace mote::text
