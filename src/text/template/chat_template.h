// Chat templates: the Jinja programs in model files that turn a conversation into a prompt.
//
// A template is untrusted code from a model file. It is interpreted here, by a small interpreter that has no
// host objects to reach for, and within budgets of steps, memory, depth, output and time. The language is
// what Hugging Face's apply_chat_template offers (Jinja2's immutable sandbox with trim_blocks, lstrip_blocks,
// loop controls, `generation`, `tojson`, `raise_exception`, `strftime_now`), and text comes out byte for byte
// the same. Not offered: include, import, extends, blocks, and everything that touches Python.
//
// Every character keeps its origin through all string operations (see mote/text_piece.h): literals of the
// template and special-token variables are the template's, strings of messages, tools and arguments are user
// data. A role that is one of the usual words ("user", "assistant", ...) counts as the template's, since
// templates build control tokens from it ("<|" + role + "|>"); any other role is user data.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "mote/result.h"
#include "mote/text_piece.h"

namespace mote::text {

// Items of one range(), as Jinja2's sandbox.
inline constexpr std::uint64_t kMaxRangeItems = 100'000;

struct TemplateLimits {
  std::uint64_t max_source_bytes = std::uint64_t{1} << 20;
  std::uint64_t max_steps = 1'000'000;  // evaluated expressions and statements
  std::uint32_t max_depth = 64;         // nested blocks and expressions; nested macro calls
  std::uint64_t max_output_bytes = std::uint64_t{4} << 20;  // also of any one string
  std::uint64_t max_memory_bytes = std::uint64_t{64}
                                   << 20;  // of all values made while rendering, freed or not
  std::uint32_t max_milliseconds = 250;
};

struct RenderInput {
  const Json* messages = nullptr;   // required: an array of objects
  const Json* tools = nullptr;      // an array of JSON schemas; null renders as `none`
  const Json* documents = nullptr;  // an array of objects; null renders as `none`
  bool add_generation_prompt = true;
  std::string bos_token;  // empty: ""
  std::string eos_token;
  const Json* extra =
      nullptr;    // more variables (`chat_template_kwargs`), an object; may not rename the above
  std::tm now{};  // what `strftime_now` formats, local time
};

namespace jinja {
struct Program;
}

class ChatTemplate {
 public:
  // Errors: TPL_SYNTAX (with line and column), TPL_UNSUPPORTED (names the construct), TPL_DEPTH, TPL_LIMIT.
  static Result<ChatTemplate> parse(std::string_view source, const TemplateLimits& limits = {});

  // The prompt in pieces; neighbouring pieces differ in origin. May be called from several threads at once.
  // Errors: TPL_RAISED (the template called raise_exception), TPL_RUNTIME (what Jinja2 would refuse as well),
  // TPL_UNSUPPORTED, TPL_DEPTH, TPL_LIMIT (names the budget), TPL_ARGUMENT (unusable input).
  [[nodiscard]] Result<TextPieces> render(const RenderInput& input) const;

  [[nodiscard]] std::string_view source() const;

  // Whether the template reads a variable of this name anywhere, for example "tools" or "enable_thinking".
  [[nodiscard]] bool mentions(std::string_view variable) const;

 private:
  explicit ChatTemplate(std::shared_ptr<const jinja::Program> program, const TemplateLimits& limits);

  std::shared_ptr<const jinja::Program> program_;
  TemplateLimits limits_;
};

// The text of all pieces in one string.
std::string concatenate(const TextPieces& pieces);

}  // namespace mote::text
