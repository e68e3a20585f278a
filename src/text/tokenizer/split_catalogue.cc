// Facts about names and patterns: ggml-org/llama.cpp, src/llama-vocab.cpp, and the tokenizer.json files of
// the models. For the camel family llama.cpp takes letters outside of ASCII for upper and lower case at once;
// the rules here are those of the models. For Kimi it also leaves out the borders between lower and upper
// case.
#include "text/tokenizer/split_catalogue.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/strings.h"

namespace mote::text {
namespace {

// The three character sets of DeepSeek-LLM's splitter, as its tokenizer.json lists them: sorted, neighbours
// joined.
constexpr std::array<CodeRange, 84> kDeepSeekLetters{
    {{0x41, 0x5A},       {0x61, 0x7A},       {0xB5, 0xB5},       {0xC0, 0xD6},       {0xD8, 0xF6},
     {0xF8, 0x1BA},      {0x1BC, 0x1BF},     {0x1C4, 0x293},     {0x295, 0x2AF},     {0x370, 0x373},
     {0x376, 0x377},     {0x37B, 0x37D},     {0x37F, 0x37F},     {0x386, 0x386},     {0x388, 0x38A},
     {0x38C, 0x38C},     {0x38E, 0x3A1},     {0x3A3, 0x3F5},     {0x3F7, 0x481},     {0x48A, 0x52F},
     {0x531, 0x556},     {0x10A0, 0x10C5},   {0x13A0, 0x13F5},   {0x13F8, 0x13FD},   {0x1C90, 0x1CBA},
     {0x1CBD, 0x1CBF},   {0x1D00, 0x1D2B},   {0x1D6B, 0x1D77},   {0x1D79, 0x1D9A},   {0x1E00, 0x1F15},
     {0x1F18, 0x1F1D},   {0x1F20, 0x1F45},   {0x1F48, 0x1F4D},   {0x1F50, 0x1F57},   {0x1F59, 0x1F59},
     {0x1F5B, 0x1F5B},   {0x1F5D, 0x1F5D},   {0x1F5F, 0x1F7D},   {0x1F80, 0x1FB4},   {0x1FB6, 0x1FBC},
     {0x1FBE, 0x1FBE},   {0x1FC2, 0x1FC4},   {0x1FC6, 0x1FCC},   {0x1FD0, 0x1FD3},   {0x1FD6, 0x1FDB},
     {0x1FE0, 0x1FEC},   {0x1FF2, 0x1FF4},   {0x1FF6, 0x1FFC},   {0x2102, 0x2102},   {0x2107, 0x2107},
     {0x210A, 0x2113},   {0x2115, 0x2115},   {0x2119, 0x211D},   {0x2124, 0x2124},   {0x2126, 0x2126},
     {0x2128, 0x2128},   {0x212A, 0x212D},   {0x212F, 0x2134},   {0x2139, 0x2139},   {0x213C, 0x213F},
     {0x2145, 0x2149},   {0x214E, 0x214E},   {0x2183, 0x2184},   {0x2C00, 0x2C7B},   {0x2C7E, 0x2CE4},
     {0x2CEB, 0x2CEE},   {0x2CF2, 0x2CF3},   {0xA640, 0xA66D},   {0xA680, 0xA69B},   {0xA722, 0xA76F},
     {0xA771, 0xA787},   {0xA78B, 0xA78E},   {0xAB70, 0xABBF},   {0xFB00, 0xFB06},   {0xFB13, 0xFB17},
     {0xFF21, 0xFF3A},   {0xFF41, 0xFF5A},   {0x10400, 0x1044F}, {0x104B0, 0x104D3}, {0x104D8, 0x104FB},
     {0x10C80, 0x10CB2}, {0x10CC0, 0x10CF2}, {0x118A0, 0x118DF}, {0x1E900, 0x1E943}}};
constexpr std::array<CodeRange, 6> kDeepSeekPunctuation{
    {{0x21, 0x2F}, {0x3A, 0x7E}, {0x2018, 0x201F}, {0x3000, 0x3002}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF5E}}};
constexpr std::array<CodeRange, 2> kKanaAndHan{{{0x3040, 0x30FF}, {0x4E00, 0x9FA5}}};
constexpr std::array<CodeRange, 2> kDeepSeekCjk{{{0x800, 0x9FA5}, {0xAC00, 0xD7FF}}};

SplitStep gpt2() { return {.kind = SplitKind::gpt2}; }
SplitStep cl100k(std::uint32_t digits, bool marks = false) {
  return {.kind = SplitKind::cl100k, .digits = digits, .marks_are_letters = marks};
}
SplitStep camel(std::uint32_t digits, Contractions contractions) {
  return {.kind = SplitKind::camel,
          .digits = digits,
          .contractions = contractions,
          .line_breaks = LineBreaks::slash};
}
SplitStep cl100k_apart() {
  return {.kind = SplitKind::cl100k, .digits = 1, .line_breaks = LineBreaks::apart};
}
SplitStep cl100k_plain_words(std::uint32_t digits) {
  return {.kind = SplitKind::cl100k, .digits = digits, .contractions = Contractions::none};
}
SplitStep numbers(std::uint32_t digits) { return {.kind = SplitKind::numbers, .digits = digits}; }
SplitStep pattern(std::string text) { return {.kind = SplitKind::regex, .pattern = std::move(text)}; }
SplitStep class_run(std::span<const CodeRange> ranges, bool leading_space) {
  return {
      .kind = SplitKind::class_run, .leading_space = leading_space, .ranges = {ranges.begin(), ranges.end()}};
}

SplitPlan deepseek_llm() {
  return {{.kind = SplitKind::newlines},         class_run(kDeepSeekLetters, true),
          class_run(kDeepSeekPunctuation, true), {.kind = SplitKind::trailing_space},
          class_run(kDeepSeekCjk, false),        numbers(0)};
}

// The same as tokenizer.json spells it: digits one by one. No token of the vocabulary has two.
SplitPlan deepseek_llm_digits() {
  SplitPlan plan = deepseek_llm();
  plan.back() = numbers(1);
  return plan;
}

// What llama.cpp does with files that name no splitter or "default".
SplitPlan llama_cpp_default() {
  return {pattern("[\\p{P}\\$\\+<=>\\^~\\|]+"), gpt2(), numbers(0), pattern("[0-9][0-9][0-9]")};
}

constexpr std::string_view kDeepSeekV3 =
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

constexpr std::string_view kSpark =
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+|[\\r\\n]|\\s+(?!\\S)|\\s+";
// Words between white space and the stops of several scripts.
constexpr std::string_view kBloom = " ?[^(\\s|.,!?\u2026\u3002\uFF0C\u3001\u0964\u06D4\u060C)]+";
constexpr std::string_view kYoutuScripts =
    "[\uAC00-\uD7A3\u3131-\u318E]+|[\uFF01\u2026\u201C\u201D\u2018\u2019\u2014\uFF1A\uFF1B\uFF0C\u3001-"
    "\u303F\uFE30-\uFE4F]+|[\u3105-\u312F]+|[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+";
constexpr std::string_view kJais2 =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
    "|\\s*[\\r\\n]+|\\s{512}(?!\\S)|\\s{256}(?!\\S)|\\s{128}(?!\\S)|\\s{64}(?!\\S)|\\s{32}(?!\\S)"
    "|\\s{16}(?!\\S)|\\s{8}(?!\\S)|\\s{4}(?!\\S)|\\s{1,2}(?!\\S)|\\s{1}";
constexpr std::string_view kExaoneMoe =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}"
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+";

