// The stages after the model: tokens around the text, offsets, and the way back to text.
#include "text/tokenizer/json_pipeline.h"
#include "text/tokenizer/space_escape.h"

namespace mote::text {
namespace {

Result<void> append_id(const Json& value, std::vector<TokenId>& out) {
  const auto id = value.as_int64();
  if (!id || *id < 0 || *id > INT32_MAX) return json_malformed("a post-processor id that is no token id");
  out.push_back(static_cast<TokenId>(*id));
  return {};
}

// The ids of a special token of a TemplateProcessing.
Result<void> append_template_ids(const Json* table, const std::string& name, std::vector<TokenId>& out) {
  const Json* entry = table == nullptr ? nullptr : table->find(name);
  const Json* ids = entry == nullptr ? nullptr : entry->find("ids");
  const JsonArray* list = ids == nullptr ? nullptr : ids->if_array();
  if (list == nullptr)
    return json_malformed("post-processor token \"" + escape_untrusted(name, 40) + "\" has no ids");
  for (const Json& id : *list) MOTE_TRY(append_id(id, out));
  return {};
}

Result<void> check_tokens_around(const TokenizerData& data) {
  if (data.prefix.size() + data.suffix.size() <= kMaxTokensAround) return {};
  return json_malformed("its post-processor puts more than " + std::to_string(kMaxTokensAround) +
                        " tokens around a text");
}

Result<void> read_template(const Json& step, TokenizerData& data) {
  const Json* single = step.find("single");
  const JsonArray* items = single == nullptr ? nullptr : single->if_array();
  if (items == nullptr) return json_malformed("a TemplateProcessing without \"single\"");
  const Json* table = step.find("special_tokens");
  const JsonObject* entries = table == nullptr ? nullptr : table->if_object();
  // Each item looks for its token in the table and takes over all of its ids.
  if (items->size() > kMaxTokensAround || (entries != nullptr && entries->size() > kMaxTokensAround))
    return json_malformed("a TemplateProcessing of more than " + std::to_string(kMaxTokensAround) + " parts");
  std::vector<TokenId> before;
  std::vector<TokenId> after;
  bool seen = false;
  for (const Json& item : *items) {
    if (item.find("Sequence") != nullptr) {
      seen = true;
    } else if (const Json* token = item.find("SpecialToken"); token != nullptr) {
      MOTE_TRY(append_template_ids(table, json_string(*token, "id"), seen ? after : before));
      if (before.size() + after.size() > kMaxTokensAround) break;  // check_tokens_around says so
    }
  }
  // Processors in a sequence wrap what those before them made.
  data.prefix.insert(data.prefix.begin(), before.begin(), before.end());
  data.suffix.insert(data.suffix.end(), after.begin(), after.end());
  return {};
}

Result<void> read_pair_of_tokens(const Json& step, TokenizerData& data) {
  for (const bool front : {true, false}) {
    const Json* pair = step.find(front ? "cls" : "sep");
    const JsonArray* items = pair == nullptr ? nullptr : pair->if_array();
    if (items == nullptr || items->size() != 2) return json_malformed("a post-processor without cls or sep");
    std::vector<TokenId> id;
    MOTE_TRY(append_id((*items)[1], id));
    if (front) {
      data.prefix.insert(data.prefix.begin(), id.front());
      data.cls = id.front();
    } else {
      data.suffix.push_back(id.front());
      data.sep = id.front();
    }
  }
  return {};
}

void read_trimming(const Json& step, TokenizerData& data) {
  if (!json_flag(step, "trim_offsets", true)) return;
  data.trim_offsets = true;
  data.trim_after_prefix = json_flag(step, "add_prefix_space", true);
}

Result<void> read_post_step(const Json& step, const std::string& type, TokenizerData& data) {
  if (type == "ByteLevel") {
    read_trimming(step, data);
    return {};
  }
  if (type == "TemplateProcessing") return read_template(step, data);
  if (type == "RobertaProcessing") read_trimming(step, data);
  if (type == "RobertaProcessing" || type == "BertProcessing") return read_pair_of_tokens(step, data);
  return json_unsupported("post-processor \"" + escape_untrusted(type, 40) + "\"");
}

Result<void> read_decoder_step(const Json& step, const std::string& type, bool& fused, TokenizerData& data) {
  if (type == "ByteLevel") {
    data.decode_style = DecodeStyle::bytes;
  } else if (type == "Metaspace") {
    data.decode_style = DecodeStyle::marked;
    const std::string scheme = json_string(step, "prepend_scheme");
    data.strip_first_space = data.strip_first_token =
        scheme.empty() ? json_flag(step, "add_prefix_space", true) : scheme != "never";
  } else if (type == "WordPiece") {
    data.decode_style = DecodeStyle::wordpiece;
    data.strip_first_space = true;
    data.clean_up_spaces = json_flag(step, "cleanup", true);
    if (json_string(step, "prefix") != data.continuation)
      return json_unsupported("decoder WordPiece with another prefix than the model's");
  } else if (type == "Replace") {
    const Json* pattern = step.find("pattern");
    if (pattern == nullptr || json_string(*pattern, "String") != kSpaceMark ||
        json_string(step, "content") != " ")
      return json_unsupported("decoder Replace of anything but U+2581 by a space");
    data.decode_style = DecodeStyle::marked;
  } else if (type == "ByteFallback") {
    data.decode_style = DecodeStyle::marked;
  } else if (type == "Fuse") {
    fused = true;
  } else if (type == "Strip") {
    const auto count = [&](std::string_view key) {
      const Json* value = step.find(key);
      return value == nullptr ? std::int64_t{0} : value->as_int64().value_or(-1);
    };
    if (json_string(step, "content") != " " || count("stop") != 0 || count("start") > 1 ||
        count("start") < 0 || !fused)
      return json_unsupported("decoder Strip of anything but one space before the whole text");
    data.strip_first_space = count("start") == 1;
  } else {
    return json_unsupported("decoder \"" + escape_untrusted(type, 40) + "\"");
  }
  return {};
}

}  // namespace

Result<void> read_json_post_processor(const Json& step, TokenizerData& data) {
  return for_each_json_step(step, "processors", "post_processor",
                            [&](const Json& s, const std::string& type) -> Result<void> {
                              MOTE_TRY(read_post_step(s, type, data));
                              return check_tokens_around(data);
                            });
}

Result<void> read_json_decoder(const Json* step, PieceAlphabet alphabet, TokenizerData& data) {
  bool fused = false;
  if (json_present(step)) {
    // What the steps do not say is that tokens are put one after the other.
    data.decode_style = DecodeStyle::marked;
    return for_each_json_step(*step, "decoders", "decoder", [&](const Json& s, const std::string& type) {
      return read_decoder_step(s, type, fused, data);
    });
  }
  // Without a decoder Hugging Face puts spaces between tokens, which for byte letters is of no use to anyone.
  data.decode_style = alphabet == PieceAlphabet::bytes ? DecodeStyle::bytes : DecodeStyle::spaced;
  data.strip_first_space = data.decode_style == DecodeStyle::spaced;
  return {};
}

}  // namespace mote::text
