// Attributes, items, slices and iteration, as the sandboxed getattr and getitem of Jinja2 give them.
#include <algorithm>

#include "base/strings.h"
#include "text/template/loop.h"
#include "text/template/runtime.h"
#include "text/template/template_errors.h"
#include "text/template/unicode.h"

namespace mote::text::jinja {
namespace {

Error undefined_error(const Undefined& undefined) {
  return runtime_error(undefined.what != nullptr ? *undefined.what : "a value is undefined");
}

bool is_indexable(const List& list) {
  return list.kind == ListKind::list || list.kind == ListKind::tuple || list.kind == ListKind::range;
}

Value bound_method(const Value& receiver, std::string_view name) {
  auto callable = std::make_shared<Callable>();
  callable->kind = Callable::Kind::method;
  callable->receiver = receiver;
  callable->method = name;
  return {std::shared_ptr<const Callable>(std::move(callable))};
}

// A Python attribute of the value: a method, a loop's state. Undefined where it has none.
Value python_attribute(const Value& owner, std::string_view name) {
  if (const Namespace* space = owner.if_namespace()) {
    const Value* found = space->members.find(name);
    return found != nullptr ? *found : undefined_member(owner, name);
  }
  if (const Loop* loop = owner.if_loop()) {
    if (auto found = loop->attribute(name)) return *found;
    if (name == "cycle" || name == "changed") return bound_method(owner, name);
    return undefined_member(owner, name);
  }
  if (const Callable* callable = owner.if_callable()) {
    if (callable->kind == Callable::Kind::cycler) {
      if (name == "next" || name == "reset") return bound_method(owner, name);
      if (name == "current") return callable->items[callable->position];
    }
    return undefined_member(owner, name);
  }
  switch (find_method(owner, name)) {
    case MethodKind::safe:
      return bound_method(owner, name);
    case MethodKind::unsafe:
      return Undefined{
          std::make_shared<const std::string>("the method '" + std::string(name) + "' would change a " +
                                              std::string(type_name(owner)) + ", which is not allowed")};
    case MethodKind::none:
      break;
  }
  return undefined_member(owner, name);
}

bool has_python_attribute(const Value& owner, std::string_view name) {
  return find_method(owner, name) != MethodKind::none;
}

// Python's slice.indices().
struct SliceRange {
  std::int64_t start;
  std::int64_t stop;
  std::int64_t step;
};
Result<SliceRange> slice_range(std::int64_t length, const Value* start, const Value* stop,
                               const Value* step) {
  const auto is_given = [](const Value* bound) { return bound != nullptr && !bound->is_none(); };
  SliceRange range{0, 0, 1};
  if (is_given(step)) {
    MOTE_ASSIGN(range.step, integer_or(step, 1, "slice"));
    if (range.step == 0) return runtime_error("a slice cannot have step 0");
  }
  const std::int64_t low = range.step > 0 ? 0 : -1;
  const std::int64_t high = range.step > 0 ? length : length - 1;
  const auto bound = [&](const Value* value, std::int64_t fallback) -> Result<std::int64_t> {
    if (!is_given(value)) return fallback;
    MOTE_ASSIGN(std::int64_t index, integer_or(value, 0, "slice"));
    if (index < 0) index = index < -length ? low : index + length;
    return std::clamp(index, low, high);
  };
  MOTE_ASSIGN(range.start, bound(start, range.step > 0 ? low : high));
  MOTE_ASSIGN(range.stop, bound(stop, range.step > 0 ? high : low));
  return range;
}

// Positions that a slice takes, in order.
std::vector<std::size_t> taken(const SliceRange& range) {
  std::vector<std::size_t> positions;
  if (range.step > 0) {
    for (std::int64_t i = range.start; i < range.stop; i += std::min(range.step, range.stop - i)) {
      positions.push_back(static_cast<std::size_t>(i));
    }
  } else {
    for (std::int64_t i = range.start; i > range.stop; i += std::max(range.step, range.stop - i)) {
      positions.push_back(static_cast<std::size_t>(i));
    }
  }
  return positions;
}

Value character(const TaggedText& text, std::size_t begin) {
  std::size_t end = begin;
  next_code_point(text.bytes(), end);
  return text.slice(begin, end);
}

}  // namespace

Result<Value> get_attribute(Runtime&, const Value& owner, std::string_view name) {
  if (const Undefined* undefined = owner.if_undefined()) return undefined_error(*undefined);
  Value found = python_attribute(owner, name);
  if (!found.is_undefined() || has_python_attribute(owner, name)) return found;
  if (const Dict* dict = owner.if_dict()) {
    if (const Value* member = dict->find(name)) return *member;
  }
  return found;
}

Result<Value> get_item(Runtime& runtime, const Value& owner, const Value& key) {
  if (const Undefined* undefined = owner.if_undefined()) return undefined_error(*undefined);
  if (const Dict* dict = owner.if_dict()) {
    if (hashable(key)) {
      if (const Value* member = dict->find(key)) return *member;
    }
  } else if (const auto given = key.as_index()) {
    std::int64_t index = *given;
    if (const List* list = owner.if_list(); list != nullptr && is_indexable(*list)) {
      const std::int64_t length = static_cast<std::int64_t>(list->items.size());
      if (index < 0 && index >= -length) index += length;
      if (index >= 0 && index < length) return list->items[static_cast<std::size_t>(index)];
    } else if (const TaggedText* text = owner.if_string()) {
      if (index < 0) {
        const std::int64_t length = static_cast<std::int64_t>(count_code_points(text->bytes()));
        if (index >= -length) index += length;
      }
      if (index >= 0) {
        const std::size_t at = byte_of_code_point(text->bytes(), static_cast<std::size_t>(index));
        if (at < text->size()) return character(*text, at);
      }
    }
  }
  if (const TaggedText* name = key.if_string()) {
    if (name->bytes().starts_with("__")) {
      return Error{kTplUnsupported,
                   "cannot render chat template: attribute '" + escape_untrusted(name->bytes(), 60) +
                       "' is not supported",
                   "", "", std::nullopt};
    }
    return python_attribute(owner, name->bytes());
  }
  MOTE_ASSIGN(const TaggedText shown, runtime.str(key));
  return undefined_member(owner, shown.bytes());
}

Result<Value> get_slice(Runtime& runtime, const Value& owner, const Value* start, const Value* stop,
                        const Value* step) {
  if (const Undefined* undefined = owner.if_undefined()) return undefined_error(*undefined);
  if (const List* list = owner.if_list(); list != nullptr && is_indexable(*list)) {
    MOTE_ASSIGN(const SliceRange range,
                slice_range(static_cast<std::int64_t>(list->items.size()), start, stop, step));
    Values items;
    for (const std::size_t i : taken(range)) items.push_back(list->items[i]);
    return runtime.list(std::move(items), list->kind == ListKind::tuple ? ListKind::tuple : ListKind::list);
  }
  const TaggedText* text = owner.if_string();
  if (text == nullptr) return undefined_member(owner, "slice");
  const std::string& bytes = text->bytes();
  MOTE_ASSIGN(const SliceRange range,
              slice_range(static_cast<std::int64_t>(count_code_points(bytes)), start, stop, step));
  if (range.step == 1) {
    if (range.stop <= range.start) return Value(TaggedText());
    const std::size_t begin = byte_of_code_point(bytes, static_cast<std::size_t>(range.start));
    const std::size_t count = static_cast<std::size_t>(range.stop - range.start);
    const std::size_t size = byte_of_code_point(std::string_view(bytes).substr(begin), count);
    return runtime.text(text->slice(begin, begin + size));
  }
  std::vector<std::size_t> starts;
  for (std::size_t at = 0; at < bytes.size(); next_code_point(bytes, at)) starts.push_back(at);
  starts.push_back(bytes.size());
  TaggedText result;
  for (const std::size_t i : taken(range)) result.append_slice(*text, starts[i], starts[i + 1]);
  return runtime.text(std::move(result));
}

Result<Values> iterate(Runtime& runtime, const Value& value) {
  if (value.is_undefined()) return Values();
  if (const List* list = value.if_list()) {
    MOTE_TRY(runtime.charge(list->items.size() * sizeof(Value)));
    if (list->kind == ListKind::generator) {
      if (list->consumed) return Values();
      list->consumed = true;
    }
    return list->items;
  }
  Values items;
  if (const Dict* dict = value.if_dict()) {
    MOTE_TRY(runtime.charge(dict->members.size() * sizeof(Value)));
    for (const auto& [key, member] : dict->members) items.push_back(key);
    return items;
  }
  if (const TaggedText* text = value.if_string()) {
    MOTE_TRY(runtime.charge(text->size() * (sizeof(Value) + sizeof(TaggedText))));
    for (std::size_t at = 0; at < text->size();) {
      const std::size_t begin = at;
      next_code_point(text->bytes(), at);
      items.emplace_back(text->slice(begin, at));
    }
    return items;
  }
  return runtime_error("a value of type " + std::string(type_name(value)) + " has no items to go through");
}

Result<std::int64_t> length_of(const Value& value) {
  if (value.is_undefined()) return 0;
  if (const TaggedText* text = value.if_string())
    return static_cast<std::int64_t>(count_code_points(text->bytes()));
  if (const Dict* dict = value.if_dict()) return static_cast<std::int64_t>(dict->members.size());
  const List* list = value.if_list();
  if (list != nullptr && list->kind != ListKind::generator)
    return static_cast<std::int64_t>(list->items.size());
  if (const Loop* loop = value.if_loop()) return static_cast<std::int64_t>(loop->items.size());
  return runtime_error("a value of type " + std::string(type_name(value)) + " has no length");
}

}  // namespace mote::text::jinja
