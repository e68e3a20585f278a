#include "text/template/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace mote::text {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Json messages_with(std::string_view content, std::string_view role = "user") {
  Json message;
  message["role"] = Json(role);
  message["content"] = Json(content);
  return Json(JsonArray{message});
}

Result<TextPieces> render(std::string_view source, std::string_view content = "hi",
                          const TemplateLimits& limits = {}, std::string_view role = "user",
                          const Json* extra = nullptr) {
  MOTE_ASSIGN(const ChatTemplate chat_template, ChatTemplate::parse(source, limits));
  const Json messages = messages_with(content, role);
  RenderInput input;
  input.messages = &messages;
  input.bos_token = "<s>";
  input.eos_token = "</s>";
  input.extra = extra;
  return chat_template.render(input);
}

std::string text(std::string_view source, std::string_view content = "hi") {
  const auto pieces = render(source, content);
  return pieces ? concatenate(*pieces) : "error: " + pieces.error().message;
}

Error error(std::string_view source, const TemplateLimits& limits = {}) {
  const auto pieces = render(source, "hi", limits);
  EXPECT_FALSE(pieces) << source;
  return pieces ? Error{} : pieces.error();
}

// What came from the user, in order.
std::string user_text(std::string_view source, std::string_view content) {
  const auto pieces = render(source, content);
  if (!pieces) return "error: " + pieces.error().message;
  std::string result;
  for (const TextPiece& piece : *pieces) result += piece.is_template ? "" : piece.text;
  return result;
}

// --- provenance

TEST(ChatTemplate, TemplateTextAndUserTextComeInTheirOwnPieces) {
  const auto pieces =
      render("{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}{{ eos_token }}",
             "say <|end|>");
  ASSERT_TRUE(pieces);
  EXPECT_EQ(*pieces, (TextPieces{{"<|user|>", true}, {"say <|end|>", false}, {"<|end|></s>", true}}));
}

TEST(ChatTemplate, UserTextStaysUserTextThroughEveryStringOperation) {
  const std::string token = "<|im_end|>";
  const std::string content = "  a " + token + " b\nc  ";
  const std::vector<std::string> operations = {
      "m.content",
      "m.content | trim",
      "m.content.strip()",
      "m.content.lstrip().rstrip('c ')",
      "m['content'][2:]",
      "m.content[::1]",
      "m.content | replace('a', '')",
      "m.content.replace('b', 'B')",
      "m.content.split('a')[1]",
      "m.content.split()[1]",
      "m.content.rsplit('b', 1)[0]",
      "m.content.splitlines()[0]",
      "m.content.partition('a')[2]",
      "'x' + m.content + 'y'",
      "'x' ~ m.content ~ 'y'",
      "m.content * 2",
      "[m.content, 'z'] | join('-')",
      "'-'.join([m.content])",
      "'%s' % m.content",
      "'[{}]'.format(m.content)",
      "'%s!' | format(m.content)",
      "m.content | lower",
      "m.content | upper | lower",
      "m.content.title().lower()",
      "m.content | capitalize",
      "m.content | indent(2)",
      "m.content | string",
      "m.content | safe",
      "m.content | tojson",
      "[m.content]",
      "{'k': m.content}",
      "m",
      "messages | tojson(indent=2)",
      "m.content | center(40)",
      "m.content | list | join",
      "m.content | reverse | reverse",
      "(m.content or 'x') if true else ''",
      "m.content | default('d')",
      "messages | map(attribute='content') | first",
      "m.items() | list | last | last",
      "dict(a=m.content).a",
      "namespace(a=m.content).a",
  };
  for (const std::string& operation : operations) {
    const std::string found = user_text("{% set m = messages[0] %}{{ " + operation + " }}", content);
    EXPECT_THAT(found, HasSubstr(token)) << operation;
  }
  const std::vector<std::string> blocks = {
      "{% set x %}{{ messages[0].content }}{% endset %}{{ x }}",
      "{% filter trim %}{{ messages[0].content }}{% endfilter %}",
      "{% macro f(x) %}[{{ x }}]{% endmacro %}{{ f(messages[0].content) }}",
      "{% macro f() %}[{{ caller() }}]{% endmacro %}{% call f() %}{{ messages[0].content }}{% endcall %}",
      "{% for c in messages[0].content %}{{ c }}{% endfor %}",
      "{% generation %}{{ messages[0].content }}{% endgeneration %}",
  };
  for (const std::string& block : blocks) EXPECT_THAT(user_text(block, content), HasSubstr(token)) << block;
}