// Arcee's AFMoE: scripts without spaces between words, or with few of them.
constexpr std::array<CodeRange, 12> kAfmoeScripts{{{0xE40, 0xEFF},
                                                   {0x1000, 0x109F},
                                                   {0x1100, 0x11FF},
                                                   {0x1780, 0x17FF},
                                                   {0x2F00, 0x2FDF},
                                                   {0x3040, 0x30FF},
                                                   {0x3400, 0x4DBF},
                                                   {0x4E00, 0x9FFF},
                                                   {0xA9E0, 0xA9FF},
                                                   {0xAA60, 0xAA7F},
                                                   {0xAC00, 0xD7AF},
                                                   {0xF900, 0xFAFF}}};

SplitStep from_right(SplitKind kind) { return {.kind = kind, .digits = 3}; }
// Digits in groups of three from the right.
SplitStep digits_from_the_right() { return from_right(SplitKind::decimals_from_right); }
SplitStep kimi() { return {.kind = SplitKind::kimi, .digits = 3}; }

struct Entry {
  std::string_view name;
  SplitPlan (*plan)();
  bool ignore_merges = false;
  bool add_bos = false;
  Spelling spelling = Spelling::byte_letters;
};

SplitPlan gpt2_plan() { return {gpt2()}; }
SplitPlan smollm_plan() { return {numbers(1), gpt2()}; }
SplitPlan llama3_plan() { return {cl100k(3)}; }
SplitPlan qwen2_plan() { return {cl100k(1)}; }
SplitPlan qwen35_plan() { return {cl100k(1, true)}; }
SplitPlan gpt4o_plan() { return {camel(3, Contractions::any_case)}; }
SplitPlan tekken_plan() { return {camel(1, Contractions::none)}; }
SplitPlan seed_coder_plan() { return {cl100k_apart()}; }
SplitPlan no_contractions_plan() { return {cl100k_plain_words(1)}; }
SplitPlan minicpm5_plan() { return {numbers(3), cl100k(0)}; }
SplitPlan laguna_plan() { return {pattern("[^\\n]+|[\\n]+"), cl100k(1)}; }
SplitPlan aya_plan() {
  return {from_right(SplitKind::decimal_words_from_right), camel(3, Contractions::any_case)};
}
SplitPlan superbpe_plan() { return {numbers(0), digits_from_the_right()}; }
SplitPlan bloom_plan() { return {pattern(std::string(kBloom))}; }
SplitPlan viking_plan() { return {pattern(std::string(kBloom)), numbers(1)}; }
SplitPlan youtu_plan() { return {pattern(std::string(kYoutuScripts)), camel(1, Contractions::any_case)}; }
SplitPlan jais2_plan() { return {pattern(std::string(kJais2))}; }
SplitPlan exaone_moe_plan() { return {pattern(std::string(kExaoneMoe))}; }
SplitPlan spark_plan() {
  return {numbers(3), class_run(kKanaAndHan, false), pattern(std::string(kSpark)), numbers(1)};
}
SplitPlan deepseek_v3_plan() {
  return {numbers(3), class_run(kKanaAndHan, false), pattern(std::string(kDeepSeekV3))};
}
SplitPlan deepseek_coder_plan() {
  return {{.kind = SplitKind::newlines},
          pattern("\\s?\\p{L}+"),
          pattern("\\s?\\p{P}+"),
          class_run(kDeepSeekCjk, false),
          numbers(1)};
}
SplitPlan kimi_plan() { return {kimi()}; }
// The first group of a number stays with what stands before it, until the last step cuts there or not:
// llama.cpp's way, which shows in two spaces before a number.
SplitPlan afmoe_plan() {
  SplitStep numbers = from_right(SplitKind::numbers_from_right);
  numbers.behavior = SplitBehavior::merged_with_previous;
  std::vector<CodeRange> scripts(kAfmoeScripts.begin(), kAfmoeScripts.end());
  scripts.push_back({0xFF65, 0xFF9F});
  return {std::move(numbers), class_run(scripts, false), pattern(std::string(kDeepSeekV3))};
}
SplitPlan chameleon_plan() {
  return {pattern("<sentinel:[0-9]+>"),     pattern("IMGIMG[A-I]{1,4}Z"),
          pattern("[\\t\\n]|    |  "),      numbers(1),
          {.kind = SplitKind::punctuation}, gpt2()};
}
SplitPlan lines_plan() { return {pattern("[^\\n]+|[\\n]+")}; }
SplitPlan falcon_plan() {
  return {pattern("[\\p{P}\\$\\+<=>\\^~\\|`]+"), gpt2(), pattern("[0-9][0-9][0-9]")};
}

