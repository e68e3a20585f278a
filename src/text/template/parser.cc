#include "text/template/parser.h"

#include <array>
#include <initializer_list>
#include <utility>

#include "text/template/expression_parser.h"

namespace mote::text::jinja {
namespace {

using Kind = Statement::Kind;

class Parser : public ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  Result<Program> run(std::string source) {
    Program program;
    MOTE_ASSIGN(program.body, body({}));
    program.source = std::move(source);
    program.names = std::move(names_);
    return program;
  }

 private:
  using Ends = std::initializer_list<std::string_view>;

  // Statements up to one of `ends`, which stays as the current token; to the end of the template where empty.
  Result<Body> body(Ends ends) {
    const Level level(*this);
    MOTE_TRY(check_depth());
    Body result;
    for (;;) {
      const Token& token = current();
      if (token.type == TokenType::end) {
        if (ends.size() == 0) return result;
        return expected("'" + std::string(*(ends.end() - 1)) + "'");
      }
      if (token.type == TokenType::data) {
        Statement& text = result.emplace_back();
        text.kind = Kind::text;
        text.offset = token.offset;
        text.text = TaggedText(next().text, true);
      } else if (token.type == TokenType::variable_begin) {
        Statement output;
        output.kind = Kind::output;
        output.offset = next().offset;
        MOTE_ASSIGN(output.expression, tuple({}));
        MOTE_TRY(expect_type(TokenType::variable_end, "'}}'"));
        result.push_back(std::move(output));
      } else {
        next();  // {%
        for (const std::string_view end : ends) {
          if (at_name(end)) return result;
        }
        MOTE_ASSIGN(Statement parsed, statement());
        result.push_back(std::move(parsed));
        MOTE_TRY(expect_type(TokenType::block_end, "'%}'"));
      }
    }
  }

  // ": %}" or "%}", then the body.
  Result<Body> block(Ends ends) {
    skip_symbol(":");
    MOTE_TRY(expect_type(TokenType::block_end, "'%}'"));
    return body(ends);
  }

  // The same, without the softness and loop of what is around it; moves past the end name.
  Result<Body> own_block(std::string_view end, bool keeps_loop) {
    const bool soft = std::exchange(soft_, false);
    const std::size_t loops = keeps_loop ? loops_ : std::exchange(loops_, 0);
    MOTE_ASSIGN(Body result, block({end}));
    next();
    soft_ = soft;
    loops_ = loops;
    return result;
  }

  Result<Statement> statement() {
    if (current().type != TokenType::name) return expected("the name of a statement");
    const Token& tag = current();
    Statement result;
    result.offset = tag.offset;
    using Parse = Result<void> (Parser::*)(Statement&);
    static constexpr std::array<std::pair<std::string_view, Parse>, 11> kStatements{{
        {"if", &Parser::condition},
        {"for", &Parser::loop},
        {"set", &Parser::set},
        {"macro", &Parser::macro},
        {"call", &Parser::call_block},
        {"filter", &Parser::filter_block},
        {"with", &Parser::with},
        {"generation", &Parser::generation},
        {"break", &Parser::loop_control},
        {"continue", &Parser::loop_control},
        {"print", &Parser::print},
    }};
    for (const auto& [name, parse] : kStatements) {
      if (tag.text != name) continue;
      next();
      MOTE_TRY((this->*parse)(result));
      return result;
    }
    constexpr std::array<std::string_view, 6> kUnsupported{"include", "import", "from",
                                                           "extends", "block",  "autoescape"};
    for (const std::string_view name : kUnsupported) {
      if (tag.text == name) return unsupported(tag.offset, "statement", name);
    }
    return error(kTplSyntax, tag.offset,
                 "unknown or misplaced statement '" + escape_untrusted(tag.text, 40) + "'");
  }

