#include "agent/run_tool.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace mote::agent {
namespace {

using Words = std::vector<std::string>;

// A tool "t" with the optional arguments a, b and the required r, that runs `command` (a JSON array).
Tools tools(std::string_view command, std::string_view timeout = "10") {
  auto read = parse_tools(R"([{"name": "t", "parameters": {"properties": {"a": {}, "b": {}, "r": {}},
      "required": ["r"]}, "execute": {"command": )" +
                          std::string(command) + R"(, "timeout_seconds": )" + std::string(timeout) +
                          R"(}}, {"name": "idle"}])");
  EXPECT_TRUE(read) << format_error(read.error());
  return *std::move(read);
}

Result<Words> line(std::string_view command, std::string_view arguments) {
  const Tools read = tools(command);
  return command_line(read.tools[0], *read.tools[0].command, *parse_json(arguments));
}

std::string ran(const Tools& read, std::string_view arguments, std::string name = "t") {
  const auto result = run_tool(read, {.name = std::move(name), .arguments = *parse_json(arguments)},
                               {.environment = {"PATH=/usr/bin:/bin"}});
  EXPECT_TRUE(result);
  return result.value_or("");
}

// The message in {"error": "..."}.
std::string error_in(const std::string& result) {
  const auto json = parse_json(result);
  EXPECT_TRUE(json) << result;
  const Json* error = json ? json->find("error") : nullptr;
  EXPECT_NE(error, nullptr) << result;
  return error == nullptr ? "" : *error->if_string();
}

TEST(CommandLine, PutsArgumentsIntoTheirPlaces) {
  EXPECT_EQ(*line(R"(["p", "--r={r}", "{a}{b}", "{{a}", "x"])",
                  R"j({"r": "a b;$(c)", "a": 1.5, "b": [true, null]})j"),
            (Words{"p", "--r=a b;$(c)", "1.5[true,null]", "{a}", "x"}));
  EXPECT_EQ(*line(R"(["p", "{r}"])", R"({"r": ""})"), (Words{"p", ""}));
  EXPECT_EQ(*line(R"(["p", "{r}"])", R"({"r": "{a}", "a": "not again"})"), (Words{"p", "{a}"}));
  EXPECT_EQ(*line(R"(["p", ""])", R"({"r": {"k": "v"}})"), (Words{"p", ""}));
}

TEST(CommandLine, LeavesOutTheElementOfAnAbsentArgument) {
  EXPECT_EQ(*line(R"(["p", "--a={a}", "{r}", "{r}{b}"])", R"({"r": 1})"), (Words{"p", "1"}));
  EXPECT_EQ(*line(R"(["p", "{a}", "{r}"])", R"({"r": null, "a": null})"), (Words{"p", "null"}));
  const auto missing = line(R"(["p", "{a}"])", R"({"a": 1})");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("\"r\" is missing"), std::string::npos);
}

TEST(CommandLine, LetsNoStringBecomeAnOption) {
  EXPECT_FALSE(line(R"(["p", "{r}"])", R"({"r": "--delete-all"})"));
  EXPECT_FALSE(line(R"(["p", "{a}{r}"])", R"({"a": "", "r": "-x"})"));
  EXPECT_FALSE(line(R"(["p", "{a}", "{r}"])", R"({"a": "--", "r": "x"})"));
  EXPECT_EQ(*line(R"(["p", "{r}"])", R"({"r": -5})"), (Words{"p", "-5"}));
  EXPECT_EQ(*line(R"(["p", "--room={r}"])", R"({"r": "-x"})"), (Words{"p", "--room=-x"}));
  EXPECT_EQ(*line(R"(["p", "--", "{r}"])", R"({"r": "-x"})"), (Words{"p", "--", "-x"}));
  EXPECT_FALSE(line(R"(["p", "{r}"])", R"({"r": "a\u0000b"})"));
}

TEST(RunTool, ReturnsWhatTheProgramWrote) {
  EXPECT_EQ(ran(tools(R"(["printf", "%s\n\n", "{r}"])"), R"({"r": "a  b"})"), "a  b");
  EXPECT_EQ(ran(tools(R"(["/bin/cat"])"), R"({"r": "ü", "n": [1]})"), R"({"r":"ü","n":[1]})");
  EXPECT_EQ(ran(tools(R"(["true"])"), R"({"r": 1})"), "");
  EXPECT_EQ(ran(tools(R"(["printf", "a\\377b"])"), R"({"r": 1})"),
            "a\xEF\xBF\xBD"
            "b");
}

TEST(RunTool, TellsTheModelWhatDidNotWork) {
  EXPECT_NE(error_in(ran(tools(R"(["true"])"), "{}", "other")).find("no tool named \"other\""),
            std::string::npos);
  EXPECT_NE(error_in(ran(tools(R"(["true"])"), "{}", "idle")).find("cannot be executed"), std::string::npos);
  EXPECT_NE(error_in(ran(tools(R"(["true"])"), "{}")).find("\"r\" is missing"), std::string::npos);
  const std::string failed =
      error_in(ran(tools(R"(["/bin/sh", "-c", "echo no such room >&2; exit 3"])"), R"({"r": 1})"));
  EXPECT_NE(failed.find("status 3: no such room"), std::string::npos) << failed;
  EXPECT_NE(error_in(ran(tools(R"(["/bin/sh", "-c", "kill -9 $$"])"), R"({"r": 1})")).find("signal 9"),
            std::string::npos);
  EXPECT_NE(error_in(ran(tools(R"(["sleep", "60"])", "0.1"), R"({"r": 1})")).find("within 0.1 seconds"),
            std::string::npos);
  EXPECT_NE(error_in(ran(tools(R"(["yes"])"), R"({"r": 1})")).find("65,536"), std::string::npos);
  EXPECT_NE(error_in(ran(tools(R"(["no-such-program-of-mote"])"), R"({"r": 1})")).find("cannot run"),
            std::string::npos);
}

TEST(RunTool, IsCancelled) {
  CancelToken cancel;
  cancel.request();
  const auto result =
      run_tool(tools(R"(["sleep", "60"])"), {.name = "t", .arguments = *parse_json(R"({"r": 1})")},
               {.environment = {}, .cancel = &cancel});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code.name, "CANCELLED");
}

}  // namespace
}  // namespace mote::agent