// The first name of each plan is the one that is written.
constexpr std::array kEntries{
    Entry{"gpt-2", gpt2_plan},
    Entry{"smollm", smollm_plan},
    Entry{"llama-bpe", llama3_plan, true, true},
    Entry{"qwen2", qwen2_plan},
    Entry{"qwen35", qwen35_plan},
    Entry{"deepseek-llm", deepseek_llm},
    Entry{"deepseek-coder", deepseek_coder_plan},
    Entry{"deepseek-v3", deepseek_v3_plan},
    Entry{"gpt-4o", gpt4o_plan},
    Entry{"tekken", tekken_plan, true, true},
    Entry{"dbrx", llama3_plan},
    Entry{"glm4", llama3_plan, true},
    Entry{"seed-coder", seed_coder_plan},
    Entry{"ufakzeka", no_contractions_plan},
    Entry{"minicpm5", minicpm5_plan, true},
    Entry{"laguna", laguna_plan},
    Entry{"tiny_aya", aya_plan},
    Entry{"superbpe", superbpe_plan},
    Entry{"bloom", bloom_plan},
    Entry{"viking", viking_plan},
    Entry{"youtu", youtu_plan, true},
    Entry{"jais-2", jais2_plan},
    Entry{"exaone-moe", exaone_moe_plan},
    Entry{"spark2_5", spark_plan},
    Entry{"falcon", falcon_plan},
    Entry{"kimi-k2", kimi_plan},
    Entry{"afmoe", afmoe_plan},
    Entry{"chameleon", chameleon_plan, false, true},
    Entry{"default", llama_cpp_default},
    Entry{"granite-embed-multi-97m", gpt4o_plan, true},
    Entry{"deepseek-llm", deepseek_llm_digits},
    Entry{"mpt", gpt2_plan},
    Entry{"olmo", gpt2_plan},
    Entry{"jais", gpt2_plan},
    Entry{"phi-2", gpt2_plan},
    Entry{"jina-es", gpt2_plan},
    Entry{"jina-de", gpt2_plan},
    Entry{"jina-v2-es", gpt2_plan},
    Entry{"jina-v2-de", gpt2_plan},
    Entry{"jina-v1-en", gpt2_plan},
    Entry{"jina-v2-code", gpt2_plan},
    Entry{"roberta-bpe", gpt2_plan},
    Entry{"a.x-4.0", gpt2_plan},
    Entry{"gigachat", gpt2_plan},
    Entry{"mellum", gpt2_plan},
    Entry{"trillion", gpt2_plan},
    Entry{"exaone4", gpt2_plan},
    Entry{"granite-docling", gpt2_plan},
    Entry{"modern-bert", gpt2_plan},
    Entry{"starcoder", smollm_plan},
    Entry{"refact", smollm_plan},
    Entry{"command-r", smollm_plan},
    Entry{"codeshell", smollm_plan},
    Entry{"exaone", smollm_plan},
    Entry{"minerva-7b", smollm_plan},
    Entry{"mellum2", smollm_plan},
    Entry{"llama3", llama3_plan, true, true},
    Entry{"llama-v3", llama3_plan, true, true},
    Entry{"falcon3", llama3_plan, true, true},
    Entry{"falcon-h1", llama3_plan, true, true},
    Entry{"pixtral", llama3_plan, true, true},
    Entry{"midm-2.0", llama3_plan, true, true},
    Entry{"lfm2", llama3_plan, true, true},
    Entry{"jina-v5-nano", llama3_plan, true, true},
    Entry{"glm5", llama3_plan, true},
    Entry{"smaug-bpe", llama3_plan},
    Entry{"chatglm-bpe", llama3_plan},
    Entry{"deepseek-r1-qwen", qwen2_plan},
    Entry{"kormo", qwen2_plan},
    Entry{"f2llmv2", qwen2_plan},
    Entry{"megrez", qwen2_plan},
    Entry{"stablelm2", qwen2_plan},
    Entry{"hunyuan", qwen2_plan},
    Entry{"solar-open", qwen2_plan},
    Entry{"grok-2", qwen2_plan},
    Entry{"bailingmoe", qwen2_plan},
    Entry{"bailingmoe2", qwen2_plan},
    Entry{"llada-moe", qwen2_plan},
    Entry{"hunyuan-dense", deepseek_v3_plan},
    Entry{"hy_v4", deepseek_v3_plan},
    Entry{"joyai-llm", deepseek_v3_plan},
    Entry{"llama4", gpt4o_plan},
    Entry{"kanana2", gpt4o_plan},
    Entry{"talkie", gpt4o_plan},
    Entry{"minimax-m2", gpt4o_plan},
    Entry{"cohere2moe", aya_plan},
    Entry{"poro-chat", bloom_plan},
    Entry{"gpt3-finnish", bloom_plan},
    Entry{"gemma4", lines_plan, false, true, Spelling::marked_lines},
    Entry{"granite-embed-multi-311m", lines_plan, false, true, Spelling::marked_lines},
    Entry{"sarvam-moe", lines_plan, false, false, Spelling::marked},
};

