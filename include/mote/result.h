// Result<T>: a value or an Error. Member names are those of std::expected (C++23), so that a later switch is
// an alias; GCC 12 in C++20 has no std::expected.
#pragma once

#include <type_traits>
#include <utility>
#include <variant>

#include "mote/error.h"

namespace mote {

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  // Implicit on purpose: `return value;` and `return Error{...};` are the two ways out of a function.
  // NOLINTBEGIN(google-explicit-constructor)
  template <typename U = T>
    requires(std::is_constructible_v<T, U &&> && !std::is_same_v<std::remove_cvref_t<U>, Result> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error>)
  Result(U&& value) : state_(std::in_place_index<0>, std::forward<U>(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  // Requires has_value().
  T& operator*() & { return *std::get_if<0>(&state_); }
  const T& operator*() const& { return *std::get_if<0>(&state_); }
  T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }

  // Requires !has_value().
  Error& error() & { return *std::get_if<1>(&state_); }
  const Error& error() const& { return *std::get_if<1>(&state_); }
  Error&& error() && { return std::move(*std::get_if<1>(&state_)); }

  template <typename U>
  T value_or(U&& fallback) const& {
    return has_value() ? **this : static_cast<T>(std::forward<U>(fallback));
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool has_value() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }
  void operator*() const {}

  Error& error() & { return *error_; }
  const Error& error() const& { return *error_; }
  Error&& error() && { return std::move(*error_); }

 private:
  std::optional<Error> error_;
};

}  // namespace mote

#define MOTE_CONCAT_INNER(a, b) a##b
#define MOTE_CONCAT(a, b) MOTE_CONCAT_INNER(a, b)

// MOTE_TRY(expression): leaves the function with the error of a failed Result, drops the value of a good one.
#define MOTE_TRY(...) MOTE_TRY_IMPL(MOTE_CONCAT(mote_result_, __COUNTER__), __VA_ARGS__)
#define MOTE_TRY_IMPL(tmp, ...)              \
  do {                                       \
    auto tmp = (__VA_ARGS__);                \
    if (!tmp) return std::move(tmp).error(); \
  } while (false)

// MOTE_ASSIGN(auto x, expression): the same, and x takes the value.
#define MOTE_ASSIGN(declaration, ...) \
  MOTE_ASSIGN_IMPL(MOTE_CONCAT(mote_result_, __COUNTER__), declaration, __VA_ARGS__)
#define MOTE_ASSIGN_IMPL(tmp, declaration, ...) \
  auto tmp = (__VA_ARGS__);                     \
  if (!tmp) return std::move(tmp).error();      \
  declaration = std::move(*tmp)
