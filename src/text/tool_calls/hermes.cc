#include "text/tool_calls/hermes.h"

#include <optional>
#include <utility>

namespace mote::text {
namespace {

constexpr std::size_t kShownBytes = 100;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// `text`: from the begin marker on.
Error call_error(ErrorCode code, std::string_view what, std::string_view text, std::size_t position,
                 std::string hint = {}) {
  return {code,
          "the model wrote a tool call that cannot be read: " + std::string(what) + "; it begins \"" +
              escape_untrusted(text, kShownBytes) + "\"",
          std::move(hint), "", position};
}

struct Place {
  std::string_view whole;
  std::size_t marker = 0;

  [[nodiscard]] Error error(ErrorCode code, std::string_view what, std::size_t position,
                            std::string hint = {}) const {
    return call_error(code, what, whole.substr(marker), position, std::move(hint));
  }
};

Result<Json> read_json(const Place& place, HermesSplitter::Body body, const JsonLimits& limits) {
  Result<Json> value = parse_json(place.whole.substr(body.begin, body.end - body.begin), limits);
  if (value) return value;
  return place.error(kToolCallSyntax, value.error().message,
                     body.begin + static_cast<std::size_t>(value.error().byte_position.value_or(0)));
}

Result<Json> read_arguments(const Place& place, const Json* arguments, std::size_t position,
                            const JsonLimits& limits) {
  if (arguments == nullptr) return place.error(kToolCallForm, "it has no \"arguments\"", position);
  if (arguments->is_object()) return *arguments;
  if (const std::string* spelled = arguments->if_string()) {
    Result<Json> value = parse_json(*spelled, limits);
    if (!value) {
      return place.error(kToolCallSyntax, "\"arguments\" is a string in which " + value.error().message,
                         position);
    }
    if (value->is_object()) return value;
  }
  return place.error(kToolCallForm, "\"arguments\" is no object", position);
}

Result<ToolCall> read_call(const Place& place, HermesSplitter::Body body, const JsonLimits& limits) {
  MOTE_ASSIGN(const Json value, read_json(place, body, limits));
  if (!value.is_object()) return place.error(kToolCallForm, "it is no object", body.begin);
  const Json* name = value.find("name");
  const std::string* spelled = name == nullptr ? nullptr : name->if_string();
  if (spelled == nullptr || spelled->empty())
    return place.error(kToolCallForm, "it has no \"name\" of a tool", body.begin);
  ToolCall call{.name = *spelled, .arguments = {}};
  MOTE_ASSIGN(call.arguments, read_arguments(place, value.find("arguments"), body.begin, limits));
  return call;
}

// What to say of the text behind the last call that ended.
std::optional<Error> rest_error(const HermesSplitter& splitter, std::string_view text,
                                const JsonLimits& limits) {
  using State = HermesSplitter::State;
  if (splitter.state() == State::content) return std::nullopt;
  const Place place{.whole = text, .marker = splitter.call_begin()};
  const std::size_t inside = splitter.call_begin() + kHermesCallBegin.size();
  if (splitter.state() == State::broken) {
    const bool nothing_before =
        text.substr(inside, splitter.broken_at() - inside).find_first_not_of(" \t\r\n") == std::string::npos;
    return place.error(kToolCallSyntax,
                       nothing_before ? "a JSON object was expected behind <tool_call>"
                                      : "</tool_call> was expected behind the JSON object",
                       splitter.broken_at());
  }
  // An end marker within an unbalanced value: what is before it says what is wrong.
  if (const std::size_t end = text.find(kHermesCallEnd, inside); end != std::string_view::npos) {
    if (Result<Json> value = read_json(place, {place.marker, inside, end}, limits); !value)
      return value.error();
  }
  return place.error(kToolCallEnd, "the text ends before </tool_call>", text.size(),
                     "allow more tokens with -n, or a larger context with -c");
}

}  // namespace

std::string HermesSplitter::push(std::string_view text) {
  std::string out;
  for (const char c : text) {
    step(c, out);
    ++position_;
  }
  return out;
}

std::string HermesSplitter::finish() {
  std::string out;
  if (state_ != State::content) return out;
  show(kHermesCallBegin.substr(0, std::exchange(matched_, 0)), out);
  if (in_piece_ || !after_call_) out += space_;
  space_.clear();
  return out;
}

void HermesSplitter::step(char c, std::string& out) {
  switch (state_) {
    case State::content:
      content_step(c, out);
      break;
    case State::before_json:
      if (c == '{') {
        open_.begin = position_;
        state_ = State::json;
        depth_ = 1;
      } else if (!is_space(c)) {
        break_here();
      }
      break;
    case State::json:
      json_step(c);
      break;
    case State::after_json:
      after_json_step(c);
      break;
    case State::broken:
      break;
  }
}

// '<' stands at the start of the marker only, so a failed match leaves at most this byte as a new start.
void HermesSplitter::content_step(char c, std::string& out) {
  if (c == kHermesCallBegin[matched_]) {
    if (++matched_ < kHermesCallBegin.size()) return;
    matched_ = 0;
    open_.marker = position_ + 1 - kHermesCallBegin.size();
    space_.clear();
    in_piece_ = false;
    after_call_ = true;
    state_ = State::before_json;
    return;
  }
  show(kHermesCallBegin.substr(0, std::exchange(matched_, 0)), out);
  if (c == kHermesCallBegin.front()) {
    matched_ = 1;
  } else if (is_space(c)) {
    space_ += c;
  } else {
    show({&c, 1}, out);
  }
}

void HermesSplitter::show(std::string_view text, std::string& out) {
  if (text.empty()) return;
  if (!in_piece_ && after_call_) {
    space_.clear();
    if (any_content_) space_ = "\n";
  }
  out += std::exchange(space_, {});
  out += text;
  in_piece_ = true;
  any_content_ = true;
}

void HermesSplitter::json_step(char c) {
  if (in_string_) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      in_string_ = false;
    }
    return;
  }
  if (c == '"') {
    in_string_ = true;
  } else if (c == '{' || c == '[') {
    ++depth_;
  } else if ((c == '}' || c == ']') && --depth_ == 0) {
    state_ = State::after_json;
    open_.end = position_ + 1;
  }
}

void HermesSplitter::after_json_step(char c) {
  if (c != kHermesCallEnd[matched_]) {
    if (matched_ > 0 || !is_space(c)) break_here();
    return;
  }
  if (++matched_ < kHermesCallEnd.size()) return;
  matched_ = 0;
  bodies_.push_back(open_);
  state_ = State::content;
}

void HermesSplitter::break_here() {
  state_ = State::broken;
  broken_at_ = position_ - matched_;
}

Result<ToolAnswer> parse_hermes_answer(std::string_view text, const JsonLimits& limits) {
  HermesSplitter splitter;
  ToolAnswer answer;
  answer.content = splitter.push(text);
  answer.content += splitter.finish();
  for (const HermesSplitter::Body& body : splitter.bodies()) {
    MOTE_ASSIGN(ToolCall call, read_call({.whole = text, .marker = body.marker}, body, limits));
    answer.calls.push_back(std::move(call));
  }
  if (std::optional<Error> error = rest_error(splitter, text, limits)) return *std::move(error);
  return answer;
}

}  // namespace mote::text