TEST(ChatTemplate, AControlTokenIsNeverPutTogetherFromUserAndTemplateText) {
  // The halves meet in the text, but not in one piece of the template.
  const auto pieces = render("<|{{ messages[0].content }}|>", "im_end");
  ASSERT_TRUE(pieces);
  for (const TextPiece& piece : *pieces) EXPECT_THAT(piece.text, Not(HasSubstr("im_end|>")));
  // A replacement text of the template stays the template's, what is around it the user's.
  EXPECT_EQ(user_text("{{ messages[0].content | replace('X', '<|sep|>') }}", "aXb"), "ab");
}

TEST(ChatTemplate, OnlyUsualRolesCountAsTheTemplates) {
  const std::string source = "<|{{ messages[0].role }}|>";
  EXPECT_EQ(*render(source, "", {}, "assistant"), (TextPieces{{"<|assistant|>", true}}));
  EXPECT_EQ(*render(source, "", {}, "endoftext"),
            (TextPieces{{"<|", true}, {"endoftext", false}, {"|>", true}}));
}

TEST(ChatTemplate, VariablesOfTheRequestAreUserText) {
  Json extra;
  extra["note"] = Json("<|end|>");
  const auto pieces = render("{{ note }}", "", {}, "user", &extra);
  ASSERT_TRUE(pieces);
  EXPECT_EQ(*pieces, (TextPieces{{"<|end|>", false}}));
}

TEST(ChatTemplate, VariablesOfTheRequestMayNotReplaceTheRendersOwn) {
  for (const std::string_view name :
       {"messages", "tools", "add_generation_prompt", "bos_token", "tokenize"}) {
    Json extra;
    extra[name] = Json(true);
    const auto pieces = render("x", "", {}, "user", &extra);
    ASSERT_FALSE(pieces) << name;
    EXPECT_EQ(pieces.error().code.name, "TPL_ARGUMENT");
    EXPECT_THAT(pieces.error().message, AllOf(HasSubstr("chat_template_kwargs"), HasSubstr(name)));
  }
  Json large;
  large["x"] = Json(std::string(std::size_t{2} << 20, 'a'));
  EXPECT_FALSE(render("x", "", {}, "user", &large));
}

// --- budgets

TEST(ChatTemplate, EachBudgetIsNamedWhenItIsSpent) {
  const auto limited = [](std::string_view source, std::string_view budget) {
    TemplateLimits patient;  // so that slow machines do not meet the time limit first
    patient.max_milliseconds = 60'000;
    patient.max_steps = 200'000;
    const Error found = error(source, patient);
    EXPECT_EQ(found.code.name, "TPL_LIMIT") << source << ": " << found.message;
    EXPECT_THAT(found.message, HasSubstr(budget)) << source;
  };
  limited("{% for i in range(1000000000) %}{% endfor %}", "items in a range");
  limited("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", "more than");
  limited("{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
          "bytes of output");
  limited(
      "{% set ns = namespace(x=[1, 2]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
      "bytes of memory");
  limited("{% set ns = namespace(x=1) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}",
          "values in a list");
  limited("{{ 'a' * 1000000000000 }}", "bytes of output");
  limited("{{ [0] * 1000000000000 }}", "bytes of memory");
  limited("{{ 'a' | center(1000000000000) }}", "bytes of output");
  limited("{{ 'x' | indent(1000000000000) }}", "bytes of output");
  limited("{{ 'a'.zfill(1000000000000) }}", "bytes of output");
  limited("{% set b = 'a' * 4000000 %}{{ b | replace('a', b) }}", "bytes of output");
  limited("{% set b = 'a' * 4000000 %}{{ b.replace('', b) }}", "bytes of output");
  limited("{% set b = 'a' * 1000000 %}{{ [b, b, b, b, b] | join }}", "bytes of output");
  limited("{% set b = 'a' * 1000000 %}{{ b }}{{ b }}{{ b }}{{ b }}{{ b }}", "bytes of output");
  limited("{% set b = 'a' * 1000000 %}{% for i in range(100000) %}{% set c = b + 'x' %}{% endfor %}",
          "more than");
  limited("{{ [[1]] | tojson(indent=1000000000000) }}", "bytes of output");
  limited("{{ 9223372036854775807 + 1 }}", "64 bits");
}

