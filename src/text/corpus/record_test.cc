#include "text/corpus/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace mote::text {
namespace {

using ::testing::HasSubstr;

// What a record is read as: {"messages", "tools"}, the text, or why not.
std::string read(std::string_view record) {
  const auto json = parse_json(record);
  if (!json) return "not JSON: " + json.error().message;
  const auto read = read_record(*json);
  if (!read) return std::string(read.error().code.name) + ": " + read.error().message;
  if (std::holds_alternative<Disliked>(*read)) return "disliked";
  if (const auto* text = std::get_if<PlainText>(&*read)) return "text: " + text->text;
  const auto& conversation = std::get<Conversation>(*read);
  Json out;
  out["messages"] = conversation.messages;
  if (!conversation.tools.is_null()) out["tools"] = conversation.tools;
  return out.dump();
}

std::string expected(std::string_view json) {
  const auto parsed = parse_json(json);
  return parsed ? parsed->dump() : "not JSON: " + parsed.error().message;
}

TEST(Record, AlpacaIsAQuestionAndItsAnswer) {
  EXPECT_EQ(read(R"({"instruction": "Add.", "input": "", "output": "3"})"), expected(R"({"messages": [
      {"role": "user", "content": "Add."}, {"role": "assistant", "content": "3"}]})"));
  EXPECT_EQ(read(R"({"instruction": "Add.", "input": "1 2", "output": "3", "system": "Be brief.",
                     "history": [["Hi", "Hello"], ["So", "Yes"]]})"),
            expected(R"({"messages": [{"role": "system", "content": "Be brief."},
      {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"},
      {"role": "user", "content": "So"}, {"role": "assistant", "content": "Yes"},
      {"role": "user", "content": "Add.\n1 2"}, {"role": "assistant", "content": "3"}]})"));
  EXPECT_EQ(read(R"({"instruction": "Add.", "output": null})"),
            expected(R"({"messages": [{"role": "user", "content": "Add."}]})"));
}

TEST(Record, ShareGptHasItsRolesAndCallsAsOpenAiHasThem) {
  EXPECT_EQ(read(R"({"conversations": [
      {"from": "human", "value": "How warm?"},
      {"from": "function_call", "value": "{\"name\": \"warmth\", \"arguments\": {\"room\": \"hall\"}}"},
      {"from": "observation", "value": "{\"celsius\": 20}"},
      {"from": "gpt", "value": "20 degrees."}],
      "system": "Be brief.", "tools": "[{\"name\": \"warmth\", \"parameters\": {\"type\": \"object\"}}]"})"),
            expected(R"({"messages": [{"role": "system", "content": "Be brief."},
      {"role": "user", "content": "How warm?"},
      {"role": "assistant", "content": "", "tool_calls": [{"id": "call00001", "type": "function",
        "function": {"name": "warmth", "arguments": {"room": "hall"}}}]},
      {"role": "tool", "tool_call_id": "call00001", "name": "warmth", "content": "{\"celsius\": 20}"},
      {"role": "assistant", "content": "20 degrees."}],
      "tools": [{"type": "function", "function": {"name": "warmth", "parameters": {"type": "object"}}}]})"));
}

