// The filters of Jinja2 on lists and dictionaries.
#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "text/template/ast.h"
#include "text/template/runtime.h"
#include "text/template/template_errors.h"
#include "text/template/unicode.h"

namespace mote::text::jinja {
namespace {

// What an attribute filter reads from an item: "a.b.0", each part an item or an attribute.
Result<Value> path_of(Runtime& runtime, Value item, const Value& path, const Value* fallback) {
  std::vector<Value> parts;
  if (const TaggedText* text = path.if_string()) {
    std::string_view rest = text->bytes();
    for (bool more = true; more;) {
      const std::size_t dot = rest.find('.');
      const std::string_view part = rest.substr(0, dot);
      const auto number = parse_uint64(part);
      parts.push_back(number && *number <= INT64_MAX ? Value(static_cast<std::int64_t>(*number))
                                                     : make_string(part));
      more = dot != std::string_view::npos;
      if (more) rest.remove_prefix(dot + 1);
    }
  } else {
    parts.push_back(path);
  }
  for (const Value& part : parts) {
    MOTE_ASSIGN(item, get_item(runtime, item, part));
    if (fallback != nullptr && item.is_undefined()) item = *fallback;
  }
  return item;
}

// Text compares without case unless told otherwise.
Value folded(const Value& value, bool case_sensitive) {
  const TaggedText* text = value.if_string();
  return text == nullptr || case_sensitive ? value : Value(map_case(*text, to_lower, to_lower, false));
}

struct Keyed {
  Value key;
  Value item;
};

Result<std::vector<Keyed>> keyed(Runtime& runtime, const Value& value, const Value* attribute,
                                 bool case_sensitive) {
  MOTE_ASSIGN(Values items, iterate(runtime, value));
  MOTE_TRY(runtime.step(items.size()));
  std::vector<Keyed> result;
  for (Value& item : items) {
    Value key = item;
    if (attribute != nullptr && !attribute->is_none()) {
      MOTE_ASSIGN(key, path_of(runtime, item, *attribute, nullptr));
    }
    result.push_back({folded(key, case_sensitive), std::move(item)});
  }
  return result;
}

// Stable, as Python's sorted(); fails where two keys have no order.
Result<void> sort_keyed(Runtime& runtime, std::vector<Keyed>& items, bool reverse) {
  if (items.size() > 1) {
    for (const Keyed& item : items) {
      MOTE_TRY(runtime.step(1 + weight_of(item.key)));
      MOTE_TRY(compare_values(runtime, Comparison::less, item.key, items[0].key));
    }
  }
  std::ranges::stable_sort(items, [&](const Keyed& a, const Keyed& b) {
    return compare(reverse ? b.key : a.key, reverse ? a.key : b.key) == -1;
  });
  return {};
}

Result<Value> sorted(Runtime& runtime, const Value& value, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, "sort", {"reverse", "case_sensitive", "attribute"}));
  MOTE_ASSIGN(std::vector<Keyed> items, keyed(runtime, value, args[2], truth_or(args[1], false)));
  MOTE_TRY(sort_keyed(runtime, items, truth_or(args[0], false)));
  Values result;
  for (Keyed& item : items) result.push_back(std::move(item.item));
  return runtime.list(std::move(result));
}

Result<Value> dictsort(Runtime& runtime, const Value& value, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, "dictsort", {"case_sensitive", "by", "reverse"}));
  const Dict* dict = value.if_dict();
  if (dict == nullptr)
    return runtime_error("'dictsort' needs a dictionary, got " + std::string(type_name(value)));
  const std::string by =
      args[1] != nullptr && args[1]->if_string() != nullptr ? args[1]->if_string()->bytes() : "key";
  if (by != "key" && by != "value") return runtime_error("'dictsort' sorts by key or value");
  std::vector<Keyed> items;
  for (const auto& [key, member] : dict->members) {
    MOTE_ASSIGN(Value pair, runtime.list({key, member}, ListKind::tuple));
    items.push_back({folded(by == "key" ? key : member, truth_or(args[0], false)), std::move(pair)});
  }
  MOTE_TRY(sort_keyed(runtime, items, truth_or(args[2], false)));
  Values result;
  for (Keyed& item : items) result.push_back(std::move(item.item));
  return runtime.list(std::move(result));
}

