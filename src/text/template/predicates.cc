// The tests of Jinja2: what may follow `is`.
#include <algorithm>

#include "base/strings.h"
#include "text/template/ast.h"
#include "text/template/runtime.h"
#include "text/template/template_errors.h"
#include "text/template/unicode.h"

namespace mote::text::jinja {
namespace {

Result<std::int64_t> whole(const Value& value, std::string_view test) { return integer_or(&value, 0, test); }

// "odd" and "even" work on floats too, as Python's % does.
Result<double> remainder_of_two(Runtime& runtime, const Value& value) {
  MOTE_ASSIGN(const Value rest, arithmetic(runtime, Operator::modulo, value, Value(std::int64_t{2})));
  if (!rest.is_number()) return runtime_error("a test needs a number");
  return *rest.as_number();
}

bool is_iterable(const Value& value) {
  return value.is_undefined() || value.if_string() != nullptr || value.if_list() != nullptr ||
         value.if_dict() != nullptr || value.if_loop() != nullptr;
}

bool is_sequence(const Value& value) {
  if (value.is_undefined() || value.if_string() != nullptr || value.if_dict() != nullptr) return true;
  const List* list = value.if_list();
  return list != nullptr &&
         (list->kind == ListKind::list || list->kind == ListKind::tuple || list->kind == ListKind::range);
}

bool same_object(const Value& a, const Value& b) {
  if (a.identity() != nullptr || b.identity() != nullptr) return a.identity() == b.identity();
  return type_name(a) == type_name(b) && equal(a, b);
}

// Of str(value): at least one cased letter, none of the other case.
Result<bool> has_case(Runtime& runtime, const Value& value, bool upper) {
  MOTE_ASSIGN(const TaggedText text, runtime.str(value));
  bool any = false;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text.bytes(), at);
    if (upper ? is_lower(c) : is_upper(c)) return false;
    any = any || is_upper(c) || is_lower(c);
  }
  return any;
}

Result<bool> with_operand(Runtime& runtime, Test test, const Value& value, const Value& operand) {
  switch (test) {
    case Test::equal:
      return compare_values(runtime, Comparison::equal, value, operand);
    case Test::unequal:
      return compare_values(runtime, Comparison::unequal, value, operand);
    case Test::less:
      return compare_values(runtime, Comparison::less, value, operand);
    case Test::less_equal:
      return compare_values(runtime, Comparison::less_equal, value, operand);
    case Test::greater:
      return compare_values(runtime, Comparison::greater, value, operand);
    case Test::greater_equal:
      return compare_values(runtime, Comparison::greater_equal, value, operand);
    case Test::in:
      return contains(runtime, operand, value);
    case Test::sameas:
      return same_object(value, operand);
    default:
      break;
  }
  MOTE_ASSIGN(const std::int64_t divisor, whole(operand, "divisibleby"));
  MOTE_ASSIGN(const std::int64_t number, whole(value, "divisibleby"));
  if (divisor == 0) return runtime_error("division by zero");
  return divisor == -1 || number % divisor == 0;
}

}  // namespace

Result<bool> apply_test(Runtime& runtime, Test test, std::string_view name, const Value& value,
                        const CallArguments& arguments) {
  switch (test) {
    case Test::unknown:
      return Error{kTplUnsupported,
                   "cannot render chat template: test '" + escape_untrusted(name, 60) + "' is not supported",
                   "try a simpler template with `mote render --template`", "", std::nullopt};
    case Test::equal:
    case Test::unequal:
    case Test::less:
    case Test::less_equal:
    case Test::greater:
    case Test::greater_equal:
    case Test::in:
    case Test::sameas:
    case Test::divisibleby: {
      MOTE_ASSIGN(const auto args, bind(arguments, name, {"other"}, 1));
      return with_operand(runtime, test, value, *args[0]);
    }
    default:
      break;
  }
  MOTE_TRY(bind(arguments, name, {}));
  const TaggedText* text = value.if_string();
  switch (test) {
    case Test::boolean:
      return value.if_bool() != nullptr;
    case Test::callable:
      return value.if_callable() != nullptr || value.if_loop() != nullptr;
    case Test::defined:
      return !value.is_undefined();
    case Test::undefined:
      return value.is_undefined();
    case Test::escaped:
      return text != nullptr && text->markup;
    case Test::is_true:
      return value.if_bool() != nullptr && *value.if_bool();
    case Test::is_false:
      return value.if_bool() != nullptr && !*value.if_bool();
    case Test::filter:
      return text != nullptr && find_filter(text->bytes()).has_value();
    case Test::test:
      return text != nullptr && find_test(text->bytes()).has_value();
    case Test::floating:
      return value.if_real() != nullptr;
    case Test::integer:
      return value.if_integer() != nullptr;
    case Test::number:
      return value.is_number();
    case Test::iterable:
      return is_iterable(value);
    case Test::sequence:
      return is_sequence(value);
    case Test::mapping:
      return value.if_dict() != nullptr;
    case Test::none:
      return value.is_none();
    case Test::string:
      return text != nullptr;
    case Test::lower:
      return has_case(runtime, value, false);
    case Test::upper:
      return has_case(runtime, value, true);
    default:
      break;
  }
  MOTE_ASSIGN(const double rest, remainder_of_two(runtime, value));
  return test == Test::odd ? rest == 1 : rest == 0;
}

}  // namespace mote::text::jinja
