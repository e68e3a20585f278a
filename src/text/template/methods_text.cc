// The methods of Python's str, on text that keeps its origin.
#include <algorithm>
#include <array>
#include <cstdint>

#include "base/strings.h"
#include "base/text_search.h"
#include "text/template/runtime.h"
#include "text/template/template_errors.h"
#include "text/template/unicode.h"

namespace mote::text::jinja {
namespace {

Result<const TaggedText*> text_argument(const Value* value, std::string_view what) {
  const TaggedText* text = value->if_string();
  if (text != nullptr) return text;
  return runtime_error("'" + std::string(what) + "' needs text, got " + std::string(type_name(*value)));
}

bool is_given(const Value* value) { return value != nullptr && !value->is_none(); }

Result<Value> strip(Runtime& runtime, const TaggedText& self, std::string_view name,
                    const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, name, {"chars"}));
  const std::string* set = nullptr;
  if (is_given(args[0])) {
    MOTE_ASSIGN(const TaggedText* chars, text_argument(args[0], name));
    set = &chars->bytes();
  }
  const ByteRange range = strip_range(self.bytes(), name != "rstrip", name != "lstrip", set);
  return runtime.text(self.slice(range.begin, range.end));
}

// Runs of white space separate; none at the ends count. After `limit` splits the rest stays whole.
Result<Values> split_on_space(Runtime& runtime, const TaggedText& self, std::int64_t limit, bool from_right) {
  std::vector<ByteRange> words;
  const std::string& bytes = self.bytes();
  for (std::size_t at = 0; at < bytes.size();) {
    std::size_t begin = at;
    if (is_python_space(next_code_point(bytes, at))) continue;
    std::size_t end = at;
    while (at < bytes.size()) {
      std::size_t next = at;
      if (is_python_space(next_code_point(bytes, next))) break;
      at = end = next;
    }
    words.push_back({begin, end});
  }
  const std::size_t most = limit < 0 ? words.size() : static_cast<std::size_t>(limit);
  if (words.size() > most) {
    const ByteRange whole = strip_range(bytes, true, true, nullptr);
    if (from_right) {
      const std::size_t merged = words.size() - most;
      words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(merged - 1));
      words[0] = {0,
                  most == 0 ? whole.end : words[0].end};  // the left end keeps its white space, as in CPython
    } else {
      const std::size_t begin = words[most].begin;
      words.resize(most);
      words.push_back({begin, bytes.size()});
    }
  }
  Values items;
  for (const ByteRange& word : words) {
    MOTE_ASSIGN(Value item, runtime.text(self.slice(word.begin, word.end)));
    items.push_back(std::move(item));
  }
  return items;
}

Result<Values> split_on(Runtime& runtime, const TaggedText& self, const std::string& separator,
                        std::int64_t limit, bool from_right) {
  const std::string& bytes = self.bytes();
  std::vector<std::size_t> cuts;
  if (from_right) {
    MOTE_TRY(runtime.charge(bytes.size()));  // turned round
    cuts = find_texts_from_right(bytes, separator,
                                 limit < 0 ? bytes.size() + 1 : static_cast<std::size_t>(limit));
    std::ranges::reverse(cuts);
  } else {
    for (std::size_t at = 0; limit != 0; limit -= limit > 0 ? 1 : 0) {
      const std::size_t found = find_text(bytes, separator, at);
      if (found == std::string::npos) break;
      cuts.push_back(found);
      at = found + separator.size();
    }
  }
  MOTE_TRY(runtime.charge(cuts.size() * (sizeof(Value) + sizeof(TaggedText)) + bytes.size()));
  Values items;
  std::size_t begin = 0;
  for (const std::size_t cut : cuts) {
    items.emplace_back(self.slice(begin, cut));
    begin = cut + separator.size();
  }
  items.emplace_back(self.slice(begin, bytes.size()));
  return items;
}

Result<Value> split(Runtime& runtime, const TaggedText& self, std::string_view name,
                    const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, name, {"sep", "maxsplit"}));
  MOTE_ASSIGN(const std::int64_t limit, integer_or(args[1], -1, name));
  const bool from_right = name == "rsplit";
  Values items;
  if (is_given(args[0])) {
    MOTE_ASSIGN(const TaggedText* separator, text_argument(args[0], name));
    if (separator->empty()) return runtime_error("'" + std::string(name) + "' got an empty separator");
    MOTE_ASSIGN(items, split_on(runtime, self, separator->bytes(), limit, from_right));
  } else {
    MOTE_ASSIGN(items, split_on_space(runtime, self, limit, from_right));
  }
  return runtime.list(std::move(items));
}

