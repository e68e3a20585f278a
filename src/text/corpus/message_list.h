// Messages of a data set, in the forms that public sets have, as the form of OpenAI's API that chat templates
// read: {role, content, reasoning_content, tool_calls, tool_call_id, name}.
//
// Taken: ShareGPT's {from, value} and OpenAI's {role, content}; content as text or as a list of parts, of
// type "text", "reasoning", "tool_call" or "tool_result"; calls in "tool_calls", as a part or as a message of
// their own ("function_call"), with arguments as an object or as its text. Source: the data formats of
// LLaMA-Factory (data/README.md and src/llamafactory/data/converter.py there) and OpenAI's API reference.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "mote/result.h"

namespace mote::text {

// A record, or a part of it, is not what can be read. The message says which message, not which record.
inline constexpr ErrorCode kCorpusRecord{"CORPUS_RECORD", ErrorKind::invalid_argument};

// Values of JSON that stands as text in a record (calls, tools), in all: each takes some 100 bytes of memory
// and may take two in the file.
inline constexpr std::uint64_t kMaxInnerValues = std::uint64_t{1} << 20;

class MessageList {
 public:
  // A message without calls.
  void say(std::string_view role, std::string content);
  // One message. A call without an id gets one (nine letters and digits, as Mistral's templates demand), and
  // results without one answer the calls before them in their order. A call behind a message of the assistant
  // goes into it. Errors: CORPUS_RECORD.
  Result<void> add(const Json& message);
  // A text that `role` says, one message, or a list of them.
  Result<void> add_turn(std::string_view role, const Json& turn);

  // An array of tools, or its text, as an array of {"type": "function", "function": {...}}; null where there
  // are none. Errors: CORPUS_RECORD.
  Result<Json> read_tools(const Json& tools);

  [[nodiscard]] JsonArray take() { return std::move(messages_); }

 private:
  struct Call {
    std::string id;
    std::string name;
  };
  struct Content {
    std::string text;
    std::string reasoning;
    JsonArray calls;    // as `read_calls` gives them
    JsonArray results;  // messages of role tool
  };

  [[nodiscard]] Error fault(std::string_view what) const;
  Result<Json> parse_inner(std::string_view text, std::string_view what);
  Result<void> read_content(const Json& content, Content& out);
  Result<void> read_part(const Json& part, Content& out);
  Result<void> read_calls(const Json& calls, JsonArray& out);
  Result<Json> read_call(const Json& call);
  Result<Json> read_arguments(const Json* arguments);
  Json result_message(const Json& source, std::string content);
  void add_assistant(const Json& source, Content content);

  JsonArray messages_;
  std::size_t number_ = 0;   // of the message that is read, from 1 on
  std::vector<Call> calls_;  // all that have come
  std::size_t open_ = 0;     // the first of them that no result has answered
  std::map<std::string, std::size_t, std::less<>> last_of_id_;  // its place in calls_: ids may come again
  std::uint64_t values_left_ = kMaxInnerValues;
};

}  // namespace mote::text
