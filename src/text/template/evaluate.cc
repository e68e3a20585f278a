// Expressions of the interpreter.
#include <algorithm>

#include "text/template/interpreter.h"
#include "text/template/template_errors.h"

namespace mote::text::jinja {

Value Interpreter::lookup(NameId name) const {
  if (const Value* found = scope_->find(name)) return *found;
  const std::string& text = program_.names[name];
  if (const Value* found = variables_.find(std::string_view(text))) return *found;
  if (const auto function = find_function(text)) {
    auto callable = std::make_shared<Callable>();
    callable->function = *function;
    return {std::shared_ptr<const Callable>(std::move(callable))};
  }
  return undefined_name(text);
}

Result<Value> Interpreter::evaluate(const Expression& expression) {
  const Nesting nesting(*this);
  MOTE_TRY(check_nesting(expression.offset));
  auto stepped = runtime_.step();
  if (!stepped) return located(std::move(stepped).error(), expression.offset);
  auto value = evaluate_node(expression);
  if (!value) return located(std::move(value).error(), expression.offset);
  return value;
}

Result<Value> Interpreter::evaluate_node(const Expression& expression) {
  using Kind = Expression::Kind;
  const auto& children = expression.children;
  switch (expression.kind) {
    case Kind::constant:
      return expression.constant;
    case Kind::name:
      return lookup(expression.name);
    case Kind::list:
    case Kind::tuple:
    case Kind::dict:
      return collection(expression);
    case Kind::all_of:
    case Kind::any_of: {
      Value value;
      for (const ExpressionPtr& child : children) {
        MOTE_ASSIGN(value, evaluate(*child));
        if (truthy(value) == (expression.kind == Kind::any_of)) break;
      }
      return value;
    }
    case Kind::negation: {
      MOTE_ASSIGN(const Value value, evaluate(*children[0]));
      return Value(!truthy(value));
    }
    case Kind::minus:
    case Kind::plus: {
      MOTE_ASSIGN(const Value value, evaluate(*children[0]));
      if (const double* real = value.if_real()) return Value(expression.kind == Kind::minus ? -*real : *real);
      return arithmetic(runtime_, expression.kind == Kind::minus ? Operator::subtract : Operator::add,
                        Value(std::int64_t{0}), value);
    }
    case Kind::conditional: {
      MOTE_ASSIGN(const Value condition, evaluate(*children[1]));
      if (truthy(condition)) return evaluate(*children[0]);
      if (children[2] != nullptr) return evaluate(*children[2]);
      return undefined_name("a conditional expression without else");
    }
    case Kind::comparison:
      return comparison(expression);
    case Kind::arithmetic: {
      MOTE_ASSIGN(Value left, evaluate(*children[0]));
      for (std::size_t i = 0; i < expression.operators.size(); ++i) {
        MOTE_ASSIGN(const Value right, evaluate(*children[i + 1]));
        MOTE_ASSIGN(left, arithmetic(runtime_, expression.operators[i], left, right));
      }
      return left;
    }
    case Kind::concatenation:
      return concatenation(expression);
    case Kind::postfix:
      return chain({expression, nullptr});
  }
  return Value();
}

Result<Value> Interpreter::collection(const Expression& expression) {
  Values items;
  for (const ExpressionPtr& child : expression.children) {
    MOTE_ASSIGN(Value item, evaluate(*child));
    items.push_back(std::move(item));
  }
  if (expression.kind != Expression::Kind::dict) {
    return runtime_.list(std::move(items),
                         expression.kind == Expression::Kind::list ? ListKind::list : ListKind::tuple);
  }
  Dict dict;
  for (std::size_t i = 0; i < items.size(); i += 2) {
    if (!hashable(items[i]))
      return runtime_error("a " + std::string(type_name(items[i])) + " cannot be a key");
    dict.set(std::move(items[i]), std::move(items[i + 1]));
  }
  return runtime_.dict(std::move(dict));
}

Result<Value> Interpreter::concatenation(const Expression& expression) {
  TaggedText result;
  for (const ExpressionPtr& child : expression.children) {
    MOTE_ASSIGN(const Value value, evaluate(*child));
    MOTE_ASSIGN(const TaggedText text, runtime_.str(value));
    MOTE_TRY(runtime_.charge_text(result.size() + text.size()));
    result.append(text);
  }
  return Value(std::move(result));
}

// a < b < c: every neighbouring pair holds, and nothing after the first that does not is evaluated.
Result<Value> Interpreter::comparison(const Expression& expression) {
  MOTE_ASSIGN(Value left, evaluate(*expression.children[0]));
  for (std::size_t i = 0; i < expression.comparisons.size(); ++i) {
    MOTE_ASSIGN(Value right, evaluate(*expression.children[i + 1]));
    MOTE_ASSIGN(const bool holds, compare_values(runtime_, expression.comparisons[i], left, right));
    if (!holds) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Result<Value> Interpreter::chain(const Steps& steps) {
  MOTE_ASSIGN(Value value, evaluate(*steps.chain.children[0]));
  for (const Postfix& step : steps.chain.steps) {
    const bool is_last = &step == &steps.chain.steps.back();
    auto next = apply(step, value, is_last ? steps.caller : nullptr);
    if (!next) return located(std::move(next).error(), step.offset);
    value = std::move(*next);
  }
  return value;
}

Result<Value> Interpreter::apply(const Postfix& step, const Value& value, const Value* caller) {
  MOTE_TRY(runtime_.step());
  const auto operand = [&](std::size_t i) -> Result<Value> {
    return step.operands[i] != nullptr ? evaluate(*step.operands[i]) : Result<Value>(Value(None{}));
  };
  switch (step.kind) {
    case Postfix::Kind::attribute:
      return get_attribute(runtime_, value, step.name);
    case Postfix::Kind::item: {
      MOTE_ASSIGN(const Value key, operand(0));
      return get_item(runtime_, value, key);
    }
    case Postfix::Kind::slice: {
      MOTE_ASSIGN(const Value start, operand(0));
      MOTE_ASSIGN(const Value stop, operand(1));
      MOTE_ASSIGN(const Value stride, operand(2));
      return get_slice(runtime_, value, &start, &stop, &stride);
    }
    default:
      break;
  }
  MOTE_ASSIGN(CallArguments given, arguments(step.arguments));
  switch (step.kind) {
    case Postfix::Kind::filter:
      return apply_filter(runtime_, step.filter, step.name, value, given);
    case Postfix::Kind::test:
    case Postfix::Kind::negated_test: {
      MOTE_ASSIGN(const bool holds, apply_test(runtime_, step.test, step.name, value, given));
      return Value(holds == (step.kind == Postfix::Kind::test));
    }
    default:
      break;
  }
  if (caller != nullptr) given.named.emplace_back("caller", *caller);
  return call(value, std::move(given));
}

Result<CallArguments> Interpreter::arguments(const Arguments& given) {
  CallArguments result;
  for (const ExpressionPtr& expression : given.positional) {
    MOTE_ASSIGN(Value value, evaluate(*expression));
    result.positional.push_back(std::move(value));
  }
  for (const auto& [name, expression] : given.named) {
    MOTE_ASSIGN(Value value, evaluate(*expression));
    result.named.emplace_back(name, std::move(value));
  }
  if (given.star != nullptr) {
    MOTE_ASSIGN(const Value more, evaluate(*given.star));
    MOTE_ASSIGN(Values items, iterate(runtime_, more));
    result.positional.insert(result.positional.end(), items.begin(), items.end());
  }
  if (given.star_star != nullptr) {
    MOTE_ASSIGN(const Value more, evaluate(*given.star_star));
    const Dict* dict = more.if_dict();
    if (dict == nullptr) return runtime_error("** needs a dictionary, got " + std::string(type_name(more)));
    for (const auto& [key, value] : dict->members) {
      if (key.if_string() == nullptr) return runtime_error("** needs a dictionary with text keys");
      result.named.emplace_back(key.if_string()->bytes(), value);
    }
  }
  return result;
}

Result<Value> Interpreter::call(const Value& callee, CallArguments given) {
  if (const Undefined* undefined = callee.if_undefined()) {
    return runtime_error(undefined->what != nullptr ? *undefined->what : "a value is undefined");
  }
  if (Loop* loop = callee.if_loop()) return call_loop(*loop, given);
  const Callable* callable = callee.if_callable();
  if (callable == nullptr)
    return runtime_error("a value of type " + std::string(type_name(callee)) + " cannot be called");
  switch (callable->kind) {
    case Callable::Kind::function: {
      MOTE_ASSIGN(Value made, call_function(runtime_, callable->function, given));
      if (auto space = made.namespace_pointer()) {
        MOTE_TRY(runtime_.charge(sizeof(Namespace)));
        namespaces_.push_back(std::move(space));
      }
      return made;
    }
    case Callable::Kind::method:
      return call_method(runtime_, callable->receiver, callable->method, given);
    case Callable::Kind::macro:
      return call_macro(*callable, std::move(given));
    case Callable::Kind::joiner: {
      const bool was_used = std::exchange(callable->position, 1) != 0;
      return was_used ? callable->items[0] : Value(TaggedText());
    }
    case Callable::Kind::cycler:
      break;
  }
  return runtime_error("a cycler cannot be called; use its method next");
}

// loop(items): the body of a recursive loop again, one level deeper, as text.
Result<Value> Interpreter::call_loop(const Loop& loop, const CallArguments& given) {
  MOTE_ASSIGN(const auto args, bind(given, "loop", {"iterable"}, 1));
  if (loop.recursion == nullptr || loop.scope == nullptr) return runtime_error("the loop is not recursive");
  if (macro_depth_ >= runtime_.limits().max_depth) {
    return Error{kTplDepth, "cannot render chat template: a loop calls itself too deep", "", "",
                 std::nullopt};
  }
  ++macro_depth_;
  TaggedText text;
  TaggedText* const outer_out = std::exchange(out_, &text);
  const ScopePtr outer_scope = std::exchange(scope_, loop.scope);
  auto result = run_loop(*loop.recursion, *args[0], loop.depth + 1);
  out_ = outer_out;
  scope_ = outer_scope;
  --macro_depth_;
  if (!result) return std::move(result).error();
  return Value(std::move(text));
}

Result<Value> Interpreter::call_macro(const Callable& macro, CallArguments given) {
  const MacroNode& node = *macro.macro;
  const std::string what = "macro '" + node.name + "'";
  if (macro_depth_ >= runtime_.limits().max_depth) {
    return Error{kTplDepth, "cannot render chat template: " + what + " calls itself too deep", "", "",
                 std::nullopt};
  }
  const auto scope = std::make_shared<Scope>(Scope{macro.scope, {}});
  const std::size_t count = node.parameters.size();
  const std::size_t positional = std::min(count, given.positional.size());
  std::vector<bool> bound(count, false);
  for (std::size_t i = 0; i < positional; ++i) {
    scope->set(node.parameters[i], given.positional[i]);
    bound[i] = true;
  }
  Values extra(given.positional.begin() + static_cast<std::ptrdiff_t>(positional), given.positional.end());
  if (!extra.empty() && !node.uses_varargs) {
    return runtime_error(what + " takes at most " + std::to_string(count) + " arguments");
  }
  Dict extra_named;
  Value caller = undefined_name("no caller");
  for (auto& [name, value] : given.named) {
    std::size_t i = positional;
    while (i < count && program_.names[node.parameters[i]] != name) ++i;
    if (i < count && !bound[i]) {
      scope->set(node.parameters[i], std::move(value));
      bound[i] = true;
    } else if (name == "caller" && node.uses_caller) {
      caller = std::move(value);
    } else if (node.uses_kwargs) {
      extra_named.set(make_string(name), std::move(value));
    } else {
      return runtime_error(what + " has no argument '" + escape_untrusted(name, 40) + "'");
    }
  }
  const auto declares = [&](NameId name) {
    return std::ranges::find(node.parameters, name) != node.parameters.end();
  };
  if (node.uses_caller && !declares(kCallerName)) scope->set(kCallerName, std::move(caller));
  if (node.uses_varargs) {
    MOTE_ASSIGN(Value value, runtime_.list(std::move(extra), ListKind::tuple));
    scope->set(kVarargsName, std::move(value));
  }
  if (node.uses_kwargs) {
    MOTE_ASSIGN(Value value, runtime_.dict(std::move(extra_named)));
    scope->set(kKwargsName, std::move(value));
  }
  ++macro_depth_;
  const ScopePtr outer = std::exchange(scope_, scope);
  Result<void> defaults;
  for (std::size_t i = 0; i < count && defaults; ++i) {
    if (bound[i]) continue;
    const std::size_t required = count - node.defaults.size();
    if (i < required) {
      scope->set(node.parameters[i], undefined_name(program_.names[node.parameters[i]]));
      continue;
    }
    auto value = evaluate(*node.defaults[i - required]);
    if (value) {
      scope->set(node.parameters[i], std::move(*value));
    } else {
      defaults = std::move(value).error();
    }
  }
  scope_ = outer;
  auto text = defaults ? capture(node.body, scope) : Result<TaggedText>(std::move(defaults).error());
  --macro_depth_;
  if (!text) return std::move(text).error();
  return Value(std::move(*text));
}

}  // namespace mote::text::jinja