TEST(ChatTemplate, JsonStopsSoonAfterItsBudgetWhateverStandsBetweenItems) {
  // What is printed past the budget is thrown away, so only time and memory tell: without a stop these take
  // 100,000 and 12,000 times the budget, and the process with them.
  for (const std::string_view source :
       {"{{ range(100000) | list | tojson(separators=['x' * 4000000, ':']) }}",
        "{{ dict(a=1, b=2) | tojson(separators=[',', 'x' * 4000000]) }}",
        "{{ range(100000) | list | tojson(indent='x' * 4000000) }}",
        "{% set ns = namespace(x=1) %}{% for i in range(150) %}{% set ns.x = [ns.x, ns.x | string] %}{% "
        "endfor %}"
        "{{ ns.x | tojson(indent='x' * 4000000) }}"}) {
    EXPECT_EQ(error(source).code.name, "TPL_LIMIT") << source;
  }
}

TEST(ChatTemplate, StepsOutputSourceAndTimeFollowTheLimitsGiven) {
  TemplateLimits limits;
  limits.max_steps = 50;
  EXPECT_THAT(error("{% for i in range(100) %}{{ i }}{% endfor %}", limits).message, HasSubstr("50 steps"));
  limits = {};
  limits.max_output_bytes = 10;
  EXPECT_THAT(error("12345678901", limits).message, HasSubstr("10 bytes of output"));
  limits = {};
  limits.max_source_bytes = 10;
  EXPECT_EQ(ChatTemplate::parse("12345678901", limits).error().code.name, "TPL_LIMIT");
  limits = {};
  limits.max_milliseconds = 0;
  EXPECT_THAT(error("{{ 1 }}", limits).message, HasSubstr("milliseconds"));
}

TEST(ChatTemplate, ValuesThatSharePartsCannotBlowUp) {
  // A list that holds itself twice, 60 times over, has 2^60 leaves when it is printed or compared.
  EXPECT_EQ(
      error(
          "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}")
          .code.name,
      "TPL_LIMIT");
  EXPECT_EQ(
      error("{% set ns = namespace(x=[]) %}{% for i in range(5000) %}{% set ns.x = [ns.x] %}{% endfor %}")
          .code.name,
      "TPL_DEPTH");
  EXPECT_EQ(
      error(
          "{% set ns = namespace(x={}) %}{% for i in range(5000) %}{% set ns.x = {'a': ns.x} %}{% endfor %}")
          .code.name,
      "TPL_DEPTH");
  EXPECT_THAT(text("{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}"), HasSubstr("<Namespace"));
}

// --- depth