  Result<void> condition(Statement& result) {
    result.kind = Kind::condition;
    const bool outer = std::exchange(soft_, true);
    for (;;) {
      MOTE_ASSIGN(ExpressionPtr test, tuple({.conditional = false, .parentheses = false}));
      MOTE_ASSIGN(Body then, block({"elif", "else", "endif"}));
      result.branches.emplace_back(std::move(test), std::move(then));
      const std::string& end = next().text;
      if (end == "elif") continue;
      if (end == "else") {
        MOTE_ASSIGN(result.otherwise, block({"endif"}));
        next();
      }
      break;
    }
    soft_ = outer;
    return {};
  }

  Result<void> loop(Statement& result) {
    result.kind = Kind::loop;
    MOTE_ASSIGN(result.target, target(false));
    if (!skip_name("in")) return expected("'in'");
    MOTE_ASSIGN(result.expression, tuple({.conditional = false, .parentheses = false}));
    const bool soft = std::exchange(soft_, false);
    if (skip_name("if")) {
      MOTE_ASSIGN(result.filter, expression());
    }
    result.recursive = skip_name("recursive");
    ++loops_;
    MOTE_ASSIGN(result.body, block({"else", "endfor"}));
    --loops_;
    if (next().text == "else") {
      MOTE_ASSIGN(result.otherwise, block({"endfor"}));
      next();
    }
    soft_ = soft;
    return {};
  }

  Result<void> loop_control(Statement& result) {
    const bool is_break = is_last_name("break");
    if (loops_ == 0) {
      return error(kTplSyntax, result.offset, is_break ? "break outside a loop" : "continue outside a loop");
    }
    result.kind = is_break ? Kind::break_loop : Kind::continue_loop;
    return {};
  }

  Result<void> set(Statement& result) {
    MOTE_ASSIGN(result.target, target(true));
    if (skip_symbol("=")) {
      result.kind = Kind::set;
      MOTE_ASSIGN(result.expression, tuple({}));
      return {};
    }
    result.kind = Kind::set_block;
    MOTE_ASSIGN(result.expression, block_filters(false));
    MOTE_ASSIGN(result.body, own_block("endset", true));
    return {};
  }

  Result<void> macro(Statement& result) {
    result.kind = Kind::macro;
    const Token& name = current();
    MOTE_ASSIGN(result.target.member, expect_name());
    result.target.name = intern(result.target.member);
    result.macro = std::make_unique<MacroNode>();
    result.macro->name = result.target.member;
    result.macro->offset = name.offset;
    MOTE_TRY(signature(*result.macro));
    return macro_body(*result.macro, "endmacro");
  }

  Result<void> call_block(Statement& result) {
    result.kind = Kind::call_block;
    result.macro = std::make_unique<MacroNode>();
    result.macro->name = "caller";
    result.macro->offset = result.offset;
    if (at_symbol("(")) MOTE_TRY(signature(*result.macro));
    MOTE_ASSIGN(result.expression, expression());
    const bool is_call = result.expression->kind == Expression::Kind::postfix &&
                         result.expression->steps.back().kind == Postfix::Kind::call;
    if (!is_call) return error(kTplSyntax, result.offset, "a call block needs a call");
    return macro_body(*result.macro, "endcall");
  }

  Result<void> signature(MacroNode& macro) {
    MOTE_TRY(expect_symbol("("));
    while (!at_symbol(")")) {
      if (!macro.parameters.empty()) MOTE_TRY(expect_symbol(","));
      MOTE_ASSIGN(const std::string name, expect_name());
      macro.parameters.push_back(intern(name));
      if (skip_symbol("=")) {
        MOTE_ASSIGN(ExpressionPtr value, expression());
        macro.defaults.push_back(std::move(value));
      } else if (!macro.defaults.empty()) {
        return error(kTplSyntax, current().offset, "a parameter without default follows one with");
      }
    }
    next();
    return {};
  }

