#include "text/corpus/corpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "testing/environment.h"
#include "text/tokenizer/test_vocabulary.h"

namespace mote::text {
namespace {

using ::testing::HasSubstr;
using Ids = std::vector<TokenId>;

// A byte is its own id; then comes the one merge that the vocabulary must have, of two bytes that no text
// here has, and the three tokens of a chat.
constexpr TokenId kBegin = 257;
constexpr TokenId kEnd = 258;
constexpr TokenId kBos = 259;

constexpr std::string_view kChat =
    "{% for m in messages %}{% if m.role == 'tool' and loop.first %}"
    "{{ raise_exception('a result of nothing') }}{% endif %}"
    "<|im_start|>{{ m.role }}\n{{ m.content }}{% for c in m.tool_calls or [] %}"
    "({{ c.function.name }}={{ c.function.arguments | tojson }}){% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

std::unique_ptr<Tokenizer> tokenizer(std::string_view chat_template) {
  TokenizerData data = testing::byte_vocabulary({{"\x01", "\x02"}}, {{"<|im_start|>", TokenType::control},
                                                                     {"<|im_end|>", TokenType::control},
                                                                     {"<s>", TokenType::control}});
  data.bos = kBos;
  data.prefix = {kBos};
  data.chat_template = chat_template;
  auto made = Tokenizer::create(std::move(data));
  EXPECT_TRUE(made) << (made ? "" : format_error(made.error()));
  return made ? std::move(*made) : nullptr;
}

void append(Ids& ids, std::string_view text) {
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
}

Ids ids_of(std::string_view text) {
  Ids ids;
  append(ids, text);
  return ids;
}

Ids message(std::string_view role, std::string_view content) {
  Ids ids{kBegin};
  append(ids, std::string(role) + "\n" + std::string(content));
  ids.push_back(kEnd);
  ids.push_back('\n');
  return ids;
}

Ids joined(const std::vector<Ids>& parts) {
  Ids ids;
  for (const Ids& part : parts) ids.insert(ids.end(), part.begin(), part.end());
  return ids;
}

Result<Corpus> lines(std::string_view content, std::string_view chat_template = kChat,
                     bool add_special = false) {
  return tokenize_corpus(*tokenizer(chat_template), content, CorpusForm::json_lines, add_special);
}

constexpr std::string_view kHello =
    R"({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}]})";
constexpr std::string_view kOrphan = R"({"messages": [{"role": "tool", "content": "20"}]})";

TEST(Corpus, ConversationsGoThroughTheTemplateOneBehindTheOther) {
  const auto corpus =
      lines(std::string(kHello) + "\n\n" + R"({"instruction": "Go", "output": "No"})" + "\r\n");
  ASSERT_TRUE(corpus) << format_error(corpus.error());
  EXPECT_EQ(corpus->tokens, joined({message("user", "Hi"), message("assistant", "Yes"), message("user", "Go"),
                                    message("assistant", "No")}));
  EXPECT_EQ(corpus->kind, CorpusKind::conversations);
  EXPECT_EQ(corpus->records, 2U);
  EXPECT_EQ(corpus->refused, 0U);
  EXPECT_THAT(corpus->warnings("a.jsonl"), ::testing::IsEmpty());
}

TEST(Corpus, WhatAUserSpellsStaysText) {
  const auto corpus = lines(R"({"prompt": "<|im_end|><s>", "completion": "<|im_start|>system"})");
  ASSERT_TRUE(corpus);
  EXPECT_EQ(corpus->tokens,
            joined({message("user", "<|im_end|><s>"), message("assistant", "<|im_start|>system")}));
  const auto text = lines(R"({"text": "<|im_end|>"})");
  ASSERT_TRUE(text);
  EXPECT_EQ(text->tokens, ids_of("<|im_end|>"));
}

TEST(Corpus, CallsGoWhereTheTemplateReadsThem) {
  constexpr std::string_view kCall =
      R"({"conversations": [{"from": "human", "value": "x"},
          {"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": {\"n\": 1}}"},
          {"from": "observation", "value": "20"}]})";
  std::string line(kCall);
  std::erase(line, '\n');
  const auto read = lines(line);
  ASSERT_TRUE(read) << format_error(read.error());
  EXPECT_EQ(read->tokens,
            joined({message("user", "x"), message("assistant", R"((f={"n": 1}))"), message("tool", "20")}));
  const auto written = lines(line,
                             "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
                             "{% endfor %}");
  ASSERT_TRUE(written);
  EXPECT_EQ(
      written->tokens,
      joined({message("user", "x"),
              message("assistant", "<tool_call>\n{\"name\":\"f\",\"arguments\":{\"n\":1}}\n</tool_call>"),
              message("tool", "20")}));
}

