// Values of the template language, with Python's semantics.
//
// Lists and dictionaries never change once they are made (the sandbox of Hugging Face forbids it too), so
// values are shared freely; only namespaces change. Because lists cannot contain themselves, the nesting of
// each is known when it is made, and capped: printing, comparing and destroying recurse no deeper than
// kMaxValueDepth.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "text/template/tagged_text.h"

namespace mote::text::jinja {

constexpr std::uint32_t kMaxValueDepth = 200;  // above the 128 that JSON input may have
// Values inside a value, counted as often as they appear: sharing cannot make a small value print forever.
constexpr std::uint64_t kMaxValueWeight = std::uint64_t{1} << 22;

struct List;
struct Dict;
struct Namespace;
struct Loop;
struct Callable;

// A name that is not there. Prints as nothing and is false; anything more with it is an error that says
// `what`.
struct Undefined {
  std::shared_ptr<const std::string> what;  // "'x' is undefined"
};
struct None {};

using StringPtr = std::shared_ptr<const TaggedText>;
using ListPtr = std::shared_ptr<const List>;
using DictPtr = std::shared_ptr<const Dict>;

class Value {
 public:
  Value() = default;                           // undefined
  Value(None) : data_(None{}) {}               // NOLINT(google-explicit-constructor)
  Value(Undefined v) : data_(std::move(v)) {}  // NOLINT(google-explicit-constructor)
  Value(bool v) : data_(v) {}                  // NOLINT(google-explicit-constructor)
  Value(std::int64_t v) : data_(v) {}          // NOLINT(google-explicit-constructor)
  Value(double v) : data_(v) {}                // NOLINT(google-explicit-constructor)
  Value(StringPtr v) : data_(std::move(v)) {}  // NOLINT(google-explicit-constructor)
  Value(TaggedText v) : data_(std::make_shared<const TaggedText>(std::move(v))) {}  // NOLINT
  Value(ListPtr v) : data_(std::move(v)) {}                          // NOLINT(google-explicit-constructor)
  Value(DictPtr v) : data_(std::move(v)) {}                          // NOLINT(google-explicit-constructor)
  Value(std::shared_ptr<Namespace> v) : data_(std::move(v)) {}       // NOLINT(google-explicit-constructor)
  Value(std::shared_ptr<Loop> v) : data_(std::move(v)) {}            // NOLINT(google-explicit-constructor)
  Value(std::shared_ptr<const Callable> v) : data_(std::move(v)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool is_undefined() const { return std::holds_alternative<Undefined>(data_); }
  [[nodiscard]] bool is_none() const { return std::holds_alternative<None>(data_); }
  [[nodiscard]] const Undefined* if_undefined() const { return std::get_if<Undefined>(&data_); }
  [[nodiscard]] const bool* if_bool() const { return std::get_if<bool>(&data_); }
  [[nodiscard]] const std::int64_t* if_integer() const { return std::get_if<std::int64_t>(&data_); }
  [[nodiscard]] const double* if_real() const { return std::get_if<double>(&data_); }
  [[nodiscard]] const TaggedText* if_string() const { return pointee<StringPtr>(); }
  [[nodiscard]] const List* if_list() const {
    return pointee<ListPtr>();
  }  // lists, tuples, ranges, views ...
  [[nodiscard]] const Dict* if_dict() const { return pointee<DictPtr>(); }
  [[nodiscard]] Namespace* if_namespace() const { return pointee<std::shared_ptr<Namespace>>(); }
  [[nodiscard]] std::shared_ptr<Namespace> namespace_pointer() const {
    const auto* pointer = std::get_if<std::shared_ptr<Namespace>>(&data_);
    return pointer != nullptr ? *pointer : nullptr;
  }
  [[nodiscard]] Loop* if_loop() const { return pointee<std::shared_ptr<Loop>>(); }
  [[nodiscard]] const Callable* if_callable() const { return pointee<std::shared_ptr<const Callable>>(); }

  // Python's view: True and False are the integers 1 and 0.
  [[nodiscard]] std::optional<std::int64_t> as_index() const;
  [[nodiscard]] std::optional<double> as_number() const;
  [[nodiscard]] bool is_number() const { return as_number().has_value(); }

  // Address of what is shared, to tell identical objects; null for plain values.
  [[nodiscard]] const void* identity() const;

 private:
  template <typename P>
  [[nodiscard]] auto pointee() const -> decltype(std::declval<const P&>().get()) {
    const P* p = std::get_if<P>(&data_);
    return p != nullptr ? p->get() : nullptr;
  }
  std::variant<Undefined, None, bool, std::int64_t, double, StringPtr, ListPtr, DictPtr,
               std::shared_ptr<Namespace>, std::shared_ptr<Loop>, std::shared_ptr<const Callable>>
      data_;
};

using Values = std::vector<Value>;

enum class ListKind : std::uint8_t { list, tuple, range, keys, values, items, generator };

struct List {
  Values items;
  ListKind kind = ListKind::list;
  std::uint32_t depth = 1;
  std::uint64_t weight = 1;
  std::array<std::int64_t, 3> range{};  // start, stop, step of a range
  mutable bool consumed = false;        // a generator gives its items once; one render is one thread
};

// In order of insertion.
struct Dict {
  std::vector<std::pair<Value, Value>> members;
  std::uint32_t depth = 1;
  std::uint64_t weight = 1;

  [[nodiscard]] const Value* find(const Value& key) const;
  [[nodiscard]] const Value* find(std::string_view key) const;
  void set(Value key, Value value);

 private:
  [[nodiscard]] std::size_t position_of(const Value& key) const;  // members.size() where absent
  [[nodiscard]] std::size_t position_of(std::string_view key) const;
  // Positions of string keys, once there are more members than a linear search likes.
  std::map<std::string, std::size_t, std::less<>> index_;
};

struct Namespace {
  Dict members;
};

struct MacroNode;
struct Scope;
enum class Function : std::uint8_t;

// What can be called: exactly one of the alternatives is filled.
struct Callable {
  enum class Kind : std::uint8_t { function, method, macro, cycler, joiner } kind = Kind::function;
  Function function{};
  Value receiver;      // of a method
  std::string method;  // its name
  const MacroNode* macro = nullptr;
  std::shared_ptr<Scope> scope;      // where the macro was defined
  Values items;                      // of a cycler; a joiner's separator
  mutable std::size_t position = 0;  // of a cycler; whether a joiner was used
};

bool truthy(const Value& value);
// Python's ==. Values of unlike types are unequal; numbers compare by value.
bool equal(const Value& a, const Value& b);
// -1, 0, 1; nothing where Python would raise a TypeError. `unordered` comparisons (NaN) give 2.
std::optional<int> compare(const Value& a, const Value& b);
// Whether it may be a key of a dictionary.
bool hashable(const Value& value);

// "str", "int", "dict", ... for messages.
std::string_view type_name(const Value& value);

Value make_string(std::string_view text, bool is_template = true);
// How many values are inside, itself included.
std::uint64_t weight_of(const Value& value);
// Nothing where the result would pass kMaxValueDepth or kMaxValueWeight.
std::optional<Value> make_list(Values items, ListKind kind = ListKind::list);
std::optional<Value> make_dict(Dict dict);
// "'name' is undefined"
Value undefined_name(std::string_view name);
Value undefined_member(const Value& owner, std::string_view name);

}  // namespace mote::text::jinja
