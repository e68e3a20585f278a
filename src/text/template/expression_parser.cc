#include "text/template/expression_parser.h"

#include <array>
#include <optional>
#include <utility>

namespace mote::text::jinja {
namespace {

using Kind = Expression::Kind;

ExpressionPtr make(Kind kind, std::size_t offset) {
  auto node = std::make_unique<Expression>();
  node->kind = kind;
  node->offset = offset;
  return node;
}

ExpressionPtr make(Kind kind, std::size_t offset, ExpressionPtr child) {
  ExpressionPtr node = make(kind, offset);
  node->children.push_back(std::move(child));
  return node;
}

// Where the child begins.
ExpressionPtr wrap(Kind kind, ExpressionPtr child) {
  const std::size_t offset = child->offset;
  return make(kind, offset, std::move(child));
}

ExpressionPtr constant(std::size_t offset, Value value) {
  ExpressionPtr node = make(Kind::constant, offset);
  node->constant = std::move(value);
  return node;
}

// The chain that `base` begins: itself if it is one already (and not in parentheses, which make() a new one).
Expression& chain_of(ExpressionPtr& base) {
  if (base->kind != Kind::postfix) {
    base = wrap(Kind::postfix, std::move(base));
  }
  return *base;
}

}  // namespace

Result<ExpressionPtr> ExpressionParser::expression(bool with_conditional) {
  const Level level(*this);
  MOTE_TRY(check_depth());
  return with_conditional ? conditional() : disjunction();
}

bool ExpressionParser::ends_tuple() const {
  return current().type == TokenType::variable_end || current().type == TokenType::block_end ||
         at_symbol(")");
}

Result<ExpressionPtr> ExpressionParser::tuple(const TupleRules& rules) {
  const std::size_t offset = current().offset;
  std::vector<ExpressionPtr> items;
  bool is_tuple = false;
  for (;;) {
    if (!items.empty()) MOTE_TRY(expect_symbol(","));
    if (ends_tuple()) break;
    MOTE_ASSIGN(ExpressionPtr item, expression(rules.conditional));
    items.push_back(std::move(item));
    if (!at_symbol(",")) break;
    is_tuple = true;
  }
  if (!is_tuple) {
    if (!items.empty()) return std::move(items[0]);
    if (!rules.parentheses) return expected("an expression");
  }
  ExpressionPtr node = make(Kind::tuple, offset);
  node->children = std::move(items);
  return node;
}

Result<ExpressionPtr> ExpressionParser::conditional() {
  const std::size_t offset = current().offset;
  // Whether the value stands in a conditional shows only after it: unknown filters in it wait, as in Jinja2.
  const bool outer = std::exchange(soft_, true);
  const std::size_t pending = pending_.size();
  MOTE_ASSIGN(ExpressionPtr value, disjunction());
  soft_ = outer;
  if (!at_name("if")) {
    if (!soft_ && pending_.size() > pending) return pending_[pending];
    return value;
  }
  std::size_t links = 0;
  while (skip_name("if")) {
    soft_ = true;
    if (++links > 64) return error(kTplDepth, offset, "more than 64 conditions in a row");
    ExpressionPtr node = make(Kind::conditional, offset, std::move(value));
    MOTE_ASSIGN(ExpressionPtr condition, disjunction());
    node->children.push_back(std::move(condition));
    ExpressionPtr otherwise;
    if (skip_name("else")) {
      MOTE_ASSIGN(otherwise, expression());
    }
    node->children.push_back(std::move(otherwise));
    value = std::move(node);
    soft_ = outer;
  }
  pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(pending), pending_.end());
  return value;
}

Result<ExpressionPtr> ExpressionParser::disjunction() {
  MOTE_ASSIGN(ExpressionPtr left, conjunction());
  if (!at_name("or")) return left;
  ExpressionPtr node = wrap(Kind::any_of, std::move(left));
  while (skip_name("or")) {
    MOTE_ASSIGN(ExpressionPtr right, conjunction());
    node->children.push_back(std::move(right));
  }
  return node;
}

Result<ExpressionPtr> ExpressionParser::conjunction() {
  MOTE_ASSIGN(ExpressionPtr left, negation());
  if (!at_name("and")) return left;
  ExpressionPtr node = wrap(Kind::all_of, std::move(left));
  while (skip_name("and")) {
    MOTE_ASSIGN(ExpressionPtr right, negation());
    node->children.push_back(std::move(right));
  }
  return node;
}