Result<Value> unique(Runtime& runtime, const Value& value, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, "unique", {"case_sensitive", "attribute"}));
  MOTE_ASSIGN(std::vector<Keyed> items, keyed(runtime, value, args[1], truth_or(args[0], false)));
  Dict seen;
  Values result;
  for (Keyed& item : items) {
    if (!hashable(item.key))
      return runtime_error("'unique' cannot tell values of type " + std::string(type_name(item.key)) +
                           " apart");
    MOTE_TRY(runtime.step(1 + (item.key.if_string() == nullptr ? seen.members.size() / 16 : 0)));
    if (seen.find(item.key) != nullptr) continue;
    seen.set(item.key, Value(None{}));
    result.push_back(std::move(item.item));
  }
  return runtime.list(std::move(result), ListKind::generator);
}

Result<Value> extreme(Runtime& runtime, const Value& value, const CallArguments& arguments, bool largest) {
  MOTE_ASSIGN(const auto args, bind(arguments, largest ? "max" : "min", {"case_sensitive", "attribute"}));
  MOTE_ASSIGN(const std::vector<Keyed> items, keyed(runtime, value, args[1], truth_or(args[0], false)));
  if (items.empty()) return undefined_name("no aggregated item, sequence was empty");
  const Keyed* best = &items[0];
  for (const Keyed& item : items) {
    if (&item == &items[0]) continue;
    MOTE_ASSIGN(const bool better, compare_values(runtime, largest ? Comparison::greater : Comparison::less,
                                                  item.key, best->key));
    if (better) best = &item;
  }
  return best->item;
}

Result<Value> sum(Runtime& runtime, const Value& value, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, "sum", {"attribute", "start"}));
  MOTE_ASSIGN(const Values items, iterate(runtime, value));
  Value total = args[1] != nullptr ? *args[1] : Value(std::int64_t{0});
  if (total.if_string() != nullptr) return runtime_error("'sum' does not add text; use 'join'");
  for (Value item : items) {
    MOTE_TRY(runtime.step());
    if (args[0] != nullptr && !args[0]->is_none()) {
      MOTE_ASSIGN(item, path_of(runtime, item, *args[0], nullptr));
    }
    MOTE_ASSIGN(total, arithmetic(runtime, Operator::add, total, item));
  }
  return total;
}

Result<Value> join(Runtime& runtime, const Value& value, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, "join", {"d", "attribute"}));
  MOTE_ASSIGN(const Values items, iterate(runtime, value));
  TaggedText separator;
  if (args[0] != nullptr) {
    MOTE_ASSIGN(separator, runtime.str(*args[0]));
  }
  TaggedText result;
  for (std::size_t i = 0; i < items.size(); ++i) {
    MOTE_TRY(runtime.step());
    Value item = items[i];
    if (args[1] != nullptr && !args[1]->is_none()) {
      MOTE_ASSIGN(item, path_of(runtime, item, *args[1], nullptr));
    }
    MOTE_ASSIGN(const TaggedText text, runtime.str(item));
    const std::uint64_t size = result.size() + separator.size() + text.size();
    if (size > runtime.limits().max_output_bytes) {
      return runtime.limit_error("bytes of output", runtime.limits().max_output_bytes);
    }
    if (i > 0) result.append(separator);
    result.append(text);
  }
  return runtime.text(std::move(result));
}

// map, select and their kin take everything false, `none` included, for an empty list.
Result<Values> items_if_any(Runtime& runtime, const Value& value) {
  return truthy(value) ? iterate(runtime, value) : Result<Values>(Values());
}

