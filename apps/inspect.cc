// mote inspect: what is in a model file.
#include "apps/cli/command.h"
#include "apps/cli/model_options.h"
#include "base/strings.h"
#include "codec/codec.h"
#include "model/model.h"
#include "report/number.h"
#include "report/table.h"

namespace mote::cli {
namespace {

Json shape_json(const Shape& shape) {
  JsonArray dims;
  for (const std::uint64_t d : shape.dims()) dims.emplace_back(d);
  return dims;
}

class Inspect : public Command {
 public:
  [[nodiscard]] std::string_view name() const override { return "inspect"; }
  [[nodiscard]] std::string_view summary() const override {
    return "Show what is in a model: shape, tokenizer, tensors, bits per weight";
  }
  std::vector<Option> options() override {
    return concatenate(
        {model_.options(),
         {{"--tensors", "", "list every tensor", &tensors_},
          {"--verify", "", "read every tensor and check that its scales are finite", &verify_}}});
  }

  Result<Json> run(Program& program) override {
    MOTE_ASSIGN(const std::filesystem::path path, model_path(program, model_.model));
    MOTE_ASSIGN(const model::Model model, model::open_model(path));
    std::uint64_t parameters = 0;
    std::uint64_t tensor_bytes = 0;
    JsonArray list;
    report::Table table({{"tensor"}, {"shape"}, {"type"}, {"bytes", report::Align::right}});
    for (const formats::TensorInfo& tensor : model.canonical->tensors()) {
      parameters += tensor.shape.element_count().value().value_or(0);
      tensor_bytes += formats::stored_bytes(tensor);
      const std::string_view type = formats::type_name(tensor);
      Json entry;
      entry["name"] = tensor.name;
      entry["shape"] = shape_json(tensor.shape);
      entry["type"] = type;
      entry["bytes"] = formats::stored_bytes(tensor);
      list.push_back(std::move(entry));
      table.add_row({tensor.name, to_string(tensor.shape), std::string(type),
                     with_thousands(formats::stored_bytes(tensor))});
    }
    const double bpw =
        parameters == 0 ? 0 : 8.0 * static_cast<double>(tensor_bytes) / static_cast<double>(parameters);
    if (verify_) MOTE_TRY(verify(program, *model.canonical));

    Json out;
    out["path"] = path.string();
    out["format"] = formats::to_string(model.checkpoint->kind);
    out["architecture"] = model.spec.architecture;
    out["name"] = model.spec.name;
    out["parameters"] = parameters;
    out["bytes"] = model.checkpoint->file_bytes;
    out["bpw"] = bpw;
    out["spec"] = spec_json(model.spec);
    out["tokenizer"] = tokenizer_json(model);
    out["tensors"] = std::move(list);
    if (verify_) out["verified"] = true;
    print(program, out, model.spec);
    if (tensors_) {
      program.print("\n");
      program.print(table);
    }
    if (verify_) program.print("\nverified: every scale and every plain value is finite\n");
    return out;
  }

 private:
  static Json spec_json(const model::ModelSpec& spec) {
    Json out;
    out["vocab"] = spec.vocab;
    out["context"] = spec.context;
    out["width"] = spec.width;
    out["blocks"] = spec.blocks;
    out["hidden"] = spec.hidden;
    out["heads"] = spec.heads;
    out["kv_heads"] = spec.kv_heads;
    out["head_dim"] = spec.head_dim;
    out["rope_base"] = spec.rope.base;
    out["qkv_bias"] = spec.qkv_bias;
    out["qk_norm"] = spec.qk_norm != model::QkNorm::none;
    out["tied_head"] = spec.tied_head;
    return out;
  }

  Json tokenizer_json(const model::Model& model) const {
    const auto tokenizer = load_tokenizer(*model.checkpoint, model_.tokenizer);
    if (!tokenizer) return nullptr;
    const Tokenizer& t = **tokenizer;
    Json out;
    out["model"] = t.model_type();
    out["pre"] = t.pre_name();
    out["vocabulary"] = t.vocabulary_size();
    out["bos"] = t.bos() ? Json(*t.bos()) : Json();
    out["eos"] = t.eos() ? Json(*t.eos()) : Json();
    out["add_bos"] = t.add_bos();
    out["chat_template"] = !t.chat_template().empty();
    return out;
  }

  static Result<void> verify(Program& program, const formats::TensorSource& source) {
    const auto tensors = source.tensors();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      program.progress("verifying " + tensors[i].name);
      if (program.cancel().requested()) {
        return Error{kCancelled, "verifying was stopped before its end", "", "", std::nullopt};
      }
      MOTE_ASSIGN(const QuantizedTensor tensor, source.read(i));
      const codec::Codec& codec = codec::codec_of(tensor.codec);
      // In pieces, so that the first bad one can be named.
      const std::size_t blocks = tensor.blocks().size() / codec.block_bytes;
      constexpr std::size_t kPiece = 4096;
      for (std::size_t at = 0; at < blocks; at += kPiece) {
        const std::size_t count = std::min(kPiece, blocks - at);
        if (codec.is_finite(tensor.blocks().data() + at * codec.block_bytes, count)) continue;
        return Error{model::kModelNonfinite,
                     "tensor " + tensors[i].name +
                         " has a scale or value that is no finite number in blocks " + std::to_string(at) +
                         " to " + std::to_string(at + count - 1),
                     "the file is damaged or was written by a faulty tool; get it again", "", std::nullopt};
      }
    }
    program.end_progress();
    return {};
  }

  static void print(Program& program, const Json& out, const model::ModelSpec& spec) {
    const auto text = [&](std::string_view key) { return *out.find(key)->if_string(); };
    const auto number = [&](std::string_view key) { return out.find(key)->as_uint64().value_or(0); };
    std::string lines;
    const auto line = [&](std::string_view label, const std::string& value) {
      std::string padded(label);
      padded.resize(14, ' ');
      lines += padded + escape_untrusted(value, 200) + "\n";
    };
    line("model", text("path") + " (" + text("format") + ")");
    line("architecture", text("architecture") + (spec.name.empty() ? "" : ", " + spec.name));
    line("parameters", with_thousands(number("parameters")));
    line("bytes", with_thousands(number("bytes")) + " (" + human_bytes(number("bytes")) + ")");
    line("bits/weight", report::fixed(out.find("bpw")->as_double().value_or(0), 3));
    line("blocks", std::to_string(spec.blocks) + " of width " + std::to_string(spec.width) +
                       ", feed-forward " + std::to_string(spec.hidden));
    line("attention", std::to_string(spec.heads) + " heads, " + std::to_string(spec.kv_heads) +
                          " for keys and values, " + std::to_string(spec.head_dim) + " wide");
    line("context", with_thousands(spec.context) + " tokens");
    const Json& tokenizer = *out.find("tokenizer");
    if (tokenizer.is_null()) {
      line("tokenizer", "none");
    } else {
      line("tokenizer", *tokenizer.find("model")->if_string() + " " + *tokenizer.find("pre")->if_string() +
                            ", " + with_thousands(tokenizer.find("vocabulary")->as_uint64().value_or(0)) +
                            " tokens" +
                            (*tokenizer.find("chat_template")->if_bool() ? ", with a chat template" : ""));
    }
    line("tensors", with_thousands(out.find("tensors")->if_array()->size()));
    program.print(lines);
  }

  ModelSettings model_;
  bool tensors_ = false;
  bool verify_ = false;
};

}  // namespace

std::unique_ptr<Command> make_inspect() { return std::make_unique<Inspect>(); }

}  // namespace mote::cli
