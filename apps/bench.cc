// mote bench: how fast a model runs on this machine.
#include "measure/bench.h"

#include "apps/cli/command.h"
#include "apps/cli/model_options.h"
#include "apps/cli/parse.h"
#include "base/strings.h"
#include "kernels/select.h"
#include "report/number.h"
#include "report/table.h"

namespace mote::cli {
namespace {

class Bench : public Command {
 public:
  [[nodiscard]] std::string_view name() const override { return "bench"; }
  [[nodiscard]] std::string_view summary() const override { return "Measure prompt and generation speed"; }
  std::vector<Option> options() override {
    return concatenate(
        {{{"MODEL,-m,--model", "", "the model; bundled one if absent", &model_, false, ValueKind::path},
          {"-p,--n-prompt", "N", "tokens of prompt tests, a list; 0 is none", &prompts_},
          {"-n,--n-gen", "N", "tokens of generation tests, a list; 0 is none", &generations_},
          {"-d,--n-depth", "N", "tokens in the session before, a list", &depths_},
          {"-t,--threads", "N", "threads, a list; 0 is one per physical core", &threads_},
          {"--parallel", "N", "sequences that go through the model together, a list", &parallel_},
          {"-r,--repetitions", "N", "runs per test", &repetitions_}},
         session_.options()});
  }

  Result<Json> run(Program& program) override {
    constexpr std::uint64_t kMostTokens = 1U << 20;
    MOTE_ASSIGN(const auto prompts, parse_list("--n-prompt", prompts_, 0, kMostTokens));
    MOTE_ASSIGN(const auto generations, parse_list("--n-gen", generations_, 0, kMostTokens));
    MOTE_ASSIGN(const auto depths, parse_list("--n-depth", depths_, 0, kMostTokens));
    MOTE_ASSIGN(const auto threads, parse_list("--threads", threads_, 0, 1024));
    MOTE_ASSIGN(const auto parallel, parse_list("--parallel", parallel_, 1, 1024));
    if (repetitions_ < 1 || repetitions_ > 10000) {
      return bad_value("--repetitions", std::to_string(repetitions_), "1 to 10,000");
    }
    MOTE_ASSIGN(const std::filesystem::path path, model_path(program, model_));
    std::vector<measure::BenchCase> cases;
    const auto add_cases = [&cases](bool prompt, const std::vector<std::uint64_t>& sizes, std::uint64_t depth,
                                    std::uint64_t sequences) {
      for (const std::uint64_t n : sizes) {
        if (n > 0) cases.push_back({.prompt = prompt, .tokens = n, .depth = depth, .parallel = sequences});
      }
    };
    for (const std::uint64_t depth : depths) {
      for (const std::uint64_t sequences : parallel) {
        add_cases(true, prompts, depth, sequences);
        add_cases(false, generations, depth, sequences);
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
                         {"first token", Align::right}});
    JsonArray results;
    Json out;
    for (const std::uint64_t count : threads) {
      // A program of its own per thread count would be the same: the pool is made with the runtime.
      MOTE_ASSIGN(const std::unique_ptr<engine::Runtime> runtime, make_runtime(program, count));
      MOTE_ASSIGN(const auto model, load_model(program, *runtime, path, "", session_, false));
      out["isa"] = kernels::to_string(runtime->isa());
      out["activations"] = engine::to_string(model->activations());
      out["model_bytes"] = bytes_on_disk(*model);
      for (const measure::BenchCase& test : cases) {
        MOTE_ASSIGN(const measure::BenchResult result, run_case(program, *runtime, model, test));
        table.add_row({measure::name_of(test), std::to_string(test.depth),
                       std::to_string(runtime->pool().size()), std::to_string(test.parallel),
                       report::significant(result.tokens_per_second.median, 4),
                       report::significant(result.tokens_per_second.min, 4),
                       report::significant(result.tokens_per_second.max, 4),
                       test.prompt ? "" : report::fixed(result.bandwidth_gbps, 2),
                       test.prompt ? report::duration(result.ttft_warm_seconds) : ""});
        results.push_back(to_json(test, runtime->pool().size(), model->load_seconds(), result));
      }
    }
    program.print(table);
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
    options.progress = [&](std::size_t done, std::size_t total) {
      program.progress(measure::name_of(test) + " run " + std::to_string(done + 1) + " of " +
                       std::to_string(total));
    };
    return measure::run_bench(runtime, model, test, options);
  }

  static Json to_json(const measure::BenchCase& test, unsigned threads, double load_seconds,
                      const measure::BenchResult& result) {
    Json speed;
    speed["median"] = result.tokens_per_second.median;
    speed["min"] = result.tokens_per_second.min;
    speed["max"] = result.tokens_per_second.max;
    Json ttft;
    // Cold: from an unloaded model to the first logits of this prompt.
    ttft["cold"] = test.prompt ? Json(load_seconds + result.ttft_cold_seconds) : Json();
    ttft["warm"] = test.prompt ? Json(result.ttft_warm_seconds) : Json();
    Json out;
    out["test"] = measure::name_of(test);
    out["depth"] = test.depth;
    out["threads"] = threads;
    out["parallel"] = test.parallel;
    out["tokens_per_second"] = std::move(speed);
    out["bandwidth_gbps"] = test.prompt ? Json() : Json(result.bandwidth_gbps);
    out["peak_rss_bytes"] = result.peak_rss_bytes;
    out["load_seconds"] = load_seconds;
    out["ttft_seconds"] = std::move(ttft);
    out["joules_per_token"] = nullptr;  // no energy counter is read in this version
    return out;
  }

  std::string model_;
  std::string prompts_ = "512";
  std::string generations_ = "128";
  std::string depths_ = "0";
  std::string threads_ = "0";
  std::string parallel_ = "1";
  std::uint64_t repetitions_ = 5;
  SessionSettings session_;
};

}  // namespace

std::unique_ptr<Command> make_bench() { return std::make_unique<Bench>(); }

}  // namespace mote::cli