// map(attribute=...) or map('filter', arguments...).
Result<Value> map(Runtime& runtime, const Value& value, const CallArguments& arguments) {
  MOTE_ASSIGN(const Values items, items_if_any(runtime, value));
  const Value* attribute = nullptr;
  const Value* fallback = nullptr;
  for (const auto& [name, given] : arguments.named) {
    if (name == "attribute") attribute = &given;
    if (name == "default") fallback = &given;
  }
  Values result;
  if (arguments.positional.empty() && attribute != nullptr) {
    if (arguments.named.size() > (fallback != nullptr ? 2U : 1U))
      return runtime_error("'map' got unknown arguments");
    for (const Value& item : items) {
      MOTE_TRY(runtime.step());
      MOTE_ASSIGN(Value found, path_of(runtime, item, *attribute, fallback));
      result.push_back(std::move(found));
    }
    return runtime.list(std::move(result), ListKind::generator);
  }
  const TaggedText* name = arguments.positional.empty() ? nullptr : arguments.positional[0].if_string();
  if (name == nullptr) return runtime_error("'map' needs the name of a filter");
  CallArguments rest{{arguments.positional.begin() + 1, arguments.positional.end()}, arguments.named};
  const Filter filter = find_filter(name->bytes()).value_or(Filter::unknown);
  const bool nests = filter == Filter::map || filter == Filter::select || filter == Filter::reject ||
                     filter == Filter::selectattr || filter == Filter::rejectattr;
  if (nests)
    return Error{kTplUnsupported,
                 "cannot render chat template: 'map' of '" + name->bytes() + "' is not supported", "", "",
                 std::nullopt};
  for (const Value& item : items) {
    MOTE_TRY(runtime.step());
    MOTE_ASSIGN(Value mapped, apply_filter(runtime, filter, name->bytes(), item, rest));
    result.push_back(std::move(mapped));
  }
  return runtime.list(std::move(result), ListKind::generator);
}

// select, reject and their attribute forms: items for which the test gives `keep`; truth where no test is
// named.
Result<Value> select(Runtime& runtime, const Value& value, const CallArguments& arguments, bool keep,
                     bool by_attribute) {
  MOTE_ASSIGN(const Values items, items_if_any(runtime, value));
  const std::size_t first = by_attribute ? 1 : 0;
  if (arguments.positional.size() < first) return runtime_error("a filter needs the name of an attribute");
  std::string name;
  Test test = Test::unknown;
  CallArguments rest{{}, arguments.named};
  const bool has_test = arguments.positional.size() > first;
  if (has_test) {
    const TaggedText* text = arguments.positional[first].if_string();
    if (text == nullptr) return runtime_error("a filter needs the name of a test");
    name = text->bytes();
    test = find_test(name).value_or(Test::unknown);
    rest.positional.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(first) + 1,
                           arguments.positional.end());
  }
  Values result;
  for (const Value& item : items) {
    MOTE_TRY(runtime.step());
    Value tested = item;
    if (by_attribute) {
      MOTE_ASSIGN(tested, path_of(runtime, item, arguments.positional[0], nullptr));
    }
    bool holds = truthy(tested);
    if (has_test) {
      MOTE_ASSIGN(holds, apply_test(runtime, test, name, tested, rest));
    }
    if (holds == keep) result.push_back(item);
  }
  return runtime.list(std::move(result), ListKind::generator);
}

Result<Value> reverse(Runtime& runtime, const Value& value) {
  if (const TaggedText* text = value.if_string()) {
    TaggedText result;
    for (std::size_t end = text->size(); end > 0;) {
      const std::size_t begin = previous_code_point(text->bytes(), end);
      result.append_slice(*text, begin, end);
      end = begin;
    }
    return runtime.text(std::move(result));
  }
  MOTE_ASSIGN(Values items, iterate(runtime, value));
  std::ranges::reverse(items);
  return runtime.list(std::move(items), ListKind::generator);
}

Result<Value> first_or_last(Runtime& runtime, const Value& value, bool first) {
  const List* list = value.if_list();
  const bool has_ends = first || value.if_string() != nullptr ||
                        (list != nullptr && list->kind != ListKind::generator) ||
                        value.if_dict() != nullptr || value.is_undefined();
  if (!has_ends) return runtime_error("'last' needs a sequence, got " + std::string(type_name(value)));
  if (value.if_string() != nullptr || list != nullptr) MOTE_TRY(runtime.step());
  MOTE_ASSIGN(const Values items, iterate(runtime, value));
  if (items.empty()) return undefined_name(first ? "the first item of nothing" : "the last item of nothing");
  return first ? items.front() : items.back();
}

