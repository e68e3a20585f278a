#include "agent/tools.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace mote::agent {
namespace {

constexpr std::string_view kLight = R"({"type": "function", "function": {"name": "set_light",
  "description": "Set it", "parameters": {"type": "object", "properties": {"room": {"type": "string"},
  "level": {"type": "integer"}}, "required": ["room"]}},
  "execute": {"command": ["lights", "--room={room}", "{level}", "{{{room}}"], "timeout_seconds": 2.5}})";

Tools good(std::string_view text) {
  auto tools = parse_tools(text);
  EXPECT_TRUE(tools) << format_error(tools.error());
  return tools ? *std::move(tools) : Tools{};
}

std::string fault_of(std::string_view text) {
  const auto tools = parse_tools(text);
  EXPECT_FALSE(tools) << text;
  if (tools) return "";
  EXPECT_EQ(tools.error().code.name, "TOOLS_FILE") << text;
  return tools.error().message;
}

// A tool with these members of `execute`.
std::string executing(std::string_view members) {
  return R"([{"function": {"name": "t", "parameters": {"properties": {"a": {}}}}, "execute": )" +
         std::string(members) + "}]";
}

TEST(ToolsFile, ReadsDefinitionsAndCommands) {
  const Tools tools = good("[" + std::string(kLight) + "]");
  ASSERT_EQ(tools.tools.size(), 1U);
  const Tool& tool = tools.tools[0];
  EXPECT_EQ(tool.name, "set_light");
  EXPECT_EQ(tool.required, std::vector<std::string>{"room"});
  ASSERT_TRUE(tool.command);
  EXPECT_EQ(tool.command->program, "lights");
  EXPECT_EQ(tool.command->timeout_seconds, 2.5);
  ASSERT_EQ(tool.command->arguments.size(), 3U);
  ASSERT_EQ(tool.command->arguments[0].size(), 2U);
  EXPECT_EQ(tool.command->arguments[0][0].text, "--room=");
  EXPECT_TRUE(tool.command->arguments[0][1].is_argument);
  EXPECT_EQ(tool.command->arguments[0][1].text, "room");
  // "{{{room}}": a brace, the argument, and a closing brace, which means nothing by itself.
  ASSERT_EQ(tool.command->arguments[2].size(), 3U);
  EXPECT_EQ(tool.command->arguments[2][0].text, "{");
  EXPECT_EQ(tool.command->arguments[2][1].text, "room");
  EXPECT_EQ(tool.command->arguments[2][2].text, "}");
}

TEST(ToolsFile, ShowsNoCommandToTheModel) {
  const Tools tools = good("[" + std::string(kLight) + "]");
  EXPECT_EQ(tools.definitions.dump(),
            R"([{"type":"function","function":{"name":"set_light","description":"Set it","parameters":)"
            R"({"type":"object","properties":{"room":{"type":"string"},"level":{"type":"integer"}},)"
            R"("required":["room"]}}}])");
}

TEST(ToolsFile, TakesBareFunctionsAndAnObjectWithTools) {
  const std::string_view wanted =
      R"([{"type":"function","function":{"name":"stop","parameters":{"type":"object","properties":{}}}}])";
  for (const std::string_view text :
       {R"([{"name": "stop"}])", R"({"tools": [{"name": "stop"}], "other": 1})",
        R"([{"type": "function", "name": "stop"}])", R"([{"function": {"name": "stop"}}])",
        R"([{"name": "stop", "execute": {"command": ["true"]}}])"}) {
    EXPECT_EQ(good(text).definitions.dump(), wanted) << text;
  }
  EXPECT_TRUE(good(R"([{"name": "stop", "execute": {"command": ["true"]}}])").tools[0].command);
  EXPECT_FALSE(good(R"([{"name": "stop"}])").tools[0].command);
  EXPECT_NE(good(R"([{"name": "a.b/c:d-e_1"}])").find("a.b/c:d-e_1"), nullptr);
  EXPECT_EQ(good(R"([{"name": "stop"}])").find("sto"), nullptr);
}

