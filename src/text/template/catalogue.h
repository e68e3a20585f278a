// The names a template may use: filters, tests and global functions. What is not here is TPL_UNSUPPORTED.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mote::text::jinja {

enum class Filter : std::uint8_t {
  unknown,
  abs,
  batch,
  capitalize,
  center,
  count,
  default_value,
  dictsort,
  escape,
  first,
  float_number,
  force_escape,
  format,
  indent,
  integer,
  items,
  join,
  last,
  list,
  lower,
  map,
  max,
  min,
  reject,
  rejectattr,
  replace,
  reverse,
  round,
  safe,
  select,
  selectattr,
  slice,
  sort,
  string,
  sum,
  title,
  tojson,
  trim,
  unique,
  upper,
  wordcount,
};
std::optional<Filter> find_filter(std::string_view name);

enum class Test : std::uint8_t {
  unknown,
  boolean,
  callable,
  defined,
  divisibleby,
  equal,
  escaped,
  even,
  is_false,
  filter,
  floating,
  greater,
  greater_equal,
  in,
  integer,
  iterable,
  less,
  less_equal,
  lower,
  mapping,
  none,
  number,
  odd,
  sameas,
  sequence,
  string,
  test,
  is_true,
  undefined,
  unequal,
  upper,
};
std::optional<Test> find_test(std::string_view name);

enum class Function : std::uint8_t {
  range,
  dict,
  namespace_object,
  cycler,
  joiner,
  raise_exception,
  strftime_now
};
std::optional<Function> find_function(std::string_view name);

}  // namespace mote::text::jinja