  Result<void> macro_body(MacroNode& macro, std::string_view end) {
    const bool caller = std::exchange(saw_caller_, false);
    const bool varargs = std::exchange(saw_varargs_, false);
    const bool kwargs = std::exchange(saw_kwargs_, false);
    MOTE_ASSIGN(macro.body, own_block(end, false));
    const auto has_parameter = [&](NameId name) {
      for (const NameId parameter : macro.parameters) {
        if (parameter == name) return true;
      }
      return false;
    };
    macro.uses_caller = saw_caller_;
    macro.uses_varargs = saw_varargs_ && !has_parameter(kVarargsName);
    macro.uses_kwargs = saw_kwargs_ && !has_parameter(kKwargsName);
    // A macro inside this one counts as a mention, a name it declares itself does not.
    saw_caller_ = caller || saw_caller_;
    saw_varargs_ = varargs || saw_varargs_;
    saw_kwargs_ = kwargs || saw_kwargs_;
    return {};
  }

  Result<void> filter_block(Statement& result) {
    result.kind = Kind::filter_block;
    MOTE_ASSIGN(result.expression, block_filters(true));
    MOTE_ASSIGN(result.body, own_block("endfilter", true));
    return {};
  }

  Result<void> with(Statement& result) {
    result.kind = Kind::with;
    while (current().type != TokenType::block_end) {
      if (!result.bindings.empty()) MOTE_TRY(expect_symbol(","));
      MOTE_ASSIGN(Target bound, target(false));
      MOTE_TRY(expect_symbol("="));
      MOTE_ASSIGN(ExpressionPtr value, expression());
      result.bindings.emplace_back(std::move(bound), std::move(value));
    }
    MOTE_ASSIGN(result.body, own_block("endwith", true));
    return {};
  }

  Result<void> generation(Statement& result) {
    result.kind = Kind::scope;
    MOTE_ASSIGN(result.body, own_block("endgeneration", false));
    return {};
  }

  Result<void> print(Statement& result) {
    result.kind = Kind::output;
    MOTE_ASSIGN(result.expression, expression());
    if (at_symbol(",")) return unsupported(result.offset, "statement", "print with several values");
    return {};
  }

  // name, name.member (where allowed), or a tuple of these, with or without parentheses.
  Result<Target> target(bool members) {
    const Level level(*this);
    MOTE_TRY(check_depth());
    std::vector<Target> items;
    bool is_tuple = false;
    const std::size_t offset = current().offset;
    for (;;) {
      if (!items.empty()) MOTE_TRY(expect_symbol(","));
      const bool ends = at_symbol("=") || at_symbol(")") || current().type == TokenType::block_end;
      if (ends) break;
      Target item;
      item.offset = current().offset;
      if (skip_symbol("(")) {
        MOTE_ASSIGN(item, target(members));
        MOTE_TRY(expect_symbol(")"));
      } else {
        MOTE_ASSIGN(const std::string name, expect_name());
        constexpr std::array<std::string_view, 6> kConstants{"true",  "True", "false",
                                                             "False", "none", "None"};
        for (const std::string_view constant : kConstants) {
          if (name == constant) return error(kTplSyntax, item.offset, "cannot assign to " + name);
        }
        item.name = intern(name);
        if (members && skip_symbol(".")) {
          item.kind = Target::Kind::member;
          MOTE_ASSIGN(item.member, expect_name());
        }
      }
      items.push_back(std::move(item));
      if (!at_symbol(",")) break;
      is_tuple = true;
    }
    if (!is_tuple && !items.empty()) return std::move(items[0]);
    if (items.empty()) return expected("a name to assign to");
    Target result;
    result.kind = Target::Kind::tuple;
    result.items = std::move(items);
    result.offset = offset;
    return result;
  }

  [[nodiscard]] bool is_last_name(std::string_view name) const { return previous().text == name; }

  std::size_t loops_ = 0;
};

}  // namespace

Result<Program> parse_program(const std::string& source, std::uint32_t max_depth) {
  MOTE_ASSIGN(const std::vector<Token> tokens, tokenize(source));
  return Parser(source, tokens, max_depth).run(source);
}

}  // namespace mote::text::jinja
