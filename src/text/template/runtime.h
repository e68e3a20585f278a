// What the operations of a running template share: budgets, errors, the time that strftime_now shows.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mote/result.h"
#include "text/template/catalogue.h"
#include "text/template/chat_template.h"
#include "text/template/value.h"

namespace mote::text::jinja {

// Evaluated arguments of a call, a filter or a test.
struct CallArguments {
  Values positional;
  std::vector<std::pair<std::string, Value>> named;
};

Error runtime_error(std::string message);

class Runtime {
 public:
  Runtime(const TemplateLimits& limits, const std::tm& now);

  // One evaluated expression or statement, or `count` of them. Errors: TPL_LIMIT.
  Result<void> step(std::uint64_t count = 1);
  // `bytes` of a new value. Call before making a large one.
  Result<void> charge(std::uint64_t bytes);
  // A string or output of this size is about to be made.
  Result<void> charge_text(std::uint64_t bytes);

  // Values that count against the budgets. Errors: TPL_LIMIT, TPL_DEPTH.
  Result<Value> text(TaggedText text);
  Result<Value> list(Values items, ListKind kind = ListKind::list);
  Result<Value> dict(Dict dict);

  // str(value) and repr(value).
  Result<TaggedText> str(const Value& value);
  Result<TaggedText> repr(const Value& value);

  [[nodiscard]] const TemplateLimits& limits() const { return limits_; }
  [[nodiscard]] const std::tm& now() const { return now_; }
  [[nodiscard]] Error limit_error(std::string_view what, std::uint64_t limit) const;

 private:
  Result<void> check_time();

  const TemplateLimits& limits_;
  const std::tm& now_;
  std::uint64_t steps_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t next_time_check_ = 0;
  std::chrono::steady_clock::time_point deadline_;
};

// Sorts arguments into named parameters; a missing one stays null. `what` names the callee in errors.
Result<std::vector<const Value*>> bind(const CallArguments& arguments, std::string_view what,
                                       std::initializer_list<std::string_view> parameters,
                                       std::size_t required = 0);

// A parameter as an integer or a truth, `fallback` where it is missing.
Result<std::int64_t> integer_or(const Value* value, std::int64_t fallback, std::string_view what);
bool truth_or(const Value* value, bool fallback);

// --- access.cc
Result<Value> get_attribute(Runtime& runtime, const Value& owner, std::string_view name);
Result<Value> get_item(Runtime& runtime, const Value& owner, const Value& key);
// Each bound may be null.
Result<Value> get_slice(Runtime& runtime, const Value& owner, const Value* start, const Value* stop,
                        const Value* step);
// What a loop over the value gives. Uses up a generator.
Result<Values> iterate(Runtime& runtime, const Value& value);
Result<std::int64_t> length_of(const Value& value);

// --- methods_text.cc, methods.cc: a call of a bound method
Result<Value> call_method(Runtime& runtime, const Value& receiver, std::string_view name,
                          const CallArguments& arguments);
Result<Value> call_text_method(Runtime& runtime, const TaggedText& self, std::string_view name,
                               const CallArguments& arguments);
enum class MethodKind : std::uint8_t { none, safe, unsafe };
MethodKind find_method(const Value& owner, std::string_view name);

// --- filters.cc, filters_sequence.cc, predicates.cc, functions.cc
Result<Value> apply_filter(Runtime& runtime, Filter filter, std::string_view name, const Value& value,
                           const CallArguments& arguments);
Result<Value> apply_sequence_filter(Runtime& runtime, Filter filter, const Value& value,
                                    const CallArguments& arguments);
Result<bool> apply_test(Runtime& runtime, Test test, std::string_view name, const Value& value,
                        const CallArguments& arguments);
Result<Value> call_function(Runtime& runtime, Function function, const CallArguments& arguments);

// --- operators.cc
enum class Operator : std::uint8_t;
enum class Comparison : std::uint8_t;
Result<Value> arithmetic(Runtime& runtime, Operator what, const Value& a, const Value& b);
Result<bool> compare_values(Runtime& runtime, Comparison what, const Value& a, const Value& b);
Result<bool> contains(Runtime& runtime, const Value& container, const Value& item);

// --- format.cc: "%s %d" % values, and "{} {name}".format(...)
Result<Value> format_percent(Runtime& runtime, const TaggedText& format, const Values& values,
                             const Dict* named);
Result<Value> format_braces(Runtime& runtime, const TaggedText& format, const CallArguments& arguments);
std::string format_time(std::string_view format, const std::tm& time);

// --- text_operations.cc: on tagged text, used by methods and filters alike
TaggedText replace_text(const TaggedText& text, std::string_view from, const TaggedText& to,
                        std::int64_t count);
TaggedText map_case(const TaggedText& text, std::string (*first)(char32_t), std::string (*rest)(char32_t),
                    bool each_word);
TaggedText escape_html(const TaggedText& text);
TaggedText title_filter(const TaggedText& text);
TaggedText center_text(const TaggedText& text, std::size_t width, char fill);

}  // namespace mote::text::jinja
