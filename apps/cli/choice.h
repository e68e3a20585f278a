// Values of an option that are words out of a table: the parser, its error message, completion and the manual
// pages all read that table.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/cli/parse.h"
#include "mote/result.h"

namespace mote::cli {

template <typename T>
struct Choice {
  std::string_view name;
  T value;
};

template <typename T, std::size_t N>
std::vector<std::string> names_of(const std::array<Choice<T>, N>& table) {
  std::vector<std::string> names;
  names.reserve(N);
  for (const Choice<T>& one : table) names.emplace_back(one.name);
  return names;
}

// What the table has under `text`; USAGE_VALUE with all names otherwise.
template <typename T, std::size_t N>
Result<T> choose(std::string_view option, std::string_view text, const std::array<Choice<T>, N>& table) {
  for (const Choice<T>& one : table) {
    if (one.name == text) return one.value;
  }
  return bad_value(option, text, one_of(names_of(table)));
}

// Tables of the library's enumerations, which have a to_string of their own.
template <typename T>
std::vector<std::string> names_of(std::span<const T> values) {
  std::vector<std::string> names;
  names.reserve(values.size());
  for (const T value : values) names.emplace_back(to_string(value));
  return names;
}

}  // namespace mote::cli
