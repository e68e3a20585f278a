#include <array>
#include <optional>
#include <utility>

#include "base/text_search.h"
#include "text/tokenizer/json_pipeline.h"
#include "text/tokenizer/space_escape.h"
#include "text/tokenizer/split_catalogue.h"

namespace mote::text {
namespace {

std::optional<SplitBehavior> behavior_named(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, SplitBehavior>, 5> kNames{
      {{"Isolated", SplitBehavior::isolated},
       {"Removed", SplitBehavior::removed},
       {"MergedWithPrevious", SplitBehavior::merged_with_previous},
       {"MergedWithNext", SplitBehavior::merged_with_next},
       {"Contiguous", SplitBehavior::contiguous}}};
  for (const auto& [text, behavior] : kNames) {
    if (text == name) return behavior;
  }
  return std::nullopt;
}

Result<SplitStep> read_split(const Json& step) {
  const Json* pattern = step.find("pattern");
  if (pattern == nullptr) return json_malformed("a Split without pattern");
  const std::string regex = json_string(*pattern, "Regex");
  const std::string literal = json_string(*pattern, "String");
  if (regex.empty() == literal.empty())
    return json_malformed("a Split pattern that is neither Regex nor String");
  const std::string name = json_string(step, "behavior");
  const auto behavior = behavior_named(name);
  if (!behavior) return json_unsupported("Split with behavior \"" + escape_untrusted(name, 40) + "\"");
  SplitStep out =
      regex.empty() ? SplitStep{.kind = SplitKind::literal, .pattern = literal} : step_for_pattern(regex);
  out.behavior = *behavior;
  out.invert = json_flag(step, "invert", false);
  // The word patterns match everything, so keeping the matches and dropping the gaps is the same as isolating
  // them.
  const bool covers =
      out.kind == SplitKind::gpt2 || out.kind == SplitKind::cl100k || out.kind == SplitKind::camel;
  if (covers && out.invert && out.behavior == SplitBehavior::removed) {
    out.behavior = SplitBehavior::isolated;
    out.invert = false;
  }
  return out;
}

class PreTokenizerReader {
 public:
  PreTokenizerReader(TokenizerData& data, PieceAlphabet& alphabet) : data_(data), alphabet_(alphabet) {}

  Result<void> read(const Json& step, const std::string& type) {
    if (type == "ByteLevel") return read_byte_level(step);
    if (type == "Metaspace") return read_metaspace(step);
    if (type == "Split") {
      MOTE_ASSIGN(SplitStep split, read_split(step));
      // Text that a normalizer has replaced everywhere is not there to be split at.
      if (split.kind == SplitKind::literal && replaced_by_normalizer(split.pattern)) return {};
      add(std::move(split));
    } else if (type == "Digits") {
      add({.kind = SplitKind::numbers, .digits = json_flag(step, "individual_digits", false) ? 1U : 0U});
    } else if (type == "Whitespace") {
      add({.kind = SplitKind::words, .behavior = SplitBehavior::removed, .invert = true});
    } else if (type == "WhitespaceSplit") {
      add({.kind = SplitKind::space, .behavior = SplitBehavior::removed});
    } else if (type == "BertPreTokenizer") {
      add({.kind = SplitKind::space, .behavior = SplitBehavior::removed});
      add({.kind = SplitKind::punctuation});
    } else if (type == "Punctuation") {
      const std::string name = json_string(step, "behavior");
      const auto behavior = name.empty() ? SplitBehavior::isolated : behavior_named(name);
      if (!behavior)
        return json_unsupported("Punctuation with behavior \"" + escape_untrusted(name, 40) + "\"");
      add({.kind = SplitKind::punctuation, .behavior = *behavior});
    } else if (type == "CharDelimiterSplit") {
      const std::string delimiter = json_string(step, "delimiter");
      if (delimiter.empty()) return json_malformed("a CharDelimiterSplit without delimiter");
      add({.kind = SplitKind::literal, .pattern = delimiter, .behavior = SplitBehavior::removed});
    } else {
      return json_unsupported("pre-tokenizer \"" + escape_untrusted(type, 40) + "\"");
    }
    return {};
  }

 private:
  void add(SplitStep step) {
    (alphabet_ == PieceAlphabet::plain ? data_.split : data_.split_after).push_back(std::move(step));
  }

  [[nodiscard]] bool replaced_by_normalizer(std::string_view text) const {
    for (const NormalizerStep& step : data_.normalizer) {
      if (step.kind == NormalizerKind::replace && step.pattern == text &&
          find_text(step.content, text) == std::string_view::npos)
        return true;
    }
    return false;
  }

  Result<void> read_byte_level(const Json& step) {
    if (alphabet_ != PieceAlphabet::plain) return json_unsupported("ByteLevel after ByteLevel or Metaspace");
    if (json_flag(step, "add_prefix_space", true)) {
      if (!data_.split.empty())
        return json_unsupported("ByteLevel with add_prefix_space after other splitters");
      data_.add_prefix_space = true;
    }
    // ByteLevel splits before it spells.
    if (json_flag(step, "use_regex", true)) data_.split.push_back({.kind = SplitKind::gpt2});
    alphabet_ = PieceAlphabet::bytes;
    return {};
  }

  Result<void> read_metaspace(const Json& step) {
    if (alphabet_ != PieceAlphabet::plain) return json_unsupported("Metaspace after ByteLevel or Metaspace");
    if (json_string(step, "replacement") != kSpaceMark)
      return json_unsupported("Metaspace with another mark than U+2581");
    std::string scheme = json_string(step, "prepend_scheme");
    if (scheme.empty()) scheme = json_flag(step, "add_prefix_space", true) ? "always" : "never";
    data_.space_prefix = scheme == "always"  ? SpacePrefix::unless_present
                         : scheme == "first" ? SpacePrefix::first_stretch
                                             : SpacePrefix::never;
    data_.escape_space = true;
    data_.split_at_spaces = json_flag(step, "split", true);
    alphabet_ = PieceAlphabet::marked;
    return {};
  }

  TokenizerData& data_;
  PieceAlphabet& alphabet_;
};

}  // namespace

Result<void> read_json_pre_tokenizer(const Json& step, TokenizerData& data, PieceAlphabet& alphabet) {
  PreTokenizerReader reader(data, alphabet);
  return for_each_json_step(step, "pretokenizers", "pre_tokenizer",
                            [&](const Json& s, const std::string& type) { return reader.read(s, type); });
}

}  // namespace mote::text