TEST(ToolsFile, SaysWhatIsWrongWithTheList) {
  EXPECT_NE(fault_of("{}").find("array of tools"), std::string::npos);
  EXPECT_NE(fault_of("3").find("array of tools"), std::string::npos);
  EXPECT_NE(fault_of("[]").find("no tools"), std::string::npos);
  EXPECT_NE(fault_of("[1]").find("tool 1 is no object"), std::string::npos);
  EXPECT_NE(fault_of(R"([{"name": "a"}, {"name": "b"}, {"name": "a"}])").find("\"a\""), std::string::npos);
  std::string many = "[";
  for (int i = 0; i < 1025; ++i)
    many += (i > 0 ? "," : "") + std::string(R"({"name": "t)") + std::to_string(i) + "\"}";
  EXPECT_NE(fault_of(many + "]").find("1,025"), std::string::npos);
  EXPECT_EQ(parse_tools("[").error().code.name, "JSON_SYNTAX");
}

TEST(ToolsFile, SaysWhatIsWrongWithATool) {
  EXPECT_NE(fault_of(R"([{"name": "a"}, {"function": {"description": "x"}}])").find("tool 2 has no \"name\""),
            std::string::npos);
  EXPECT_NE(fault_of(R"([{"type": "function"}])").find("no \"function\""), std::string::npos);
  EXPECT_NE(fault_of(R"([{"type": "retrieval", "function": {"name": "a"}}])").find("type"),
            std::string::npos);
  EXPECT_NE(fault_of(R"([{"function": 1}])").find("no object"), std::string::npos);
  for (const std::string_view name : {R"("")", R"(" a")", R"("a\"b")", R"("a\nb")", "1", R"("\u00e4")"}) {
    EXPECT_NE(fault_of(R"([{"name": )" + std::string(name) + "}]").find("name"), std::string::npos) << name;
  }
  EXPECT_NE(fault_of(R"([{"name": ")" + std::string(129, 'a') + "\"}]").find("128"), std::string::npos);
  EXPECT_NE(fault_of(R"([{"name": "a", "parameters": []}])").find("no object"), std::string::npos);
  EXPECT_NE(fault_of(R"([{"name": "a", "parameters": {"properties": 1}}])").find("properties"),
            std::string::npos);
  EXPECT_NE(fault_of(R"([{"name": "a", "parameters": {"required": "x"}}])").find("required"),
            std::string::npos);
  EXPECT_NE(fault_of(R"([{"name": "a", "description": 1}])").find("description"), std::string::npos);
  EXPECT_NE(fault_of(R"([{"function": {"name": "a"}, "exec": {}}])").find("\"exec\""), std::string::npos);
}

TEST(ToolsFile, SaysWhatIsWrongWithACommand) {
  for (const std::string_view members :
       {R"("rm")", R"({})", R"({"command": []})", R"({"command": [""]})", R"({"command": "ls -l"})",
        R"({"command": ["x", 1]})", R"({"command": ["x\u0000"]})", R"({"command": ["{a}"]})",
        R"({"command": ["x", "{b}"]})", R"({"command": ["x", "{"]})", R"({"command": ["x", "{}"]})",
        R"({"command": ["x", "{a"]})", R"({"command": ["x"], "timeout_seconds": 0})",
        R"({"command": ["x"], "timeout_seconds": -1})", R"({"command": ["x"], "timeout_seconds": 3601})",
        R"({"command": ["x"], "timeout_seconds": "5"})", R"({"command": ["x"], "timeout": 5})"}) {
    EXPECT_NE(fault_of(executing(members)).find("\"t\""), std::string::npos) << members;
  }
  EXPECT_TRUE(parse_tools(executing(R"({"command": ["x", "{a}", "{{b}"], "timeout_seconds": 3600})")));
}

TEST(ShownTools, LeavesOutWhatIsExecutedAndNothingElse) {
  const auto shown = [](std::string_view text) { return shown_tools(*parse_json(text)).dump(); };
  EXPECT_EQ(shown(R"([{"function":{"name":"a","execute":1},"execute":{}},"b",{"x":[]}])"),
            R"([{"function":{"name":"a","execute":1}},"b",{"x":[]}])");
  EXPECT_EQ(shown(R"({"tools":[{"execute":1}]})"), "[{}]");
  EXPECT_EQ(shown("null"), "null");
}

}  // namespace
}  // namespace mote::agent
