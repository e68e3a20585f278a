#include "agent/tools.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/strings.h"

namespace mote::agent {
namespace {

Error fault(std::string message, std::string hint = {}) {
  return {kToolsFile, std::move(message), std::move(hint), "", std::nullopt};
}

// "tool 3" until its name is known, then its name.
std::string called(std::size_t index) { return "tool " + std::to_string(index + 1); }
std::string called(const std::string& name) { return "the tool \"" + escape_untrusted(name, 60) + "\""; }

Result<void> check_members(const Json& object, std::span<const std::string_view> known,
                           const std::string& where) {
  for (const JsonMember& member : *object.if_object()) {
    if (std::ranges::find(known, member.first) != known.end()) continue;
    std::string hint;
    if (const auto near = nearest(member.first, known); !near.empty()) hint = "did you mean " + near[0] + "?";
    return fault(where + " has an unknown member \"" + escape_untrusted(member.first, 60) + "\"",
                 std::move(hint));
  }
  return {};
}

bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-.:/").find(c) != std::string_view::npos;
}

Result<std::string> read_name(const Json& function, std::size_t index) {
  const Json* name = function.find("name");
  const std::string* text = name == nullptr ? nullptr : name->if_string();
  if (text == nullptr || text->empty()) return fault(called(index) + " has no \"name\"");
  if (text->size() > kMaxToolNameBytes || !std::ranges::all_of(*text, is_name_byte)) {
    return fault("the name of " + called(index) + ", \"" + escape_untrusted(*text, 60) +
                     "\", is not 1 to 128 letters, digits and _ - . : /",
                 "rename it");
  }
  return *text;
}

// The function with an empty list of parameters where it has none, as templates look for one.
Result<Json> read_function(const Json& function, const std::string& name) {
  Json out = function;
  if (const Json* text = function.find("description"); text != nullptr && !text->is_string())
    return fault("the description of " + called(name) + " is no string");
  const Json* parameters = function.find("parameters");
  if (parameters == nullptr) {
    Json empty;
    empty["type"] = "object";
    empty["properties"] = JsonObject{};
    out["parameters"] = std::move(empty);
    return out;
  }
  if (!parameters->is_object())
    return fault("the parameters of " + called(name) + " are no object", "give a JSON schema");
  if (const Json* properties = parameters->find("properties");
      properties != nullptr && !properties->is_object())
    return fault("the properties of the parameters of " + called(name) + " are no object");
  return out;
}

Result<std::vector<std::string>> read_strings(const Json& array, const std::string& what) {
  const JsonArray* items = array.if_array();
  if (items == nullptr) return fault(what + " is no array of strings");
  std::vector<std::string> out;
  for (const Json& item : *items) {
    const std::string* text = item.if_string();
    if (text == nullptr) return fault(what + " is no array of strings");
    if (text->find('\0') != std::string::npos) return fault(what + " holds a NUL byte");
    out.push_back(*text);
  }
  return out;
}

// "{room}" and "{{".
Result<CommandElement> read_element(const std::string& text, const Json& parameters,
                                    const std::string& name) {
  CommandElement element;
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '{') {
      plain += text[i];
      continue;
    }
    if (text.substr(i, 2) == "{{") {
      plain += '{';
      ++i;
      continue;
    }
    const std::size_t end = text.find('}', i);
    const std::string argument = end == std::string::npos ? std::string() : text.substr(i + 1, end - i - 1);
    const Json* properties = parameters.find("properties");
    if (properties == nullptr || properties->find(argument) == nullptr) {
      return fault("the command of " + called(name) + " has \"" + escape_untrusted(text.substr(i), 60) +
                       "\", which names no property of its parameters",
                   "write {{ for a brace");
    }
    if (!plain.empty()) element.push_back({std::exchange(plain, {}), false});
    element.push_back({argument, true});
    i = end;
  }
  if (!plain.empty() || element.empty()) element.push_back({std::move(plain), false});
  return element;
}

