#include "agent/tool_test.h"

#include <gtest/gtest.h>

namespace mote::agent {
namespace {

std::string line(std::string_view expect) {
  return R"({"set": "s", "tools": [], "messages": [{"role": "user", "content": "x"}], "expect": )" +
         std::string(expect) + "}\n";
}

ToolTestItem item(std::string_view expect) {
  const auto items = parse_tool_test(line(expect));
  EXPECT_TRUE(items) << format_error(items.error());
  return items && items->size() == 1 ? items->front() : ToolTestItem{};
}

std::string call(std::string_view body) { return "<tool_call>\n" + std::string(body) + "\n</tool_call>"; }

Error bad(std::string_view jsonl) {
  const auto items = parse_tool_test(jsonl);
  EXPECT_FALSE(items) << jsonl;
  return items ? Error{} : items.error();
}

TEST(ToolTest, CallsAreEqualAsJsonValuesInTheirOrder) {
  const ToolTestItem one =
      item(R"({"calls": [{"name": "f", "arguments": {"n": 40, "s": "40", "l": [1, true]}}]})");
  EXPECT_TRUE(is_right(one, call(R"({"name": "f", "arguments": {"s": "40", "n": 40.0, "l": [1, true]}})")));
  for (const std::string_view wrong :
       {R"({"name": "g", "arguments": {"n": 40, "s": "40", "l": [1, true]}})",
        R"({"name": "f", "arguments": {"n": "40", "s": "40", "l": [1, true]}})",
        R"({"name": "f", "arguments": {"n": 40, "s": 40, "l": [1, true]}})",
        R"({"name": "f", "arguments": {"n": 40, "s": "40", "l": [1, 1]}})",
        R"({"name": "f", "arguments": {"n": 40, "s": "40", "l": [true, 1]}})",
        R"({"name": "f", "arguments": {"n": 40, "s": "40"}})",
        R"({"name": "f", "arguments": {"n": 40, "s": "40", "l": [1, true], "more": null}})",
        R"({"name": "f", "arguments": {"n": 40, "s": "40", "l": [1, true]})"}) {
    EXPECT_FALSE(is_right(one, call(wrong))) << wrong;
  }
  EXPECT_FALSE(is_right(one, "f"));
  const std::string f = call(R"({"name": "f", "arguments": {}})");
  const std::string g = call(R"({"name": "g", "arguments": {}})");
  const ToolTestItem two =
      item(R"({"calls": [{"name": "f", "arguments": {}}, {"name": "g", "arguments": {}}]})");
  EXPECT_TRUE(is_right(two, f + "\n" + g));
  EXPECT_FALSE(is_right(two, g + "\n" + f));
  EXPECT_FALSE(is_right(two, f));
  EXPECT_FALSE(is_right(two, f + g + g));
}

TEST(ToolTest, LargeWholeNumbersAreNotRounded) {
  const ToolTestItem one = item(R"({"calls": [{"name": "f", "arguments": {"n": 9007199254740993}}]})");
  EXPECT_TRUE(is_right(one, call(R"({"name": "f", "arguments": {"n": 9007199254740993}})")));
  EXPECT_FALSE(is_right(one, call(R"({"name": "f", "arguments": {"n": 9007199254740992}})")));
}

TEST(ToolTest, NoCallIsAnyTextWithoutOne) {
  const ToolTestItem none = item(R"({"calls": []})");
  EXPECT_FALSE(is_right(none, " \n")) << "nothing said is no answer";
  EXPECT_TRUE(is_right(none, "I cannot do that."));
  EXPECT_FALSE(is_right(none, call(R"({"name": "f", "arguments": {}})")));
  EXPECT_FALSE(is_right(none, "<tool_call>\n{\"name\": \"f\"")) << "a call that was cut is no text";
}

TEST(ToolTest, AQuestionNamesWhatIsMissing) {
  const ToolTestItem asks = item(R"({"asks": ["room", "start time"]})");
  EXPECT_TRUE(is_right(asks, "Which Room and start time should I use? \n"));
  EXPECT_FALSE(is_right(asks, "Which room and start time should I use."));
  EXPECT_FALSE(is_right(asks, "Which room should I use?"));
  EXPECT_FALSE(is_right(asks, "Which bedroom and start time should I use?"));
  EXPECT_FALSE(is_right(asks, call(R"({"name": "f", "arguments": {}})") + "Which room and start time?"));
}

TEST(ToolTest, AQuestionNamesNoOtherArgumentOfTheTools) {
  const auto items = parse_tool_test(
      R"({"tools": [{"function": {"parameters": {"properties": {"startTime": {}, "room_name": {}, "time": {}}}}}, )"
      R"({"function": {"name": "g"}}, 7], "messages": [{}], "expect": {"asks": ["start time"]}})");
  ASSERT_TRUE(items) << format_error(items.error());
  EXPECT_TRUE(is_right(items->front(), "Which start time should I use?")) << "time is a part of start time";
  EXPECT_FALSE(is_right(items->front(), "Which start time and room name should I use?"));
  EXPECT_TRUE(is_right(items->front(), "Which start time should I use in the bathroom names?"));
}

TEST(ToolTest, ValuesStandInTheirOrder) {
  const ToolTestItem says = item(R"({"values": ["34", "69", "34"]})");
  EXPECT_TRUE(is_right(says, "High 34, wind 69, low 34."));
  EXPECT_FALSE(is_right(says, "High 69, wind 34, low 34."));
  EXPECT_FALSE(is_right(says, "High 34, wind 69."));
}

TEST(ToolTest, ValuesStandAlone) {
  const ToolTestItem says = item(R"({"values": ["40", "hall"]})");
  for (const std::string_view good : {"It is 40 in the hall.", "40: Hall.", "140, 40, hall"}) {
    EXPECT_TRUE(is_right(says, good)) << good;
  }
  for (const std::string_view wrong :
       {"It is 140 in the hall.", "It is 40.5 in the hall.", "It is 3.40 in the hall.", "40 in the halls",
        "40", "40 in the hall\xc3\xa9"}) {
    EXPECT_FALSE(is_right(says, wrong)) << wrong;
  }
}

TEST(ToolTest, LinesAreItems) {
  const auto items = parse_tool_test(line(R"({"calls": []})") + "\n  \r\n" + line(R"({"asks": ["a"]})"));
  ASSERT_TRUE(items);
  ASSERT_EQ(items->size(), 2U);
  EXPECT_EQ((*items)[0].set, "s");
  EXPECT_TRUE(std::holds_alternative<ExpectedQuestion>((*items)[1].expect));
  EXPECT_TRUE(parse_tool_test("")->empty());
}

TEST(ToolTest, WhatIsNoItemIsNamedWithItsLine) {
  const std::string good = line(R"({"calls": []})");
  for (const std::string_view expect :
       {R"({})", R"([])", R"({"calls": [], "asks": []})", R"({"calls": {}})", R"({"says": []})",
        R"({"calls": [{"name": "f"}]})", R"({"calls": [{"name": 1, "arguments": {}}]})", R"({"asks": [1]})",
        R"({"values": [""]})", R"({"values": []})", R"({"asks": []})"}) {
    const Error error = bad(good + line(expect));
    EXPECT_EQ(error.code.name, kToolTest.name);
    EXPECT_TRUE(error.message.starts_with("line 2: ")) << error.message;
  }
  for (const std::string_view text :
       {R"({"messages": [{}], "expect": {"calls": []}})",
        R"({"tools": [], "messages": [], "expect": {"calls": []}})", R"({"tools": [], "messages": [{}]})",
        R"({"set": 1, "tools": [], "messages": [{}], "expect": {"calls": []}})", R"([])"}) {
    EXPECT_EQ(bad(text).code.name, kToolTest.name) << text;
  }
  EXPECT_TRUE(bad(good + "{").message.starts_with("line 2: "));
}

}  // namespace
}  // namespace mote::agent
