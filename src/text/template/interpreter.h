// Walks the tree of a template. Scoping is Jinja2's: loops, macros, call, filter, set and with blocks have a
// scope of their own, `if` has none; a name is looked up outwards, then among the variables of the render,
// then the global functions.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <utility>
#include <vector>

#include "mote/result.h"
#include "text/template/ast.h"
#include "text/template/loop.h"
#include "text/template/runtime.h"

namespace mote::text::jinja {

struct Scope {
  std::shared_ptr<Scope> parent;
  std::vector<std::pair<NameId, Value>> variables;

  [[nodiscard]] const Value* find(NameId name) const;
  void set(NameId name, Value value);
};
using ScopePtr = std::shared_ptr<Scope>;

class Interpreter {
 public:
  // `variables` are those of the render. All references outlive the interpreter.
  Interpreter(const Program& program, const Dict& variables, const TemplateLimits& limits,
              const std::tm& now);
  // Takes apart what scopes, macros and namespaces hold of each other.
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  Result<TaggedText> run();

 private:
  enum class Flow : std::uint8_t { normal, break_loop, continue_loop };
  struct Steps {  // what the steps of a chain started with, and an argument that a call block adds to its
                  // last call
    const Expression& chain;
    const Value* caller = nullptr;
  };

  // --- interpreter.cc: statements
  Result<Flow> execute(const Body& body);
  Result<Flow> execute(const Statement& statement);
  Result<TaggedText> capture(const Body& body, ScopePtr scope);
  Result<Flow> condition(const Statement& statement);
  Result<void> run_loop(const Statement& statement, const Value& iterable, std::int64_t depth);
  Result<void> set_block(const Statement& statement);
  Result<void> with(const Statement& statement);
  Result<void> call_block(const Statement& statement);
  Result<void> filter_block(const Statement& statement);
  Result<void> assign(const Target& target, const Value& value);
  Result<void> print(const Value& value);
  Value make_macro(const MacroNode& node);

  // --- evaluate.cc: expressions
  Result<Value> evaluate(const Expression& expression);
  Result<Value> evaluate_node(const Expression& expression);
  Result<Value> chain(const Steps& steps);
  Result<Value> apply(const Postfix& step, const Value& value, const Value* caller);
  Result<Value> comparison(const Expression& expression);
  Result<Value> collection(const Expression& expression);
  Result<Value> concatenation(const Expression& expression);
  Result<CallArguments> arguments(const Arguments& given);
  Result<Value> call(const Value& callee, CallArguments given);
  Result<Value> call_macro(const Callable& macro, CallArguments given);
  Result<Value> call_loop(const Loop& loop, const CallArguments& given);
  [[nodiscard]] Value lookup(NameId name) const;

  // The error with its place in the template, unless it has one already.
  [[nodiscard]] Error located(Error error, std::size_t offset) const;

  // One level of nested evaluation, which bounds the stack.
  class Nesting;
  [[nodiscard]] Result<void> check_nesting(std::size_t offset) const;

  const Program& program_;
  const Dict& variables_;
  Runtime runtime_;
  ScopePtr scope_;
  TaggedText* out_ = nullptr;
  std::uint32_t nesting_ = 0;
  std::uint32_t macro_depth_ = 0;
  std::vector<ScopePtr> captured_;                      // scopes that macros keep
  std::vector<std::shared_ptr<Namespace>> namespaces_;  // may hold each other
};

class Interpreter::Nesting {
 public:
  explicit Nesting(Interpreter& interpreter) : interpreter_(interpreter) { ++interpreter_.nesting_; }
  ~Nesting() { --interpreter_.nesting_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  Interpreter& interpreter_;
};

}  // namespace mote::text::jinja
