// Which methods values have, and those of dictionaries, lists, loops and cyclers. Methods that would change a
// list or a dictionary exist but may not be used, as in the immutable sandbox.
#include <algorithm>
#include <array>
#include <span>

#include "text/template/loop.h"
#include "text/template/runtime.h"
#include "text/template/template_errors.h"

namespace mote::text::jinja {
namespace {

using Names = std::span<const std::string_view>;
constexpr auto kText = std::to_array<std::string_view>(
    {"capitalize", "casefold",     "center",       "count",   "encode",     "endswith",    "expandtabs",
     "find",       "format",       "format_map",   "index",   "isalnum",    "isalpha",     "isascii",
     "isdecimal",  "isdigit",      "isidentifier", "islower", "isnumeric",  "isprintable", "isspace",
     "istitle",    "isupper",      "join",         "ljust",   "lower",      "lstrip",      "maketrans",
     "partition",  "removeprefix", "removesuffix", "replace", "rfind",      "rindex",      "rjust",
     "rpartition", "rsplit",       "rstrip",       "split",   "splitlines", "startswith",  "strip",
     "swapcase",   "title",        "translate",    "upper",   "zfill"});
constexpr auto kDict = std::to_array<std::string_view>({"copy", "get", "items", "keys", "values"});
constexpr auto kDictUnsafe =
    std::to_array<std::string_view>({"clear", "pop", "popitem", "setdefault", "update"});
constexpr auto kList = std::to_array<std::string_view>({"copy", "count", "index"});
constexpr auto kListUnsafe = std::to_array<std::string_view>(
    {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"});
constexpr auto kTuple = std::to_array<std::string_view>({"count", "index"});

bool has(Names names, std::string_view name) { return std::ranges::find(names, name) != names.end(); }

Result<Value> call_dict(Runtime& runtime, const Value& receiver, std::string_view name,
                        const CallArguments& arguments) {
  const Dict& dict = *receiver.if_dict();
  if (name == "get") {
    if (!arguments.named.empty()) return runtime_error("'get' takes no named arguments");
    MOTE_ASSIGN(const auto args, bind(arguments, "get", {"key", "default"}, 1));
    if (!hashable(*args[0]))
      return runtime_error("a " + std::string(type_name(*args[0])) + " cannot be a key");
    if (const Value* found = dict.find(*args[0])) return *found;
    return args[1] != nullptr ? *args[1] : Value(None{});
  }
  MOTE_TRY(bind(arguments, name, {}));
  if (name == "copy") return receiver;
  Values items;
  MOTE_TRY(runtime.charge(dict.members.size() * 4 * sizeof(Value)));
  for (const auto& [key, value] : dict.members) {
    if (name == "keys") {
      items.push_back(key);
    } else if (name == "values") {
      items.push_back(value);
    } else {
      MOTE_ASSIGN(Value pair, runtime.list({key, value}, ListKind::tuple));
      items.push_back(std::move(pair));
    }
  }
  return runtime.list(std::move(items), name == "keys"     ? ListKind::keys
                                        : name == "values" ? ListKind::values
                                                           : ListKind::items);
}

Result<Value> call_list(const Value& receiver, std::string_view name, const CallArguments& arguments) {
  const List& list = *receiver.if_list();
  if (name == "copy") {
    MOTE_TRY(bind(arguments, name, {}));
    return receiver;
  }
  MOTE_ASSIGN(const auto args, bind(arguments, name, {"value"}, 1));
  if (name == "count") {
    return Value(static_cast<std::int64_t>(
        std::ranges::count_if(list.items, [&](const Value& item) { return equal(item, *args[0]); })));
  }
  const auto found =
      std::ranges::find_if(list.items, [&](const Value& item) { return equal(item, *args[0]); });
  if (found == list.items.end()) return runtime_error("'index' did not find the value");
  return Value(static_cast<std::int64_t>(found - list.items.begin()));
}

Result<Value> call_loop(Loop& loop, std::string_view name, const CallArguments& arguments) {
  if (name == "cycle") {
    if (arguments.positional.empty()) return runtime_error("'cycle' needs values");
    return arguments.positional[loop.index % arguments.positional.size()];
  }
  const auto& values = arguments.positional;
  const bool same = loop.last_changed && std::ranges::equal(*loop.last_changed, values, equal);
  loop.last_changed = values;
  return Value(!same);
}

Result<Value> call_cycler(const Callable& cycler, std::string_view name) {
  if (name == "reset") {
    cycler.position = 0;
    return Value(None{});
  }
  Value current = cycler.items[cycler.position];
  cycler.position = (cycler.position + 1) % cycler.items.size();
  return current;
}

}  // namespace

MethodKind find_method(const Value& owner, std::string_view name) {
  const auto kind = [&](Names safe, Names unsafe) {
    return has(safe, name) ? MethodKind::safe : has(unsafe, name) ? MethodKind::unsafe : MethodKind::none;
  };
  if (owner.if_string() != nullptr) return kind(kText, {});
  if (owner.if_dict() != nullptr) return kind(kDict, kDictUnsafe);
  const List* list = owner.if_list();
  if (list == nullptr) return MethodKind::none;
  if (list->kind == ListKind::list) return kind(kList, kListUnsafe);
  const bool is_tuple = list->kind == ListKind::tuple || list->kind == ListKind::range;
  return is_tuple ? kind(kTuple, {}) : MethodKind::none;
}

Result<Value> call_method(Runtime& runtime, const Value& receiver, std::string_view name,
                          const CallArguments& arguments) {
  MOTE_TRY(runtime.step(1 + weight_of(receiver) / 64));
  if (const TaggedText* text = receiver.if_string()) return call_text_method(runtime, *text, name, arguments);
  if (receiver.if_dict() != nullptr) return call_dict(runtime, receiver, name, arguments);
  if (receiver.if_list() != nullptr) return call_list(receiver, name, arguments);
  if (Loop* loop = receiver.if_loop()) return call_loop(*loop, name, arguments);
  return call_cycler(*receiver.if_callable(), name);
}

}  // namespace mote::text::jinja
