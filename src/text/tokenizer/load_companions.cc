// The files beside a Hugging Face tokenizer that say which tokens are special and how chats are rendered.
#include "base/json.h"
#include "sys/mapped_file.h"
#include "text/template/chat_template.h"
#include "text/tokenizer/errors.h"
#include "text/tokenizer/limits.h"
#include "text/tokenizer/loaders.h"

namespace mote::text {
namespace {

// Null where the file does not exist.
Result<Json> read_optional_json(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return Json();
  MOTE_ASSIGN(const std::string text, sys::read_text_file(path, kMaxTokenizerConfigBytes));
  auto json = parse_json(
      text, JsonLimits{.max_bytes = kMaxTokenizerConfigBytes, .max_values = kMaxTokenizerConfigValues});
  if (!json) json.error().file = path.string();
  return json;
}

// "<s>" or {"content": "<s>", ...}.
std::optional<TokenId> token_named(const Json& config, std::string_view key, const TokenizerData& data) {
  const Json* value = config.find(key);
  if (value == nullptr) return std::nullopt;
  const std::string* text = value->if_string();
  if (text == nullptr) {
    const Json* content = value->find("content");
    text = content == nullptr ? nullptr : content->if_string();
  }
  if (text == nullptr) return std::nullopt;
  for (std::size_t i = data.pieces.size(); i-- > 0;) {  // special tokens are often the last
    if (data.pieces[i] == *text) return static_cast<TokenId>(i);
  }
  return std::nullopt;
}

std::vector<TokenId> ids_of(const Json& config, std::string_view key, std::size_t vocabulary) {
  std::vector<TokenId> ids;
  const Json* value = config.find(key);
  if (value == nullptr) return ids;
  const auto add = [&](const Json& item) {
    const auto id = item.as_int64();
    if (id && *id >= 0 && static_cast<std::uint64_t>(*id) < vocabulary)
      ids.push_back(static_cast<TokenId>(*id));
  };
  if (const JsonArray* list = value->if_array(); list != nullptr) {
    for (const Json& item : *list) add(item);
  } else {
    add(*value);
  }
  return ids;
}

// A string, or a list of {name, template} of which "default" counts.
std::string template_of(const Json& config) {
  const Json* value = config.find("chat_template");
  if (value == nullptr) return {};
  if (const std::string* text = value->if_string(); text != nullptr) return *text;
  const JsonArray* list = value->if_array();
  if (list == nullptr) return {};
  for (const Json& item : *list) {
    const Json* name = item.find("name");
    const Json* source = item.find("template");
    if (name != nullptr && source != nullptr && name->if_string() != nullptr &&
        *name->if_string() == "default" && source->if_string() != nullptr) {
      return *source->if_string();
    }
  }
  return {};
}

// LlamaTokenizer's way to ask for bos and eos, where no post-processor does.
void apply_flag(const Json& config, std::string_view key, const std::optional<TokenId>& id,
                std::vector<TokenId>& list) {
  const Json* value = config.find(key);
  const bool* flag = value == nullptr ? nullptr : value->if_bool();
  if (flag == nullptr || !id) return;
  if (*flag && list.empty()) list.push_back(*id);
  if (!*flag && list.size() == 1 && list.front() == *id) list.clear();
}

}  // namespace

Result<void> apply_companion_files(TokenizerData& data, const std::filesystem::path& folder) {
  MOTE_ASSIGN(const Json config, read_optional_json(folder / "tokenizer_config.json"));
  MOTE_ASSIGN(const Json map, read_optional_json(folder / "special_tokens_map.json"));
  MOTE_ASSIGN(const Json generation, read_optional_json(folder / "generation_config.json"));
  MOTE_ASSIGN(const Json model, read_optional_json(folder / "config.json"));
  const auto named = [&](std::string_view key, std::optional<TokenId>& slot) {
    if (auto id = token_named(config, key, data)) {
      slot = id;
    } else if (auto other = token_named(map, key, data)) {
      slot = other;
    }
  };
  const auto numbered = [&](std::string_view key, std::optional<TokenId>& slot) {
    for (const Json* file : {&generation, &model}) {
      if (slot) return;
      const auto ids = ids_of(*file, key, data.pieces.size());
      if (!ids.empty()) slot = ids.front();
    }
  };
  named("bos_token", data.bos);
  named("eos_token", data.eos);
  named("unk_token", data.unk);
  named("pad_token", data.pad);
  if (data.algorithm == TokenizerAlgorithm::wordpiece || data.algorithm == TokenizerAlgorithm::unigram) {
    named("cls_token", data.cls);
    named("sep_token", data.sep);
    named("mask_token", data.mask);
  }
  numbered("bos_token_id", data.bos);
  numbered("eos_token_id", data.eos);
  numbered("pad_token_id", data.pad);
  for (const Json* file : {&generation, &model}) {
    for (const TokenId id : ids_of(*file, "eos_token_id", data.pieces.size()))
      data.end_of_generation.push_back(id);
  }
  apply_flag(config, "add_bos_token", data.bos, data.prefix);
  apply_flag(config, "add_eos_token", data.eos, data.suffix);

  std::error_code ignored;
  if (const auto path = folder / "chat_template.jinja"; std::filesystem::exists(path, ignored)) {
    MOTE_ASSIGN(data.chat_template, sys::read_text_file(path, TemplateLimits{}.max_source_bytes));
  } else {
    data.chat_template = template_of(config);
    if (data.chat_template.empty()) {
      MOTE_ASSIGN(const Json file, read_optional_json(folder / "chat_template.json"));
      data.chat_template = template_of(file);
    }
  }
  return {};
}

}  // namespace mote::text