Result<ExpressionPtr> ExpressionParser::negation() {
  if (!at_name("not")) return comparison();
  const Level level(*this);
  MOTE_TRY(check_depth());
  const std::size_t offset = next().offset;
  MOTE_ASSIGN(ExpressionPtr child, negation());
  return make(Kind::negation, offset, std::move(child));
}

Result<ExpressionPtr> ExpressionParser::comparison() {
  constexpr std::array<std::pair<std::string_view, Comparison>, 6> kSymbols{
      {{"==", Comparison::equal},
       {"!=", Comparison::unequal},
       {"<", Comparison::less},
       {"<=", Comparison::less_equal},
       {">", Comparison::greater},
       {">=", Comparison::greater_equal}}};
  const auto operator_here = [&]() -> std::optional<Comparison> {
    for (const auto& [text, what] : kSymbols) {
      if (skip_symbol(text)) return what;
    }
    if (skip_name("in")) return Comparison::in;
    if (at_name("not") && is(look(), TokenType::name, "in")) {
      next();
      next();
      return Comparison::not_in;
    }
    return std::nullopt;
  };
  MOTE_ASSIGN(ExpressionPtr left, sum());
  auto what = operator_here();
  if (!what) return left;
  ExpressionPtr node = wrap(Kind::comparison, std::move(left));
  for (; what; what = operator_here()) {
    MOTE_ASSIGN(ExpressionPtr right, sum());
    node->comparisons.push_back(*what);
    node->children.push_back(std::move(right));
  }
  return node;
}

Result<ExpressionPtr> ExpressionParser::sum() {
  MOTE_ASSIGN(ExpressionPtr left, concatenation());
  if (!at_symbol("+") && !at_symbol("-")) return left;
  ExpressionPtr node = wrap(Kind::arithmetic, std::move(left));
  while (at_symbol("+") || at_symbol("-")) {
    node->operators.push_back(next().text == "+" ? Operator::add : Operator::subtract);
    MOTE_ASSIGN(ExpressionPtr right, concatenation());
    node->children.push_back(std::move(right));
  }
  return node;
}

Result<ExpressionPtr> ExpressionParser::concatenation() {
  MOTE_ASSIGN(ExpressionPtr left, product());
  if (!at_symbol("~")) return left;
  ExpressionPtr node = wrap(Kind::concatenation, std::move(left));
  while (skip_symbol("~")) {
    MOTE_ASSIGN(ExpressionPtr right, product());
    node->children.push_back(std::move(right));
  }
  return node;
}

Result<ExpressionPtr> ExpressionParser::product() {
  const auto operator_here = [&]() -> std::optional<Operator> {
    if (skip_symbol("*")) return Operator::multiply;
    if (skip_symbol("/")) return Operator::divide;
    if (skip_symbol("//")) return Operator::floor_divide;
    if (skip_symbol("%")) return Operator::modulo;
    return std::nullopt;
  };
  MOTE_ASSIGN(ExpressionPtr left, power());
  auto what = operator_here();
  if (!what) return left;
  ExpressionPtr node = wrap(Kind::arithmetic, std::move(left));
  for (; what; what = operator_here()) {
    MOTE_ASSIGN(ExpressionPtr right, power());
    node->operators.push_back(*what);
    node->children.push_back(std::move(right));
  }
  return node;
}

Result<ExpressionPtr> ExpressionParser::power() {
  MOTE_ASSIGN(ExpressionPtr left, unary(true));
  if (!at_symbol("**")) return left;
  ExpressionPtr node = wrap(Kind::arithmetic, std::move(left));
  while (skip_symbol("**")) {
    node->operators.push_back(Operator::power);
    MOTE_ASSIGN(ExpressionPtr right, unary(true));
    node->children.push_back(std::move(right));
  }
  return node;
}

Result<ExpressionPtr> ExpressionParser::unary(bool with_filters) {
  ExpressionPtr node;
  if (at_symbol("-") || at_symbol("+")) {
    const Level level(*this);
    MOTE_TRY(check_depth());
    const Token& sign = next();
    MOTE_ASSIGN(ExpressionPtr child, unary(false));
    node = make(sign.text == "-" ? Kind::minus : Kind::plus, sign.offset, std::move(child));
  } else {
    MOTE_ASSIGN(node, primary());
  }
  MOTE_TRY(postfix(node, with_filters));
  return node;
}

