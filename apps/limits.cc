#include "apps/limits.h"

#include "apps/cli/model_options.h"
#include "base/strings.h"
#include "formats/limits.h"
#include "text/template/chat_template.h"

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
      {"safetensors.header_bytes", f.safetensors_header_bytes, "JSON header of a safetensors file"},
      {"huggingface.index_bytes", f.json_bytes, "model.safetensors.index.json"},
      {"huggingface.config_bytes", f.config_bytes, "config.json and generation_config.json"},
      {"json.bytes", j.max_bytes, "any other JSON document"},
      {"json.depth", j.max_depth, "nesting of a JSON document"},
      {"template.source_bytes", t.max_source_bytes, "source of a chat template"},
      {"template.steps", t.max_steps, "expressions and statements of one rendering"},
      {"template.depth", t.max_depth, "nested blocks, expressions, macro calls"},
      {"template.output_bytes", t.max_output_bytes, "a rendered prompt, and any string on the way"},
      {"template.memory_bytes", t.max_memory_bytes, "all values of one rendering"},
      {"template.milliseconds", t.max_milliseconds, "time of one rendering"},
      {"text.bytes", kMaxTextBytes, "a text given with -f"},
      {"session.default_context", engine::kDefaultContext,
       "positions where neither the model nor -c says less"},
      {"session.batch", engine::kMaxBatch, "tokens that go through the model together"},
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
