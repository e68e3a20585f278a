#include "text/template/chat_template.h"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "base/strings.h"
#include "text/template/interpreter.h"
#include "text/template/lexer.h"
#include "text/template/parser.h"
#include "text/template/template_errors.h"

namespace mote::text {
namespace {

using jinja::Dict;
using jinja::Value;
using jinja::Values;

constexpr std::uint32_t kMaxInputDepth = 160;  // below jinja::kMaxValueDepth, above parse_json's limit
constexpr std::uint64_t kMaxExtraBytes = std::uint64_t{1} << 20;

// Words that templates put between the halves of a control token ("<|" + role + "|>").
constexpr std::array<std::string_view, 8> kRoles{"system",    "user",     "assistant", "tool",
                                                 "developer", "function", "ipython",   "model"};

Error argument_error(std::string message) {
  return {kTplArgument, "cannot render chat template: " + std::move(message), "", "", std::nullopt};
}

Result<Value> to_value(const Json& json, std::uint32_t depth = 0) {
  if (depth > kMaxInputDepth) {
    return argument_error("messages or tools are nested deeper than " + std::to_string(kMaxInputDepth) +
                          " levels");
  }
  if (json.is_null()) return Value(jinja::None{});
  if (const bool* b = json.if_bool()) return Value(*b);
  if (const std::string* text = json.if_string()) {
    if (!is_valid_utf8(*text))
      return argument_error("text is not valid UTF-8: '" + escape_untrusted(*text, 40) + "'");
    return jinja::make_string(*text, false);
  }
  if (json.is_integer()) {
    if (const auto integer = json.as_int64()) return Value(*integer);
    return argument_error("the integer " + json.dump() + " needs more than 64 bits");
  }
  if (json.is_number()) return Value(*json.as_double());
  std::optional<Value> made;
  if (const JsonArray* array = json.if_array()) {
    Values items;
    for (const Json& item : *array) {
      MOTE_ASSIGN(Value value, to_value(item, depth + 1));
      items.push_back(std::move(value));
    }
    made = jinja::make_list(std::move(items));
  } else {
    Dict dict;
    for (const auto& [name, member] : *json.if_object()) {
      MOTE_ASSIGN(Value value, to_value(member, depth + 1));
      dict.set(jinja::make_string(name, false), std::move(value));
    }
    made = jinja::make_dict(std::move(dict));
  }
  if (!made) return argument_error("messages or tools hold too many values");
  return std::move(*made);
}

// Reasoning comes under three names; templates read "reasoning_content" (some "thinking"), as
// apply_chat_template offers it.
void alias_reasoning(Dict& message) {
  const Value* reasoning = nullptr;
  for (const std::string_view name : {"reasoning_content", "thinking", "reasoning"}) {
    const Value* found = message.find(name);
    if (found != nullptr && !found->is_none()) {
      reasoning = found;
      break;
    }
  }
  if (reasoning == nullptr) return;
  const Value value = *reasoning;
  Dict aliased;
  aliased.set(jinja::make_string("thinking"), value);
  for (const auto& [name, member] : message.members) aliased.set(name, member);
  aliased.set(jinja::make_string("reasoning_content"), value);
  message = std::move(aliased);
}

Result<Value> to_messages(const Json* json) {
  const JsonArray* array = json != nullptr ? json->if_array() : nullptr;
  if (array == nullptr) return argument_error("messages must be an array");
  Values messages;
  for (const Json& item : *array) {
    if (!item.is_object())
      return argument_error("message " + std::to_string(messages.size() + 1) + " is not an object");
    MOTE_ASSIGN(const Value value, to_value(item));
    Dict message = *value.if_dict();
    if (const Value* role = message.find(std::string_view("role"));
        role != nullptr && role->if_string() != nullptr) {
      const std::string word = role->if_string()->bytes();
      if (std::ranges::find(kRoles, word) != kRoles.end()) {
        message.set(jinja::make_string("role", false), jinja::make_string(word, true));
      }
    }
    alias_reasoning(message);
    auto made = jinja::make_dict(std::move(message));
    if (!made) return argument_error("messages hold too many values");
    messages.push_back(std::move(*made));
  }
  auto made = jinja::make_list(std::move(messages));
  if (!made) return argument_error("messages hold too many values");
  return std::move(*made);
}

Result<void> add_extra(Dict& variables, const Json* extra) {
  if (extra == nullptr || extra->is_null()) return {};
  const JsonObject* object = extra->if_object();
  if (object == nullptr) return argument_error("chat_template_kwargs must be an object");
  std::uint64_t bytes = 0;
  for (const auto& [name, member] : *object) {
    // "tokenize" and the like steer apply_chat_template itself, where arguments and variables share one list.
    constexpr std::array<std::string_view, 5> kReserved{"tokenize", "chat_template", "conversation",
                                                        "return_dict", "return_tensors"};
    const bool reserved =
        variables.find(name) != nullptr || std::ranges::find(kReserved, name) != kReserved.end();
    if (reserved)
      return argument_error("chat_template_kwargs may not set '" + escape_untrusted(name, 60) + "'");
    bytes += name.size() + member.dump().size();
    if (bytes > kMaxExtraBytes) {
      return argument_error("chat_template_kwargs has more than " + std::to_string(kMaxExtraBytes) +
                            " bytes");
    }
  }
  for (const auto& [name, member] : *object) {
    MOTE_ASSIGN(Value value, to_value(member));
    variables.set(jinja::make_string(name), std::move(value));
  }
  return {};
}

Result<Dict> to_variables(const RenderInput& input) {
  Dict variables;
  MOTE_ASSIGN(Value messages, to_messages(input.messages));
  variables.set(jinja::make_string("messages"), std::move(messages));
  for (const auto& [name, json] :
       {std::pair{"tools", input.tools}, std::pair{"documents", input.documents}}) {
    Value value(jinja::None{});
    if (json != nullptr && !json->is_null()) {
      if (!json->is_array()) return argument_error(std::string(name) + " must be an array");
      MOTE_ASSIGN(value, to_value(*json));
    }
    variables.set(jinja::make_string(name), std::move(value));
  }
  variables.set(jinja::make_string("add_generation_prompt"), Value(input.add_generation_prompt));
  variables.set(jinja::make_string("bos_token"), jinja::make_string(input.bos_token));
  variables.set(jinja::make_string("eos_token"), jinja::make_string(input.eos_token));
  MOTE_TRY(add_extra(variables, input.extra));
  return variables;
}

Error out_of_memory() {
  return {kTplLimit, "cannot render chat template: out of memory", "use shorter messages", "", std::nullopt};
}

}  // namespace

ChatTemplate::ChatTemplate(std::shared_ptr<const jinja::Program> program, const TemplateLimits& limits)
    : program_(std::move(program)), limits_(limits) {}

Result<ChatTemplate> ChatTemplate::parse(std::string_view source, const TemplateLimits& limits) {
  if (source.size() > limits.max_source_bytes) {
    return Error{kTplLimit,
                 "cannot read chat template: it has " + with_thousands(source.size()) + " bytes, more than " +
                     with_thousands(limits.max_source_bytes),
                 "", "", std::nullopt};
  }
  if (!is_valid_utf8(source)) {
    return Error{kTplSyntax, "cannot read chat template: it is not valid UTF-8", "", "", std::nullopt};
  }
  try {
    MOTE_ASSIGN(jinja::Program program,
                jinja::parse_program(jinja::normalise_newlines(source), limits.max_depth));
    return ChatTemplate(std::make_shared<const jinja::Program>(std::move(program)), limits);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

Result<TextPieces> ChatTemplate::render(const RenderInput& input) const {
  try {
    MOTE_ASSIGN(const Dict variables, to_variables(input));
    jinja::Interpreter interpreter(*program_, variables, limits_, input.now);
    MOTE_ASSIGN(const jinja::TaggedText text, interpreter.run());
    return text.pieces();
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

std::string_view ChatTemplate::source() const { return program_->source; }

bool ChatTemplate::mentions(std::string_view variable) const {
  return std::ranges::find(program_->names, variable) != program_->names.end();
}

std::string concatenate(const TextPieces& pieces) {
  std::string text;
  for (const TextPiece& piece : pieces) text += piece.text;
  return text;
}

}  // namespace mote::text
