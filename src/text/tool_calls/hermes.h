// Tool calls as Hermes 2 Pro, Qwen2.5 and SmolLM3 write them, several in a row for parallel calls:
//
//   <tool_call>
//   {"name": "set_light", "arguments": {"room": "kitchen"}}
//   </tool_call>
//
// Source: the system prompts in the chat templates of NousResearch/Hermes-2-Pro-Llama-3-8B (tool_use) and
// Qwen/Qwen2.5-7B-Instruct. The markers count outside of JSON strings only, so that an argument may hold
// them. Nothing is repaired: a call that cannot be read is an error, never text and never half a call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mote/result.h"
#include "text/tool_calls/tool_call.h"

namespace mote::text {

// What is between the markers is no JSON value, or something stands beside the value.
inline constexpr ErrorCode kToolCallSyntax{"TOOL_CALL_SYNTAX", ErrorKind::failed};
// It is JSON without a name, or its arguments are no object.
inline constexpr ErrorCode kToolCallForm{"TOOL_CALL_FORM", ErrorKind::failed};
// The text ends inside a call.
inline constexpr ErrorCode kToolCallEnd{"TOOL_CALL_END", ErrorKind::failed};

inline constexpr std::string_view kHermesCallBegin = "<tool_call>";
inline constexpr std::string_view kHermesCallEnd = "</tool_call>";

// Cuts an answer at its calls while it is being written. Time is linear in the text.
class HermesSplitter {
 public:
  // The places of a call, as bytes of the whole text: its begin marker, and its value [begin, end).
  struct Body {
    std::size_t marker = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  enum class State : std::uint8_t {
    content,      // outside of calls
    before_json,  // behind the begin marker
    json,         // within the value
    after_json,   // behind it
    broken,       // something that is no call; nothing is looked for any more
  };

  // Adds text and returns what is now certain to be content: nothing that is or may become the start of a
  // call, nor white space that may turn out to stand before one.
  std::string push(std::string_view text);
  // The content held back, when no more text will come. What comes out in all is ToolAnswer::content.
  std::string finish();

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const std::vector<Body>& bodies() const { return bodies_; }  // of calls that ended
  [[nodiscard]] std::size_t call_begin() const { return open_.marker; }      // of the last call
  [[nodiscard]] std::size_t broken_at() const { return broken_at_; }         // where State::broken

 private:
  void step(char c, std::string& out);
  void content_step(char c, std::string& out);
  void json_step(char c);
  void after_json_step(char c);
  void show(std::string_view text, std::string& out);
  void break_here();

  State state_ = State::content;
  std::size_t position_ = 0;
  std::size_t matched_ = 0;  // bytes of a marker that stand at the end of the text
  std::size_t broken_at_ = 0;
  Body open_;  // of the last call, whether it has ended or not
  std::vector<Body> bodies_;
  // of the value
  std::size_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  // of the content
  std::string space_;         // white space that the next byte decides about
  bool in_piece_ = false;     // something else than white space came since the last call
  bool after_call_ = false;   // a call came
  bool any_content_ = false;  // something was shown
};

// Errors: TOOL_CALL_SYNTAX, TOOL_CALL_FORM, TOOL_CALL_END, with the byte of `text` and the beginning of the
// call in the message. Arguments may be a string that holds a JSON object, as some models write them; members
// beside name and arguments carry nothing and are left out. `limits` hold for each call.
Result<ToolAnswer> parse_hermes_answer(std::string_view text, const JsonLimits& limits = {});

}  // namespace mote::text
