#include "agent/tool_test.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "base/strings.h"
#include "mote/generate.h"
#include "mote/sampler.h"
#include "text/conversation.h"
#include "text/tool_calls/hermes.h"

namespace mote::agent {
namespace {

Error fault(std::size_t line, std::string_view what) {
  return {
      kToolTest, "line " + std::to_string(line) + ": " + std::string(what),
      R"(an item is {"tools": [...], "messages": [...], "expect": {"calls" or "asks" or "values": [...]}})",
      "", std::nullopt};
}

std::optional<text::ToolCall> read_call(const Json& json) {
  const Json* name = json.find("name");
  const Json* arguments = json.find("arguments");
  if (name == nullptr || !name->is_string() || arguments == nullptr || !arguments->is_object())
    return std::nullopt;
  return text::ToolCall{*name->if_string(), *arguments};
}

std::optional<std::vector<std::string>> read_strings(const JsonArray& array) {
  std::vector<std::string> out;
  for (const Json& one : array) {
    if (!one.is_string() || one.if_string()->empty()) return std::nullopt;
    out.push_back(*one.if_string());
  }
  if (out.empty()) return std::nullopt;
  return out;
}

Result<void> read_expect(const Json& json, std::size_t line, ToolTestItem& item) {
  const JsonObject* members = json.if_object();
  if (members == nullptr || members->size() != 1 || !members->front().second.is_array())
    return fault(line, "\"expect\" is no object with one array");
  const auto& [kind, value] = members->front();
  if (kind == "calls") {
    ExpectedCalls expected;
    for (const Json& one : *value.if_array()) {
      std::optional<text::ToolCall> call = read_call(one);
      if (!call) return fault(line, "an expected call has no name or no object of arguments");
      expected.calls.push_back(std::move(*call));
    }
    item.expect = std::move(expected);
    return {};
  }
  std::optional<std::vector<std::string>> strings = read_strings(*value.if_array());
  if (!strings) return fault(line, "what is expected to be said is no list of strings, or an empty one");
  if (kind == "asks") {
    item.expect = ExpectedQuestion{std::move(*strings)};
  } else if (kind == "values") {
    item.expect = ExpectedValues{std::move(*strings)};
  } else {
    return fault(line, "\"expect\" has the unknown member \"" + escape_untrusted(kind, 60) + "\"");
  }
  return {};
}

Result<ToolTestItem> read_item(const Json& json, std::size_t line) {
  ToolTestItem item;
  const Json* tools = json.find("tools");
  const Json* messages = json.find("messages");
  const Json* expect = json.find("expect");
  if (tools == nullptr || !tools->is_array()) return fault(line, "\"tools\" is no array");
  if (messages == nullptr || !messages->is_array() || messages->if_array()->empty())
    return fault(line, "\"messages\" is no array of messages");
  if (expect == nullptr) return fault(line, "\"expect\" is missing");
  if (const Json* set = json.find("set"); set != nullptr) {
    if (!set->is_string()) return fault(line, "\"set\" is no string");
    item.set = *set->if_string();
  }
  item.tools = *tools;
  item.messages = *messages->if_array();
  MOTE_TRY(read_expect(*expect, line, item));
  return item;
}

bool same(const Json& a, const Json& b);  // values nest as deeply as the parser lets them

bool same_members(const JsonObject& a, const Json& b) {
  return a.size() == b.if_object()->size() && std::ranges::all_of(a, [&](const JsonMember& member) {
           const Json* other = b.find(member.first);
           return other != nullptr && same(member.second, *other);
         });
}

bool same(const Json& a, const Json& b) {  // NOLINT(misc-no-recursion): JsonLimits bounds the depth
  if (a.is_number() && b.is_number()) {
    // Whole numbers beyond 2^53 would be equal as doubles without being so.
    if (a.is_integer() && b.is_integer()) return a.dump() == b.dump();
    return a.as_double() == b.as_double();
  }
  if (a.is_object() && b.is_object()) return same_members(*a.if_object(), b);
  if (a.is_array() && b.is_array())
    return std::ranges::equal(*a.if_array(), *b.if_array(),
                              [](const Json& x, const Json& y) { return same(x, y); });
  if (a.is_string() && b.is_string()) return *a.if_string() == *b.if_string();
  if (a.is_bool() && b.is_bool()) return *a.if_bool() == *b.if_bool();
  return a.is_null() && b.is_null();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Where `value` stands in `text` from `begin` on, not as a part of a longer word or number: "40" is neither
// in "140" nor in "40.5", but ends in "40.".
std::size_t find_said(std::string_view text, std::string_view value, std::size_t begin = 0) {
  for (std::size_t at = text.find(value, begin); at != std::string_view::npos;
       at = text.find(value, at + 1)) {
    const std::string_view after = text.substr(at + value.size());
    const bool begins = at == 0 || (!is_word(text[at - 1]) && text[at - 1] != '.');
    const bool goes_on =
        !after.empty() && (is_word(after[0]) || (after[0] == '.' && after.size() > 1 && is_digit(after[1])));
    if (begins && !goes_on) return at;
  }
  return std::string_view::npos;
}
bool says(std::string_view text, std::string_view value) {
  return find_said(text, value) != std::string_view::npos;
}

bool says_in_order(std::string_view text, std::span<const std::string> values) {
  const std::string lower = to_lower_ascii(text);
  std::size_t at = 0;
  for (const std::string& value : values) {
    const std::string wanted = to_lower_ascii(value);
    at = find_said(lower, wanted, at);
    if (at == std::string::npos) return false;
    at += wanted.size();
  }
  return true;
}

// `start_time` and `startTime` as words: start time.
std::string words_of(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '_' || c == '-' || (c >= 'A' && c <= 'Z')) {
      if (!out.empty() && out.back() != ' ') out += ' ';
      if (c == '_' || c == '-') continue;
    }
    out += to_lower_ascii(std::string_view(&c, 1));
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

// The names of all arguments of the tools, as words.
std::vector<std::string> argument_names(const Json& tools) {
  std::vector<std::string> out;
  for (const Json& tool : *tools.if_array()) {
    const Json* function = tool.find("function");
    const Json* parameters = function == nullptr ? nullptr : function->find("parameters");
    const Json* properties = parameters == nullptr ? nullptr : parameters->find("properties");
    if (properties == nullptr || !properties->is_object()) continue;
    for (const JsonMember& member : *properties->if_object()) out.push_back(words_of(member.first));
  }
  return out;
}

bool asks_for(std::string_view answer, const Json& tools, std::span<const std::string> names) {
  const std::size_t last = answer.find_last_not_of(" \t\r\n");
  if (last == std::string_view::npos || answer[last] != '?') return false;
  const std::string lower = to_lower_ascii(answer);
  std::vector<std::string> wanted;
  for (const std::string& name : names) wanted.push_back(to_lower_ascii(name));
  if (!std::ranges::all_of(wanted, [&](const std::string& name) { return says(lower, name); })) return false;
  return std::ranges::none_of(argument_names(tools), [&](const std::string& other) {
    return says(lower, other) &&
           std::ranges::none_of(wanted, [&](const std::string& name) { return says(name, other); });
  });
}

}  // namespace

Result<std::vector<ToolTestItem>> parse_tool_test(std::string_view jsonl) {
  std::vector<ToolTestItem> out;
  std::size_t line = 0;
  while (!jsonl.empty()) {
    const std::size_t end = std::min(jsonl.find('\n'), jsonl.size());
    const std::string_view text = jsonl.substr(0, end);
    jsonl.remove_prefix(std::min(end + 1, jsonl.size()));
    ++line;
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (out.size() == kMaxToolTestItems)
      return fault(line, "there are more than " + with_thousands(kMaxToolTestItems) + " items");
    Result<Json> json = parse_json(text);
    if (!json) {
      json.error().message = "line " + std::to_string(line) + ": " + json.error().message;
      return json.error();
    }
    MOTE_ASSIGN(ToolTestItem item, read_item(*json, line));
    out.push_back(std::move(item));
  }
  return out;
}

bool is_right(const ToolTestItem& item, std::string_view answer) {
  const Result<text::ToolAnswer> made = text::parse_hermes_answer(answer);
  if (!made) return false;
  const bool is_blank = answer.find_first_not_of(" \t\r\n") == std::string_view::npos;
  if (const auto* expected = std::get_if<ExpectedCalls>(&item.expect)) {
    return !is_blank && std::ranges::equal(made->calls, expected->calls,
                                           [](const text::ToolCall& a, const text::ToolCall& b) {
                                             return a.name == b.name && same(a.arguments, b.arguments);
                                           });
  }
  if (!made->calls.empty()) return false;
  if (const auto* question = std::get_if<ExpectedQuestion>(&item.expect))
    return asks_for(answer, item.tools, question->names);
  return says_in_order(answer, std::get<ExpectedValues>(item.expect).values);
}

Result<AnsweredItem> answer_item(const engine::LoadedModel& model, engine::Session& session,
                                 const ToolTestItem& item, const CancelToken& cancel) {
  MOTE_ASSIGN(const Tokenizer* tokenizer, model.require_tokenizer());
  if (model.chat_template() == nullptr) {
    return Error{kToolTest, "the model has no chat template that could show it the tools",
                 "use a model that was trained to call tools", model.path().string(), std::nullopt};
  }
  AnsweredItem answered;
  MOTE_ASSIGN(answered.prompt,
              text::prompt_for_answer(*model.chat_template(), *tokenizer, item.messages, &item.tools));
  engine::SamplerOptions greedy;
  greedy.temperature = 0;
  MOTE_ASSIGN(engine::Sampler sampler, engine::Sampler::create(greedy, model.vocab()));
  engine::GenerateOptions options;
  options.max_tokens = kToolTestTokens;
  options.shown_tokens = text::call_markers(*tokenizer);
  options.cancel = &cancel;
  MOTE_ASSIGN(engine::GenerateOutput out, engine::generate(session, sampler, answered.prompt, options));
  if (out.finish_reason == engine::FinishReason::cancelled)
    return Error{kCancelled, "the tool test was stopped before its end", "", "", std::nullopt};
  answered.ended = out.finish_reason == engine::FinishReason::stop;
  answered.tokens = std::move(out.tokens);
  answered.text = std::move(out.text);
  return answered;
}

}  // namespace mote::agent
