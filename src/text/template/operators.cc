// Arithmetic and comparison with Python's rules. Integers have 64 bits; a result that needs more is an error,
// not a wrong number.
#include <algorithm>
#include <cmath>

#include "base/text_search.h"
#include "text/template/ast.h"
#include "text/template/runtime.h"
#include "text/template/template_errors.h"

namespace mote::text::jinja {
namespace {

std::string_view symbol_of(Operator what) {
  switch (what) {
    case Operator::add:
      return "+";
    case Operator::subtract:
      return "-";
    case Operator::multiply:
      return "*";
    case Operator::divide:
      return "/";
    case Operator::floor_divide:
      return "//";
    case Operator::modulo:
      return "%";
    case Operator::power:
      return "**";
  }
  return "?";
}

Error operand_error(std::string_view symbol, const Value& a, const Value& b) {
  for (const Value* value : {&a, &b}) {
    const Undefined* undefined = value->if_undefined();
    if (undefined != nullptr && undefined->what != nullptr) return runtime_error(*undefined->what);
  }
  return runtime_error("'" + std::string(symbol) + "' does not work on " + std::string(type_name(a)) +
                       " and " + std::string(type_name(b)));
}

Error overflow_error() {
  return {kTplLimit, "cannot render chat template: an integer needs more than 64 bits", "", "", std::nullopt};
}

Result<std::int64_t> integer_power(std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  if (base == 0 || base == 1) return exponent == 0 ? 1 : base;
  if (base == -1) return exponent % 2 == 0 ? 1 : -1;
  for (; exponent > 0; --exponent) {  // at most 63 rounds before it overflows
    if (__builtin_mul_overflow(result, base, &result)) return overflow_error();
  }
  return result;
}

Result<Value> integer_arithmetic(Operator what, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  switch (what) {
    case Operator::add:
      if (__builtin_add_overflow(a, b, &result)) return overflow_error();
      return Value(result);
    case Operator::subtract:
      if (__builtin_sub_overflow(a, b, &result)) return overflow_error();
      return Value(result);
    case Operator::multiply:
      if (__builtin_mul_overflow(a, b, &result)) return overflow_error();
      return Value(result);
    case Operator::divide:
      if (b == 0) return runtime_error("division by zero");
      return Value(static_cast<double>(a) / static_cast<double>(b));
    case Operator::floor_divide:
    case Operator::modulo: {
      if (b == 0) return runtime_error("division by zero");
      if (b == -1) {  // INT64_MIN / -1 does not fit
        if (what == Operator::modulo) return Value(std::int64_t{0});
        if (__builtin_sub_overflow(std::int64_t{0}, a, &result)) return overflow_error();
        return Value(result);
      }
      const bool floors = a % b != 0 && (a % b < 0) != (b < 0);
      if (what == Operator::modulo) return Value(a % b + (floors ? b : 0));
      return Value(a / b - (floors ? 1 : 0));
    }
    case Operator::power:
      break;
  }
  if (b < 0) {
    if (a == 0) return runtime_error("0 cannot be raised to a negative power");
    return Value(std::pow(static_cast<double>(a), static_cast<double>(b)));
  }
  MOTE_ASSIGN(result, integer_power(a, b));
  return Value(result);
}

// Python's float %: the sign of the divisor.
double float_modulo(double a, double b) {
  const double rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}

// Python's float //: from the exact rest, then rounded to the nearest whole number.
double float_floor_divide(double a, double b) {
  const double quotient = (a - float_modulo(a, b)) / b;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double floor = std::floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

Result<Value> real_arithmetic(Operator what, double a, double b) {
  const bool divides = what == Operator::divide || what == Operator::floor_divide || what == Operator::modulo;
  if (divides && b == 0) return runtime_error("division by zero");
  switch (what) {
    case Operator::add:
      return Value(a + b);
    case Operator::subtract:
      return Value(a - b);
    case Operator::multiply:
      return Value(a * b);
    case Operator::divide:
      return Value(a / b);
    case Operator::floor_divide:
      return Value(float_floor_divide(a, b));
    case Operator::modulo:
      return Value(float_modulo(a, b));
    case Operator::power:
      break;
  }
  if (a == 0 && b < 0) return runtime_error("0 cannot be raised to a negative power");
  if (a < 0 && std::floor(b) != b)
    return runtime_error("a negative number has no real power with a fraction");
  const double result = std::pow(a, b);
  if (std::isinf(result) && !std::isinf(a) && !std::isinf(b))
    return runtime_error("the power is out of range");
  return Value(result);
}

Result<Value> add_text(Runtime& runtime, const TaggedText& a, const TaggedText& b) {
  TaggedText result;
  result.markup = a.markup || b.markup;
  MOTE_TRY(runtime.charge_text(a.size() + b.size()));
  result.append(result.markup && !a.markup ? escape_html(a) : a);
  result.append(result.markup && !b.markup ? escape_html(b) : b);
  return Value(std::move(result));
}

Result<Value> repeat(Runtime& runtime, const Value& what, std::int64_t times) {
  const std::uint64_t count = static_cast<std::uint64_t>(std::max<std::int64_t>(times, 0));
  if (const TaggedText* text = what.if_string()) {
    if (text->empty() || count == 0) return Value(TaggedText());
    if (count > runtime.limits().max_output_bytes / text->size()) {
      return runtime.limit_error("bytes of output", runtime.limits().max_output_bytes);
    }
    MOTE_TRY(runtime.charge_text(count * text->size()));
    TaggedText result;
    for (std::uint64_t i = 0; i < count; ++i) result.append(*text);
    return Value(std::move(result));
  }
  const List& list = *what.if_list();
  if (list.items.empty() || count == 0) return runtime.list({}, list.kind);
  if (count > runtime.limits().max_memory_bytes / sizeof(Value) / list.items.size()) {
    return runtime.limit_error("bytes of memory", runtime.limits().max_memory_bytes);
  }
  MOTE_TRY(runtime.charge(count * list.items.size() * sizeof(Value)));
  Values items;
  for (std::uint64_t i = 0; i < count; ++i) items.insert(items.end(), list.items.begin(), list.items.end());
  return runtime.list(std::move(items), list.kind);
}

bool repeats(const Value& value) {
  const List* list = value.if_list();
  return value.if_string() != nullptr ||
         (list != nullptr && (list->kind == ListKind::list || list->kind == ListKind::tuple));
}

}  // namespace

Result<Value> arithmetic(Runtime& runtime, Operator what, const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    const auto i = a.as_index();
    const auto j = b.as_index();
    if (i && j) return integer_arithmetic(what, *i, *j);
    return real_arithmetic(what, *a.as_number(), *b.as_number());
  }
  const TaggedText* text = a.if_string();
  if (what == Operator::add) {
    if (text != nullptr && b.if_string() != nullptr) return add_text(runtime, *text, *b.if_string());
    const List* x = a.if_list();
    const List* y = b.if_list();
    if (x != nullptr && y != nullptr && repeats(a) && x->kind == y->kind) {
      // Before it is made: what a list doubled again and again asks for last must not be taken first.
      MOTE_TRY(runtime.charge((x->items.size() + y->items.size()) * sizeof(Value)));
      Values items;
      items.reserve(x->items.size() + y->items.size());
      items.insert(items.end(), x->items.begin(), x->items.end());
      items.insert(items.end(), y->items.begin(), y->items.end());
      return runtime.list(std::move(items), x->kind);
    }
  }
  if (what == Operator::multiply) {
    if (repeats(a) && b.as_index()) return repeat(runtime, a, *b.as_index());
    if (repeats(b) && a.as_index()) return repeat(runtime, b, *a.as_index());
  }
  if (what == Operator::modulo && text != nullptr) {
    const List* list = b.if_list();
    const bool is_tuple = list != nullptr && list->kind == ListKind::tuple;
    return format_percent(runtime, *text, is_tuple ? list->items : Values{b}, b.if_dict());
  }
  return operand_error(symbol_of(what), a, b);
}

Result<bool> contains(Runtime& runtime, const Value& container, const Value& item) {
  if (const TaggedText* text = container.if_string()) {
    const TaggedText* part = item.if_string();
    if (part != nullptr) return find_text(text->bytes(), part->bytes()) != std::string_view::npos;
    return operand_error("in", item, container);
  }
  if (const Dict* dict = container.if_dict()) {
    if (!hashable(item)) return runtime_error("a " + std::string(type_name(item)) + " cannot be a key");
    MOTE_TRY(runtime.step(1 + dict->members.size() / 64));
    return dict->find(item) != nullptr;
  }
  if (container.is_undefined() || container.if_list() != nullptr) {
    MOTE_TRY(runtime.step(1 + weight_of(container) / 16));
    MOTE_ASSIGN(const Values items, iterate(runtime, container));
    return std::ranges::any_of(items, [&](const Value& candidate) { return equal(candidate, item); });
  }
  return operand_error("in", item, container);
}

Result<bool> compare_values(Runtime& runtime, Comparison what, const Value& a, const Value& b) {
  MOTE_TRY(runtime.step(1 + std::min(weight_of(a), weight_of(b)) / 16));
  switch (what) {
    case Comparison::equal:
      return equal(a, b);
    case Comparison::unequal:
      return !equal(a, b);
    case Comparison::in:
      return contains(runtime, b, a);
    case Comparison::not_in: {
      MOTE_ASSIGN(const bool found, contains(runtime, b, a));
      return !found;
    }
    default:
      break;
  }
  const auto order = compare(a, b);
  const bool is_less = what == Comparison::less || what == Comparison::less_equal;
  const bool with_equal = what == Comparison::less_equal || what == Comparison::greater_equal;
  if (!order) return operand_error(is_less ? "<" : ">", a, b);
  if (*order == 0) return with_equal;
  return *order == (is_less ? -1 : 1);
}

}  // namespace mote::text::jinja
