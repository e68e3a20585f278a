#include "text/tool_calls/hermes.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace mote::text {
namespace {

std::string call(std::string_view body) { return "<tool_call>\n" + std::string(body) + "\n</tool_call>"; }

ToolAnswer good(std::string_view text) {
  auto answer = parse_hermes_answer(text);
  EXPECT_TRUE(answer) << text << ": " << format_error(answer.error());
  return answer ? *answer : ToolAnswer{};
}

// name and arguments of the only call, as text.
std::string only_call(std::string_view text) {
  const ToolAnswer answer = good(text);
  EXPECT_EQ(answer.calls.size(), 1U) << text;
  return answer.calls.empty() ? "" : answer.calls[0].name + " " + answer.calls[0].arguments.dump();
}

Error bad(std::string_view text, const JsonLimits& limits = {}) {
  const auto answer = parse_hermes_answer(text, limits);
  EXPECT_FALSE(answer) << text;
  return answer ? Error{} : answer.error();
}

// What is shown where the text arrives in pieces of `step` bytes.
std::string streamed(std::string_view text, std::size_t step) {
  HermesSplitter splitter;
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += step) out += splitter.push(text.substr(i, step));
  return out + splitter.finish();
}

TEST(HermesCalls, ReadsOneCallAsTheTemplateSpellsIt) {
  EXPECT_EQ(only_call("<tool_call>\n{\"name\": \"set_light\", \"arguments\": {\"room\": \"kitchen\", "
                      "\"brightness\": 40}}\n</tool_call>"),
            R"(set_light {"room":"kitchen","brightness":40})");
  EXPECT_EQ(only_call(R"(<tool_call>{"arguments":{},"name":"stop"}</tool_call>)"), "stop {}");
}

TEST(HermesCalls, KeepsTheOrderOfParallelCallsAndTheTextAroundThem) {
  const ToolAnswer answer = good("Let me look.\n\n" + call(R"({"name": "a", "arguments": {"n": 1}})") + "\n" +
                                 call(R"({"name": "b", "arguments": {"n": 2}})") + "\nAnd then:\n" +
                                 call(R"({"name": "a", "arguments": {"n": 3}})") + "\n");
  EXPECT_EQ(answer.content, "Let me look.\nAnd then:");
  ASSERT_EQ(answer.calls.size(), 3U);
  EXPECT_EQ(answer.calls[0].name, "a");
  EXPECT_EQ(answer.calls[1].name, "b");
  EXPECT_EQ(answer.calls[2].arguments.dump(), R"({"n":3})");
}

TEST(HermesCalls, WhiteSpaceBesideACallBelongsToIt) {
  const std::string one = call(R"({"name": "a", "arguments": {}})");
  EXPECT_EQ(good(" \n" + one + "\n y\n").content, "y\n");
  EXPECT_EQ(good("\n x \n" + one + "\n" + one + " ").content, "\n x");
  EXPECT_EQ(good("x" + one + "y").content, "x\ny");
  EXPECT_EQ(good(" " + one + "\n").content, "");
}

TEST(HermesCalls, LeavesATextWithoutCallsAsItIs) {
  for (const std::string_view text :
       {"", " ", "\n Hello \n", "1 < 2 <tool>", "<tool_cal", "<<tool_call", "a </tool_call> b",
        "<tool_call >{}", "<TOOL_CALL>", "gr\xC3\xBC\xC3\x9F"}) {
    const ToolAnswer answer = good(text);
    EXPECT_EQ(answer.content, text);
    EXPECT_TRUE(answer.calls.empty()) << text;
  }
}

