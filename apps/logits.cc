// mote logits: what the model says at every position of a text.
#include <algorithm>
#include <numeric>

#include "apps/cli/command.h"
#include "apps/cli/parse.h"
#include "apps/cli/text_model.h"
#include "measure/npy.h"
#include "report/number.h"

namespace mote::cli {
namespace {

std::vector<std::size_t> top_of(std::span<const float> row, std::size_t count) {
  std::vector<std::size_t> order(row.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  count = std::min(count, order.size());
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
      [&](std::size_t a, std::size_t b) { return row[a] > row[b] || (row[a] == row[b] && a < b); });
  order.resize(count);
  return order;
}

class Logits : public Command {
 public:
  [[nodiscard]] std::string_view name() const override { return "logits"; }
  [[nodiscard]] std::string_view summary() const override {
    return "Show the model's logits at every position of a text";
  }
  std::vector<Option> options() override {
    return in_.options("token ids separated by commas, instead of a text",
                       {{"--npy", "FILE", "write all logits: float32, positions x vocabulary", &npy_, false,
                         ValueKind::file},
                        {"--top", "K", "most likely tokens to show per position", &top_},
                        {"-c,--ctx-size", "N", "use at most the first N tokens", &context_}});
  }

  Result<Json> run(Program& program) override {
    MOTE_ASSIGN(const OpenedModel opened, in_.open(program));
    const auto& model = opened.model;
    MOTE_ASSIGN(std::vector<TokenId> tokens, read_tokens(*model));
    if (context_ > 0 && tokens.size() > context_) tokens.resize(static_cast<std::size_t>(context_));
    if (tokens.empty())
      return Error{kUsageMissing, "the text has no tokens", "give a longer one", "", std::nullopt};
    MOTE_ASSIGN(const engine::SessionOptions session_options, in_.session.session_options(tokens.size()));
    MOTE_ASSIGN(const auto session, engine::Session::create(*opened.runtime, model, session_options));
    std::optional<measure::NpyWriter> writer;
    if (!npy_.empty()) {
      MOTE_ASSIGN(writer, measure::NpyWriter::create(npy_, tokens.size(), model->vocab()));
    }
    JsonArray positions;
    Result<void> written;
    MOTE_TRY(session->feed_rows(
        tokens, 0,
        [&](std::size_t first, std::span<const float> rows) {
          const std::size_t width = model->vocab();
          for (std::size_t r = 0; r < rows.size() / width; ++r) {
            positions.push_back(show(program, *model, tokens[first + r], rows.subspan(r * width, width)));
          }
          if (writer && written) written = writer->write(rows);
        },
        &program.cancel()));
    MOTE_TRY(std::move(written));
    if (writer) MOTE_TRY(writer->close());
    Json out;
    out["positions"] = std::move(positions);
    out["vocabulary"] = model->vocab();
    out["activations"] = engine::to_string(model->activations());
    return out;
  }

 private:
  Result<std::vector<TokenId>> read_tokens(const engine::LoadedModel& model) const {
    if (!in_.tokens.empty()) return parse_tokens(in_.tokens, model.vocab());
    MOTE_ASSIGN(const std::string text, in_.text.read());
    return encode_text(model, text);
  }

  Json show(Program& program, const engine::LoadedModel& model, TokenId token,
            std::span<const float> row) const {
    const auto piece = [&](TokenId id) {
      return model.tokenizer() == nullptr ? std::string()
                                          : " " + escape_untrusted(model.tokenizer()->token_bytes(id), 20);
    };
    JsonArray top;
    std::string line = std::to_string(token) + piece(token) + "  ->";
    for (const std::size_t id : top_of(row, static_cast<std::size_t>(top_))) {
      Json entry;
      entry["id"] = id;
      entry["logit"] = static_cast<double>(row[id]);
      top.push_back(std::move(entry));
      line += "  " + std::to_string(id) + piece(static_cast<TokenId>(id)) + " " +
              report::fixed(static_cast<double>(row[id]), 3);
    }
    program.print(line + "\n");
    Json out;
    out["token"] = token;
    out["top"] = std::move(top);
    return out;
  }

  TextModelSettings in_;
  std::string npy_;
  std::uint64_t top_ = 5;
  std::uint64_t context_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_logits() { return std::make_unique<Logits>(); }

}  // namespace mote::cli