Result<Value> items_of(Runtime& runtime, const Value& value) {
  if (value.is_undefined()) return runtime.list({}, ListKind::generator);
  if (value.if_dict() == nullptr)
    return runtime_error("'items' needs a mapping, got " + std::string(type_name(value)));
  MOTE_ASSIGN(const Value view, call_method(runtime, value, "items", {}));
  return runtime.list(view.if_list()->items, ListKind::generator);
}

Result<Value> batch(Runtime& runtime, const Value& value, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, "batch", {"linecount", "fill_with"}, 1));
  MOTE_ASSIGN(const std::int64_t given, integer_or(args[0], 1, "batch"));
  MOTE_ASSIGN(const Values items, iterate(runtime, value));
  if (given < 1 || given > 100'000) return runtime_error("'batch' needs a count from 1 to 100,000");
  const std::size_t count = static_cast<std::size_t>(given);
  Values result;
  for (std::size_t begin = 0; begin < items.size(); begin += count) {
    const std::size_t end = std::min(begin + count, items.size());
    Values row(items.begin() + static_cast<std::ptrdiff_t>(begin),
               items.begin() + static_cast<std::ptrdiff_t>(end));
    if (args[1] != nullptr && !args[1]->is_none()) row.resize(count, *args[1]);
    MOTE_ASSIGN(Value list, runtime.list(std::move(row)));
    result.push_back(std::move(list));
  }
  return runtime.list(std::move(result), ListKind::generator);
}

// In `count` parts, the first of them one longer where it does not come out even.
Result<Value> slice(Runtime& runtime, const Value& value, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, "slice", {"slices", "fill_with"}, 1));
  MOTE_ASSIGN(const std::int64_t given, integer_or(args[0], 1, "slice"));
  MOTE_ASSIGN(const Values items, iterate(runtime, value));
  if (given < 1 || given > 100'000) return runtime_error("'slice' needs a count from 1 to 100,000");
  const std::size_t count = static_cast<std::size_t>(given);
  const std::size_t longer = items.size() % count;
  Values result;
  std::size_t begin = 0;
  for (std::size_t part = 0; part < count; ++part) {
    const std::size_t end = begin + items.size() / count + (part < longer ? 1 : 0);
    Values row(items.begin() + static_cast<std::ptrdiff_t>(begin),
               items.begin() + static_cast<std::ptrdiff_t>(end));
    if (args[1] != nullptr && !args[1]->is_none() && part >= longer) row.push_back(*args[1]);
    MOTE_ASSIGN(Value list, runtime.list(std::move(row)));
    result.push_back(std::move(list));
    begin = end;
  }
  return runtime.list(std::move(result), ListKind::generator);
}

}  // namespace

Result<Value> apply_sequence_filter(Runtime& runtime, Filter filter, const Value& value,
                                    const CallArguments& arguments) {
  switch (filter) {
    case Filter::sort:
      return sorted(runtime, value, arguments);
    case Filter::dictsort:
      return dictsort(runtime, value, arguments);
    case Filter::unique:
      return unique(runtime, value, arguments);
    case Filter::max:
      return extreme(runtime, value, arguments, true);
    case Filter::min:
      return extreme(runtime, value, arguments, false);
    case Filter::sum:
      return sum(runtime, value, arguments);
    case Filter::join:
      return join(runtime, value, arguments);
    case Filter::map:
      return map(runtime, value, arguments);
    case Filter::select:
      return select(runtime, value, arguments, true, false);
    case Filter::reject:
      return select(runtime, value, arguments, false, false);
    case Filter::selectattr:
      return select(runtime, value, arguments, true, true);
    case Filter::rejectattr:
      return select(runtime, value, arguments, false, true);
    case Filter::batch:
      return batch(runtime, value, arguments);
    case Filter::slice:
      return slice(runtime, value, arguments);
    default:
      break;
  }
  MOTE_TRY(bind(arguments, "a list filter", {}));
  switch (filter) {
    case Filter::first:
      return first_or_last(runtime, value, true);
    case Filter::last:
      return first_or_last(runtime, value, false);
    case Filter::reverse:
      return reverse(runtime, value);
    case Filter::items:
      return items_of(runtime, value);
    default:
      break;
  }
  MOTE_ASSIGN(Values items, iterate(runtime, value));  // list
  return runtime.list(std::move(items));
}

}  // namespace mote::text::jinja