struct KnownPattern {
  std::string_view text;
  SplitStep (*step)();
};

constexpr std::array kPatterns{
    KnownPattern{R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
                 [] { return gpt2(); }},
    KnownPattern{R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
                 [] { return gpt2(); }},
    KnownPattern{
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
        [] { return cl100k(3); }},
    KnownPattern{
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
        [] { return cl100k(1); }},
    KnownPattern{
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
        [] { return cl100k(1, true); }},
    KnownPattern{
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
        [] { return cl100k(0); }},
    KnownPattern{
        R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)",
        [] { return cl100k(3); }},
    KnownPattern{
        R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)",
        [] { return cl100k(1); }},
    KnownPattern{
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)",
        [] { return cl100k_apart(); }},
    KnownPattern{R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
                 [] { return cl100k_plain_words(1); }},
    KnownPattern{R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
                 [] { return cl100k_plain_words(3); }},
    KnownPattern{
        R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
        [] { return camel(3, Contractions::any_case); }},
    KnownPattern{
        R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
        [] { return camel(1, Contractions::any_case); }},
    KnownPattern{
        R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
        [] { return camel(1, Contractions::none); }},
    KnownPattern{
        R"([\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
        [] { return kimi(); }},
    KnownPattern{R"(\d{1,3}(?=(?:\d{3})*\b))",
                 [] { return from_right(SplitKind::decimal_words_from_right); }},
    // Matches of no width between digits: words of up to three digits are the same.
    KnownPattern{R"((?=(\d{3})+(?!\d)))", [] { return digits_from_the_right(); }},
    KnownPattern{R"(\d)", [] { return pattern("\\d"); }},
    KnownPattern{R"( )", [] { return SplitStep{.kind = SplitKind::literal, .pattern = " "}; }},
    KnownPattern{R"(\s)", [] { return SplitStep{.kind = SplitKind::space}; }},
    KnownPattern{R"(\w+|[^\w\s]+)", [] { return SplitStep{.kind = SplitKind::words}; }},
    KnownPattern{R"(\p{N}{1,3})", [] { return numbers(3); }},
    KnownPattern{R"(\p{N})", [] { return numbers(1); }},
    KnownPattern{R"(\p{N}+)", [] { return numbers(0); }},
    KnownPattern{R"([\r\n])", [] { return SplitStep{.kind = SplitKind::newlines}; }},
    KnownPattern{R"(\s+$)", [] { return SplitStep{.kind = SplitKind::trailing_space}; }},
    KnownPattern{kDeepSeekV3, [] { return pattern(std::string(kDeepSeekV3)); }},
    KnownPattern{kSpark, [] { return pattern(std::string(kSpark)); }},
    // A class within a class: the two together.
    KnownPattern{" ?[^(\\s|[.,!?\u2026\u3002\uFF0C\u3001\u0964\u06D4\u060C])]+",
                 [] { return pattern(std::string(kBloom)); }},
};

