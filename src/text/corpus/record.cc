#include "text/corpus/record.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

namespace mote::text {
namespace {

Error fault(std::string what) { return {kCorpusRecord, std::move(what), "", "", std::nullopt}; }

const Json* find(const Json& record, std::string_view key) {
  const Json* found = record.find(key);
  return found == nullptr || found->is_null() ? nullptr : found;
}

// A text that may be absent, or null.
Result<std::string> optional_text(const Json& record, std::string_view key) {
  const Json* found = find(record, key);
  if (found == nullptr) return std::string();
  if (!found->is_string()) return fault("\"" + std::string(key) + "\" is no text");
  return *found->if_string();
}

Error unknown_shape(const Json& record) {
  constexpr std::size_t kShown = 12;
  constexpr std::string_view kHint =
      R"(a record is {"messages": [...]}, {"conversations": [...]}, {"instruction", "output"}, {"text"} or alike)";
  const JsonObject* members = record.if_object();
  if (members == nullptr) return {kCorpusRecord, "it is no object", std::string(kHint), "", std::nullopt};
  std::string keys;
  for (std::size_t i = 0; i < std::min(members->size(), kShown); ++i)
    keys += (keys.empty() ? "\"" : ", \"") + escape_untrusted((*members)[i].first, 40) + "\"";
  if (members->size() > kShown) keys += ", ...";
  return {kCorpusRecord, "it is of no known shape; its keys are " + (keys.empty() ? "none" : keys),
          std::string(kHint), "", std::nullopt};
}

Result<void> add_history(const Json& record, MessageList& list) {
  const Json* history = find(record, "history");
  if (history == nullptr) return {};
  if (!history->is_array()) return fault("\"history\" is no array");
  for (const Json& turn : *history->if_array()) {
    const JsonArray* pair = turn.if_array();
    if (pair == nullptr || pair->size() != 2 || !(*pair)[0].is_string() || !(*pair)[1].is_string())
      return fault("\"history\" is no array of pairs of texts");
    list.say("user", *(*pair)[0].if_string());
    list.say("assistant", *(*pair)[1].if_string());
  }
  return {};
}

Result<void> add_instruction(const Json& record, MessageList& list) {
  MOTE_TRY(add_history(record, list));
  MOTE_ASSIGN(std::string question, optional_text(record, "instruction"));
  MOTE_ASSIGN(const std::string input, optional_text(record, "input"));
  if (!input.empty()) question += (question.empty() ? "" : "\n") + input;
  list.say("user", std::move(question));
  return {};
}

struct Pair {
  const Json* question = nullptr;
  const Json* answer = nullptr;  // null where "chosen" is the answer
};

// A question and its answer; a question alone is nothing to learn from.
std::optional<Pair> find_pair(const Json& record, const Json* chosen) {
  constexpr std::pair<std::string_view, std::string_view> kPairs[] = {{"prompt", "completion"},
                                                                      {"question", "answer"}};
  for (const auto& [question_key, answer_key] : kPairs) {
    const Json* question = find(record, question_key);
    const Json* answer = find(record, answer_key);
    if (question == nullptr || !(question->is_string() || question->is_array())) continue;
    if (chosen != nullptr) return Pair{question, nullptr};
    if (answer != nullptr && (answer->is_string() || answer->is_array())) return Pair{question, answer};
  }
  return std::nullopt;
}

// Whether "chosen" is a conversation from its beginning on, not only its last answer.
bool is_whole(const Json& chosen) {
  const JsonArray* list = chosen.if_array();
  if (list == nullptr || list->empty()) return false;
  for (const std::string_view key : {"role", "from"}) {
    const Json* role = list->front().find(key);
    const std::string* name = role == nullptr ? nullptr : role->if_string();
    if (name != nullptr) return *name != "assistant" && *name != "gpt";
  }
  return false;
}

bool is_disliked(const Json& record) {
  for (const std::string_view key : {"label", "kto_tag"}) {
    const Json* label = record.find(key);
    if (label != nullptr && label->is_bool() && !*label->if_bool()) return true;
  }
  return false;
}

}  // namespace

Result<Record> read_record(const Json& record) {
  const Json* chosen = find(record, "chosen");
  const Json* messages = nullptr;
  for (const std::string_view key : {"messages", "conversations"}) {
    const Json* found = record.find(key);
    if (messages == nullptr && found != nullptr && found->is_array()) messages = found;
  }
  const Json* instruction = find(record, "instruction");
  if (instruction != nullptr && !instruction->is_string()) instruction = nullptr;
  const std::optional<Pair> pair = find_pair(record, chosen);
  const bool is_chosen = chosen != nullptr && is_whole(*chosen);
  if (messages == nullptr && instruction == nullptr && !pair && !is_chosen) {
    // A message alone would else pass for a text.
    const bool is_message = record.find("role") != nullptr || record.find("from") != nullptr;
    for (const std::string_view key : {"text", "content"}) {
      const Json* found = record.find(key);
      if (!is_message && found != nullptr && found->is_string())
        return Record(PlainText{*found->if_string()});
    }
    return unknown_shape(record);
  }
  if (is_disliked(record)) return Record(Disliked{});

  MessageList list;
  MOTE_ASSIGN(std::string system, optional_text(record, "system"));
  if (!system.empty()) list.say("system", std::move(system));
  if (is_chosen) {
    MOTE_TRY(list.add_turn("assistant", *chosen));
  } else {
    if (messages != nullptr) {
      MOTE_TRY(list.add_turn("user", *messages));
    } else if (instruction != nullptr) {
      MOTE_TRY(add_instruction(record, list));
      const Json* output = find(record, "output");
      const bool is_empty = output == nullptr || (output->is_string() && output->if_string()->empty());
      if (chosen == nullptr && !is_empty) MOTE_TRY(list.add_turn("assistant", *output));
    } else {
      MOTE_TRY(list.add_turn("user", *pair->question));
      if (pair->answer != nullptr) MOTE_TRY(list.add_turn("assistant", *pair->answer));
    }
    if (chosen != nullptr) MOTE_TRY(list.add_turn("assistant", *chosen));
  }
  Conversation out;
  if (const Json* tools = record.find("tools")) {
    MOTE_ASSIGN(out.tools, list.read_tools(*tools));
  }
  out.messages = list.take();
  if (out.messages.empty()) return fault("it has no messages");
  return Record(std::move(out));
}

}  // namespace mote::text
