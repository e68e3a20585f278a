// What the expression and the statement parser share: the token stream, names, errors and the depth guard.
// Internal to the parser.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "mote/error.h"
#include "text/template/ast.h"
#include "text/template/lexer.h"
#include "text/template/template_errors.h"

namespace mote::text::jinja {

class ParserBase {
 public:
  ParserBase(std::string_view source, const std::vector<Token>& tokens, std::uint32_t max_depth)
      : source_(source), tokens_(tokens), max_depth_(max_depth) {
    for (const std::string_view name :
         {std::string_view("loop"), std::string_view("caller"), std::string_view("varargs"),
          std::string_view("kwargs"), kBlockValue}) {
      intern(name);
    }
  }

 protected:
  [[nodiscard]] const Token& current() const { return tokens_[at_]; }
  [[nodiscard]] const Token& look() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  [[nodiscard]] const Token& previous() const { return tokens_[at_ > 0 ? at_ - 1 : 0]; }
  const Token& next() {
    const Token& token = tokens_[at_];
    if (token.type != TokenType::end) ++at_;
    return token;
  }

  [[nodiscard]] static bool is(const Token& token, TokenType type, std::string_view text) {
    return token.type == type && token.text == text;
  }
  [[nodiscard]] bool at_symbol(std::string_view text) const { return is(current(), TokenType::symbol, text); }
  [[nodiscard]] bool at_name(std::string_view text) const { return is(current(), TokenType::name, text); }
  bool skip_symbol(std::string_view text) { return at_symbol(text) && (next(), true); }
  bool skip_name(std::string_view text) { return at_name(text) && (next(), true); }

  static std::string describe(const Token& token) {
    switch (token.type) {
      case TokenType::data:
        return "text";
      case TokenType::block_begin:
        return "{%";
      case TokenType::block_end:
        return "end of statement";
      case TokenType::variable_begin:
        return "{{";
      case TokenType::variable_end:
        return "end of expression";
      case TokenType::string:
        return "string";
      case TokenType::integer:
      case TokenType::real:
        return "number";
      case TokenType::end:
        return "end of template";
      default:
        return "'" + escape_untrusted(token.text, 40) + "'";
    }
  }

  [[nodiscard]] Error error(ErrorCode code, std::size_t offset, const std::string& what) const {
    return {code, "cannot read chat template: " + what + describe_position(source_, offset),
            code.name == kTplSyntax.name
                ? "the template is not valid Jinja; try another one with `mote render --template`"
                : "try a simpler template with `mote render --template`",
            "", std::nullopt};
  }
  [[nodiscard]] Error expected(std::string_view what) const {
    return error(kTplSyntax, current().offset,
                 "expected " + std::string(what) + ", found " + describe(current()));
  }
  [[nodiscard]] Error unsupported(std::size_t offset, std::string_view kind, std::string_view name) const {
    return error(kTplUnsupported, offset,
                 std::string(kind) + " '" + escape_untrusted(name, 60) + "' is not supported");
  }

  Result<void> expect_symbol(std::string_view text) {
    if (!skip_symbol(text)) return expected("'" + std::string(text) + "'");
    return {};
  }
  Result<void> expect_type(TokenType type, std::string_view what) {
    if (current().type != type) return expected(what);
    next();
    return {};
  }
  Result<std::string> expect_name() {
    if (current().type != TokenType::name) return expected("a name");
    return next().text;
  }

  NameId intern(std::string_view name) {
    const auto [found, is_new] = ids_.try_emplace(std::string(name), static_cast<NameId>(names_.size()));
    if (is_new) names_.emplace_back(name);
    return found->second;
  }

  // One level of nesting for as long as it lives.
  class Level {
   public:
    explicit Level(ParserBase& parser) : parser_(parser) { ++parser_.depth_; }
    ~Level() { --parser_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    ParserBase& parser_;
  };
  [[nodiscard]] Result<void> check_depth() const {
    if (depth_ <= max_depth_) return {};
    return error(kTplDepth, current().offset, "nested deeper than " + std::to_string(max_depth_) + " levels");
  }

  // Inside an `if` or a conditional expression unknown filters and tests wait until they are reached.
  bool soft_ = false;
  // Unknown filters and tests of expressions that may still turn out to be the value of a conditional.
  std::vector<Error> pending_;
  std::vector<std::string> names_;
  // What the innermost macro body mentions, and so accepts.
  bool saw_caller_ = false;
  bool saw_varargs_ = false;
  bool saw_kwargs_ = false;

 private:
  std::string_view source_;
  const std::vector<Token>& tokens_;
  std::size_t at_ = 0;
  std::uint32_t depth_ = 0;
  std::uint32_t max_depth_;
  std::map<std::string, NameId, std::less<>> ids_;
};

}  // namespace mote::text::jinja
