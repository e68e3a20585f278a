// mote embed: a vector of length 1 for each text.
#include <algorithm>

#include "apps/cli/choice.h"
#include "apps/cli/command.h"
#include "apps/cli/text_model.h"
#include "engine/embedder.h"
#include "report/number.h"

namespace mote::cli {
namespace {

using PoolingChoice = Choice<std::optional<model::Pooling>>;
constexpr std::array kPoolings{PoolingChoice{"model", std::nullopt},  // as the model says
                               PoolingChoice{"mean", model::Pooling::mean},
                               PoolingChoice{"cls", model::Pooling::cls}};

// The pieces between separators, empty ones included.
std::vector<std::string_view> pieces(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  for (std::size_t end = text.find(separator); end != std::string_view::npos; end = text.find(separator)) {
    out.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  out.push_back(text);
  return out;
}

class Embed : public Command {
 public:
  [[nodiscard]] std::string_view name() const override { return "embed"; }
  [[nodiscard]] std::string_view summary() const override {
    return "Turn texts into embeddings: one for -p, one for each line of -f";
  }
  std::vector<Option> options() override {
    return in_.options("token ids separated by commas, texts by semicolons, instead of a text",
                       {{"--pooling", "KIND", "model, mean or cls", &pooling_, false, ValueKind::choice,
                         names_of(kPoolings)},
                        {"-c,--ctx-size", "N", "most tokens of a text; more are cut off", &context_}});
  }

  Result<Json> run(Program& program) override {
    MOTE_ASSIGN(const OpenedModel opened, in_.open(program));
    const auto& model = opened.model;
    MOTE_ASSIGN(const model::Pooling pooling, pooling_of(*model));
    MOTE_ASSIGN(std::vector<std::vector<TokenId>> texts, read_texts(*model));
    MOTE_ASSIGN(const auto embedder,
                engine::Embedder::create(*opened.runtime, model, static_cast<std::size_t>(context_)));
    JsonArray embeddings;
    JsonArray counts;
    for (std::vector<TokenId>& tokens : texts) {
      if (tokens.size() > embedder->context()) tokens.resize(embedder->context());
      MOTE_ASSIGN(const std::vector<float> vector, embedder->embed(tokens, pooling, &program.cancel()));
      JsonArray numbers;
      std::string line;
      for (const float x : vector) {
        numbers.emplace_back(static_cast<double>(x));
        line += (line.empty() ? "" : " ") + report::fixed(static_cast<double>(x), 6);
      }
      program.print(line + "\n");
      embeddings.emplace_back(std::move(numbers));
      counts.emplace_back(tokens.size());
    }
    Json out;
    out["embeddings"] = std::move(embeddings);
    out["tokens"] = std::move(counts);
    out["width"] = model->spec().width;
    out["pooling"] = pooling == model::Pooling::cls ? "cls" : "mean";
    out["activations"] = engine::to_string(model->activations());
    return out;
  }

 private:
  [[nodiscard]] Result<model::Pooling> pooling_of(const engine::LoadedModel& model) const {
    MOTE_ASSIGN(const std::optional<model::Pooling> chosen, choose("--pooling", pooling_, kPoolings));
    if (chosen) return *chosen;
    const model::Pooling own = model.spec().pooling;
    return own == model::Pooling::none ? model::Pooling::mean : own;
  }

  [[nodiscard]] Result<std::vector<std::vector<TokenId>>> read_texts(const engine::LoadedModel& model) const {
    std::vector<std::vector<TokenId>> out;
    if (!in_.tokens.empty()) {
      for (const std::string_view part : pieces(in_.tokens, ';')) {
        MOTE_ASSIGN(std::vector<TokenId> ids, parse_tokens(part, model.vocab()));
        out.push_back(std::move(ids));
      }
    } else {
      MOTE_ASSIGN(const std::string text, in_.text.read());
      const bool lines = !in_.text.file.empty();
      for (std::string_view line : lines ? pieces(text, '\n') : std::vector<std::string_view>{text}) {
        if (lines && line.ends_with('\r')) line.remove_suffix(1);
        if (lines && line.empty()) continue;
        MOTE_ASSIGN(std::vector<TokenId> ids, encode_text(model, line));
        out.push_back(std::move(ids));
      }
    }
    const auto empty = [](const std::vector<TokenId>& tokens) { return tokens.empty(); };
    if (out.empty() || std::ranges::any_of(out, empty)) {
      return Error{kUsageMissing, "a text has no tokens", "give a longer one", "", std::nullopt};
    }
    return out;
  }

  TextModelSettings in_;
  std::string pooling_ = "model";
  std::uint64_t context_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_embed() { return std::make_unique<Embed>(); }

}  // namespace mote::cli