TEST(Record, ToolsMayBeWrappedOrBareATextOrAnArrayOrNone) {
  const auto with = [](const std::string& tools) {
    return read(R"({"messages": [{"role": "user", "content": "x"}], "tools": )" + tools + "}");
  };
  const std::string none = expected(R"({"messages": [{"role": "user", "content": "x"}]})");
  const std::string one = expected(R"({"messages": [{"role": "user", "content": "x"}],
      "tools": [{"type": "function", "function": {"name": "f"}}]})");
  EXPECT_EQ(with(R"([{"type": "function", "function": {"name": "f"}}])"), one);
  EXPECT_EQ(with(R"([{"name": "f"}])"), one);
  EXPECT_EQ(with(R"([{"type": "function", "name": "f"}])"), one);
  EXPECT_EQ(with(R"("[{\"type\": \"function\", \"function\": {\"name\": \"f\"}}]")"), one);
  for (const std::string_view empty : {"[]", "null", R"("")", R"("[]")", R"("null")", R"(" ")"})
    EXPECT_EQ(with(std::string(empty)), none) << empty;
  EXPECT_THAT(with("7"), HasSubstr("CORPUS_RECORD: \"tools\" is no array"));
  EXPECT_THAT(with(R"("[{")"), HasSubstr("CORPUS_RECORD: \"tools\" cannot be read: "));
  EXPECT_THAT(with(R"([{"name": "f"}, {"description": "g"}])"), HasSubstr("tool 2 has no name"));
  EXPECT_THAT(with("[7]"), HasSubstr("tool 1 has no name"));
}

TEST(Record, PartsAreJoinedByWhatTheyAre) {
  EXPECT_EQ(read(R"({"messages": [
      {"role": "system", "content": [{"type": "text", "value": "Be "}, {"type": "text", "text": "brief."}]},
      {"role": "user", "content": [{"type": "text", "value": "How warm?"}], "loss_weight": 0.0},
      {"role": "assistant", "content": [{"type": "reasoning", "value": "I can ask."},
        {"type": "text", "value": "Wait."},
        {"type": "tool_call", "value": "{\"name\": \"warmth\", \"arguments\": {\"room\": \"hall\"}}"},
        {"type": "tool_call", "value": {"name": "warmth", "arguments": "{\"room\": \"attic\"}"}}]},
      {"role": "tool", "content": [{"type": "text", "value": "20"}]},
      {"role": "tool", "content": [{"type": "tool_result", "value": "21"}]},
      {"role": "assistant", "content": [{"type": "text", "value": "20 and 21."}]}]})"),
            expected(R"({"messages": [{"role": "system", "content": "Be brief."},
      {"role": "user", "content": "How warm?"},
      {"role": "assistant", "content": "Wait.", "reasoning_content": "I can ask.", "tool_calls": [
        {"id": "call00001", "type": "function",
         "function": {"name": "warmth", "arguments": {"room": "hall"}}},
        {"id": "call00002", "type": "function",
         "function": {"name": "warmth", "arguments": {"room": "attic"}}}]},
      {"role": "tool", "tool_call_id": "call00001", "name": "warmth", "content": "20"},
      {"role": "tool", "tool_call_id": "call00002", "name": "warmth", "content": "21"},
      {"role": "assistant", "content": "20 and 21."}]})"));
}

TEST(Record, OpenAiKeepsItsIdsAndReasoning) {
  EXPECT_EQ(read(R"({"messages": [
      {"role": "user", "content": "Both."},
      {"role": "assistant", "content": null, "reasoning_content": "Two.", "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}]},
      {"role": "tool", "tool_call_id": "b", "content": "of g"},
      {"role": "tool", "tool_call_id": "a", "content": "of f"},
      {"role": "tool", "tool_call_id": "c", "content": "of nobody"}]})"),
            expected(R"({"messages": [{"role": "user", "content": "Both."},
      {"role": "assistant", "content": "", "reasoning_content": "Two.", "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": {"x": 1}}},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": {}}}]},
      {"role": "tool", "tool_call_id": "b", "name": "g", "content": "of g"},
      {"role": "tool", "tool_call_id": "a", "name": "f", "content": "of f"},
      {"role": "tool", "tool_call_id": "c", "content": "of nobody"}]})"));
}

TEST(Record, ACallBehindTheAssistantsTextIsOfTheSameMessage) {
  EXPECT_EQ(read(R"({"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "Wait."},
      {"from": "function_call", "value": "[{\"name\": \"f\"}, {\"name\": \"g\"}]"}]})"),
            expected(R"({"messages": [{"role": "user", "content": "x"},
      {"role": "assistant", "content": "Wait.", "tool_calls": [
        {"id": "call00001", "type": "function", "function": {"name": "f", "arguments": {}}},
        {"id": "call00002", "type": "function", "function": {"name": "g", "arguments": {}}}]}]})"));
}

