#include "text/template/interpreter.h"

#include <algorithm>

#include "text/template/lexer.h"
#include "text/template/template_errors.h"

namespace mote::text::jinja {
namespace {

// Expressions and statements inside each other while running, through macros too. One takes about 1 KiB of
// stack (4 KiB with sanitizers), so this stays below 4 MiB of the usual 8.
constexpr std::uint32_t kMaxNesting = 800;

}  // namespace

const Value* Scope::find(NameId name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->parent.get()) {
    for (const auto& [id, value] : scope->variables) {
      if (id == name) return &value;
    }
  }
  return nullptr;
}

void Scope::set(NameId name, Value value) {
  for (auto& [id, old] : variables) {
    if (id == name) {
      old = std::move(value);
      return;
    }
  }
  variables.emplace_back(name, std::move(value));
}

Interpreter::Interpreter(const Program& program, const Dict& variables, const TemplateLimits& limits,
                         const std::tm& now)
    : program_(program), variables_(variables), runtime_(limits, now), scope_(std::make_shared<Scope>()) {}

Interpreter::~Interpreter() {
  for (const ScopePtr& scope : captured_) scope->variables.clear();
  for (const auto& space : namespaces_) space->members = {};
}

Result<TaggedText> Interpreter::run() { return capture(program_.body, scope_); }

Error Interpreter::located(Error error, std::size_t offset) const {
  if (error.message.find(" (line ") == std::string::npos)
    error.message += describe_position(program_.source, offset);
  return error;
}

Result<void> Interpreter::check_nesting(std::size_t offset) const {
  if (nesting_ <= kMaxNesting) return {};
  return located(
      {kTplDepth, "cannot render chat template: evaluation is nested too deep", "", "", std::nullopt},
      offset);
}

Result<TaggedText> Interpreter::capture(const Body& body, ScopePtr scope) {
  TaggedText text;
  TaggedText* const outer_out = std::exchange(out_, &text);
  const ScopePtr outer_scope = std::exchange(scope_, std::move(scope));
  auto flow = execute(body);
  out_ = outer_out;
  scope_ = outer_scope;
  if (!flow) return std::move(flow).error();
  return text;
}

Result<Interpreter::Flow> Interpreter::execute(const Body& body) {
  for (const Statement& statement : body) {
    MOTE_ASSIGN(const Flow flow, execute(statement));
    if (flow != Flow::normal) return flow;
  }
  return Flow::normal;
}

Result<Interpreter::Flow> Interpreter::execute(const Statement& statement) {
  const Nesting nesting(*this);
  MOTE_TRY(check_nesting(statement.offset));
  if (auto stepped = runtime_.step(); !stepped) return located(std::move(stepped).error(), statement.offset);
  const auto done = [&](Result<void> result) -> Result<Flow> {
    if (!result) return located(std::move(result).error(), statement.offset);
    return Flow::normal;
  };
  using Kind = Statement::Kind;
  switch (statement.kind) {
    case Kind::text: {
      if (auto charged = runtime_.charge(statement.text.size()); !charged) {
        return located(std::move(charged).error(), statement.offset);
      }
      out_->append(statement.text);
      if (out_->size() > runtime_.limits().max_output_bytes) {
        return located(runtime_.limit_error("bytes of output", runtime_.limits().max_output_bytes),
                       statement.offset);
      }
      return Flow::normal;
    }
    case Kind::output: {
      MOTE_ASSIGN(const Value value, evaluate(*statement.expression));
      return done(print(value));
    }
    case Kind::set: {
      MOTE_ASSIGN(const Value value, evaluate(*statement.expression));
      return done(assign(statement.target, value));
    }
    case Kind::condition:
      return condition(statement);
    case Kind::loop: {
      MOTE_ASSIGN(const Value iterable, evaluate(*statement.expression));
      return done(run_loop(statement, iterable, 0));
    }
    case Kind::macro: {
      Value macro = make_macro(*statement.macro);
      scope_->set(statement.target.name, std::move(macro));
      return Flow::normal;
    }
    case Kind::set_block:
      return done(set_block(statement));
    case Kind::call_block:
      return done(call_block(statement));
    case Kind::filter_block:
      return done(filter_block(statement));
    case Kind::with:
      return done(with(statement));
    case Kind::scope: {
      MOTE_ASSIGN(TaggedText text, capture(statement.body, std::make_shared<Scope>(Scope{scope_, {}})));
      return done(print(Value(std::move(text))));
    }
    case Kind::break_loop:
      return Flow::break_loop;
    case Kind::continue_loop:
      return Flow::continue_loop;
  }
  return Flow::normal;
}

Result<void> Interpreter::print(const Value& value) {
  MOTE_ASSIGN(const TaggedText text, runtime_.str(value));
  if (text.size() >
      runtime_.limits().max_output_bytes - std::min(out_->size(), runtime_.limits().max_output_bytes)) {
    return runtime_.limit_error("bytes of output", runtime_.limits().max_output_bytes);
  }
  out_->append(text);
  return {};
}

Result<Interpreter::Flow> Interpreter::condition(const Statement& statement) {
  for (const auto& [test, body] : statement.branches) {
    MOTE_ASSIGN(const Value value, evaluate(*test));
    if (truthy(value)) return execute(body);
  }
  return execute(statement.otherwise);
}

