// A data set: the first byte chooses its form. What a record is read as has the form that templates read, and
// is read again as the same. Rendered and tokenized: the control tokens are those that the template wrote.
#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/strings.h"
#include "fuzz/target.h"
#include "text/corpus/corpus.h"
#include "text/tokenizer/test_vocabulary.h"

namespace {

using namespace mote;

constexpr std::string_view kTemplate =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{{ m.reasoning_content or '' }}"
    "{% for c in m.tool_calls or [] %}{{ c.id }}{{ c.function.name }}{{ c.function.arguments | tojson }}"
    "{% endfor %}<|im_end|>{% endfor %}{% for t in tools or [] %}{{ t.function | tojson }}{% endfor %}";

const Tokenizer& tokenizer() {
  static const std::unique_ptr<Tokenizer> made = [] {
    text::TokenizerData data = text::testing::byte_vocabulary(
        {{"a", "b"}}, {{"<|im_start|>", TokenType::control}, {"<|im_end|>", TokenType::control}});
    data.chat_template = kTemplate;
    auto tokenizer = Tokenizer::create(std::move(data));
    MOTE_FUZZ_CHECK(tokenizer);
    return std::move(*tokenizer);
  }();
  return *made;
}

bool has_text(const Json& json, std::string_view key) {
  const Json* found = json.find(key);
  return found != nullptr && found->is_string();
}

void check_message(const Json& message) {
  constexpr std::array<std::string_view, 5> kRoles{"system", "developer", "user", "assistant", "tool"};
  MOTE_FUZZ_CHECK(has_text(message, "role") && has_text(message, "content"));
  const std::string& role = *message.find("role")->if_string();
  MOTE_FUZZ_CHECK(std::ranges::find(kRoles, role) != kRoles.end());
  const Json* calls = message.find("tool_calls");
  if (calls == nullptr) return;
  MOTE_FUZZ_CHECK(role == "assistant" && calls->is_array() && !calls->if_array()->empty());
  for (const Json& call : *calls->if_array()) {
    MOTE_FUZZ_CHECK(has_text(call, "id") && has_text(*call.find("function"), "name"));
    MOTE_FUZZ_CHECK(call.find("function")->find("arguments")->is_object());
  }
}

// The number of messages that the record has for a template.
std::size_t check_record(const Json& json) {
  const auto record = text::read_record(json);
  if (!record) {
    MOTE_FUZZ_CHECK(record.error().code.name == text::kCorpusRecord.name);
    MOTE_FUZZ_CHECK(format_error(record.error()).size() <= 1000);
    return 0;
  }
  const auto* conversation = std::get_if<text::Conversation>(&*record);
  if (conversation == nullptr) return 0;
  MOTE_FUZZ_CHECK(!conversation->messages.empty());
  for (const Json& message : conversation->messages) check_message(message);
  Json again;
  again["messages"] = conversation->messages;
  if (!conversation->tools.is_null()) {
    MOTE_FUZZ_CHECK(conversation->tools.is_array());
    for (const Json& tool : *conversation->tools.if_array())
      MOTE_FUZZ_CHECK(tool.find("function")->is_object());
    again["tools"] = conversation->tools;
  }
  const auto second = text::read_record(again);
  MOTE_FUZZ_CHECK(second);
  const auto* same = std::get_if<text::Conversation>(&*second);
  MOTE_FUZZ_CHECK(same != nullptr && Json(same->messages).dump() == Json(conversation->messages).dump());
  MOTE_FUZZ_CHECK(same->tools.dump() == conversation->tools.dump());
  return conversation->messages.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view content = fuzz::as_text(data + 1, size - 1);
  const auto form = static_cast<text::CorpusForm>(data[0] % 3U);
  std::size_t messages = 0;
  const auto json = form == text::CorpusForm::json ? parse_json(content) : Result<Json>(Json());
  if (json && json->is_array()) {
    for (const Json& record : *json->if_array()) messages += check_record(record);
  } else if (json && form == text::CorpusForm::json) {
    messages = check_record(*json);
  }
  const auto corpus = text::tokenize_corpus(tokenizer(), content, form, false);
  if (!corpus) {
    MOTE_FUZZ_CHECK(format_error(corpus.error()).size() <= 1000);
    return 0;
  }
  for (const TokenId id : corpus->tokens)
    MOTE_FUZZ_CHECK(id >= 0 && static_cast<std::size_t>(id) < tokenizer().vocabulary_size());
  if (form != text::CorpusForm::text) MOTE_FUZZ_CHECK(corpus->refused + corpus->disliked < corpus->records);
  const auto begins = std::ranges::count(corpus->tokens, *tokenizer().find("<|im_start|>"));
  const auto ends = std::ranges::count(corpus->tokens, *tokenizer().find("<|im_end|>"));
  MOTE_FUZZ_CHECK(begins == ends);
  if (form == text::CorpusForm::json && corpus->refused == 0)
    MOTE_FUZZ_CHECK(static_cast<std::size_t>(begins) == messages);
  return 0;
}
