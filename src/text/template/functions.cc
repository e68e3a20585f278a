// The global functions of a chat template.
#include "text/template/chat_template.h"
#include "text/template/runtime.h"
#include "text/template/template_errors.h"
#include "text/template/value_text.h"

namespace mote::text::jinja {
namespace {

Result<Value> range(Runtime& runtime, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, "range", {"start", "stop", "step"}, 1));
  MOTE_ASSIGN(std::int64_t start, integer_or(args[0], 0, "range"));
  MOTE_ASSIGN(std::int64_t stop, integer_or(args[1], 0, "range"));
  MOTE_ASSIGN(const std::int64_t step, integer_or(args[2], 1, "range"));
  if (args[1] == nullptr) {
    stop = start;
    start = 0;
  }
  if (step == 0) return runtime_error("'range' got step 0");
  auto list = std::make_shared<List>();
  list->kind = ListKind::range;
  list->range = {start, stop, step};
  for (std::int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (list->items.size() == kMaxRangeItems) return runtime.limit_error("items in a range", kMaxRangeItems);
    list->items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  list->weight += list->items.size();
  MOTE_TRY(runtime.charge(list->items.size() * sizeof(Value)));
  return Value(ListPtr(std::move(list)));
}

Result<Dict> members_of(Runtime& runtime, const CallArguments& arguments, std::string_view what) {
  if (arguments.positional.size() > 1)
    return runtime_error("'" + std::string(what) + "' takes one positional argument");
  Dict dict;
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    if (const Dict* other = source.if_dict()) {
      dict = *other;
    } else {
      MOTE_ASSIGN(const Values items, iterate(runtime, source));
      for (const Value& item : items) {
        MOTE_ASSIGN(Values pair, iterate(runtime, item));
        if (pair.size() != 2 || !hashable(pair[0]))
          return runtime_error("'" + std::string(what) + "' needs pairs");
        dict.set(std::move(pair[0]), std::move(pair[1]));
      }
    }
  }
  for (const auto& [name, value] : arguments.named) dict.set(make_string(name), value);
  MOTE_TRY(runtime.dict(dict));  // the caps
  return dict;
}

Result<Value> make_namespace(Runtime& runtime, const CallArguments& arguments) {
  auto space = std::make_shared<Namespace>();
  MOTE_ASSIGN(space->members, members_of(runtime, arguments, "namespace"));
  for (const auto& [name, value] : space->members.members) {
    const TaggedText* text = name.if_string();
    if (text != nullptr && text->bytes().starts_with('_')) {
      return runtime_error("a namespace cannot have the member '" + escape_untrusted(text->bytes(), 40) +
                           "'");
    }
  }
  return Value(std::move(space));
}

Result<Value> make_callable(Callable::Kind kind, Values items) {
  auto callable = std::make_shared<Callable>();
  callable->kind = kind;
  callable->items = std::move(items);
  return Value(std::shared_ptr<const Callable>(std::move(callable)));
}

}  // namespace

Result<Value> call_function(Runtime& runtime, Function function, const CallArguments& arguments) {
  switch (function) {
    case Function::range:
      return range(runtime, arguments);
    case Function::dict: {
      MOTE_ASSIGN(Dict dict, members_of(runtime, arguments, "dict"));
      return runtime.dict(std::move(dict));
    }
    case Function::namespace_object:
      return make_namespace(runtime, arguments);
    case Function::cycler: {
      if (arguments.positional.empty()) return runtime_error("'cycler' needs values");
      return make_callable(Callable::Kind::cycler, arguments.positional);
    }
    case Function::joiner: {
      MOTE_ASSIGN(const auto args, bind(arguments, "joiner", {"sep"}));
      return make_callable(Callable::Kind::joiner, {args[0] != nullptr ? *args[0] : make_string(", ")});
    }
    case Function::strftime_now: {
      MOTE_ASSIGN(const auto args, bind(arguments, "strftime_now", {"format"}, 1));
      const TaggedText* format = args[0]->if_string();
      if (format == nullptr) return runtime_error("'strftime_now' needs text");
      return runtime.text(TaggedText(format_time(format->bytes(), runtime.now()), format->all_template()));
    }
    case Function::raise_exception:
      break;
  }
  MOTE_ASSIGN(const auto args, bind(arguments, "raise_exception", {"message"}, 1));
  MOTE_ASSIGN(const TaggedText message, runtime.str(*args[0]));
  return Error{kTplRaised,
               "the chat template refuses this conversation: " + escape_untrusted(message.bytes(), 300),
               "change the messages or tools to what this model's template expects", "", std::nullopt};
}

}  // namespace mote::text::jinja