bool is_line_break(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

Result<Value> splitlines(Runtime& runtime, const TaggedText& self, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, "splitlines", {"keepends"}));
  const bool keep = truth_or(args[0], false);
  const std::string& bytes = self.bytes();
  std::size_t lines = 1;
  for (std::size_t at = 0; at < bytes.size();) lines += is_line_break(next_code_point(bytes, at)) ? 1U : 0U;
  MOTE_TRY(runtime.charge(lines * (sizeof(Value) + sizeof(TaggedText)) + bytes.size()));
  Values items;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t end = at;
    const char32_t c = next_code_point(bytes, at);
    if (!is_line_break(c)) continue;
    if (c == U'\r' && at < bytes.size() && bytes[at] == '\n') ++at;
    items.emplace_back(self.slice(begin, keep ? at : end));
    begin = at;
  }
  if (begin < bytes.size()) items.emplace_back(self.slice(begin, bytes.size()));
  return runtime.list(std::move(items));
}

Result<Value> partition(Runtime& runtime, const TaggedText& self, std::string_view name,
                        const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, name, {"sep"}, 1));
  MOTE_ASSIGN(const TaggedText* separator, text_argument(args[0], name));
  if (separator->empty()) return runtime_error("'" + std::string(name) + "' got an empty separator");
  const bool from_right = name == "rpartition";
  const std::size_t found =
      from_right ? rfind_text(self.bytes(), separator->bytes()) : find_text(self.bytes(), separator->bytes());
  MOTE_TRY(runtime.charge(self.size()));
  if (found == std::string::npos) {
    const Value empty = TaggedText();
    return runtime.list(from_right ? Values{empty, empty, self} : Values{self, empty, empty},
                        ListKind::tuple);
  }
  const std::size_t after = found + separator->size();
  return runtime.list({self.slice(0, found), self.slice(found, after), self.slice(after, self.size())},
                      ListKind::tuple);
}

// The bytes that start and stop (in code points, as of a slice) leave, or nothing where start is past the
// end.
Result<std::optional<ByteRange>> window(const TaggedText& self, const Value* start, const Value* stop,
                                        std::string_view name) {
  const std::int64_t length = static_cast<std::int64_t>(count_code_points(self.bytes()));
  const auto position = [&](const Value* value, std::int64_t fallback) -> Result<std::int64_t> {
    if (!is_given(value)) return fallback;
    MOTE_ASSIGN(const std::int64_t index, integer_or(value, 0, name));
    return index < 0 ? std::max<std::int64_t>(index < -length ? 0 : index + length, 0) : index;
  };
  MOTE_ASSIGN(const std::int64_t from, position(start, 0));
  MOTE_ASSIGN(const std::int64_t to, position(stop, length));
  if (from > length || from > to) return std::optional<ByteRange>();
  return std::optional(ByteRange{byte_of_code_point(self.bytes(), static_cast<std::size_t>(from)),
                                 byte_of_code_point(self.bytes(), static_cast<std::size_t>(to))});
}

Result<Value> starts_or_ends(const TaggedText& self, std::string_view name, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, name, {"prefix", "start", "end"}, 1));
  MOTE_ASSIGN(const auto range, window(self, args[1], args[2], name));
  if (!range) return Value(false);
  const std::string_view part =
      std::string_view(self.bytes()).substr(range->begin, range->end - range->begin);
  const auto matches = [&](const Value* value) -> Result<bool> {
    MOTE_ASSIGN(const TaggedText* text, text_argument(value, name));
    return name == "startswith" ? part.starts_with(text->bytes()) : part.ends_with(text->bytes());
  };
  const List* several = args[0]->if_list();
  if (several != nullptr && several->kind == ListKind::tuple) {
    for (const Value& item : several->items) {
      MOTE_ASSIGN(const bool found, matches(&item));
      if (found) return Value(true);
    }
    return Value(false);
  }
  MOTE_ASSIGN(const bool found, matches(args[0]));
  return Value(found);
}