Result<ExpressionPtr> ExpressionParser::name() {
  const Token& token = next();
  const std::string& text = token.text;
  if (text == "true" || text == "True") return constant(token.offset, true);
  if (text == "false" || text == "False") return constant(token.offset, false);
  if (text == "none" || text == "None") return constant(token.offset, None{});
  ExpressionPtr node = make(Kind::name, token.offset);
  node->name = intern(text);
  saw_caller_ = saw_caller_ || node->name == kCallerName;
  saw_varargs_ = saw_varargs_ || node->name == kVarargsName;
  saw_kwargs_ = saw_kwargs_ || node->name == kKwargsName;
  return node;
}

Result<ExpressionPtr> ExpressionParser::primary() {
  const Token& token = current();
  switch (token.type) {
    case TokenType::name:
      return name();
    case TokenType::string: {
      std::string text;
      while (current().type == TokenType::string) text += next().text;
      return constant(token.offset, TaggedText(std::move(text), true));
    }
    case TokenType::integer:
      next();
      return constant(token.offset, token.integer);
    case TokenType::real:
      next();
      return constant(token.offset, token.real);
    default:
      break;
  }
  if (at_symbol("[")) return list();
  if (at_symbol("{")) return dict();
  if (!skip_symbol("(")) return expected("an expression");
  // Parentheses without comma go on to expression(), which counts the level.
  MOTE_ASSIGN(ExpressionPtr node, tuple({.conditional = true, .parentheses = true}));
  MOTE_TRY(expect_symbol(")"));
  return node;
}

Result<ExpressionPtr> ExpressionParser::list() {
  ExpressionPtr node = make(Kind::list, next().offset);
  while (!at_symbol("]")) {
    if (!node->children.empty()) MOTE_TRY(expect_symbol(","));
    if (at_symbol("]")) break;
    MOTE_ASSIGN(ExpressionPtr item, expression());
    node->children.push_back(std::move(item));
  }
  next();
  return node;
}

Result<ExpressionPtr> ExpressionParser::dict() {
  ExpressionPtr node = make(Kind::dict, next().offset);
  while (!at_symbol("}")) {
    if (!node->children.empty()) MOTE_TRY(expect_symbol(","));
    if (at_symbol("}")) break;
    MOTE_ASSIGN(ExpressionPtr key, expression());
    MOTE_TRY(expect_symbol(":"));
    MOTE_ASSIGN(ExpressionPtr value, expression());
    node->children.push_back(std::move(key));
    node->children.push_back(std::move(value));
  }
  next();
  return node;
}

Result<void> ExpressionParser::postfix(ExpressionPtr& base, bool with_filters) {
  for (;;) {
    Postfix step;
    if (at_symbol(".")) {
      MOTE_ASSIGN(step, attribute());
    } else if (at_symbol("[")) {
      MOTE_ASSIGN(step, subscript());
    } else if (at_symbol("(")) {
      step.kind = Postfix::Kind::call;
      step.offset = current().offset;
      MOTE_ASSIGN(step.arguments, arguments());
    } else {
      break;
    }
    chain_of(base).steps.push_back(std::move(step));
  }
  if (!with_filters) return {};
  while (at_symbol("|") || at_name("is") || at_symbol("(")) {
    Postfix step;
    if (at_symbol("|")) {
      next();
      MOTE_ASSIGN(step, filter_step());
    } else if (at_name("is")) {
      MOTE_ASSIGN(step, test_step());
    } else {
      step.kind = Postfix::Kind::call;
      step.offset = current().offset;
      MOTE_ASSIGN(step.arguments, arguments());
    }
    chain_of(base).steps.push_back(std::move(step));
  }
  return {};
}

Result<Postfix> ExpressionParser::attribute() {
  Postfix step;
  step.offset = next().offset;
  const Token& token = next();
  if (token.type == TokenType::name) {
    // Only Python has attributes like __class__; a template that asks for one is after the host.
    if (token.text.starts_with("__")) return unsupported(token.offset, "attribute", token.text);
    step.kind = Postfix::Kind::attribute;
    step.name = token.text;
    return step;
  }
  if (token.type != TokenType::integer)
    return error(kTplSyntax, token.offset, "expected a name or number after '.'");
  step.kind = Postfix::Kind::item;
  step.operands.push_back(constant(token.offset, token.integer));
  return step;
}