TEST(Record, OfPreferencesTheChosenAnswerIsRead) {
  const std::string wanted = expected(
      R"({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]})");
  for (const std::string_view record : {
           R"({"conversations": [{"from": "human", "value": "Hi"}],
               "chosen": {"from": "gpt", "value": "Hello"}, "rejected": {"from": "gpt", "value": "No"}})",
           R"({"messages": [{"role": "user", "content": "Hi"}],
               "chosen": {"role": "assistant", "content": "Hello"}, "rejected": 7})",
           R"({"prompt": "Hi", "chosen": "Hello", "rejected": "No"})",
           R"({"question": "Hi", "chosen": "Hello", "rejected": "No"})",
           R"({"instruction": "Hi", "input": "", "output": "No", "chosen": "Hello", "rejected": "No"})",
           R"({"prompt": [{"role": "user", "content": "Hi"}],
               "chosen": [{"role": "assistant", "content": "Hello"}], "rejected": []})",
           R"({"prompt": "not read", "rejected": [], "chosen": [{"role": "user", "content": "Hi"},
                                                                {"role": "assistant", "content": "Hello"}]})",
           R"({"chosen": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]})"})
    EXPECT_EQ(read(record), wanted) << record;
}

TEST(Record, LabelledAnswersAreReadWhereTheyAreGood) {
  const auto labelled = [](const std::string& label) {
    return read(R"({"messages": [{"role": "user", "content": "x"}], )" + label + "}");
  };
  const std::string plain = expected(R"({"messages": [{"role": "user", "content": "x"}]})");
  EXPECT_EQ(labelled(R"("label": true)"), plain);
  EXPECT_EQ(labelled(R"("label": 0)"), plain);  // a class, no judgement
  EXPECT_EQ(labelled(R"("label": false)"), "disliked");
  EXPECT_EQ(labelled(R"("kto_tag": false)"), "disliked");
  EXPECT_EQ(read(R"({"prompt": "a", "completion": "b", "label": false})"), "disliked");
  EXPECT_EQ(read(R"({"text": "a review", "label": false})"), "text: a review");
}

TEST(Record, PairsAreConversationsAndTextsAreTexts) {
  const std::string wanted =
      expected(R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})");
  EXPECT_EQ(read(R"({"prompt": "a", "completion": "b"})"), wanted);
  EXPECT_EQ(read(R"({"question": "a", "answer": "b"})"), wanted);
  EXPECT_EQ(read(R"({"prompt": [{"role": "user", "content": "a"}],
                     "completion": [{"role": "assistant", "content": "b"}]})"),
            wanted);
  EXPECT_EQ(read(R"({"text": "a\nb", "url": "x"})"), "text: a\nb");
  EXPECT_EQ(read(R"({"id": 7, "content": "", "title": "t"})"), "text: ");
}

