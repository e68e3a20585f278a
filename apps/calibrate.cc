// mote calibrate: texts through a model, statistics of what its matrices multiply out.
#include "mote/calibrate.h"

#include "apps/cli/command.h"
#include "apps/cli/model_options.h"
#include "apps/cli/parse.h"
#include "base/strings.h"
#include "report/number.h"

namespace mote::cli {
namespace {

class Calibrate : public Command {
 public:
  [[nodiscard]] std::string_view name() const override { return "calibrate"; }
  [[nodiscard]] std::string_view summary() const override {
    return "Run texts through a model and keep statistics for quantize";
  }
  std::vector<Option> options() override {
    return concatenate(
        {{{"IN,-m,--model", "", "GGUF file, Hugging Face folder, .safetensors or llama2.c file", &input_,
           true, ValueKind::path},
          {"-f,--data", "FILE",
           "calibration text or conversations (.json, .jsonl, .ndjson), repeatable; windows are taken from "
           "the files in turn",
           &data_, false, ValueKind::file},
          {"-o,--output", "FILE",
           "statistics to write: GGUF, or llama.cpp's older form of an importance matrix for a name in .dat",
           &output_, true, ValueKind::file},
          {"--in-file", "FILE", "statistics of the same model to add, repeatable", &merge_, false,
           ValueKind::file},
          {"-c,--ctx-size", "N", "tokens of a window", &window_},
          {"--chunks", "N", "windows at most", &chunks_},
          {"--hessian", "",
           "also keep the second moments of all inputs: with them mote quantize --stats has feedback without "
           "a "
           "text going through the model again",
           &hessian_},
          {"--memory", "N", "refuse to take more than N bytes besides the model, also 500M, 2G", &memory_}},
         runtime_.options()});
  }

  Result<Json> run(Program& program) override {
    calibrate::CalibrateOptions options;
    options.input = input_;
    options.output = output_;
    options.text.files.assign(data_.begin(), data_.end());
    options.text.window = static_cast<std::size_t>(window_);
    options.text.max_windows = static_cast<std::size_t>(chunks_);
    options.merge.assign(merge_.begin(), merge_.end());
    options.second_moments = hessian_;
    if (!memory_.empty()) {
      MOTE_ASSIGN(options.max_memory, parse_size("--memory", memory_, true));
    }
    options.cancel = &program.cancel();
    options.progress = [&program](const calibrate::CalibrateProgress& p) {
      const double done = static_cast<double>(p.done) / static_cast<double>(p.total);
      program.progress("calibrating " + report::percent(done, 0) + "  " + std::string(p.what) + " " +
                       std::to_string(p.done + 1) + " of " + std::to_string(p.total));
    };
    MOTE_ASSIGN(const std::unique_ptr<engine::Runtime> runtime, make_runtime(program, runtime_.threads));
    MOTE_ASSIGN(const calibrate::CalibrateReport report, calibrate::calibrate(*runtime, options));
    program.end_progress();
    for (const std::string& warning : report.warnings) program.warn(warning);
    program.print(
        "wrote " + escape_untrusted(output_) + ": " + human_bytes(report.bytes) + ", statistics of " +
        with_thousands(report.tensors) + " tensors from " + with_thousands(report.tokens) + " tokens" +
        (report.moments > 0 ? ", second moments of " + with_thousands(report.moments) + " inputs" : "") +
        ", in " + report::duration(report.seconds) + "\n");
    Json out;
    out["output"] = output_;
    out["tokens"] = report.tokens;
    out["windows"] = report.windows;
    out["tensors"] = report.tensors;
    out["second_moments"] = report.moments;
    out["planned_memory_bytes"] = report.planned_memory;
    out["bytes"] = report.bytes;
    out["seconds"] = report.seconds;
    return out;
  }

 private:
  std::string input_;
  std::vector<std::string> data_;
  std::string output_;
  std::vector<std::string> merge_;
  std::uint64_t window_ = calibrate::kUsualWindow;
  std::uint64_t chunks_ = calibrate::kUsualWindows;
  bool hessian_ = false;
  std::string memory_;
  RuntimeSettings runtime_;
};

}  // namespace

std::unique_ptr<Command> make_calibrate() { return std::make_unique<Calibrate>(); }

}  // namespace mote::cli