Result<Value> find(const TaggedText& self, std::string_view name, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, name, {"sub", "start", "end"}, 1));
  MOTE_ASSIGN(const TaggedText* part, text_argument(args[0], name));
  MOTE_ASSIGN(const auto range, window(self, args[1], args[2], name));
  const bool raises = name == "index" || name == "rindex";
  std::size_t found = std::string::npos;
  if (range) {
    const std::string_view inside =
        std::string_view(self.bytes()).substr(range->begin, range->end - range->begin);
    if (name == "count") {
      if (part->empty()) return Value(static_cast<std::int64_t>(count_code_points(inside)) + 1);
      std::int64_t count = 0;
      for (std::size_t at = find_text(inside, part->bytes()); at != std::string_view::npos;
           at = find_text(inside, part->bytes(), at + part->size())) {
        ++count;
      }
      return Value(count);
    }
    found = name == "rfind" || name == "rindex" ? rfind_text(inside, part->bytes())
                                                : find_text(inside, part->bytes());
  } else if (name == "count") {
    return Value(std::int64_t{0});
  }
  if (found == std::string::npos) {
    if (raises) return runtime_error("'" + std::string(name) + "' did not find the text");
    return Value(std::int64_t{-1});
  }
  return Value(static_cast<std::int64_t>(
      count_code_points(std::string_view(self.bytes()).substr(0, range->begin + found))));
}

Result<Value> replace(Runtime& runtime, const TaggedText& self, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, "replace", {"old", "new", "count"}, 2));
  MOTE_ASSIGN(const TaggedText* from, text_argument(args[0], "replace"));
  MOTE_ASSIGN(const TaggedText* to, text_argument(args[1], "replace"));
  MOTE_ASSIGN(const std::int64_t count, integer_or(args[2], -1, "replace"));
  // At most one replacement per remaining character, and one more where `from` is empty.
  const std::uint64_t places = self.size() / std::max<std::size_t>(from->size(), 1) + 1;
  if (to->size() > from->size() && places > runtime.limits().max_output_bytes / to->size()) {
    MOTE_ASSIGN(const Value found, find(self, "count", {{*args[0]}, {}}));
    const std::uint64_t real = static_cast<std::uint64_t>(*found.as_index());
    if (real > runtime.limits().max_output_bytes / to->size()) {
      return runtime.limit_error("bytes of output", runtime.limits().max_output_bytes);
    }
  }
  return runtime.text(replace_text(self, from->bytes(), *to, count));
}

Result<Value> join(Runtime& runtime, const TaggedText& self, const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, "join", {"iterable"}, 1));
  if (args[0]->is_undefined()) return Value(TaggedText());
  MOTE_ASSIGN(const Values items, iterate(runtime, *args[0]));
  TaggedText result;
  for (std::size_t i = 0; i < items.size(); ++i) {
    MOTE_ASSIGN(const TaggedText* item, text_argument(&items[i], "join"));
    MOTE_TRY(runtime.charge_text(result.size() + item->size() + self.size()));
    if (i > 0) result.append(self);
    result.append(*item);
  }
  return Value(std::move(result));
}

Result<Value> justify(Runtime& runtime, const TaggedText& self, std::string_view name,
                      const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, name, {"width", "fillchar"}, 1));
  MOTE_ASSIGN(const std::int64_t given, integer_or(args[0], 0, name));
  const std::size_t width = static_cast<std::size_t>(std::max<std::int64_t>(given, 0));
  std::string fill = name == "zfill" ? "0" : " ";
  if (args[1] != nullptr) {
    MOTE_ASSIGN(const TaggedText* text, text_argument(args[1], name));
    if (text->size() != 1) return runtime_error("'" + std::string(name) + "' fills with one ASCII character");
    fill = text->bytes();
  }
  MOTE_TRY(runtime.charge_text(width));
  if (name == "center") return runtime.text(center_text(self, width, fill[0]));
  const std::size_t length = count_code_points(self.bytes());
  if (length >= width) return runtime.text(self);
  const std::string padding(width - length, fill[0]);
  TaggedText result;
  if (name == "ljust") {
    result = self;
    result.append(padding, true);
    return runtime.text(std::move(result));
  }
  const bool is_signed =
      name == "zfill" && !self.empty() && (self.bytes()[0] == '-' || self.bytes()[0] == '+');
  if (is_signed) result.append_slice(self, 0, 1);
  result.append(padding, true);
  result.append_slice(self, is_signed ? 1 : 0, self.size());
  return runtime.text(std::move(result));
}

std::string swap_case(char32_t c) { return is_upper(c) ? to_lower(c) : to_upper(c); }

Result<Value> change_case(Runtime& runtime, const TaggedText& self, std::string_view name,
                          const CallArguments& arguments) {
  MOTE_TRY(bind(arguments, name, {}));
  if (name == "upper") return runtime.text(map_case(self, to_upper, to_upper, false));
  if (name == "lower" || name == "casefold") return runtime.text(map_case(self, to_lower, to_lower, false));
  if (name == "capitalize") return runtime.text(map_case(self, to_title, to_lower, false));
  if (name == "title") return runtime.text(map_case(self, to_title, to_lower, true));
  return runtime.text(map_case(self, swap_case, swap_case, false));
}

