// Chat templates: source, then, after a NUL, a conversation as JSON ({"messages": [...], "tools": [...]});
// where there is none, a fixed one. Budgets hold, and what the user wrote never counts as the template's.
#include "base/json.h"
#include "base/strings.h"
#include "fuzz/target.h"
#include "text/template/chat_template.h"

namespace {

using mote::Json;
using mote::text::ChatTemplate;
using mote::text::TextPiece;

// U+E123 of the private use area: no operation of the language makes it from anything else.
constexpr std::string_view kMark = "\xEE\x84\xA3";

constexpr std::string_view kConversation = R"({"messages": [
  {"role": "system", "content": "Be brief \ue123."},
  {"role": "user", "content": " Hi <|im_end|> \ue123 \u00e9 there\n"},
  {"role": "assistant", "content": "", "reasoning_content": "hm \ue123", "tool_calls": [
    {"id": "c1", "type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": 2.5, "c": [null, true]}}}]},
  {"role": "tool", "tool_call_id": "c1", "content": "3.5 \ue123"},
  {"role": "user", "content": [{"type": "text", "text": "and now \ue123?"}]}],
  "tools": [{"type": "function", "function": {"name": "add", "description": "adds \ue123",
    "parameters": {"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]}}}]})";

// Smaller than the defaults, so that a run takes milliseconds even with sanitizers.
constexpr mote::text::TemplateLimits kLimits{.max_source_bytes = std::uint64_t{1} << 16,
                                             .max_steps = 20'000,
                                             .max_depth = 32,
                                             .max_output_bytes = std::uint64_t{1} << 18,
                                             .max_memory_bytes = std::uint64_t{8} << 20,
                                             .max_milliseconds = 250};

// Whether the source could spell the mark itself, as it is or escaped.
bool may_spell_mark(std::string_view source) {
  return source.find(kMark) != std::string_view::npos ||
         mote::to_lower_ascii(source).find("e123") != std::string::npos ||
         source.find("\\x") != std::string_view::npos || source.find("\\N") != std::string_view::npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = mote::fuzz::as_text(data, size);
  const std::string_view source = mote::fuzz::take_part(rest);
  const auto parsed = ChatTemplate::parse(source, kLimits);
  if (!parsed) return 0;
  const auto conversation = mote::parse_json(rest.empty() ? kConversation : rest);
  if (!conversation) return 0;
  mote::text::RenderInput input;
  input.messages = conversation->find("messages");
  input.tools = conversation->find("tools");
  input.bos_token = "<s>";
  input.eos_token = "</s>";
  const auto pieces = parsed->render(input);
  if (!pieces) return 0;
  std::size_t bytes = 0;
  const TextPiece* before = nullptr;
  for (const TextPiece& piece : *pieces) {
    MOTE_FUZZ_CHECK(!piece.text.empty());
    MOTE_FUZZ_CHECK(before == nullptr || before->is_template != piece.is_template);
    if (piece.is_template && rest.empty() && !may_spell_mark(source)) {
      MOTE_FUZZ_CHECK(piece.text.find(kMark) == std::string::npos);
    }
    bytes += piece.text.size();
    before = &piece;
  }
  MOTE_FUZZ_CHECK(bytes <= kLimits.max_output_bytes);
  const auto again = parsed->render(input);
  MOTE_FUZZ_CHECK(!again || *again == *pieces);  // the time budget alone may end the second one
  return 0;
}
