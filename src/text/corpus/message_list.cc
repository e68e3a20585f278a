#include "text/corpus/message_list.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "text/conversation.h"

namespace mote::text {
namespace {

enum class Speaker : std::uint8_t { system, developer, user, assistant, call, tool };

std::optional<Speaker> find_speaker(std::string_view name) {
  struct Name {
    std::string_view name;
    Speaker speaker;
  };
  static constexpr std::array kNames{
      Name{"system", Speaker::system},       Name{"developer", Speaker::developer},
      Name{"user", Speaker::user},           Name{"human", Speaker::user},
      Name{"assistant", Speaker::assistant}, Name{"gpt", Speaker::assistant},
      Name{"function_call", Speaker::call},  Name{"tool_call", Speaker::call},
      Name{"tool", Speaker::tool},           Name{"function", Speaker::tool},
      Name{"observation", Speaker::tool}};
  const auto* found = std::ranges::find(kNames, name, &Name::name);
  if (found == kNames.end()) return std::nullopt;
  return found->speaker;
}

// The first member that is there and not null.
const Json* find_any(const Json& object, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (const Json* found = object.find(name); found != nullptr && !found->is_null()) return found;
  }
  return nullptr;
}

const std::string* find_text(const Json& object, std::initializer_list<std::string_view> names) {
  const Json* found = find_any(object, names);
  return found == nullptr ? nullptr : found->if_string();
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

// NOLINTNEXTLINE(misc-no-recursion): JsonLimits bounds the depth
std::uint64_t count_values(const Json& json) {
  std::uint64_t count = 1;
  if (const JsonArray* array = json.if_array()) {
    for (const Json& item : *array) count += count_values(item);
  } else if (const JsonObject* object = json.if_object()) {
    for (const JsonMember& member : *object) count += count_values(member.second);
  }
  return count;
}

// "call00001"
std::string made_id(std::size_t number) {
  const std::string digits = std::to_string(number);
  return "call" + std::string(5 - std::min<std::size_t>(digits.size(), 5), '0') + digits;
}

}  // namespace

Error MessageList::fault(std::string_view what) const {
  const std::string where = number_ == 0 ? std::string() : "message " + std::to_string(number_) + ": ";
  return {kCorpusRecord, where + std::string(what), "", "", std::nullopt};
}

// JSON that stands in the record as text.
Result<Json> MessageList::parse_inner(std::string_view text, std::string_view what) {
  JsonLimits limits;
  limits.max_values = values_left_;
  Result<Json> json = parse_json(text, limits);
  if (!json) return fault(std::string(what) + " cannot be read: " + json.error().message);
  values_left_ -= std::min(values_left_, count_values(*json));
  return json;
}

Result<Json> MessageList::read_arguments(const Json* arguments) {
  if (arguments == nullptr || arguments->is_null()) return Json(JsonObject{});
  Json parsed;
  if (const std::string* text = arguments->if_string()) {
    if (is_blank(*text)) return Json(JsonObject{});
    MOTE_ASSIGN(parsed, parse_inner(*text, "the arguments of a call"));
    arguments = &parsed;
  }
  if (!arguments->is_object()) return fault("the arguments of a call are no object");
  return *arguments;
}

Result<Json> MessageList::read_call(const Json& call) {
  const Json* wrapped = call.find("function");
  const Json& body = wrapped != nullptr && wrapped->is_object() ? *wrapped : call;
  const std::string* name = find_text(body, {"name"});
  if (name == nullptr || name->empty()) return fault("a call has no name");
  MOTE_ASSIGN(Json arguments, read_arguments(body.find("arguments")));
  const std::string* id = find_text(call, {"id"});
  calls_.push_back({id != nullptr && !id->empty() ? *id : made_id(calls_.size() + 1), *name});
  last_of_id_[calls_.back().id] = calls_.size() - 1;
  Json function;
  function["name"] = *name;
  function["arguments"] = std::move(arguments);
  Json out;
  out["id"] = calls_.back().id;
  out["type"] = "function";
  out["function"] = std::move(function);
  return out;
}

// One call or a list of them, or the text of either.
Result<void> MessageList::read_calls(const Json& calls, JsonArray& out) {
  Json parsed;
  const Json* source = &calls;
  if (const std::string* text = calls.if_string()) {
    MOTE_ASSIGN(parsed, parse_inner(*text, "a call"));
    source = &parsed;
  }
  if (!source->is_array()) {
    MOTE_ASSIGN(Json call, read_call(*source));
    out.push_back(std::move(call));
    return {};
  }
  for (const Json& one : *source->if_array()) {
    MOTE_ASSIGN(Json call, read_call(one));
    out.push_back(std::move(call));
  }
  return {};
}

// `source` has the id of the call, or the next open one is answered.
Json MessageList::result_message(const Json& source, std::string content) {
  const std::string* id = find_text(source, {"tool_call_id"});
  const std::string* name = find_text(source, {"name"});
  const Call* call = nullptr;
  if (id == nullptr && open_ < calls_.size()) {
    call = &calls_[open_++];
  } else if (id != nullptr) {
    if (const auto found = last_of_id_.find(*id); found != last_of_id_.end()) {
      call = &calls_[found->second];
      open_ = std::max(open_, found->second + 1);
    }
  }
  Json out;
  out["role"] = "tool";
  if (id != nullptr || call != nullptr) out["tool_call_id"] = id != nullptr ? *id : call->id;
  if (name != nullptr || call != nullptr) out["name"] = name != nullptr ? *name : call->name;
  out["content"] = std::move(content);
  return out;
}

Result<void> MessageList::read_part(const Json& part, Content& out) {
  const std::string* type = find_text(part, {"type"});
  if (type == nullptr) return fault("a part of the content has no type");
  const Json* value = find_any(part, {"value", *type, "text", "content"});
  if (*type == "tool_call") {
    return read_calls(value == nullptr ? part : *value, out.calls);
  }
  const std::string* text = value == nullptr ? nullptr : value->if_string();
  const bool is_reasoning = *type == "reasoning" || *type == "thinking";
  if (!is_reasoning && *type != "text" && *type != "tool_result")
    return fault("a part of the content has the type \"" + escape_untrusted(*type, 40) + "\"");
  if (text == nullptr) return fault("a part of the content, \"" + *type + "\", has no text");
  if (*type == "tool_result") {
    out.results.push_back(result_message(part, *text));
  } else {
    (is_reasoning ? out.reasoning : out.text) += *text;
  }
  return {};
}

Result<void> MessageList::read_content(const Json& content, Content& out) {
  if (content.is_null()) return {};
  if (const std::string* text = content.if_string()) {
    out.text = *text;
    return {};
  }
  const JsonArray* parts = content.if_array();
  if (parts == nullptr) return fault("the content is neither text nor a list of parts");
  for (const Json& part : *parts) MOTE_TRY(read_part(part, out));
  return {};
}

void MessageList::add_assistant(const Json& source, Content content) {
  Json out = message("assistant", std::move(content.text));
  if (content.reasoning.empty()) {
    if (const std::string* text = find_text(source, {"reasoning_content", "reasoning", "thinking"}))
      content.reasoning = *text;
  }
  if (!content.reasoning.empty()) out["reasoning_content"] = std::move(content.reasoning);
  if (!content.calls.empty()) out["tool_calls"] = std::move(content.calls);
  messages_.push_back(std::move(out));
}

void MessageList::say(std::string_view role, std::string content) {
  messages_.push_back(message(role, std::move(content)));
}

Result<void> MessageList::add(const Json& source) {
  ++number_;
  const std::string* role = find_text(source, {"role", "from"});
  if (role == nullptr) return fault("it has neither \"role\" nor \"from\"");
  const std::optional<Speaker> speaker = find_speaker(*role);
  if (!speaker) return fault("the role \"" + escape_untrusted(*role, 40) + "\" is unknown");
  const Json* given = find_any(source, {"content", "value"});
  Content content;
  if (*speaker == Speaker::call) {
    if (given == nullptr) return fault("it has no call");
    MOTE_TRY(read_calls(*given, content.calls));
    const std::string* before = messages_.empty() ? nullptr : find_text(messages_.back(), {"role"});
    if (before == nullptr || *before != "assistant") {
      add_assistant(source, std::move(content));
      return {};
    }
    for (Json& call : content.calls) messages_.back()["tool_calls"].push_back(std::move(call));
    return {};
  }
  if (given != nullptr) MOTE_TRY(read_content(*given, content));
  for (const std::string_view name : {"tool_calls", "function_call"}) {
    if (const Json* calls = find_any(source, {name})) MOTE_TRY(read_calls(*calls, content.calls));
  }
  if (*speaker == Speaker::assistant) {
    add_assistant(source, std::move(content));
    return {};
  }
  if (!content.calls.empty()) return fault("a call that is not the assistant's");
  const bool has_results = !content.results.empty();
  for (Json& result : content.results) messages_.push_back(std::move(result));
  if (has_results && content.text.empty()) return {};
  if (*speaker == Speaker::tool) {
    messages_.push_back(result_message(source, std::move(content.text)));
    return {};
  }
  messages_.push_back(message(*speaker == Speaker::user     ? "user"
                              : *speaker == Speaker::system ? "system"
                                                            : "developer",
                              std::move(content.text)));
  return {};
}

Result<void> MessageList::add_turn(std::string_view role, const Json& turn) {
  if (const std::string* text = turn.if_string()) {
    say(role, *text);
    return {};
  }
  const JsonArray* list = turn.if_array();
  if (list == nullptr) return add(turn);
  for (const Json& one : *list) MOTE_TRY(add(one));
  return {};
}

Result<Json> MessageList::read_tools(const Json& tools) {
  number_ = 0;
  Json parsed;
  const Json* source = &tools;
  if (const std::string* text = tools.if_string()) {
    if (is_blank(*text)) return Json();
    MOTE_ASSIGN(parsed, parse_inner(*text, "\"tools\""));
    source = &parsed;
  }
  if (source->is_null()) return Json();
  const JsonArray* list = source->if_array();
  if (list == nullptr) return fault("\"tools\" is no array");
  JsonArray out;
  for (const Json& tool : *list) {
    if (const Json* function = tool.find("function"); function != nullptr && function->is_object()) {
      out.push_back(tool);
      continue;
    }
    const JsonObject* members = tool.if_object();
    if (members == nullptr || find_text(tool, {"name"}) == nullptr)
      return fault("tool " + std::to_string(out.size() + 1) + " has no name");
    Json function = tool;
    std::erase_if(*function.if_object(), [](const JsonMember& member) { return member.first == "type"; });
    Json wrapped;
    wrapped["type"] = "function";
    wrapped["function"] = std::move(function);
    out.push_back(std::move(wrapped));
  }
  if (out.empty()) return Json();
  return Json(std::move(out));
}

}  // namespace mote::text
