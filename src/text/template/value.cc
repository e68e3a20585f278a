#include "text/template/value.h"

#include <algorithm>
#include <cmath>

#include "mote/error.h"

namespace mote::text::jinja {
namespace {

constexpr std::size_t kLinearSearch = 12;

std::uint32_t depth_of(const Value& value) {
  if (const List* list = value.if_list()) return list->depth;
  if (const Dict* dict = value.if_dict()) return dict->depth;
  const Callable* callable = value.if_callable();
  return callable != nullptr ? depth_of(callable->receiver) + 1 : 0;
}

std::optional<int> compare_numbers(const Value& a, const Value& b) {
  const auto x = a.as_index();
  const auto y = b.as_index();
  if (x && y) return *x < *y ? -1 : *x > *y ? 1 : 0;
  const double u = *a.as_number();
  const double v = *b.as_number();
  if (std::isnan(u) || std::isnan(v)) return 2;
  return u < v ? -1 : u > v ? 1 : 0;
}

bool equal_lists(const List& a, const List& b) {
  if (a.kind != b.kind || a.items.size() != b.items.size()) return false;
  if (a.kind == ListKind::generator || a.kind == ListKind::values) return false;
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    if (!equal(a.items[i], b.items[i])) return false;
  }
  return true;
}

bool equal_dicts(const Dict& a, const Dict& b) {
  if (a.members.size() != b.members.size()) return false;
  return std::ranges::all_of(a.members, [&](const auto& member) {
    const Value* other = b.find(member.first);
    return other != nullptr && equal(member.second, *other);
  });
}

}  // namespace

std::optional<std::int64_t> Value::as_index() const {
  if (const bool* b = if_bool()) return *b ? 1 : 0;
  if (const std::int64_t* i = if_integer()) return *i;
  return std::nullopt;
}

std::optional<double> Value::as_number() const {
  if (const double* d = if_real()) return *d;
  if (const auto i = as_index()) return static_cast<double>(*i);
  return std::nullopt;
}

const void* Value::identity() const {
  if (const void* p = if_list()) return p;
  if (const void* p = if_dict()) return p;
  if (const void* p = if_namespace()) return p;
  if (const void* p = if_loop()) return p;
  if (const void* p = if_callable()) return p;
  return if_string();
}

std::size_t Dict::position_of(const Value& key) const {
  if (const TaggedText* text = key.if_string()) return position_of(std::string_view(text->bytes()));
  std::size_t i = 0;
  while (i < members.size() && !equal(members[i].first, key)) ++i;
  return i;
}

std::size_t Dict::position_of(std::string_view key) const {
  if (!index_.empty()) {
    const auto found = index_.find(key);
    return found == index_.end() ? members.size() : found->second;
  }
  std::size_t i = 0;
  for (; i < members.size(); ++i) {
    const TaggedText* text = members[i].first.if_string();
    if (text != nullptr && text->bytes() == key) break;
  }
  return i;
}

const Value* Dict::find(const Value& key) const {
  const std::size_t i = position_of(key);
  return i < members.size() ? &members[i].second : nullptr;
}

const Value* Dict::find(std::string_view key) const {
  const std::size_t i = position_of(key);
  return i < members.size() ? &members[i].second : nullptr;
}

void Dict::set(Value key, Value value) {
  depth = std::max({depth, depth_of(key) + 1, depth_of(value) + 1});
  weight += weight_of(key) + weight_of(value);
  const std::size_t i = position_of(key);
  if (i < members.size()) {
    members[i].second = std::move(value);
    return;
  }
  members.emplace_back(std::move(key), std::move(value));
  const auto add_to_index = [this](std::size_t at) {
    if (const TaggedText* text = members[at].first.if_string()) index_.emplace(text->bytes(), at);
  };
  if (!index_.empty()) {
    add_to_index(i);
  } else if (members.size() > kLinearSearch) {
    for (std::size_t at = 0; at < members.size(); ++at) add_to_index(at);
  }
}

std::uint64_t weight_of(const Value& value) {
  if (const List* list = value.if_list()) return list->weight;
  if (const Dict* dict = value.if_dict()) return dict->weight;
  return 1;
}