TEST(HermesCalls, MarkersInStringsAreText) {
  EXPECT_EQ(only_call(call(R"({"name": "write", "arguments": {"t": "</tool_call> <tool_call> }{ \" ]["}})")),
            R"(write {"t":"</tool_call> <tool_call> }{ \" ]["})");
  EXPECT_EQ(only_call(call(R"({"name": "w", "arguments": {"t": "}}}]", "u": "{[{"}})")),
            R"(w {"t":"}}}]","u":"{[{"})");
  // A backslash that is itself escaped does not hide the quote behind it.
  EXPECT_EQ(only_call(call(R"({"name": "w", "arguments": {"t": "\\"}})")), R"(w {"t":"\\"})");
}

TEST(HermesCalls, ReadsNestedAndUnicodeArguments) {
  EXPECT_EQ(
      only_call(call("{\"name\": \"n\", \"arguments\": {\"a\": [{\"b\": [[], {}]}], "
                     "\"\xC3\xBC\": \"\xF0\x9F\x92\xA1\", \"e\": \"\\u00fc\\ud83d\\udca1\"}}")),
      "n {\"a\":[{\"b\":[[],{}]}],\"\xC3\xBC\":\"\xF0\x9F\x92\xA1\",\"e\":\"\xC3\xBC\xF0\x9F\x92\xA1\"}");
}

TEST(HermesCalls, TakesArgumentsThatAreAStringOfJson) {
  EXPECT_EQ(only_call(call(R"({"name": "n", "arguments": "{\"a\": 1}"})")), R"(n {"a":1})");
  EXPECT_EQ(bad(call(R"({"name": "n", "arguments": "kitchen"})")).code.name, "TOOL_CALL_SYNTAX");
  EXPECT_EQ(bad(call(R"({"name": "n", "arguments": "[1]"})")).code.name, "TOOL_CALL_FORM");
}

TEST(HermesCalls, NamesWhatIsNoJsonAndWhere) {
  struct Case {
    std::string text;
    std::size_t from;  // the first byte that is wrong
    std::size_t to;    // and the end of the word it belongs to
  };
  const std::vector<Case> cases = {
      {"ab<tool_call>get_weather(1)</tool_call>", 13, 13},                  // no value
      {"<tool_call></tool_call>", 11, 11},                                  //
      {"<tool_call>[1]</tool_call>", 11, 11},                               //
      {R"(<tool_call>{"a": 1} x</tool_call>)", 20, 20},                     // beside the value
      {R"(<tool_call>{"a": 1}}</tool_call>)", 19, 19},                      //
      {R"(<tool_call>{"a": 1}<tool_call>)", 19, 19},                        //
      {R"(<tool_call>{"a": 1}</tool_cal>)", 19, 19},                        //
      {"<tool_call>{'name': 'n'}</tool_call>", 12, 12},                     // other quotes
      {R"(<tool_call>{"name": "n" "arguments": {}}</tool_call>)", 24, 34},  // no comma
  };
  for (const Case& c : cases) {
    const Error error = bad(c.text);
    EXPECT_EQ(error.code.name, "TOOL_CALL_SYNTAX") << c.text;
    ASSERT_TRUE(error.byte_position) << c.text;
    EXPECT_GE(*error.byte_position, c.from) << c.text;
    EXPECT_LE(*error.byte_position, c.to) << c.text;
    EXPECT_NE(error.message.find("<tool_call>"), std::string::npos) << error.message;
  }
}

TEST(HermesCalls, RefusesBracketsThatDoNotMatch) {
  for (const std::string_view body :
       {R"({"name": "n", "arguments": {"a": 1})", R"({"name": "n", "arguments": [}])", R"({"name": "n])",
        R"({"name": "n", "arguments": {]}})"}) {
    EXPECT_EQ(bad(call(body)).code.name, "TOOL_CALL_SYNTAX") << body;
  }
}

TEST(HermesCalls, NamesWhatIsMissingInTheObject) {
  for (const std::string_view body :
       {R"({})", R"({"arguments": {}})", R"({"name": "", "arguments": {}})",
        R"({"name": 1, "arguments": {}})", R"({"name": "n"})", R"({"name": "n", "arguments": null})",
        R"({"name": "n", "arguments": [1]})"}) {
    const Error error = bad("text " + call(body));
    EXPECT_EQ(error.code.name, "TOOL_CALL_FORM") << body;
    EXPECT_EQ(error.byte_position, std::string_view("text <tool_call>\n").size()) << body;
  }
}

TEST(HermesCalls, AnyCutInsideACallIsAnEndThatIsMissing) {
  const std::string whole = call(R"({"name": "n", "arguments": {"a": "b\"}"}})");
  for (std::size_t n = kHermesCallBegin.size(); n < whole.size(); ++n) {
    EXPECT_EQ(bad(std::string_view(whole).substr(0, n)).code.name, "TOOL_CALL_END") << n;
  }
}

TEST(HermesCalls, ReportsTheFirstOfSeveralFaults) {
  EXPECT_EQ(bad(call("{}") + "<tool_call>x").code.name, "TOOL_CALL_FORM");
  EXPECT_EQ(bad(call(R"({"name": "n", "arguments": {}})") + "<tool_call>{").code.name, "TOOL_CALL_END");
}

TEST(HermesCalls, HoldsToTheLimitsOfJson) {
  std::string deep = R"({"name": "n", "arguments": {"a": )";
  deep.append(100000, '[').append(100000, ']').append("}}");
  EXPECT_NE(bad(call(deep)).message.find("nested deeper"), std::string::npos);
  const std::string twice = R"({"name": "n", "arguments": {"a": 1, "a": 2}})";
  EXPECT_NE(bad(call(twice)).message.find("stands twice"), std::string::npos);
  EXPECT_EQ(bad(call(twice), {.max_bytes = 10}).code.name, "TOOL_CALL_SYNTAX");
}

TEST(HermesCalls, ErrorsShowNoControlCharactersOfTheText) {
  const std::string line = format_error(bad("<tool_call>\x1b[2J"));
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  EXPECT_NE(line.find("\\x1B"), std::string::npos) << line;
}

// In any pieces the text comes, what is shown is the content, and never a byte of a call.
TEST(HermesStream, ShowsTheContentInAnyPieces) {
  const std::string one = call(R"({"name": "n", "arguments": {"t": "</tool_call>"}})");
  for (const std::string& text :
       {std::string("plain \n text \n"), std::string(" \n"), "a < b <tool_call" + std::string("x> c"), one,
        "  " + one + "  ", "x \n" + one + "\n y \n" + one + " ", one + one + "z",
        "a<" + one + "<" + one + "<t", "\n\nx" + one + "\n"}) {
    const ToolAnswer answer = good(text);
    for (std::size_t step = 1; step <= text.size(); ++step) EXPECT_EQ(streamed(text, step), answer.content);
  }
}

TEST(HermesStream, HoldsBackWhatMayBecomeACall) {
  HermesSplitter splitter;
  EXPECT_EQ(splitter.push("Yes. "), "Yes.");
  EXPECT_EQ(splitter.push("<tool"), "");
  EXPECT_EQ(splitter.push("s"), " <tools");
  EXPECT_EQ(splitter.push(" <<"), " <");
  EXPECT_EQ(splitter.push("tool_call>{"), "");
  EXPECT_EQ(splitter.finish(), "");
}

TEST(HermesStream, ShowsNothingBehindACallThatIsBroken) {
  for (const std::string_view text :
       {"a <tool_call>no json</tool_call> b", R"(a <tool_call>{"x":1} y</tool_call> b)",
        "a <tool_call>{\"x</tool_call> b"}) {
    for (std::size_t step = 1; step <= text.size(); ++step) EXPECT_EQ(streamed(text, step), "a") << text;
  }
}

}  // namespace
}  // namespace mote::text
