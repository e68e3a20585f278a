#include "quantize/name_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <utility>

namespace mote::quantize {
namespace {

constexpr std::uint32_t kDepthLimit = 1'000;

std::string message_of(int code) {
  PCRE2_UCHAR text[160];
  if (pcre2_get_error_message(code, text, sizeof text) < 0) return "unknown error";
  return reinterpret_cast<const char*>(text);
}

struct CodeFree {
  void operator()(pcre2_code* p) const { pcre2_code_free(p); }
};
struct DataFree {
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
};
struct ContextFree {
  void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
};

}  // namespace

struct NamePattern::Compiled {
  std::unique_ptr<pcre2_code, CodeFree> code;
  std::unique_ptr<pcre2_match_data, DataFree> data;
  std::unique_ptr<pcre2_match_context, ContextFree> context;
};

NamePattern::NamePattern(std::string text, std::unique_ptr<Compiled> compiled)
    : text_(std::move(text)), compiled_(std::move(compiled)) {}
NamePattern::NamePattern(NamePattern&&) noexcept = default;
NamePattern& NamePattern::operator=(NamePattern&&) noexcept = default;
NamePattern::~NamePattern() = default;

Result<NamePattern> NamePattern::compile(std::string_view pattern) {
  int code = 0;
  PCRE2_SIZE offset = 0;
  auto compiled = std::make_unique<Compiled>();
  compiled->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                     PCRE2_NEVER_BACKSLASH_C, &code, &offset, nullptr));
  if (compiled->code == nullptr) {
    return Error{
        kQuantPattern,
        "tensor pattern '" + escape_untrusted(pattern) + "' does not compile: " + message_of(code) +
            " at character " + std::to_string(offset + 1),
        "patterns are regular expressions over GGUF tensor names, for example 'blk\\.[0-3]\\.ffn_down'",
        {},
        {}};
  }
  compiled->data.reset(pcre2_match_data_create_from_pattern(compiled->code.get(), nullptr));
  compiled->context.reset(pcre2_match_context_create(nullptr));
  if (compiled->data == nullptr || compiled->context == nullptr) {
    return Error{
        kQuantPattern, "no memory to match tensor pattern '" + escape_untrusted(pattern) + "'", {}, {}, {}};
  }
  pcre2_set_match_limit(compiled->context.get(), kMaxPatternSteps);
  pcre2_set_depth_limit(compiled->context.get(), kDepthLimit);
  return NamePattern(std::string(pattern), std::move(compiled));
}

Result<bool> NamePattern::matches(std::string_view name) const {
  const int result = pcre2_match(compiled_->code.get(), reinterpret_cast<PCRE2_SPTR>(name.data()),
                                 name.size(), 0, 0, compiled_->data.get(), compiled_->context.get());
  if (result >= 0) return true;
  if (result == PCRE2_ERROR_NOMATCH) return false;
  return Error{kQuantPattern,
               "tensor pattern '" + escape_untrusted(text_) + "' failed on '" + escape_untrusted(name) +
                   "': " + message_of(result),
               "write it without nested repetitions",
               {},
               {}};
}

}  // namespace mote::quantize
