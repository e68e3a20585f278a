// Expressions, by recursive descent in Jinja2's precedence: conditional, or, and, not, comparisons, + -, ~,
// * / // %, **, signs, postfix chains. Internal to the parser.
#pragma once

#include <string_view>

#include "mote/result.h"
#include "text/template/parser_base.h"

namespace mote::text::jinja {

class ExpressionParser : public ParserBase {
 public:
  using ParserBase::ParserBase;

 protected:
  struct TupleRules {
    bool conditional = true;   // `a if b` allowed
    bool parentheses = false;  // inside ( ): may be empty
  };
  // One expression, or several with commas between them as a tuple.
  Result<ExpressionPtr> tuple(const TupleRules& rules);
  Result<ExpressionPtr> expression(bool conditional = true);
  // The filters after a block's name, applied to the block's value; null where there are none.
  Result<ExpressionPtr> block_filters(bool starts_with_name);

 private:
  Result<ExpressionPtr> conditional();
  Result<ExpressionPtr> disjunction();
  Result<ExpressionPtr> conjunction();
  Result<ExpressionPtr> negation();
  Result<ExpressionPtr> comparison();
  Result<ExpressionPtr> sum();
  Result<ExpressionPtr> concatenation();
  Result<ExpressionPtr> product();
  Result<ExpressionPtr> power();
  Result<ExpressionPtr> unary(bool with_filters);
  Result<ExpressionPtr> primary();
  Result<ExpressionPtr> name();
  Result<ExpressionPtr> list();
  Result<ExpressionPtr> dict();
  Result<void> postfix(ExpressionPtr& base, bool with_filters);
  Result<void> filter_steps(Expression& chain);
  Result<Postfix> subscript();
  Result<Postfix> attribute();
  Result<Postfix> filter_step();
  Result<Postfix> test_step();
  Result<std::string> dotted_name();
  Result<Arguments> arguments();
  [[nodiscard]] bool ends_tuple() const;
};

}  // namespace mote::text::jinja