TEST(Corpus, ToolsAreShownAndTheDayIsAlwaysTheSame) {
  const auto corpus =
      lines(R"({"messages": [{"role": "user", "content": "x"}], "tools": "[{\"name\": \"f\"}]"})",
            "{{ strftime_now('%A %d %B %Y %H:%M:%S day %j') }}{{ tools[0].function.name }}{{ bos_token }}");
  ASSERT_TRUE(corpus) << format_error(corpus.error());
  EXPECT_EQ(corpus->tokens, joined({ids_of("Monday 01 January 2024 00:00:00 day 001f"), {kBos}}));
}

TEST(Corpus, TextsAreOneTextWithABlankLineBetween) {
  const auto corpus = lines("{\"text\": \"one\"}\n{\"content\": \"two\"}\n", "", true);
  ASSERT_TRUE(corpus);
  EXPECT_EQ(corpus->tokens, joined({{kBos}, ids_of("one\n\ntwo")}));
  EXPECT_EQ(corpus->kind, CorpusKind::text);
  EXPECT_EQ(corpus->records, 2U);
  const auto mixed =
      lines("{\"text\": \"one\"}\n" + std::string(kHello) + "\n{\"text\": \"two\"}", kChat, true);
  ASSERT_TRUE(mixed);
  EXPECT_EQ(
      mixed->tokens,
      joined({{kBos}, ids_of("one"), message("user", "Hi"), message("assistant", "Yes"), ids_of("two")}));
  EXPECT_EQ(mixed->kind, CorpusKind::conversations);
}

TEST(Corpus, ATextIsTakenAsItIs) {
  const std::string_view content = "{\"text\": \"<s>\"}\n";
  for (const bool add_special : {false, true}) {
    const auto corpus = tokenize_corpus(*tokenizer(""), content, CorpusForm::text, add_special);
    ASSERT_TRUE(corpus);
    EXPECT_EQ(corpus->tokens, add_special ? joined({{kBos}, ids_of(content)}) : ids_of(content));
    EXPECT_EQ(corpus->records, 0U);
  }
}

TEST(Corpus, ADocumentIsAnArrayOfRecordsOrOne) {
  const Ids hello = joined({message("user", "Hi"), message("assistant", "Yes")});
  const auto read = [](const std::string& content) {
    return tokenize_corpus(*tokenizer(kChat), content, CorpusForm::json, false);
  };
  const std::string record(kHello);
  const auto one = read(record + "\n");
  const auto two = read("[" + record + ",\n" + record + "]");
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->tokens, hello);
  EXPECT_EQ(two->tokens, joined({hello, hello}));
  EXPECT_EQ(two->records, 2U);

  const auto lines_in_json = read(record + "\n" + record);
  ASSERT_FALSE(lines_in_json);
  EXPECT_EQ(lines_in_json.error().code.name, "JSON_SYNTAX");
  EXPECT_THAT(lines_in_json.error().hint, HasSubstr(".jsonl"));
  const auto second = read("[" + record + R"(, {"premise": "a"}])");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message, "record 2: it is of no known shape; its keys are \"premise\"");
  const auto none = read("[]");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code.name, "CORPUS_RECORD");
}

TEST(Corpus, WhatTheTemplateRefusesIsLeftOutAndCounted) {
  const auto corpus =
      lines(std::string(kOrphan) + "\n" + std::string(kHello) + "\n\n" + std::string(kOrphan));
  ASSERT_TRUE(corpus) << format_error(corpus.error());
  EXPECT_EQ(corpus->tokens, joined({message("user", "Hi"), message("assistant", "Yes")}));
  EXPECT_EQ(corpus->records, 3U);
  EXPECT_EQ(corpus->refused, 2U);
  EXPECT_THAT(corpus->first_refusal, HasSubstr("record 1 (line 1): "));
  EXPECT_THAT(corpus->first_refusal, HasSubstr("a result of nothing"));
  ASSERT_EQ(corpus->warnings("a.jsonl").size(), 1U);
  EXPECT_THAT(corpus->warnings("a.jsonl")[0],
              ::testing::StartsWith("a.jsonl: the model's chat template refuses 2 of 3 records"));

  const auto all = lines(kOrphan);
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code.name, "CORPUS_REFUSED");
  EXPECT_THAT(all.error().message, HasSubstr("a result of nothing"));
  // What fails in the template is refused as well: many have no other way to say it.
  const auto fails = lines(kOrphan, "{{ messages[0].tool_calls[0] }}");
  ASSERT_FALSE(fails);
  EXPECT_EQ(fails.error().code.name, "CORPUS_REFUSED");
}

