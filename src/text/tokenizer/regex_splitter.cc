#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/tokenizer/regex_splitter.h"

#include <pcre2.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "text/tokenizer/errors.h"
#include "text/tokenizer/limits.h"

namespace mote::text {
namespace {

constexpr std::uint32_t kHeapLimitKib = 64 * 1024;

Error regex_error(std::string message) {
  return Error{
      kTokRegex, std::move(message), "use a tokenizer whose pre_tokenizer has a simpler pattern", {}, {}};
}

std::string pcre2_message(int code) {
  std::array<PCRE2_UCHAR, 128> buffer{};
  if (pcre2_get_error_message(code, buffer.data(), buffer.size()) < 0) return "error " + std::to_string(code);
  std::string text;
  for (const PCRE2_UCHAR c : buffer) {
    if (c == 0) break;
    text.push_back(static_cast<char>(c));
  }
  return text;
}

// Names the first construct that is refused, empty where there is none: what costs too much, and what means
// something else to Oniguruma, which the patterns are written for. A backslash hides the next character.
std::string_view refused_construct(std::string_view pattern) {
  std::size_t class_begin = 0;  // 0: outside; else the place after a class's opening bracket
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const std::string_view rest = pattern.substr(i);
    if (rest[0] == '\\' && rest.size() > 1) {
      if (rest[1] == 'h' || rest[1] == 'H') return "\\h, hexadecimal digits";
      if (rest[1] >= '1' && rest[1] <= '9') return "a back-reference";
      if (rest[1] == 'k' || rest[1] == 'g') return "a back-reference or subroutine call";
      ++i;
    } else if (class_begin > 0) {
      if (rest.starts_with("&&")) return "an intersection of classes";
      if (rest.starts_with("[:")) {
        i += std::min(rest.find(":]"), rest.size() - 2) + 1;
      } else if (rest[0] == '[') {
        return "a class within a class";
      } else if (rest[0] == ']' && i > class_begin) {  // the first one stands for itself
        class_begin = 0;
      }
    } else if (rest[0] == '[') {
      if (rest.starts_with("[^")) ++i;
      class_begin = i + 1;
    } else if (rest.starts_with("(?<=") || rest.starts_with("(?<!")) {
      return "a look-behind";
    } else if (rest.starts_with("(?R") || rest.starts_with("(?&") || rest.starts_with("(?0")) {
      return "recursion";
    } else if (rest.starts_with("(?C") || rest.starts_with("(*")) {
      return "a callout or verb";
    }
  }
  return {};
}

// What is left of the steps, and where the last of them was.
struct StepCounter {
  std::uint64_t left;
  std::size_t position;
};

// PCRE2 calls this before each item of the pattern. A run of characters that nothing is given back of is one
// item, so what has been passed over since counts as well.
int count_step(pcre2_callout_block* block, void* data) {
  auto& counter = *static_cast<StepCounter*>(data);
  const std::size_t here = block->current_position;
  const std::uint64_t steps = 1 + (here > counter.position ? here - counter.position : 0);
  counter.position = here;
  if (steps > counter.left) return PCRE2_ERROR_MATCHLIMIT;
  counter.left -= steps;
  return 0;
}

struct FreeContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

}  // namespace

struct RegexSplitter::Impl {
  pcre2_code* code = nullptr;
  pcre2_match_context* context = nullptr;
  ~Impl() {
    pcre2_match_context_free(context);
    pcre2_code_free(code);
  }
};

RegexSplitter::RegexSplitter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RegexSplitter::RegexSplitter(RegexSplitter&&) noexcept = default;
RegexSplitter& RegexSplitter::operator=(RegexSplitter&&) noexcept = default;
RegexSplitter::~RegexSplitter() = default;

std::uint64_t RegexSplitter::budget(std::size_t bytes) {
  return kMaxSplitPatternSteps + kMaxSplitStepsPerByte * bytes;  // texts have fewer than 2^31 bytes
}

