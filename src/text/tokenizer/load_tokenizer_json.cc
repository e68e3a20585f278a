// Hugging Face's tokenizer.json: a pipeline of normalizer, pre-tokenizer, model and post-processor, each a
// tagged object. Only what byte-level and SentencePiece BPE vocabularies use is understood; anything else is
// refused by name, because guessing would give wrong ids without a word.
#include <algorithm>

#include "base/strings.h"
#include "text/tokenizer/errors.h"
#include "text/tokenizer/json_vocabulary.h"
#include "text/tokenizer/loaders.h"
#include "text/tokenizer/space_escape.h"
#include "text/tokenizer/split_catalogue.h"

namespace mote::text {
namespace {

constexpr int kMaxDepth = 8;  // of sequences in sequences; real files have one

Error unsupported(std::string what) {
  return Error{kTokUnsupported,
               "cannot use this tokenizer.json: " + std::move(what) + " is not supported",
               "supported: BPE with ByteLevel, or with byte fallback as SentencePiece models have it",
               {},
               {}};
}

Error malformed(std::string what) {
  return Error{kTokFormat,
               "cannot read tokenizer.json: " + std::move(what),
               "the file is damaged: take it from its publisher again",
               {},
               {}};
}

Error too_deep(std::string_view what) {
  return Error{kTokCycle,
               "the " + std::string(what) + " of tokenizer.json nests sequences deeper than 8",
               "the file is damaged or hostile: take it from its publisher again",
               {},
               {}};
}

std::string string_of(const Json& object, std::string_view key) {
  const Json* value = object.find(key);
  const std::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : *text;
}

bool flag_of(const Json& object, std::string_view key, bool fallback) {
  const Json* value = object.find(key);
  const bool* flag = value == nullptr ? nullptr : value->if_bool();
  return flag == nullptr ? fallback : *flag;
}

bool present(const Json* value) { return value != nullptr && !value->is_null(); }

// Calls visit(object, type) for each step, sequences flattened in order.
template <typename Visit>
Result<void> for_each_step(const Json& step, std::string_view list_key, std::string_view what, int depth,
                           const Visit& visit) {
  if (depth > kMaxDepth) return too_deep(what);
  const std::string type = string_of(step, "type");
  if (type != "Sequence") return visit(step, type);
  const Json* list = step.find(list_key);
  const JsonArray* items = list == nullptr ? nullptr : list->if_array();
  if (items == nullptr) return malformed("a sequence without \"" + std::string(list_key) + "\"");
  for (const Json& item : *items) MOTE_TRY(for_each_step(item, list_key, what, depth + 1, visit));
  return {};
}

Result<void> read_normalizer_step(const Json& step, const std::string& type, TokenizerData& data) {
  if (type == "NFC") {
    data.normalizer.push_back({.nfc = true});
    return {};
  }
  if (type == "Prepend") {
    if (string_of(step, "prepend") != kSpaceMark)
      return unsupported("normalizer Prepend of anything but U+2581");
    data.space_prefix = SpacePrefix::always;
    return {};
  }
  if (type == "Replace") {
    const Json* pattern = step.find("pattern");
    const std::string text = pattern == nullptr ? std::string() : string_of(*pattern, "String");
    if (text.empty()) return unsupported("normalizer Replace with a pattern that is no plain text");
    data.normalizer.push_back({.nfc = false, .pattern = text, .content = string_of(step, "content")});
    return {};
  }
  return unsupported("normalizer \"" + escape_untrusted(type, 40) + "\"");
}

Result<void> read_split(const Json& step, TokenizerData& data) {
  const Json* pattern = step.find("pattern");
  if (pattern == nullptr) return malformed("a Split without pattern");
  const std::string regex = string_of(*pattern, "Regex");
  const std::string literal = string_of(*pattern, "String");
  const std::string behavior = string_of(step, "behavior");
  const bool invert = flag_of(step, "invert", false);
  for (const NormalizerStep& replace : data.normalizer) {
    if (!literal.empty() && replace.pattern == literal && replace.content.find(literal) == std::string::npos)
      return {};
  }
  if (regex.empty() == literal.empty()) return malformed("a Split pattern that is neither Regex nor String");
  if (behavior != "Isolated" && behavior != "Removed") {
    return unsupported("Split with behavior \"" + escape_untrusted(behavior, 40) + "\"");
  }
  SplitStep known = regex.empty() ? SplitStep{.kind = SplitKind::regex, .pattern = "\\Q" + literal + "\\E"}
                                  : step_for_pattern(regex);
  if (!literal.empty() && literal.find("\\E") != std::string::npos)
    return unsupported("Split at text with \"\\E\"");
  // The word patterns match everything, so keeping the matches and dropping the gaps is the same as
  // isolating.
  const bool covers = known.kind == SplitKind::gpt2 || known.kind == SplitKind::cl100k;
  if (behavior == "Removed" && !(covers && invert)) {
    if (known.kind != SplitKind::regex) known = SplitStep{.kind = SplitKind::regex, .pattern = regex};
    known.remove_matches = true;
    known.invert = invert;
  }
  data.split.push_back(std::move(known));
  return {};
}

Result<void> read_metaspace(const Json& step, TokenizerData& data) {
  if (string_of(step, "replacement") != kSpaceMark)
    return unsupported("Metaspace with another mark than U+2581");
  std::string scheme = string_of(step, "prepend_scheme");
  if (scheme.empty()) scheme = flag_of(step, "add_prefix_space", true) ? "always" : "never";
  data.space_prefix = scheme == "always"  ? SpacePrefix::unless_present
                      : scheme == "first" ? SpacePrefix::first_stretch
                                          : SpacePrefix::never;
  data.escape_space = true;
  data.split_at_spaces = flag_of(step, "split", true);
  return {};
}

Result<void> read_pre_tokenizer_step(const Json& step, const std::string& type, TokenizerData& data,
                                     bool& byte_level) {
  if (type == "ByteLevel") {
    byte_level = true;
    if (flag_of(step, "add_prefix_space", true)) {
      if (!data.split.empty()) return unsupported("ByteLevel with add_prefix_space after other splitters");
      data.add_prefix_space = true;
    }
    if (flag_of(step, "use_regex", true)) data.split.push_back({.kind = SplitKind::gpt2});
    return {};
  }
  if (type == "Digits") {
    data.split.push_back(
        {.kind = SplitKind::numbers, .digits = flag_of(step, "individual_digits", false) ? 1U : 0U});
    return {};
  }
  if (type == "Split") return read_split(step, data);
  if (type == "Metaspace") return read_metaspace(step, data);
  return unsupported("pre-tokenizer \"" + escape_untrusted(type, 40) + "\"");
}

// The ids of a special token of a TemplateProcessing.
Result<void> append_template_ids(const Json& processor, const std::string& name, std::vector<TokenId>& out) {
  const Json* table = processor.find("special_tokens");
  const Json* entry = table == nullptr ? nullptr : table->find(name);
  const Json* ids = entry == nullptr ? nullptr : entry->find("ids");
  const JsonArray* list = ids == nullptr ? nullptr : ids->if_array();
  if (list == nullptr)
    return malformed("post-processor token \"" + escape_untrusted(name, 40) + "\" has no ids");
  for (const Json& id : *list) {
    const auto value = id.as_int64();
    if (!value || *value < 0 || *value > INT32_MAX)
      return malformed("a post-processor id that is no token id");
    out.push_back(static_cast<TokenId>(*value));
  }
  return {};
}

Result<void> read_post_processor_step(const Json& step, const std::string& type, TokenizerData& data) {
  if (type == "ByteLevel") return {};
  if (type == "TemplateProcessing") {
    const Json* single = step.find("single");
    const JsonArray* items = single == nullptr ? nullptr : single->if_array();
    if (items == nullptr) return malformed("a TemplateProcessing without \"single\"");
    bool after = false;
    for (const Json& item : *items) {
      if (item.find("Sequence") != nullptr) {
        after = true;
      } else if (const Json* token = item.find("SpecialToken"); token != nullptr) {
        MOTE_TRY(append_template_ids(step, string_of(*token, "id"), after ? data.suffix : data.prefix));
      }
    }
    return {};
  }
  if (type == "RobertaProcessing" || type == "BertProcessing") {
    for (const char* key : {"cls", "sep"}) {
      const Json* pair = step.find(key);
      const JsonArray* items = pair == nullptr ? nullptr : pair->if_array();
      const auto id = items != nullptr && items->size() == 2 ? (*items)[1].as_int64() : std::nullopt;
      if (!id || *id < 0 || *id > INT32_MAX) return malformed("a post-processor without cls or sep");
      (std::string_view(key) == "cls" ? data.prefix : data.suffix).push_back(static_cast<TokenId>(*id));
    }
    return {};
  }
  return unsupported("post-processor \"" + escape_untrusted(type, 40) + "\"");
}

Result<void> read_added_tokens(const Json& root, VocabularyBuilder& vocabulary) {
  const Json* value = root.find("added_tokens");
  if (!present(value)) return {};
  const JsonArray* list = value->if_array();
  if (list == nullptr) return malformed("added_tokens is no list");
  for (const Json& item : *list) {
    const Json* id = item.find("id");
    const auto number = id == nullptr ? std::nullopt : id->as_int64();
    if (!number || *number < 0 || *number > INT32_MAX) return malformed("an added token without id");
    const bool special = flag_of(item, "special", false);
    const AddedToken token{.id = static_cast<TokenId>(*number),
                           .lstrip = flag_of(item, "lstrip", false),
                           .rstrip = flag_of(item, "rstrip", false),
                           .single_word = flag_of(item, "single_word", false),
                           .normalized = flag_of(item, "normalized", !special)};
    MOTE_TRY(vocabulary.add_added_token(token, string_of(item, "content"), special));
  }
  return {};
}

Result<void> read_merges(const Json& model, const VocabularyBuilder& vocabulary, TokenizerData& data) {
  const Json* value = model.find("merges");
  const JsonArray* list = value == nullptr ? nullptr : value->if_array();
  if (list == nullptr) return Error{kTokMerges, "tokenizer.json has no list of merges", {}, {}, {}};
  data.merges.reserve(std::min<std::size_t>(list->size(), 2'000'000));
  for (const Json& item : *list) {
    if (const std::string* text = item.if_string(); text != nullptr) {
      const std::size_t space = text->find(' ', 1);
      if (text->empty() || space == std::string::npos) {
        return Error{
            kTokMerges, "merge \"" + escape_untrusted(*text, 40) + "\" is not two tokens", {}, {}, {}};
      }
      MOTE_TRY(add_merge(data, vocabulary, std::string_view(*text).substr(0, space),
                         std::string_view(*text).substr(space + 1)));
    } else {
      const JsonArray* pair = item.if_array();
      const std::string* left = pair != nullptr && pair->size() == 2 ? (*pair)[0].if_string() : nullptr;
      const std::string* right = left != nullptr ? (*pair)[1].if_string() : nullptr;
      if (right == nullptr) return Error{kTokMerges, "a merge is not two tokens", {}, {}, {}};
      MOTE_TRY(add_merge(data, vocabulary, *left, *right));
    }
  }
  return {};
}

Result<void> check_model(const Json& model) {
  const std::string type = string_of(model, "type");
  if (!type.empty() && type != "BPE") return unsupported("model \"" + escape_untrusted(type, 40) + "\"");
  if (!string_of(model, "continuing_subword_prefix").empty()) return unsupported("BPE with a subword prefix");
  if (!string_of(model, "end_of_word_suffix").empty()) return unsupported("BPE with a word suffix");
  const Json* dropout = model.find("dropout");
  if (present(dropout) && dropout->as_double().value_or(1.0) != 0.0) return unsupported("BPE with dropout");
  return {};
}

void mark_bytes_and_unknown(const Json& model, const VocabularyBuilder& vocabulary, TokenizerData& data) {
  for (std::size_t i = 0; i < data.pieces.size() && data.byte_fallback; ++i) {
    if (data.types[i] == TokenType::normal && parse_byte_token(data.pieces[i]))
      data.types[i] = TokenType::byte;
  }
  data.unk = vocabulary.find(string_of(model, "unk_token"));
  if (data.unk) data.types[static_cast<std::size_t>(*data.unk)] = TokenType::unknown;
}

}  // namespace

Result<TokenizerData> read_tokenizer_json(const Json& root) {
  const Json* model = root.find("model");
  if (model == nullptr || model->if_object() == nullptr) return malformed("it has no \"model\"");
  MOTE_TRY(check_model(*model));
  const Json* tokens = model->find("vocab");
  if (tokens == nullptr) return malformed("its model has no \"vocab\"");

  TokenizerData data;
  VocabularyBuilder vocabulary;
  MOTE_TRY(vocabulary.add_object(*tokens));
  MOTE_TRY(read_added_tokens(root, vocabulary));
  MOTE_TRY(vocabulary.finish(data));
  MOTE_TRY(read_merges(*model, vocabulary, data));
  data.ignore_merges = flag_of(*model, "ignore_merges", false);
  data.byte_fallback = flag_of(*model, "byte_fallback", false);
  data.fuse_unknown = flag_of(*model, "fuse_unk", false);
  data.escape_space = false;  // unless a Metaspace says otherwise

  if (const Json* step = root.find("normalizer"); present(step)) {
    MOTE_TRY(for_each_step(
        *step, "normalizers", "normalizer", 0,
        [&](const Json& s, const std::string& type) { return read_normalizer_step(s, type, data); }));
  }
  bool byte_level = false;
  if (const Json* step = root.find("pre_tokenizer"); present(step)) {
    MOTE_TRY(for_each_step(*step, "pretokenizers", "pre_tokenizer", 0,
                           [&](const Json& s, const std::string& type) {
                             return read_pre_tokenizer_step(s, type, data, byte_level);
                           }));
  }
  if (const Json* step = root.find("post_processor"); present(step)) {
    MOTE_TRY(for_each_step(
        *step, "processors", "post_processor", 0,
        [&](const Json& s, const std::string& type) { return read_post_processor_step(s, type, data); }));
  }
  if (byte_level) {
    data.algorithm = TokenizerAlgorithm::byte_bpe;
    data.pre_name = name_of_split(data.split, data.ignore_merges);
    data.unk = vocabulary.find(string_of(*model, "unk_token"));
  } else {
    if (!data.split.empty()) return unsupported("splitting without ByteLevel");
    data.algorithm = TokenizerAlgorithm::char_bpe;
    mark_bytes_and_unknown(*model, vocabulary, data);
  }
  return data;
}

Result<TokenizerData> read_vocab_and_merges(const Json& vocabulary_json, std::string_view merges,
                                            const Json& config) {
  TokenizerData data;
  VocabularyBuilder vocabulary;
  MOTE_TRY(vocabulary.add_object(vocabulary_json));
  if (const auto end = vocabulary.find("<|endoftext|>")) {
    MOTE_TRY(vocabulary.add_added_token(AddedToken{.id = *end}, "<|endoftext|>", true));
    data.bos = data.eos = data.unk = end;
  }
  const std::string tokenizer_class = string_of(config, "tokenizer_class");
  if (const Json* decoder = config.find("added_tokens_decoder");
      present(decoder) && decoder->if_object() != nullptr) {
    for (const auto& [id, item] : *decoder->if_object()) {
      const auto number = parse_int64(id);
      if (!number || *number < 0 || *number > INT32_MAX)
        return malformed("an added token whose id is no number");
      const bool special = flag_of(item, "special", false);
      MOTE_TRY(vocabulary.add_added_token(AddedToken{.id = static_cast<TokenId>(*number),
                                                     .lstrip = flag_of(item, "lstrip", false),
                                                     .rstrip = flag_of(item, "rstrip", false),
                                                     .single_word = flag_of(item, "single_word", false),
                                                     .normalized = flag_of(item, "normalized", !special)},
                                          string_of(item, "content"), special));
    }
  }
  MOTE_TRY(vocabulary.finish(data));

  while (!merges.empty()) {
    const std::size_t stop = std::min(merges.find('\n'), merges.size());
    std::string_view line = merges.substr(0, stop);
    merges.remove_prefix(std::min(stop + 1, merges.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || (data.merges.empty() && line.starts_with("#version"))) continue;
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos || space == 0 || space + 1 == line.size()) {
      return Error{kTokMerges,
                   "merges.txt has a line that is not two tokens: \"" + escape_untrusted(line, 40) + "\"",
                   {},
                   {},
                   {}};
    }
    MOTE_TRY(add_merge(data, vocabulary, line.substr(0, space), line.substr(space + 1)));
  }
  const bool qwen = tokenizer_class.starts_with("Qwen2");
  if (qwen) data.normalizer.push_back({.nfc = true});
  data.split = split_by_name(qwen ? "qwen2" : "gpt-2")->plan;
  data.pre_name = qwen ? "qwen2" : "gpt-2";
  data.add_prefix_space = flag_of(config, "add_prefix_space", false);
  return data;
}

}  // namespace mote::text
