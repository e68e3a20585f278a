// Vocabularies as plain files, as they were before tokenizer.json: vocab.json beside merges.txt (GPT-2,
// Qwen2) and vocab.txt (BERT).
#include "base/strings.h"
#include "text/tokenizer/errors.h"
#include "text/tokenizer/json_pipeline.h"
#include "text/tokenizer/json_vocabulary.h"
#include "text/tokenizer/loaders.h"
#include "text/tokenizer/split_catalogue.h"

namespace mote::text {
namespace {

// What tokenizer_config.json says about added tokens.
Result<void> add_from_config(const Json& config, VocabularyBuilder& vocabulary) {
  const Json* decoder = config.find("added_tokens_decoder");
  if (!json_present(decoder) || decoder->if_object() == nullptr) return {};
  for (const auto& [id, item] : *decoder->if_object()) {
    const auto number = parse_int64(id);
    if (!number || *number < 0 || *number > INT32_MAX)
      return json_malformed("an added token whose id is no number");
    const bool special = json_flag(item, "special", false);
    MOTE_TRY(vocabulary.add_added_token(AddedToken{.id = static_cast<TokenId>(*number),
                                                   .lstrip = json_flag(item, "lstrip", false),
                                                   .rstrip = json_flag(item, "rstrip", false),
                                                   .single_word = json_flag(item, "single_word", false),
                                                   .normalized = json_flag(item, "normalized", !special)},
                                        json_string(item, "content"), special));
  }
  return {};
}

}  // namespace

Result<TokenizerData> read_vocab_and_merges(const Json& vocabulary_json, std::string_view merges,
                                            const Json& config) {
  TokenizerData data;
  VocabularyBuilder vocabulary;
  MOTE_TRY(vocabulary.add_object(vocabulary_json));
  if (const auto end = vocabulary.find("<|endoftext|>")) {
    MOTE_TRY(vocabulary.add_added_token(AddedToken{.id = *end}, "<|endoftext|>", true));
    data.bos = data.eos = data.unk = end;
  }
  const std::string tokenizer_class = json_string(config, "tokenizer_class");
  MOTE_TRY(add_from_config(config, vocabulary));
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
  if (qwen) data.normalizer.push_back({.kind = NormalizerKind::unicode_form, .form = UnicodeForm::nfc});
  data.split = split_by_name(qwen ? "qwen2" : "gpt-2")->plan;
  data.pre_name = qwen ? "qwen2" : "gpt-2";
  data.add_prefix_space = json_flag(config, "add_prefix_space", false);
  return data;
}

Result<TokenizerData> read_vocab_txt(std::string_view lines, const Json& config) {
  TokenizerData data;
  data.algorithm = TokenizerAlgorithm::wordpiece;
  VocabularyBuilder vocabulary;
  MOTE_TRY(vocabulary.add_lines(lines));
  const auto special = [&](const char* key, const char* usual, std::optional<TokenId>& slot) -> Result<void> {
    std::string text = json_string(config, key);
    if (text.empty()) text = usual;
    slot = vocabulary.find(text);
    return slot ? vocabulary.add_added_token(AddedToken{.id = *slot}, text, true) : Result<void>();
  };
  MOTE_TRY(special("unk_token", "[UNK]", data.unk));
  MOTE_TRY(special("cls_token", "[CLS]", data.cls));
  MOTE_TRY(special("sep_token", "[SEP]", data.sep));
  MOTE_TRY(special("pad_token", "[PAD]", data.pad));
  MOTE_TRY(special("mask_token", "[MASK]", data.mask));
  MOTE_TRY(add_from_config(config, vocabulary));
  MOTE_TRY(vocabulary.finish(data));
  if (!data.unk || !data.cls || !data.sep) {
    return Error{kTokVocab,
                 "vocab.txt has no unknown, class or separator token ([UNK], [CLS], [SEP])",
                 "name them in tokenizer_config.json, or use the model's tokenizer.json",
                 {},
                 {}};
  }
  data.types[static_cast<std::size_t>(*data.unk)] = TokenType::unknown;
  JsonObject normalizer{{"type", Json("BertNormalizer")},
                        {"handle_chinese_chars", Json(json_flag(config, "tokenize_chinese_chars", true))},
                        {"lowercase", Json(json_flag(config, "do_lower_case", true))}};
  if (const Json* strip = config.find("strip_accents"); json_present(strip))
    normalizer.emplace_back("strip_accents", *strip);
  MOTE_TRY(read_json_normalizer(Json(std::move(normalizer)), data));
  PieceAlphabet alphabet = PieceAlphabet::plain;
  MOTE_TRY(read_json_pre_tokenizer(Json(JsonObject{{"type", Json("BertPreTokenizer")}}), data, alphabet));
  data.escape_space = false;
  data.prefix = {*data.cls};
  data.suffix = {*data.sep};
  data.decode_style = DecodeStyle::wordpiece;
  data.strip_first_space = true;
  data.clean_up_spaces = true;
  data.pre_name = "default";
  return data;
}

}  // namespace mote::text