Result<RegexSplitter> RegexSplitter::compile(const std::string& pattern, Steps steps) {
  if (pattern.empty() || pattern.size() > kMaxSplitPatternBytes) {
    return regex_error("cannot use a splitter pattern of " + std::to_string(pattern.size()) +
                       " bytes: 1 to 16,384 are allowed");
  }
  if (const std::string_view construct = refused_construct(pattern); !construct.empty()) {
    return regex_error("splitter pattern \"" + escape_untrusted(pattern) + "\" has " +
                       std::string(construct) + ", which is not supported");
  }
  auto impl = std::make_unique<Impl>();
  int code = 0;
  PCRE2_SIZE position = 0;
  const std::basic_string<PCRE2_UCHAR> units(pattern.begin(), pattern.end());
  // Lines as Oniguruma has them: ^ and $ are at the beginning and end of each.
  const std::uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_MULTILINE |
                                (steps == Steps::counted ? PCRE2_AUTO_CALLOUT : 0U);
  impl->code = pcre2_compile(units.data(), units.size(), options, &code, &position, nullptr);
  if (impl->code == nullptr) {
    return regex_error("cannot compile splitter pattern \"" + escape_untrusted(pattern) +
                       "\": " + pcre2_message(code) + " at offset " + std::to_string(position));
  }
  impl->context = pcre2_match_context_create(nullptr);
  if (impl->context == nullptr) return Error{kTokMemory, "no memory for a splitter pattern", {}, {}, {}};
  pcre2_set_match_limit(impl->context, kMaxSplitPatternSteps);
  pcre2_set_depth_limit(impl->context, kMaxSplitPatternSteps);
  pcre2_set_heap_limit(impl->context, kHeapLimitKib);
  return RegexSplitter(std::move(impl));
}

Result<std::vector<RegexSplitter::Match>> RegexSplitter::find_all(std::string_view text,
                                                                  std::uint64_t& budget) const {
  struct FreeMatch {
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  };
  const std::unique_ptr<pcre2_match_data, FreeMatch> data(
      pcre2_match_data_create_from_pattern(impl_->code, nullptr));
  const std::unique_ptr<pcre2_match_context, FreeContext> context(pcre2_match_context_copy(impl_->context));
  if (data == nullptr || context == nullptr)
    return Error{kTokMemory, "no memory for a splitter match", {}, {}, {}};
  StepCounter counter{budget, 0};
  pcre2_set_callout(context.get(), count_step, &counter);
  std::vector<Match> matches;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = valid_utf8_end(text, begin);
    const std::string_view fragment = text.substr(begin, end - begin);
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(fragment.data());
    // pcre2_match checks the whole subject on every call, which is quadratic in a long text; valid_utf8_end
    // has done that once. A bad byte is neither the beginning nor the end of the text to `^` and `$`.
    const std::uint32_t options =
        PCRE2_NO_UTF_CHECK | (begin > 0 ? PCRE2_NOTBOL : 0U) | (end < text.size() ? PCRE2_NOTEOL : 0U);
    for (std::size_t at = 0; at < fragment.size();) {
      counter.position = at;
      const int rc =
          pcre2_match(impl_->code, subject, fragment.size(), at, options, data.get(), context.get());
      if (rc == PCRE2_ERROR_NOMATCH) break;
      if (rc < 0)
        return regex_error("a splitter pattern failed at byte " + std::to_string(begin + at) +
                           " of the text: " + pcre2_message(rc));
      const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data.get());
      at = range[1];
      if (range[1] > range[0]) {
        matches.push_back(Match{begin + range[0], begin + range[1]});
      } else if (at < fragment.size()) {
        next_code_point(fragment, at);  // an empty match: go on one character later
      }
    }
    begin = end + 1;
  }
  budget = counter.left;
  return matches;
}

}  // namespace mote::text