bool truthy(const Value& value) {
  if (value.is_undefined() || value.is_none()) return false;
  if (const auto number = value.as_number()) return *number != 0;
  if (const TaggedText* text = value.if_string()) return !text->empty();
  if (const List* list = value.if_list()) return list->kind == ListKind::generator || !list->items.empty();
  if (const Dict* dict = value.if_dict()) return !dict->members.empty();
  return true;
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return compare_numbers(a, b) == 0;
  if (a.is_undefined() || a.is_none())
    return a.is_undefined() == b.is_undefined() && a.is_none() == b.is_none();
  if (a.identity() != nullptr && a.identity() == b.identity()) return true;
  if (a.if_string() != nullptr && b.if_string() != nullptr)
    return a.if_string()->bytes() == b.if_string()->bytes();
  if (a.if_list() != nullptr && b.if_list() != nullptr) return equal_lists(*a.if_list(), *b.if_list());
  if (a.if_dict() != nullptr && b.if_dict() != nullptr) return equal_dicts(*a.if_dict(), *b.if_dict());
  const Callable* f = a.if_callable();
  const Callable* g = b.if_callable();
  return f != nullptr && g != nullptr && f->kind == g->kind && f->kind == Callable::Kind::function &&
         f->function == g->function;
}

std::optional<int> compare(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return compare_numbers(a, b);
  if (a.if_string() != nullptr && b.if_string() != nullptr) {
    // The order of UTF-8 bytes is that of code points.
    const int order = a.if_string()->bytes().compare(b.if_string()->bytes());
    return order < 0 ? -1 : order > 0 ? 1 : 0;
  }
  const List* x = a.if_list();
  const List* y = b.if_list();
  const bool lists = x != nullptr && y != nullptr && x->kind == y->kind &&
                     (x->kind == ListKind::list || x->kind == ListKind::tuple);
  if (!lists) return std::nullopt;
  for (std::size_t i = 0; i < std::min(x->items.size(), y->items.size()); ++i) {
    if (!equal(x->items[i], y->items[i])) return compare(x->items[i], y->items[i]);
  }
  return x->items.size() < y->items.size() ? -1 : x->items.size() > y->items.size() ? 1 : 0;
}

bool hashable(const Value& value) {
  if (value.if_dict() != nullptr) return false;
  const List* list = value.if_list();
  if (list == nullptr) return true;
  if (list->kind == ListKind::list || list->kind == ListKind::keys || list->kind == ListKind::items)
    return false;
  return list->kind != ListKind::tuple || std::ranges::all_of(list->items, hashable);
}

std::string_view type_name(const Value& value) {
  if (value.is_undefined()) return "undefined";
  if (value.is_none()) return "None";
  if (value.if_bool() != nullptr) return "bool";
  if (value.if_integer() != nullptr) return "int";
  if (value.if_real() != nullptr) return "float";
  if (value.if_string() != nullptr) return "str";
  if (value.if_dict() != nullptr) return "dict";
  if (value.if_namespace() != nullptr) return "Namespace";
  if (value.if_loop() != nullptr) return "LoopContext";
  if (const List* list = value.if_list()) {
    switch (list->kind) {
      case ListKind::list:
        return "list";
      case ListKind::tuple:
        return "tuple";
      case ListKind::range:
        return "range";
      case ListKind::keys:
        return "dict_keys";
      case ListKind::values:
        return "dict_values";
      case ListKind::items:
        return "dict_items";
      case ListKind::generator:
        return "generator";
    }
  }
  return "function";
}

Value make_string(std::string_view text, bool is_template) {
  return Value(TaggedText(std::string(text), is_template));
}

std::optional<Value> make_list(Values items, ListKind kind) {
  auto list = std::make_shared<List>();
  for (const Value& item : items) {
    list->depth = std::max(list->depth, depth_of(item) + 1);
    list->weight += weight_of(item);  // at most 2^22 each, of fewer than 2^32
  }
  if (list->depth > kMaxValueDepth || list->weight > kMaxValueWeight) return std::nullopt;
  list->items = std::move(items);
  list->kind = kind;
  return Value(ListPtr(std::move(list)));
}

std::optional<Value> make_dict(Dict dict) {
  if (dict.depth > kMaxValueDepth || dict.weight > kMaxValueWeight) return std::nullopt;
  return Value(DictPtr(std::make_shared<const Dict>(std::move(dict))));
}

Value undefined_name(std::string_view name) {
  return Undefined{std::make_shared<const std::string>("'" + escape_untrusted(name, 60) + "' is undefined")};
}

Value undefined_member(const Value& owner, std::string_view name) {
  return Undefined{std::make_shared<const std::string>(
      "'" + std::string(type_name(owner)) + "' has no attribute '" + escape_untrusted(name, 60) + "'")};
}

}  // namespace mote::text::jinja