// DeepSeek's patterns have line ends as they are where others write \r and \n.
std::string spell_line_ends(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped = i > 0 && text[i - 1] == '\\';
    if (!escaped && text[i] == '\r') {
      out += "\\r";
    } else if (!escaped && text[i] == '\n') {
      out += "\\n";
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

// `[...]+` and `\s?[...]+` with nothing but characters and ranges inside: a class_run. Nothing for any other
// pattern.
std::optional<SplitStep> parse_class_run(std::string_view text) {
  const bool leading_space = text.starts_with("\\s?");
  if (leading_space) text.remove_prefix(3);
  if (text.size() < 4 || !text.starts_with('[') || !text.ends_with("]+")) return std::nullopt;
  const std::string_view inner = text.substr(1, text.size() - 3);
  if (inner.find_first_of("\\[]^&") != std::string_view::npos || !is_valid_utf8(inner)) return std::nullopt;
  std::vector<CodeRange> ranges;
  for (std::size_t i = 0; i < inner.size();) {
    const char32_t first = next_code_point(inner, i);
    char32_t last = first;
    if (i + 1 < inner.size() && inner[i] == '-') {
      ++i;
      last = next_code_point(inner, i);
    }
    if (first == '-' || last < first) return std::nullopt;
    ranges.push_back({first, last});
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const CodeRange& a, const CodeRange& b) { return a.first < b.first; });
  std::vector<CodeRange> joined;
  for (const CodeRange& range : ranges) {
    if (!joined.empty() && range.first <= joined.back().last + 1) {
      joined.back().last = std::max(joined.back().last, range.last);
    } else {
      joined.push_back(range);
    }
  }
  return class_run(joined, leading_space);
}

}  // namespace

