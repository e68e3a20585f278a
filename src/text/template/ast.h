// The tree of a parsed template. Chains (a.b|c(d), a + b - c, a and b and c) are flat lists, not nested
// nodes, so that the tree is no deeper than what the template nests, which the parser caps; walking and
// destroying it need no more stack than that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/template/catalogue.h"
#include "text/template/value.h"

namespace mote::text::jinja {

struct Expression;
struct Statement;
using ExpressionPtr = std::unique_ptr<Expression>;
using Body = std::vector<Statement>;
using NameId = std::uint32_t;  // position in Program::names

struct Arguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr star;       // *args
  ExpressionPtr star_star;  // **kwargs
};

enum class Operator : std::uint8_t { add, subtract, multiply, divide, floor_divide, modulo, power };
enum class Comparison : std::uint8_t { equal, unequal, less, less_equal, greater, greater_equal, in, not_in };

// One step of a chain after its first operand.
struct Postfix {
  enum class Kind : std::uint8_t { attribute, item, slice, call, filter, test, negated_test } kind{};
  std::size_t offset = 0;
  std::string name;  // attribute, filter, test
  Filter filter{};
  Test test{};
  std::vector<ExpressionPtr> operands;  // item: 1; slice: start, stop, step, null where left out
  Arguments arguments;                  // call, filter, test
};

struct Expression {
  enum class Kind : std::uint8_t {
    constant,
    name,
    list,         // children
    tuple,        // children
    dict,         // children: key, value, key, value ...
    all_of,       // a and b and c
    any_of,       // a or b or c
    negation,     // not child
    minus,        // -child
    plus,         // +child
    conditional,  // children: value, condition, alternative (may be null)
    comparison,   // children with comparisons between them
    arithmetic,   // children with operators between them, left to right
    concatenation,
    postfix,  // child 0 and steps
  } kind{};
  std::size_t offset = 0;
  Value constant;
  NameId name = 0;
  std::vector<ExpressionPtr> children;
  std::vector<Operator> operators;
  std::vector<Comparison> comparisons;
  std::vector<Postfix> steps;
};

struct Target {
  enum class Kind : std::uint8_t { name, member, tuple } kind{};
  NameId name = 0;
  std::string member;  // of the namespace in `name`
  std::vector<Target> items;
  std::size_t offset = 0;
};

// A macro, or the body of a call block, which is a macro without a name.
struct MacroNode {
  std::string name;
  std::vector<NameId> parameters;
  std::vector<ExpressionPtr> defaults;  // of the last parameters
  Body body;
  bool uses_caller = false;
  bool uses_varargs = false;
  bool uses_kwargs = false;
  std::size_t offset = 0;
};

struct Statement {
  enum class Kind : std::uint8_t {
    text,
    output,        // {{ expression }}
    set,           // target = expression
    set_block,     // target = body, through the filters of `expression` if any
    condition,     // branches and otherwise
    loop,          // target in expression if filter: body else otherwise
    macro,         // macro
    call_block,    // expression is the call, macro its body
    filter_block,  // expression applied to body
    with,          // bindings, body
    scope,         // body alone (generation)
    break_loop,
    continue_loop,
  } kind{};
  std::size_t offset = 0;
  TaggedText text;
  Target target;
  ExpressionPtr expression;
  ExpressionPtr filter;
  bool recursive = false;
  std::vector<std::pair<ExpressionPtr, Body>> branches;
  std::vector<std::pair<Target, ExpressionPtr>> bindings;
  Body body;
  Body otherwise;
  std::unique_ptr<MacroNode> macro;
};

// The value that a filter of a block works on.
constexpr std::string_view kBlockValue = "<block>";

// Names that the interpreter sets itself; the parser interns them first, in this order.
enum KnownName : NameId { kLoopName, kCallerName, kVarargsName, kKwargsName, kBlockValueName };

struct Program {
  std::string source;  // normalised newlines
  std::vector<std::string> names;
  Body body;
};

}  // namespace mote::text::jinja
