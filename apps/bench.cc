// mote bench: how fast a model runs on this machine.
#include "measure/bench.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "apps/cli/choice.h"
#include "apps/cli/command.h"
#include "apps/cli/model_options.h"
#include "apps/cli/parse.h"
#include "base/strings.h"
#include "kernels/select.h"
#include "report/number.h"
#include "report/table.h"

namespace mote::cli {
namespace {

// What llama-bench's users write; there is no other attention to switch to.
constexpr std::array<Choice<bool>, 3> kFlash{{{"1", true}, {"on", true}, {"auto", true}}};

enum class Output : std::uint8_t { text, markdown, csv, json };
constexpr std::array<Choice<Output>, 4> kOutputs{
    {{"text", Output::text}, {"md", Output::markdown}, {"csv", Output::csv}, {"json", Output::json}}};

struct Measured {
  measure::BenchCase test;
  unsigned threads;
  double load_seconds;
  measure::BenchResult result;
  std::optional<double> read_gbps;  // plain loops over memory, as many threads
};

class Bench : public Command {
 public:
  [[nodiscard]] std::string_view name() const override { return "bench"; }
  [[nodiscard]] std::string_view summary() const override { return "Measure prompt and generation speed"; }
  std::vector<Option> options() override {
    return concatenate(
        {{{"MODEL,-m,--model", "", "the model; bundled one if absent", &model_, false, ValueKind::path},
          {"-p,--n-prompt", "N", "tokens of prompt tests, a list; 0 is none", &prompts_},
          {"-n,--n-gen", "N", "tokens of generation tests, a list; 0 is none", &generations_},
          {"-pg", "P,G", "a test of a prompt of P tokens and G generated ones, repeatable", &pairs_},
          {"-d,--n-depth", "N", "tokens in the session before, a list", &depths_},
          {"-t,--threads", "N", "threads, a list; 0 is one per physical core", &threads_},
          {"--parallel", "N", "sequences that go through the model together, a list", &parallel_},
          {"-r,--repetitions", "N", "runs per test", &repetitions_},
          {"-ub,--ubatch-size", "N", "the same as -b; the smaller of both counts", &small_batch_},
          {"-fa,--flash-attn", "A", "on, 1 or auto: attention is always computed in splits", &flash_, false,
           ValueKind::choice, names_of(kFlash)},
          {"-o,--output", "FORMAT", "text, md, csv or json", &output_, false, ValueKind::choice,
           names_of(kOutputs)}},
         session_.options(),
         pace_.options()});
  }

  Result<Json> run(Program& program) override {
    constexpr std::uint64_t kMostTokens = 1U << 20;
    MOTE_ASSIGN(const Output output, choose("--output", output_, kOutputs));
    if (output == Output::json) program.set_json(true);
    MOTE_ASSIGN(const auto prompts, parse_list("--n-prompt", prompts_, 0, kMostTokens));
    MOTE_ASSIGN(const auto generations, parse_list("--n-gen", generations_, 0, kMostTokens));
    MOTE_ASSIGN(const auto depths, parse_list("--n-depth", depths_, 0, kMostTokens));
    MOTE_ASSIGN(const auto threads, parse_list("--threads", threads_, 0, 1024));
    MOTE_ASSIGN(const auto parallel, parse_list("--parallel", parallel_, 1, 1024));
    MOTE_TRY(choose("--flash-attn", flash_, kFlash));
    if (repetitions_ < 1 || repetitions_ > 10000) {
      return bad_value("--repetitions", std::to_string(repetitions_), "1 to 10,000");
    }
    MOTE_ASSIGN(const std::filesystem::path path, model_path(program, model_));
    std::vector<std::pair<std::uint64_t, std::uint64_t>> pairs;
    for (const std::string& text : pairs_) {
      MOTE_ASSIGN(const auto both, parse_list("-pg", text, 1, kMostTokens));
      if (both.size() != 2) return bad_value("-pg", text, "two numbers, such as 512,128");
      pairs.emplace_back(both[0], both[1]);
    }
    std::vector<measure::BenchCase> cases;
    for (const std::uint64_t depth : depths) {
      for (const std::uint64_t sequences : parallel) {
        const auto add = [&](std::size_t prompt, std::size_t generated) {
          if (prompt + generated == 0) return;
          cases.push_back({.prompt = prompt, .generated = generated, .depth = depth, .parallel = sequences});
        };
        for (const std::uint64_t n : prompts) add(n, 0);
        for (const std::uint64_t n : generations) add(0, n);
        for (const auto& [prompt, generated] : pairs) add(prompt, generated);
      }
    }
    std::vector<Measured> all;
    Json out;
    for (const std::uint64_t count : threads) {
      // A program of its own per thread count would be the same: the pool is made with the runtime.
      MOTE_ASSIGN(const std::unique_ptr<engine::Runtime> runtime, make_runtime(program, count, pace_));
      MOTE_ASSIGN(const auto model, load_model(program, *runtime, path, "", session_, false));
      out["isa"] = kernels::to_string(runtime->isa());
      out["activations"] = engine::to_string(model->activations());
      out["model_bytes"] = bytes_on_disk(*model);
      for (const measure::BenchCase& test : cases) {
        MOTE_ASSIGN(const measure::BenchResult result, run_case(program, *runtime, model, test));
        all.push_back({test, runtime->pool().size(), model->load_seconds(), result, std::nullopt});
      }
    }
    // Last, so that the probe's memory counts for no test.
    for (const std::uint64_t count : threads) {
      MOTE_ASSIGN(const std::unique_ptr<engine::Runtime> runtime, make_runtime(program, count, pace_));
      program.progress("measuring memory bandwidth");
      const Result<double> rate = measure::probe_read_bandwidth(runtime->pool(), measure::kProbeBytes);
      for (Measured& one : all) {
        if (rate && one.threads == runtime->pool().size()) one.read_gbps = *rate;
      }
    }
    using report::Align;
    report::Table table({{"test"},
                         {"depth", Align::right},
                         {"threads", Align::right},
                         {"parallel", Align::right},
                         {"tokens/s", Align::right},
                         {"min", Align::right},
                         {"max", Align::right},
                         {"GB/s", Align::right},
                         {"of read", Align::right},
                         {"first token", Align::right}});
    JsonArray results;
    for (const Measured& one : all) {
      table.add_row(to_row(one));
      results.push_back(to_json(one));
    }
    program.print(output == Output::markdown ? table.render_markdown()
                  : output == Output::csv    ? table.render_csv()
                                             : table.render());
    out["results"] = std::move(results);
    return out;
  }

