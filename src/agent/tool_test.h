// A tool test: conversations whose next answer is known, and whether what a model gives is right.
//
// One item a line (JSONL):
//
//   {"set": "values", "tools": [...], "messages": [...], "expect": {"calls": [{"name", "arguments"}]}}
//
// `tools` are function definitions, `messages` the conversation up to the answer. `expect` has one member:
// "calls", the calls in their order and nothing else called ([]: some text and no call); "asks": no call, and
// a question that names each of these arguments and no other argument of the tools; "values": no call, and an
// answer that says each of these in their order. Names are words: start_time and startTime are "start time".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "engine/loaded_model.h"
#include "mote/cancel.h"
#include "mote/result.h"
#include "mote/session.h"
#include "mote/tokenizer.h"
#include "text/tool_calls/tool_call.h"

namespace mote::agent {

inline constexpr ErrorCode kToolTest{"TOOL_TEST", ErrorKind::invalid_argument};

inline constexpr std::size_t kMaxToolTestItems = 100'000;
inline constexpr std::size_t kToolTestTokens = 160;  // of an answer; what is longer is cut and judged so

struct ExpectedCalls {
  std::vector<text::ToolCall> calls;
};
struct ExpectedQuestion {
  std::vector<std::string> names;
};
struct ExpectedValues {
  std::vector<std::string> values;
};

struct ToolTestItem {
  std::string set;  // what the item belongs to; may be empty
  Json tools;
  JsonArray messages;
  std::variant<ExpectedCalls, ExpectedQuestion, ExpectedValues> expect;
};

// Errors: TOOL_TEST with the line, those of parse_json.
Result<std::vector<ToolTestItem>> parse_tool_test(std::string_view jsonl);

// `answer` is the model's text with the markers of calls. Arguments are equal as JSON values: 40 is 40.0, the
// order of members is free, "40" is not 40. Words count where they stand alone, in small or capital letters.
bool is_right(const ToolTestItem& item, std::string_view answer);

struct AnsweredItem {
  std::vector<TokenId> prompt;
  std::vector<TokenId> tokens;  // of the answer, without the one that ended it
  std::string text;
  bool ended = false;  // by the model itself, not by the limit
};

// The model's greedy answer. The session keeps what items share. Errors: TOOL_TEST where the model has no
// chat template, CTX_FULL, CANCELLED, those of rendering.
Result<AnsweredItem> answer_item(const engine::LoadedModel& model, engine::Session& session,
                                 const ToolTestItem& item, const CancelToken& cancel);

}  // namespace mote::agent