TEST(ChatTemplate, DeepNestingIsRefusedWithItsPlace) {
  const auto repeated = [](std::string_view part, std::size_t count) {
    std::string result;
    for (std::size_t i = 0; i < count; ++i) result += part;
    return result;
  };
  constexpr std::size_t kMany = 60'000;
  const std::vector<std::string> sources = {
      "{{ " + repeated("(", kMany) + "1" + repeated(")", kMany) + " }}",
      "{{ " + repeated("[", kMany) + repeated("]", kMany) + " }}",
      "{{ " + repeated("{1:", kMany) + "1" + repeated("}", kMany) + " }}",
      "{{ " + repeated("not ", kMany) + "1 }}",
      "{{ " + repeated("- ", kMany) + "1 }}",
      "{{ " + repeated("1 if 1 else ", kMany) + "1 }}",
      "{{ 1 " + repeated("if 1 ", kMany) + " }}",
      "{{ " + repeated("f(", kMany) + repeated(")", kMany) + " }}",
      "{{ " + repeated("a[", kMany) + "1" + repeated("]", kMany) + " }}",
      repeated("{% if 1 %}", kMany) + repeated("{% endif %}", kMany),
      repeated("{% for i in [1] %}", kMany) + repeated("{% endfor %}", kMany),
      "{% set " + repeated("(", kMany) + "a" + repeated(")", kMany) + " = 1 %}",
  };
  for (const std::string& source : sources) {
    TemplateLimits large;
    large.max_source_bytes = std::uint64_t{8} << 20;
    const auto parsed = ChatTemplate::parse(source, large);
    ASSERT_FALSE(parsed) << source.substr(0, 20);
    EXPECT_EQ(parsed.error().code.name, "TPL_DEPTH") << source.substr(0, 20);
    EXPECT_THAT(parsed.error().message, AllOf(HasSubstr("line 1"), HasSubstr("column")))
        << source.substr(0, 20);
  }
}

TEST(ChatTemplate, LongChainsAreNotDeep) {
  std::string sum = "1";
  std::string calls = "'a'";
  for (int i = 0; i < 5000; ++i) {
    sum += " + 1";
    calls += "|trim";
  }
  EXPECT_EQ(text("{{ " + sum + " }}"), "5001");
  EXPECT_EQ(text("{{ " + calls + " }}"), "a");
}

TEST(ChatTemplate, CallsWithoutEndAreRefused) {
  const std::vector<std::string> sources = {
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
      "{% macro m() %}{% call m() %}{{ caller }}{% endcall %}{% endmacro %}{{ m() }}",
      "{% set x = [1] %}{% for i in x recursive %}{{ loop(x) }}{% endfor %}",
  };
  for (const std::string& source : sources) {
    const Error found = error(source);
    EXPECT_EQ(found.code.name, "TPL_DEPTH") << source;
    EXPECT_THAT(found.message, HasSubstr("line 1")) << source;
  }
}

// --- what is refused

TEST(ChatTemplate, WhatIsNotOfferedIsNamed) {
  const auto refused = [](std::string_view source, std::string_view name) {
    const Error found = error(source);
    EXPECT_EQ(found.code.name, "TPL_UNSUPPORTED") << source;
    EXPECT_THAT(found.message, HasSubstr(name)) << source;
  };
  refused("{{ ''.__class__ }}", "__class__");
  refused("{{ ''['__class__'] }}", "__class__");
  refused("{{ messages | attr('__class__') }}", "attr");
  refused("{% include 'x' %}", "include");
  refused("{% import 'x' as y %}", "import");
  refused("{% from 'x' import y %}", "from");
  refused("{% extends 'x' %}", "extends");
  refused("{{ 1 | nosuch }}", "filter 'nosuch'");
  refused("{% if 1 %}{{ 1 | nosuch }}{% endif %}", "filter 'nosuch'");
  refused("{{ 1 is nosuch }}", "test 'nosuch'");
  refused("{{ [1] | map('nosuch') | list }}", "nosuch");
}

TEST(ChatTemplate, ListsAndDictionariesCannotBeChanged) {
  EXPECT_THAT(error("{{ messages.append(1) }}").message, HasSubstr("append"));
  EXPECT_THAT(error("{{ messages[0].pop('role') }}").message, HasSubstr("pop"));
  EXPECT_THAT(error("{% set d = {} %}{{ d.update(a=1) }}").message, HasSubstr("update"));
}

TEST(ChatTemplate, SyntaxErrorsHaveLineAndColumn) {
  const auto place = [](std::string_view source, std::string_view where) {
    const auto parsed = ChatTemplate::parse(source);
    ASSERT_FALSE(parsed) << source;
    EXPECT_EQ(parsed.error().code.name, "TPL_SYNTAX") << source;
    EXPECT_THAT(parsed.error().message, HasSubstr(where)) << source;
  };
  place("a\nbc {{ 1 + }}", "(line 2, column 11)");
  place("{% if true %}", "endif");
  place("\n{{ 'abc }}", "(line 2, column 4)");
  place("{% nosuch %}", "'nosuch'");
  place("{{ (1] }}", "expected ')'");
  place("{% break %}", "outside a loop");
  place("\xFF", "UTF-8");
}

