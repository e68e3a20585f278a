// One record of a data set: a text to learn from, or a conversation with its tools.
//
// The shapes of public sets (the names are LLaMA-Factory's, whose data/README.md describes them):
//
//   alpaca        {"instruction", "input", "output", "system", "history": [["question", "answer"]]}
//   ShareGPT      {"conversations": [{"from", "value"}], "system", "tools"}
//   OpenAI        {"messages": [{"role", "content", ...}], "tools"}
//   preferences   one of these, or {"prompt"}, with "chosen" (and "rejected", which is not read)
//   KTO           one of these with "label" (or "kto_tag"), true where the answer is a good one
//   pairs         {"prompt", "completion"}, {"question", "answer"}
//   text          {"text"}, {"content"}
//
// Members beside these are not read.
#pragma once

#include <string>
#include <variant>

#include "base/json.h"
#include "mote/result.h"
#include "text/corpus/message_list.h"

namespace mote::text {

struct PlainText {
  std::string text;
};

struct Conversation {
  JsonArray messages;  // never empty; as MessageList gives them
  Json tools;          // null where there are none
};

// An answer that is labelled as a bad one.
struct Disliked {};

using Record = std::variant<PlainText, Conversation, Disliked>;

// Errors: CORPUS_RECORD, with the keys of the record where it has none of the shapes.
Result<Record> read_record(const Json& record);

}  // namespace mote::text