Result<void> Interpreter::run_loop(const Statement& statement, const Value& iterable, std::int64_t depth) {
  MOTE_ASSIGN(Values items, iterate(runtime_, iterable));
  const ScopePtr outer = scope_;
  struct Restore {  // on every way out
    ScopePtr& scope;
    const ScopePtr& outer;
    ~Restore() { scope = outer; }
  } restore{scope_, outer};
  if (statement.filter != nullptr) {
    Values kept;
    for (Value& item : items) {
      scope_ = std::make_shared<Scope>(Scope{outer, {}});
      MOTE_TRY(assign(statement.target, item));
      MOTE_ASSIGN(const Value keep, evaluate(*statement.filter));
      if (truthy(keep)) kept.push_back(std::move(item));
    }
    items = std::move(kept);
  }
  if (items.empty()) {
    scope_ = std::make_shared<Scope>(Scope{outer, {}});
    MOTE_ASSIGN(const Flow flow, execute(statement.otherwise));
    static_cast<void>(flow);
    return {};
  }
  auto loop = std::make_shared<Loop>();
  loop->items = std::move(items);
  loop->depth = depth;
  if (statement.recursive) {
    loop->recursion = &statement;
    loop->scope = outer;
  }
  for (; loop->index < loop->items.size(); ++loop->index) {
    MOTE_TRY(runtime_.step());
    scope_ = std::make_shared<Scope>(Scope{outer, {}});
    MOTE_TRY(assign(statement.target, loop->items[loop->index]));
    scope_->set(kLoopName, Value(loop));
    MOTE_ASSIGN(const Flow flow, execute(statement.body));
    if (flow == Flow::break_loop) break;
  }
  loop->scope.reset();
  return {};
}

Result<void> Interpreter::set_block(const Statement& statement) {
  MOTE_ASSIGN(TaggedText text, capture(statement.body, std::make_shared<Scope>(Scope{scope_, {}})));
  Value value(std::move(text));
  if (statement.expression != nullptr) {
    const ScopePtr outer = scope_;
    scope_ = std::make_shared<Scope>(Scope{outer, {{kBlockValueName, std::move(value)}}});
    auto filtered = evaluate(*statement.expression);
    scope_ = outer;
    if (!filtered) return std::move(filtered).error();
    value = std::move(*filtered);
  }
  return assign(statement.target, value);
}

Result<void> Interpreter::filter_block(const Statement& statement) {
  MOTE_ASSIGN(TaggedText text, capture(statement.body, std::make_shared<Scope>(Scope{scope_, {}})));
  const ScopePtr outer = scope_;
  scope_ = std::make_shared<Scope>(Scope{outer, {{kBlockValueName, Value(std::move(text))}}});
  auto filtered = evaluate(*statement.expression);
  scope_ = outer;
  if (!filtered) return std::move(filtered).error();
  return print(*filtered);
}

Result<void> Interpreter::with(const Statement& statement) {
  // All values first: they do not see each other's names.
  Values values;
  for (const auto& [target, expression] : statement.bindings) {
    MOTE_ASSIGN(Value value, evaluate(*expression));
    values.push_back(std::move(value));
  }
  const ScopePtr outer = scope_;
  scope_ = std::make_shared<Scope>(Scope{outer, {}});
  Result<void> result;
  for (std::size_t i = 0; result && i < values.size(); ++i)
    result = assign(statement.bindings[i].first, values[i]);
  if (result) {
    auto flow = execute(statement.body);
    if (!flow) result = std::move(flow).error();
  }
  scope_ = outer;
  return result;
}

Value Interpreter::make_macro(const MacroNode& node) {
  auto callable = std::make_shared<Callable>();
  callable->kind = Callable::Kind::macro;
  callable->macro = &node;
  callable->scope = scope_;
  if (captured_.empty() || captured_.back() != scope_) captured_.push_back(scope_);
  return {std::shared_ptr<const Callable>(std::move(callable))};
}

Result<void> Interpreter::call_block(const Statement& statement) {
  const Value caller = make_macro(*statement.macro);
  MOTE_ASSIGN(const Value value, chain({*statement.expression, &caller}));
  return print(value);
}

Result<void> Interpreter::assign(const Target& target, const Value& value) {
  switch (target.kind) {
    case Target::Kind::name:
      scope_->set(target.name, value);
      return {};
    case Target::Kind::member: {
      const Value owner = lookup(target.name);
      Namespace* space = owner.if_namespace();
      if (space == nullptr) return runtime_error("only a namespace takes new members");
      if (target.member.starts_with('_')) {
        return runtime_error("a namespace cannot have the member '" + escape_untrusted(target.member, 40) +
                             "'");
      }
      MOTE_TRY(runtime_.charge(2 * sizeof(Value)));
      space->members.set(make_string(target.member), value);
      return {};
    }
    case Target::Kind::tuple:
      break;
  }
  MOTE_ASSIGN(const Values items, iterate(runtime_, value));
  if (items.size() != target.items.size()) {
    return runtime_error("expected " + std::to_string(target.items.size()) + " values to take apart, got " +
                         std::to_string(items.size()));
  }
  for (std::size_t i = 0; i < items.size(); ++i) MOTE_TRY(assign(target.items[i], items[i]));
  return {};
}

}  // namespace mote::text::jinja