TEST(Record, OfNoKnownShapeIsNamedByItsKeys) {
  EXPECT_EQ(read(R"({"premise": "a", "hypothesis": "b\n"})"),
            "CORPUS_RECORD: it is of no known shape; its keys are \"premise\", \"hypothesis\"");
  EXPECT_EQ(read("{}"), "CORPUS_RECORD: it is of no known shape; its keys are none");
  EXPECT_EQ(read("[1]"), "CORPUS_RECORD: it is no object");
  EXPECT_EQ(read("\"x\""), "CORPUS_RECORD: it is no object");
  EXPECT_EQ(read("null"), "CORPUS_RECORD: it is no object");
  // A message alone is no text, a question alone nothing to learn from.
  EXPECT_THAT(read(R"({"role": "user", "content": "x"})"), HasSubstr("its keys are \"role\", \"content\""));
  EXPECT_THAT(read(R"({"prompt": "x"})"), HasSubstr("no known shape"));
  EXPECT_THAT(read(R"({"messages": "x", "text": 7})"), HasSubstr("no known shape"));
  EXPECT_EQ(read(R"({"\u001b[2J": 1})"), "CORPUS_RECORD: it is of no known shape; its keys are \"\\x1B[2J\"");
  std::string many = "{";
  for (int i = 0; i < 20; ++i) many += "\"k" + std::to_string(i) + "\": 0, ";
  EXPECT_THAT(read(many + "\"last\": 0}"), ::testing::EndsWith("\"k11\", ..."));
}

TEST(Record, SaysWhichMessageIsWrong) {
  const auto second = [](const std::string& message) {
    return read(R"({"messages": [{"role": "user", "content": "x"}, )" + message + "]}");
  };
  EXPECT_EQ(second("7"), "CORPUS_RECORD: message 2: it has neither \"role\" nor \"from\"");
  EXPECT_EQ(second(R"({"role": "narrator", "content": "x"})"),
            "CORPUS_RECORD: message 2: the role \"narrator\" is unknown");
  EXPECT_EQ(second(R"({"role": "user", "content": 7})"),
            "CORPUS_RECORD: message 2: the content is neither text nor a list of parts");
  EXPECT_EQ(second(R"({"role": "user", "content": [{"type": "image_url", "image_url": {}}]})"),
            "CORPUS_RECORD: message 2: a part of the content has the type \"image_url\"");
  EXPECT_THAT(second(R"({"role": "user", "content": ["x"]})"),
              HasSubstr("a part of the content has no type"));
  EXPECT_THAT(second(R"({"role": "user", "content": [{"type": "text"}]})"),
              HasSubstr("\"text\", has no text"));
  EXPECT_THAT(second(R"({"role": "user", "content": "x", "tool_calls": [{"name": "f"}]})"),
              HasSubstr("a call that is not the assistant's"));
  EXPECT_THAT(second(R"({"from": "function_call", "value": "{"})"),
              HasSubstr("message 2: a call cannot be read"));
  EXPECT_THAT(second(R"({"from": "function_call"})"), HasSubstr("it has no call"));
  EXPECT_THAT(second(R"({"role": "assistant", "tool_calls": [{"function": {"arguments": {}}}]})"),
              HasSubstr("a call has no name"));
  EXPECT_THAT(second(R"({"role": "assistant", "tool_calls": [{"name": "f", "arguments": [1]}]})"),
              HasSubstr("the arguments of a call are no object"));
  EXPECT_THAT(second(R"({"role": "assistant", "tool_calls": [{"name": "f", "arguments": "x"}]})"),
              HasSubstr("the arguments of a call cannot be read"));
  EXPECT_EQ(read(R"({"messages": []})"), "CORPUS_RECORD: it has no messages");
  EXPECT_EQ(read(R"({"instruction": "x", "input": 7})"), "CORPUS_RECORD: \"input\" is no text");
  EXPECT_EQ(read(R"({"instruction": "x", "history": [["a"]]})"),
            "CORPUS_RECORD: \"history\" is no array of pairs of texts");
  EXPECT_EQ(read(R"({"messages": [{"role": "user", "content": "x"}], "system": []})"),
            "CORPUS_RECORD: \"system\" is no text");
}

TEST(Record, BoundsTheValuesOfJsonInTexts) {
  // Twice 600,000 values in 1.2 MB each: the second no longer fits.
  std::string zeros = "{\"a\": [0";
  for (int i = 0; i < 600'000; ++i) zeros += ",0";
  zeros += "]}";
  Json call;
  call["name"] = "f";
  call["arguments"] = zeros;
  Json message;
  message["role"] = "assistant";
  message["tool_calls"] = JsonArray{call};
  Json record;
  record["messages"] = JsonArray{message};
  EXPECT_TRUE(read_record(record));
  record["messages"].push_back(message);
  const auto read = read_record(record);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("message 2: the arguments of a call cannot be read"));
}

}  // namespace
}  // namespace mote::text