// islower() and isupper(): at least one cased letter, and none of the other case.
bool all_of_case(const std::string& bytes, bool (*wanted)(char32_t), bool (*other)(char32_t)) {
  bool any = false;
  for (std::size_t at = 0; at < bytes.size();) {
    const char32_t c = next_code_point(bytes, at);
    if (other(c)) return false;
    any = any || wanted(c);
  }
  return any;
}

bool is_alphanumeric(char32_t c) { return is_alpha(c) || is_digit(c); }
bool is_ascii(char32_t c) { return c < 0x80; }

Result<Value> predicate(const TaggedText& self, std::string_view name, const CallArguments& arguments) {
  MOTE_TRY(bind(arguments, name, {}));
  const std::string& bytes = self.bytes();
  if (name == "islower") return Value(all_of_case(bytes, is_lower, is_upper));
  if (name == "isupper") return Value(all_of_case(bytes, is_upper, is_lower));
  const auto all = [&](bool (*holds)(char32_t), bool of_empty) {
    for (std::size_t at = 0; at < bytes.size();) {
      if (!holds(next_code_point(bytes, at))) return Value(false);
    }
    return Value(of_empty || !bytes.empty());
  };
  if (name == "isspace") return all(is_python_space, false);
  if (name == "isalpha") return all(is_alpha, false);
  if (name == "isalnum") return all(is_alphanumeric, false);
  if (name == "isascii") return all(is_ascii, true);
  if (name == "isprintable") return all(is_printable, true);
  return all(is_digit, false);  // isdigit, isdecimal, isnumeric: the same for all but rare characters
}

Result<Value> remove_affix(Runtime& runtime, const TaggedText& self, std::string_view name,
                           const CallArguments& arguments) {
  MOTE_ASSIGN(const auto args, bind(arguments, name, {"affix"}, 1));
  MOTE_ASSIGN(const TaggedText* affix, text_argument(args[0], name));
  if (name == "removeprefix" && self.bytes().starts_with(affix->bytes())) {
    return runtime.text(self.slice(affix->size(), self.size()));
  }
  if (name == "removesuffix" && self.bytes().ends_with(affix->bytes())) {
    return runtime.text(self.slice(0, self.size() - affix->size()));
  }
  return runtime.text(self);
}

}  // namespace

Result<Value> call_text_method(Runtime& runtime, const TaggedText& self, std::string_view name,
                               const CallArguments& arguments) {
  const auto is = [&](std::initializer_list<std::string_view> names) {
    return std::ranges::find(names, name) != names.end();
  };
  MOTE_TRY(runtime.charge(self.size()));
  // Python takes most of these by position only.
  const bool takes_names = is({"split", "rsplit", "splitlines", "format", "replace"});
  if (!takes_names && !arguments.named.empty()) {
    return runtime_error("'" + std::string(name) + "' takes no named arguments");
  }
  if (is({"strip", "lstrip", "rstrip"})) return strip(runtime, self, name, arguments);
  if (is({"split", "rsplit"})) return split(runtime, self, name, arguments);
  if (name == "splitlines") return splitlines(runtime, self, arguments);
  if (is({"partition", "rpartition"})) return partition(runtime, self, name, arguments);
  if (is({"startswith", "endswith"})) return starts_or_ends(self, name, arguments);
  if (is({"find", "rfind", "index", "rindex", "count"})) return find(self, name, arguments);
  if (name == "replace") return replace(runtime, self, arguments);
  if (name == "join") return join(runtime, self, arguments);
  if (name == "format") return format_braces(runtime, self, arguments);
  if (is({"center", "ljust", "rjust", "zfill"})) return justify(runtime, self, name, arguments);
  if (is({"upper", "lower", "casefold", "capitalize", "title", "swapcase"})) {
    return change_case(runtime, self, name, arguments);
  }
  if (is({"removeprefix", "removesuffix"})) return remove_affix(runtime, self, name, arguments);
  if (is({"islower", "isupper", "isspace", "isalpha", "isalnum", "isascii", "isprintable", "isdigit",
          "isdecimal", "isnumeric"})) {
    return predicate(self, name, arguments);
  }
  return Error{kTplUnsupported,
               "cannot render chat template: the text method '" + std::string(name) + "' is not supported",
               "try a simpler template with `mote render --template`", "", std::nullopt};
}

}  // namespace mote::text::jinja