Result<ToolCommand> read_command(const Json& execute, const Json& parameters, const std::string& name) {
  static constexpr std::array<std::string_view, 2> kMembers{"command", "timeout_seconds"};
  if (!execute.is_object())
    return fault("\"execute\" of " + called(name) + " is no object",
                 R"({"command": ["program", "argument"]})");
  MOTE_TRY(check_members(execute, kMembers, "\"execute\" of " + called(name)));
  const Json* command = execute.find("command");
  MOTE_ASSIGN(const std::vector<std::string> texts,
              read_strings(command == nullptr ? Json() : *command, "\"command\" of " + called(name)));
  if (texts.empty() || texts[0].empty()) return fault("\"command\" of " + called(name) + " names no program");
  if (texts[0].find('{') != std::string::npos) {
    return fault("the program of " + called(name) + " has a brace in its name",
                 "a model may choose arguments, not what runs");
  }
  ToolCommand out{.program = texts[0], .arguments = {}};
  for (std::size_t i = 1; i < texts.size(); ++i) {
    MOTE_ASSIGN(CommandElement element, read_element(texts[i], parameters, name));
    out.arguments.push_back(std::move(element));
  }
  if (const Json* timeout = execute.find("timeout_seconds")) {
    const std::optional<double> seconds = timeout->as_double();
    if (!seconds || !(*seconds > 0 && *seconds <= static_cast<double>(kMaxToolTimeoutSeconds))) {
      return fault("\"timeout_seconds\" of " + called(name) + " is no number above 0 and up to " +
                   std::to_string(kMaxToolTimeoutSeconds));
    }
    out.timeout_seconds = *seconds;
  }
  return out;
}

struct ReadTool {
  Tool tool;
  Json definition;
};

Result<ReadTool> read_tool(const Json& entry, std::size_t index) {
  static constexpr std::array<std::string_view, 3> kMembers{"type", "function", "execute"};
  if (!entry.is_object()) return fault(called(index) + " is no object");
  const Json* wrapped = entry.find("function");
  Json function = entry;
  if (wrapped != nullptr) {
    MOTE_TRY(check_members(entry, kMembers, called(index)));
    const Json* type = entry.find("type");
    const std::string* kind = type == nullptr ? nullptr : type->if_string();
    if (type != nullptr && (kind == nullptr || *kind != "function"))
      return fault("the type of " + called(index) + " is not \"function\"");
    if (!wrapped->is_object()) return fault("\"function\" of " + called(index) + " is no object");
    function = *wrapped;
  } else if (entry.find("type") != nullptr && entry.find("name") == nullptr) {
    return fault(called(index) + " has no \"function\"");
  } else {
    std::erase_if(*function.if_object(), [](const JsonMember& member) {
      return member.first == "execute" || member.first == "type";
    });
  }
  ReadTool out;
  MOTE_ASSIGN(out.tool.name, read_name(function, index));
  MOTE_ASSIGN(function, read_function(function, out.tool.name));
  const Json& parameters = *function.find("parameters");
  if (const Json* required = parameters.find("required")) {
    MOTE_ASSIGN(out.tool.required, read_strings(*required, "\"required\" of " + called(out.tool.name)));
  }
  if (const Json* execute = entry.find("execute")) {
    MOTE_ASSIGN(out.tool.command, read_command(*execute, parameters, out.tool.name));
  }
  out.definition["type"] = "function";
  out.definition["function"] = std::move(function);
  return out;
}

}  // namespace

const Tool* Tools::find(std::string_view name) const {
  const auto found = std::ranges::find(tools, name, &Tool::name);
  return found == tools.end() ? nullptr : &*found;
}

Json shown_tools(const Json& file) {
  const Json* list = file.is_object() ? file.find("tools") : &file;
  if (list == nullptr) return file;
  Json out = *list;
  if (JsonArray* entries = out.if_array()) {
    for (Json& entry : *entries) {
      if (JsonObject* object = entry.if_object())
        std::erase_if(*object, [](const JsonMember& member) { return member.first == "execute"; });
    }
  }
  return out;
}

Result<Tools> parse_tools(std::string_view text) {
  MOTE_ASSIGN(const Json whole, parse_json(text));
  const Json* list = whole.is_object() ? whole.find("tools") : &whole;
  const JsonArray* entries = list == nullptr ? nullptr : list->if_array();
  if (entries == nullptr) {
    return fault("an array of tools, or an object with such an array as \"tools\", was expected",
                 R"(for example [{"type": "function", "function": {"name": "stop", "description": "..."}}])");
  }
  if (entries->empty()) return fault("there are no tools in it");
  if (entries->size() > kMaxTools) {
    return fault("it has " + with_thousands(entries->size()) + " tools, more than " +
                 with_thousands(kMaxTools));
  }
  Tools out;
  out.definitions = JsonArray{};
  for (std::size_t i = 0; i < entries->size(); ++i) {
    MOTE_ASSIGN(ReadTool read, read_tool((*entries)[i], i));
    if (out.find(read.tool.name) != nullptr) return fault("two tools are named \"" + read.tool.name + "\"");
    out.tools.push_back(std::move(read.tool));
    out.definitions.push_back(std::move(read.definition));
  }
  return out;
}

}  // namespace mote::agent