 private:
  Result<measure::BenchResult> run_case(Program& program, engine::Runtime& runtime,
                                        const std::shared_ptr<const engine::LoadedModel>& model,
                                        const measure::BenchCase& test) const {
    measure::BenchOptions options;
    options.repetitions = static_cast<std::size_t>(repetitions_);
    options.cancel = &program.cancel();
    MOTE_ASSIGN(options.session, session_.session_options(0));
    if (small_batch_ < 1 || small_batch_ > engine::kMaxBatch) {
      return bad_value("--ubatch-size", std::to_string(small_batch_),
                       "1 to " + with_thousands(engine::kMaxBatch));
    }
    options.session.batch = std::min<std::size_t>(options.session.batch, small_batch_);
    options.progress = [&](std::size_t done, std::size_t total) {
      program.progress(measure::name_of(test) + " run " + std::to_string(done + 1) + " of " +
                       std::to_string(total));
    };
    return measure::run_bench(runtime, model, test, options);
  }

  static std::vector<std::string> to_row(const Measured& one) {
    const measure::BenchResult& result = one.result;
    const bool has_prompt = one.test.prompt > 0;
    return {measure::name_of(one.test),
            std::to_string(one.test.depth),
            std::to_string(one.threads),
            std::to_string(one.test.parallel),
            report::significant(result.tokens_per_second.median, 4),
            report::significant(result.tokens_per_second.min, 4),
            report::significant(result.tokens_per_second.max, 4),
            has_prompt ? "" : report::fixed(result.bandwidth_gbps, 2),
            has_prompt || !one.read_gbps ? "" : report::percent(result.bandwidth_gbps / *one.read_gbps, 0),
            has_prompt ? report::duration(result.ttft_warm_seconds) : ""};
  }

  static Json to_json(const Measured& one) {
    const measure::BenchCase& test = one.test;
    const measure::BenchResult& result = one.result;
    const bool has_prompt = test.prompt > 0;
    Json speed;
    speed["median"] = result.tokens_per_second.median;
    speed["min"] = result.tokens_per_second.min;
    speed["max"] = result.tokens_per_second.max;
    Json ttft;
    // Cold: from an unloaded model to the first logits of this prompt.
    ttft["cold"] = has_prompt ? Json(one.load_seconds + result.ttft_cold_seconds) : Json();
    ttft["warm"] = has_prompt ? Json(result.ttft_warm_seconds) : Json();
    Json out;
    out["test"] = measure::name_of(test);
    out["depth"] = test.depth;
    out["threads"] = one.threads;
    out["parallel"] = test.parallel;
    out["tokens_per_second"] = std::move(speed);
    out["bandwidth_gbps"] = has_prompt ? Json() : Json(result.bandwidth_gbps);
    out["read_bandwidth_gbps"] = one.read_gbps ? Json(*one.read_gbps) : Json();
    out["peak_rss_bytes"] = result.peak_rss_bytes;
    out["load_seconds"] = one.load_seconds;
    out["ttft_seconds"] = std::move(ttft);
    out["joules_per_token"] = result.joules_per_token ? Json(*result.joules_per_token) : Json();
    return out;
  }

  std::string model_;
  std::string prompts_ = "512";
  std::string generations_ = "128";
  std::string depths_ = "0";
  std::string threads_ = "0";
  std::string parallel_ = "1";
  std::vector<std::string> pairs_;
  std::uint64_t repetitions_ = 5;
  std::uint64_t small_batch_ = engine::kMaxBatch;
  std::string flash_ = "auto";
  std::string output_ = "text";
  SessionSettings session_;
  PaceSettings pace_;
};

}  // namespace

std::unique_ptr<Command> make_bench() { return std::make_unique<Bench>(); }

}  // namespace mote::cli