std::optional<NamedSplit> split_by_name(std::string_view pre_name) {
  for (const Entry& entry : kEntries) {
    if (entry.name == pre_name)
      return NamedSplit{entry.plan(), entry.ignore_merges, entry.add_bos, entry.spelling};
  }
  return std::nullopt;
}

std::vector<std::string_view> known_split_names() {
  std::vector<std::string_view> names;
  names.reserve(std::size(kEntries));
  for (const Entry& entry : kEntries) names.push_back(entry.name);
  return names;
}

bool is_catalogue_pattern(std::string_view pattern) {
  return std::any_of(std::begin(kEntries), std::end(kEntries), [&](const Entry& entry) {
    const SplitPlan plan = entry.plan();
    return std::any_of(plan.begin(), plan.end(), [&](const SplitStep& step) {
      return step.kind == SplitKind::regex && step.pattern == pattern;
    });
  });
}

std::string_view name_of_split(const SplitPlan& plan, bool ignore_merges) {
  for (const Entry& entry : kEntries) {
    if (entry.spelling == Spelling::byte_letters && entry.ignore_merges == ignore_merges &&
        entry.plan() == plan)
      return entry.name;
  }
  return {};
}

SplitStep step_for_pattern(std::string_view text) {
  const std::string spelled = spell_line_ends(text);
  for (const KnownPattern& known : kPatterns) {
    if (known.text == spelled) return known.step();
  }
  if (auto step = parse_class_run(text)) return *std::move(step);
  return pattern(std::string(text));
}

}  // namespace mote::text
