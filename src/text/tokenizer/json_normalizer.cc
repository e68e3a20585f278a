#include "text/tokenizer/base64.h"
#include "text/tokenizer/json_pipeline.h"
#include "text/tokenizer/space_escape.h"

namespace mote::text {
namespace {

void add_form(TokenizerData& data, UnicodeForm form) {
  data.normalizer.push_back({.kind = NormalizerKind::unicode_form, .form = form});
}

Result<void> read_replace(const Json& step, TokenizerData& data) {
  const Json* pattern = step.find("pattern");
  const std::string text = pattern == nullptr ? std::string() : json_string(*pattern, "String");
  const std::string regex = pattern == nullptr ? std::string() : json_string(*pattern, "Regex");
  if (text.empty() == regex.empty())
    return json_malformed("a Replace whose pattern is empty, or no String and no Regex");
  data.normalizer.push_back({.kind = regex.empty() ? NormalizerKind::replace : NormalizerKind::replace_regex,
                             .pattern = regex.empty() ? text : regex,
                             .content = json_string(step, "content")});
  return {};
}

void read_bert(const Json& step, TokenizerData& data) {
  const bool lowercase = json_flag(step, "lowercase", true);
  if (json_flag(step, "clean_text", true))
    data.normalizer.push_back({.kind = NormalizerKind::clean_controls});
  if (json_flag(step, "handle_chinese_chars", true))
    data.normalizer.push_back({.kind = NormalizerKind::space_cjk});
  if (json_flag(step, "strip_accents", lowercase)) {
    add_form(data, UnicodeForm::nfd);
    data.normalizer.push_back({.kind = NormalizerKind::strip_nonspacing_marks});
  }
  if (lowercase) data.normalizer.push_back({.kind = NormalizerKind::lowercase});
}

Result<void> read_step(const Json& step, const std::string& type, TokenizerData& data) {
  if (type == "NFC") {
    add_form(data, UnicodeForm::nfc);
  } else if (type == "NFD") {
    add_form(data, UnicodeForm::nfd);
  } else if (type == "NFKC") {
    add_form(data, UnicodeForm::nfkc);
  } else if (type == "NFKD") {
    add_form(data, UnicodeForm::nfkd);
  } else if (type == "Lowercase") {
    data.normalizer.push_back({.kind = NormalizerKind::lowercase});
  } else if (type == "StripAccents") {
    data.normalizer.push_back({.kind = NormalizerKind::strip_marks});
  } else if (type == "Strip") {
    data.normalizer.push_back({.kind = NormalizerKind::strip,
                               .left = json_flag(step, "strip_left", true),
                               .right = json_flag(step, "strip_right", true)});
  } else if (type == "Prepend") {
    data.normalizer.push_back({.kind = NormalizerKind::prepend, .content = json_string(step, "prepend")});
  } else if (type == "BertNormalizer") {
    read_bert(step, data);
  } else if (type == "Replace") {
    return read_replace(step, data);
  } else if (type == "Precompiled") {
    const Json* map = step.find("precompiled_charsmap");
    const std::string* coded = map == nullptr ? nullptr : map->if_string();
    auto bytes = coded == nullptr ? std::nullopt : decode_base64(*coded);
    if (!bytes) return json_malformed("a Precompiled normalizer whose map is not base 64");
    if (!bytes->empty())
      data.normalizer.push_back({.kind = NormalizerKind::charsmap, .pattern = *std::move(bytes)});
  } else {
    return json_unsupported("normalizer \"" + escape_untrusted(type, 40) + "\"");
  }
  return {};
}

}  // namespace

Result<void> read_json_normalizer(const Json& step, TokenizerData& data) {
  return for_each_json_step(step, "normalizers", "normalizer",
                            [&](const Json& s, const std::string& type) { return read_step(s, type, data); });
}

}  // namespace mote::text
