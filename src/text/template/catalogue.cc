#include "text/template/catalogue.h"

#include <algorithm>
#include <array>
#include <utility>

namespace mote::text::jinja {
namespace {

template <typename T>
using Entry = std::pair<std::string_view, T>;

constexpr auto kFilters = std::to_array<Entry<Filter>>({
    {"abs", Filter::abs},
    {"batch", Filter::batch},
    {"capitalize", Filter::capitalize},
    {"center", Filter::center},
    {"count", Filter::count},
    {"d", Filter::default_value},
    {"default", Filter::default_value},
    {"dictsort", Filter::dictsort},
    {"e", Filter::escape},
    {"escape", Filter::escape},
    {"first", Filter::first},
    {"float", Filter::float_number},
    {"forceescape", Filter::force_escape},
    {"format", Filter::format},
    {"indent", Filter::indent},
    {"int", Filter::integer},
    {"items", Filter::items},
    {"join", Filter::join},
    {"last", Filter::last},
    {"length", Filter::count},
    {"list", Filter::list},
    {"lower", Filter::lower},
    {"map", Filter::map},
    {"max", Filter::max},
    {"min", Filter::min},
    {"reject", Filter::reject},
    {"rejectattr", Filter::rejectattr},
    {"replace", Filter::replace},
    {"reverse", Filter::reverse},
    {"round", Filter::round},
    {"safe", Filter::safe},
    {"select", Filter::select},
    {"selectattr", Filter::selectattr},
    {"slice", Filter::slice},
    {"sort", Filter::sort},
    {"string", Filter::string},
    {"sum", Filter::sum},
    {"title", Filter::title},
    {"tojson", Filter::tojson},
    {"trim", Filter::trim},
    {"unique", Filter::unique},
    {"upper", Filter::upper},
    {"wordcount", Filter::wordcount},
});

constexpr auto kTests = std::to_array<Entry<Test>>({
    {"boolean", Test::boolean},  {"callable", Test::callable},
    {"defined", Test::defined},  {"divisibleby", Test::divisibleby},
    {"eq", Test::equal},         {"equalto", Test::equal},
    {"==", Test::equal},         {"escaped", Test::escaped},
    {"even", Test::even},        {"false", Test::is_false},
    {"filter", Test::filter},    {"float", Test::floating},
    {"gt", Test::greater},       {"greaterthan", Test::greater},
    {">", Test::greater},        {"ge", Test::greater_equal},
    {">=", Test::greater_equal}, {"in", Test::in},
    {"integer", Test::integer},  {"iterable", Test::iterable},
    {"lt", Test::less},          {"lessthan", Test::less},
    {"<", Test::less},           {"le", Test::less_equal},
    {"<=", Test::less_equal},    {"lower", Test::lower},
    {"mapping", Test::mapping},  {"none", Test::none},
    {"number", Test::number},    {"odd", Test::odd},
    {"sameas", Test::sameas},    {"sequence", Test::sequence},
    {"string", Test::string},    {"test", Test::test},
    {"true", Test::is_true},     {"undefined", Test::undefined},
    {"ne", Test::unequal},       {"!=", Test::unequal},
    {"upper", Test::upper},
});

constexpr auto kFunctions = std::to_array<Entry<Function>>({
    {"range", Function::range},
    {"dict", Function::dict},
    {"namespace", Function::namespace_object},
    {"cycler", Function::cycler},
    {"joiner", Function::joiner},
    {"raise_exception", Function::raise_exception},
    {"strftime_now", Function::strftime_now},
});

template <typename T, std::size_t N>
std::optional<T> find(const std::array<Entry<T>, N>& entries, std::string_view name) {
  const auto found = std::ranges::find(entries, name, &Entry<T>::first);
  if (found == entries.end()) return std::nullopt;
  return found->second;
}

}  // namespace

std::optional<Filter> find_filter(std::string_view name) { return find(kFilters, name); }
std::optional<Test> find_test(std::string_view name) { return find(kTests, name); }
std::optional<Function> find_function(std::string_view name) { return find(kFunctions, name); }

}  // namespace mote::text::jinja