TEST(ChatTemplate, AnErrorOfTheTemplateItselfIsPassedOnEscaped) {
  const Error found = error("{{ raise_exception('no \x1b[31m' ~ messages[0].role) }}");
  EXPECT_EQ(found.code.name, "TPL_RAISED");
  EXPECT_EQ(found.code.kind, ErrorKind::invalid_argument);
  EXPECT_THAT(found.message, AllOf(HasSubstr("no \\x1B[31muser"), Not(HasSubstr("\x1b"))));
}

TEST(ChatTemplate, RuntimeErrorsSayWhatAndWhere) {
  EXPECT_THAT(error("\n{{ nothing.x }}").message,
              AllOf(HasSubstr("'nothing' is undefined"), HasSubstr("line 2")));
  EXPECT_THAT(error("{{ 1 + 'a' }}").message, HasSubstr("'+' does not work on int and str"));
  EXPECT_EQ(error("{{ 1 / 0 }}").code.name, "TPL_RUNTIME");
}

TEST(ChatTemplate, UnusableInputIsRefused) {
  const auto parsed = ChatTemplate::parse("{{ messages }}");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->render({}).error().code.name, "TPL_ARGUMENT");
  const Json text("no array");
  RenderInput input;
  input.messages = &text;
  EXPECT_EQ(parsed->render(input).error().code.name, "TPL_ARGUMENT");
  const Json strings(JsonArray{Json("hi")});
  input.messages = &strings;
  EXPECT_THAT(parsed->render(input).error().message, HasSubstr("message 1"));
  Json deep;
  for (int i = 0; i < 1000; ++i) deep = Json(JsonArray{deep});
  Json message;
  message["content"] = deep;
  const Json nested(JsonArray{message});
  input.messages = &nested;
  EXPECT_THAT(parsed->render(input).error().message, HasSubstr("nested"));
}

// --- a few values by hand; the oracle has hundreds (tests/oracles/template_cases.py)

TEST(ChatTemplate, PrintsValuesAsPythonDoes) {
  EXPECT_EQ(text("{{ [1, 2.0, 'it\\'s', none, true, 1e16, 1e-5] }}"),
            "[1, 2.0, \"it's\", None, True, 1e+16, 1e-05]");
  EXPECT_EQ(text("{{ {'a': [1, {}]} | tojson }}"), "{\"a\": [1, {}]}");
  EXPECT_EQ(text("{{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 3 }}"), "-4 2 3.5 8");
}

TEST(ChatTemplate, BlocksTakeTheirLineWithThem) {
  EXPECT_EQ(text("a\n  {% if true %}\n  b\n  {% endif %}\nc\n"), "a\n  b\nc");
  EXPECT_EQ(text("a  {%- if true -%}  b  {%- endif -%}  c"), "abc");
}

TEST(ChatTemplate, KnowsWhichVariablesItMentions) {
  const auto parsed = ChatTemplate::parse("{% if tools %}{{ enable_thinking }}{% endif %}");
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->mentions("tools"));
  EXPECT_TRUE(parsed->mentions("enable_thinking"));
  EXPECT_FALSE(parsed->mentions("documents"));
}

TEST(ChatTemplate, ShowsTheTimeItIsGiven) {
  const auto parsed = ChatTemplate::parse("{{ strftime_now('%d %b %Y') }}");
  ASSERT_TRUE(parsed);
  const Json messages = messages_with("");
  RenderInput input;
  input.messages = &messages;
  input.now.tm_year = 124;
  input.now.tm_mon = 1;
  input.now.tm_mday = 9;
  EXPECT_EQ(concatenate(*parsed->render(input)), "09 Feb 2024");
}

}  // namespace
}  // namespace mote::text