TEST(Corpus, AnswersLabelledAsBadAreLeftOutWithoutAWord) {
  const std::string bad = R"({"prompt": "a", "completion": "b", "label": false})";
  const auto corpus = lines(bad + "\n" + std::string(kHello));
  ASSERT_TRUE(corpus);
  EXPECT_EQ(corpus->tokens, joined({message("user", "Hi"), message("assistant", "Yes")}));
  EXPECT_EQ(corpus->disliked, 1U);
  EXPECT_THAT(corpus->warnings("a.jsonl"), ::testing::IsEmpty());
  const auto all = lines(bad);
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code.name, "CORPUS_REFUSED");
}

TEST(Corpus, AModelWithoutATemplateReadsTextsOnly) {
  const auto corpus = lines(std::string("{\"text\": \"x\"}\n") + std::string(kHello), "");
  ASSERT_FALSE(corpus);
  EXPECT_EQ(corpus.error().code.name, "TEMPLATE_ABSENT");
  EXPECT_THAT(corpus.error().message, HasSubstr("record 2 (line 2) is a conversation"));
  EXPECT_FALSE(corpus.error().hint.empty());
}

TEST(Corpus, NamesTheLineThatCannotBeRead) {
  const std::string good = "{\"text\": \"x\"}\n";
  const auto broken = lines(good + "\n{\"text\": }\n" + good);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code.name, "JSON_SYNTAX");
  EXPECT_THAT(broken.error().message, ::testing::StartsWith("line 3: "));
  ASSERT_TRUE(broken.error().byte_position);
  EXPECT_GE(*broken.error().byte_position, good.size() + 1 + 9);  // in the file, not in the line
  EXPECT_LE(*broken.error().byte_position, good.size() + 1 + 11);

  const auto unknown = lines(good + "\n{\"premise\": 1}");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message, "record 2 (line 3): it is of no known shape; its keys are \"premise\"");
  const auto empty = lines("\n \n");
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code.name, "CORPUS_RECORD");
  EXPECT_FALSE(lines(std::string(200, '[') + std::string(200, ']')));
}

TEST(Corpus, ATemplateThatCannotBeReadIsAnError) {
  const auto corpus = lines(kHello, "{% for %}");
  ASSERT_FALSE(corpus);
  EXPECT_EQ(corpus.error().code.name, "TPL_SYNTAX");
  const auto endless =
      lines(kHello, "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}");
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().code.name, "TPL_LIMIT");
}

TEST(Corpus, FilesAreReadByTheirNamesUpToALimit) {
  EXPECT_EQ(corpus_form("a/b.json"), CorpusForm::json);
  EXPECT_EQ(corpus_form("b.JSONL"), CorpusForm::json_lines);
  EXPECT_EQ(corpus_form("b.ndjson"), CorpusForm::json_lines);
  for (const std::string_view name : {"b.txt", "json", ".json", "-", "", "b.json.txt", "b.jsonl.gz"})
    EXPECT_EQ(corpus_form(name), CorpusForm::text) << name;

  const std::filesystem::path file = mote::testing::fresh_folder() / "chat.jsonl";
  std::ofstream(file, std::ios::binary) << kHello << "\n";
  const auto made = tokenizer(kChat);
  const auto corpus = read_corpus(*made, file, 1000, false);
  ASSERT_TRUE(corpus) << format_error(corpus.error());
  EXPECT_EQ(corpus->tokens, joined({message("user", "Hi"), message("assistant", "Yes")}));
  const auto too_large = read_corpus(*made, file, kHello.size(), false);
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().code.name, "IO_TOO_LARGE");
  std::ofstream(file, std::ios::binary) << "{\n";
  const auto broken = read_corpus(*made, file, 1000, false);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().file, file.string());
}

}  // namespace
}  // namespace mote::text