Result<Postfix> ExpressionParser::subscript() {
  Postfix step;
  step.kind = Postfix::Kind::item;
  step.offset = next().offset;
  std::array<ExpressionPtr, 3> parts;
  std::size_t part = 0;
  bool any = false;
  while (!at_symbol("]")) {
    if (at_symbol(",")) {
      return error(kTplUnsupported, current().offset, "a subscript with several values is not supported");
    }
    if (skip_symbol(":")) {
      if (++part > 2) return expected("']'");
      step.kind = Postfix::Kind::slice;
      continue;
    }
    if (parts[part] != nullptr) return expected("']'");
    MOTE_ASSIGN(parts[part], expression());
    any = true;
  }
  next();
  if (step.kind == Postfix::Kind::item && !any) {
    return error(kTplUnsupported, step.offset, "a subscript without a value is not supported");
  }
  const std::size_t count = step.kind == Postfix::Kind::item ? 1 : 3;
  for (std::size_t i = 0; i < count; ++i) step.operands.push_back(std::move(parts[i]));
  return step;
}

// No filter or test has a dot in its name, but a template may ask for one.
Result<std::string> ExpressionParser::dotted_name() {
  MOTE_ASSIGN(std::string name, expect_name());
  while (skip_symbol(".")) {
    MOTE_ASSIGN(const std::string part, expect_name());
    name += "." + part;
  }
  return name;
}

Result<Postfix> ExpressionParser::filter_step() {
  Postfix step;
  step.kind = Postfix::Kind::filter;
  step.offset = current().offset;
  MOTE_ASSIGN(step.name, dotted_name());
  if (at_symbol("(")) {
    MOTE_ASSIGN(step.arguments, arguments());
  }
  step.filter = find_filter(step.name).value_or(Filter::unknown);
  if (step.filter == Filter::unknown) {
    if (!soft_) return unsupported(step.offset, "filter", step.name);
    pending_.push_back(unsupported(step.offset, "filter", step.name));
  }
  return step;
}

Result<Postfix> ExpressionParser::test_step() {
  Postfix step;
  step.offset = next().offset;
  step.kind = skip_name("not") ? Postfix::Kind::negated_test : Postfix::Kind::test;
  MOTE_ASSIGN(step.name, dotted_name());
  step.test = find_test(step.name).value_or(Test::unknown);
  if (step.test == Test::unknown) {
    if (!soft_) return unsupported(step.offset, "test", step.name);
    pending_.push_back(unsupported(step.offset, "test", step.name));
  }
  const Token& token = current();
  const bool value_follows = token.type == TokenType::name || token.type == TokenType::string ||
                             token.type == TokenType::integer || token.type == TokenType::real ||
                             at_symbol("[") || at_symbol("{");
  if (at_symbol("(")) {
    MOTE_ASSIGN(step.arguments, arguments());
  } else if (value_follows && !at_name("else") && !at_name("or") && !at_name("and")) {
    if (at_name("is")) return error(kTplSyntax, token.offset, "tests cannot follow each other");
    MOTE_ASSIGN(ExpressionPtr operand, primary());
    MOTE_TRY(postfix(operand, false));
    step.arguments.positional.push_back(std::move(operand));
  }
  return step;
}

Result<Arguments> ExpressionParser::arguments() {
  const std::size_t offset = current().offset;
  const auto misplaced = [&] {
    return error(kTplSyntax, offset, "arguments in an order that no call takes");
  };
  Arguments result;
  MOTE_TRY(expect_symbol("("));
  bool first = true;
  while (!at_symbol(")")) {
    if (!std::exchange(first, false)) MOTE_TRY(expect_symbol(","));
    if (at_symbol(")")) break;
    if (skip_symbol("*")) {
      if (result.star || result.star_star) return misplaced();
      MOTE_ASSIGN(result.star, expression());
    } else if (skip_symbol("**")) {
      if (result.star_star) return misplaced();
      MOTE_ASSIGN(result.star_star, expression());
    } else if (current().type == TokenType::name && is(look(), TokenType::symbol, "=")) {
      if (result.star_star) return misplaced();
      std::string name = next().text;
      next();
      MOTE_ASSIGN(ExpressionPtr value, expression());
      result.named.emplace_back(std::move(name), std::move(value));
    } else {
      if (result.star || result.star_star || !result.named.empty()) return misplaced();
      MOTE_ASSIGN(ExpressionPtr value, expression());
      result.positional.push_back(std::move(value));
    }
  }
  next();
  return result;
}

Result<ExpressionPtr> ExpressionParser::block_filters(bool starts_with_name) {
  ExpressionPtr node = make(Kind::name, current().offset);
  node->name = kBlockValueName;
  bool any = false;
  while (at_symbol("|") || (starts_with_name && !any)) {
    if (any || !starts_with_name) next();
    any = true;
    MOTE_ASSIGN(Postfix step, filter_step());
    chain_of(node).steps.push_back(std::move(step));
  }
  if (!any) return ExpressionPtr();
  return node;
}

}  // namespace mote::text::jinja
