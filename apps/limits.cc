#include "apps/limits.h"

#include "agent/run_tool.h"
#include "agent/tool_loop.h"
#include "agent/tool_test.h"
#include "agent/tools.h"
#include "apps/cli/model_options.h"
#include "base/strings.h"
#include "calibrate/statistics.h"
#include "calibrate/statistics_file.h"
#include "formats/limits.h"
#include "formats/llama2c.h"
#include "model/ranges.h"
#include "mote/measure.h"
#include "mote/quantize.h"
#include "quantize/name_pattern.h"
#include "sys/thread_pool.h"
#include "text/corpus/corpus.h"
#include "text/template/chat_template.h"
#include "text/tokenizer/limits.h"

namespace mote::cli {

std::vector<Limit> all_limits() {
  const formats::Limits f;
  const text::TemplateLimits t;
  const JsonLimits j;
  return {
      {"gguf.metadata_bytes", f.metadata_bytes, "header of a GGUF file: keys, values, tensor list"},
      {"gguf.string_bytes", f.string_bytes, "one string of the metadata"},
      {"gguf.array_elements", f.array_elements, "one array of the metadata"},
      {"gguf.array_depth", f.array_depth, "arrays in arrays"},
      {"gguf.key_bytes", f.key_bytes, "one key"},
      {"gguf.decoded_bytes", f.decoded_bytes, "metadata in memory, or four times its size in the file"},
      {"gguf.alignment", f.alignment, "alignment of tensor data"},
      {"model.tensors", f.tensors, "tensors of a model"},
      {"model.shards", f.shards, "files of one model"},
      {"model.experts", model::kMaxExperts, "experts of a block"},
      {"model.experts_used", model::kMaxExpertsUsed, "experts that one token goes through"},
      {"safetensors.header_bytes", f.safetensors_header_bytes, "JSON header of a safetensors file"},
      {"huggingface.index_bytes", f.json_bytes, "model.safetensors.index.json"},
      {"huggingface.config_bytes", f.config_bytes, "config.json and generation_config.json"},
      {"huggingface.json_values", f.json_values,
       "values of a safetensors header, the index or a config.json"},
      {"llama2c.layers", formats::kMaxLlama2cLayers, "layers that a llama2.c header may name"},
      {"json.bytes", j.max_bytes, "any other JSON document"},
      {"json.depth", j.max_depth, "nesting of a JSON document"},
      {"json.values", j.max_values, "values of a JSON document"},
      {"tokenizer.tokens", text::kMaxTokens, "tokens of a vocabulary"},
      {"tokenizer.token_bytes", text::kMaxTokenBytes, "spelling of one token"},
      {"tokenizer.llama2c_token_bytes", text::kMaxLlama2cTokenBytes, "the same in a llama2.c tokenizer"},
      {"tokenizer.added_token_bytes", text::kMaxAddedTokenBytes, "spelling of an added token"},
      {"tokenizer.piece_bytes", text::kMaxTriePieceBytes, "the same in a unigram or WordPiece vocabulary"},
      {"tokenizer.word_characters", text::kMaxWordCharacters, "a word that WordPiece looks up"},
      {"tokenizer.charsmap_bytes", text::kMaxCharsmapBytes, "a normalizer's character map"},
      {"tokenizer.charsmap_key_bytes", text::kMaxCharsmapKeyBytes, "what such a map replaces"},
      {"tokenizer.replacement_bytes", text::kMaxReplacementBytes, "and what it puts there"},
      {"tokenizer.steps", text::kMaxPipelineSteps, "normalizers, splitters, processors or decoders"},
      {"tokenizer.tokens_around", text::kMaxTokensAround, "tokens that are put around a text"},
      {"tokenizer.id_gaps", text::kMaxIdGaps, "ids that a vocabulary leaves out"},
      {"tokenizer.merges", text::kMaxMerges, "merges of a BPE vocabulary"},
      {"tokenizer.pattern_bytes", text::kMaxSplitPatternBytes, "a splitter's regular expression"},
      {"tokenizer.pattern_steps", text::kMaxSplitPatternSteps, "steps of one match of it"},
      {"tokenizer.pattern_steps_per_byte", text::kMaxSplitStepsPerByte,
       "steps of all matches for each byte of a text"},
      {"tokenizer.json_bytes", text::kMaxTokenizerJsonBytes, "tokenizer.json and vocab.json"},
      {"tokenizer.merges_bytes", text::kMaxMergesFileBytes, "merges.txt"},
      {"tokenizer.config_bytes", text::kMaxTokenizerConfigBytes,
       "tokenizer_config.json and other small files beside it"},
      {"tokenizer.config_values", text::kMaxTokenizerConfigValues, "values of such a file"},
      {"template.source_bytes", t.max_source_bytes, "source of a chat template"},
      {"template.steps", t.max_steps, "expressions and statements of one rendering"},
      {"template.depth", t.max_depth, "nested blocks, expressions, macro calls"},
      {"template.range_items", text::kMaxRangeItems, "items of one range()"},
      {"template.output_bytes", t.max_output_bytes, "a rendered prompt, and any string on the way"},
      {"template.memory_bytes", t.max_memory_bytes, "all values of one rendering"},
      {"template.milliseconds", t.max_milliseconds, "time of one rendering"},
      {"text.bytes", kMaxTextBytes, "a text given with -f"},
      {"corpus.inner_values", text::kMaxInnerValues,
       "values of the JSON texts in one record: calls and tools"},
      {"corpus.milliseconds", text::kMaxCorpusMilliseconds, "time of rendering one conversation of a file"},
      {"session.default_context", engine::kDefaultContext,
       "positions where neither the model nor -c says less"},
      {"session.context", engine::kMaxContext, "positions that -c may ask for"},
      {"session.batch", engine::kMaxBatch, "tokens that go through the model together"},
      {"measure.window_tokens", measure::kMaxWindow, "tokens of a window of perplexity and compare"},
      {"quantize.text_bytes", calibrate::kMaxTextBytes, "a text given with --data"},
      {"calibrate.default_window", calibrate::kUsualWindow, "tokens of a window where -c does not say"},
      {"calibrate.default_windows", calibrate::kUsualWindows,
       "windows of all texts where --chunks does not say"},
      {"statistics.least_tokens", calibrate::kLeastTokens,
       "tokens that a matrix must have seen, unless it is an expert's"},
      {"statistics.bytes", calibrate::kMaxStatisticsBytes, "an importance matrix in the older form (.dat)"},
      {"quantize.pattern_steps", quantize::kMaxPatternSteps, "steps of one match of --tensor-type"},
      {"tools.number", agent::kMaxTools, "tools of a tools file"},
      {"tools.rounds", agent::kMaxToolRounds, "rounds of calls that --execute carries out"},
      {"tools.output_bytes", agent::kMaxToolOutputBytes, "what a tool's program may write"},
      {"tools.timeout_seconds", agent::kMaxToolTimeoutSeconds,
       "timeout_seconds of a tool; 10 where it has none"},
      {"tool_test.items", agent::kMaxToolTestItems, "items of a tool test"},
      {"tool_test.tokens", agent::kToolTestTokens, "tokens of an answer to an item"},
      {"runtime.threads", sys::kMaxThreads, "threads of a pool"},
  };
}

report::Table limits_table() {
  report::Table table(
      {{"limit", report::Align::left}, {"default", report::Align::right}, {"of", report::Align::left}});
  for (const Limit& limit : all_limits())
    table.add_row({limit.name, with_thousands(limit.value), limit.protects});
  return table;
}

Json limits_json() {
  Json limits = JsonObject{};
  for (const Limit& limit : all_limits()) limits[limit.name] = limit.value;
  Json out;
  out["limits"] = std::move(limits);
  return out;
}

}  // namespace mote::cli
