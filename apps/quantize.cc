// mote quantize: a model in, a smaller GGUF file or a quantized Hugging Face folder out.
#include "mote/quantize.h"

#include "apps/cli/choice.h"
#include "apps/cli/command.h"
#include "apps/cli/model_options.h"
#include "apps/cli/parse.h"
#include "apps/cli/quantize_report.h"
#include "base/strings.h"
#include "report/number.h"

namespace mote::cli {
namespace {

constexpr std::array kMethods{Choice<quantize::Method>{"search", quantize::Method::search},
                              Choice<quantize::Method>{"rtn", quantize::Method::rtn},
                              Choice<quantize::Method>{"feedback", quantize::Method::feedback},
                              Choice<quantize::Method>{"learned", quantize::Method::learned},
                              Choice<quantize::Method>{"awq", quantize::Method::awq}};

constexpr std::array kTransforms{Choice<quantize::Transform>{"scale", quantize::Transform::scale},
                                 Choice<quantize::Transform>{"permute", quantize::Transform::permute},
                                 Choice<quantize::Transform>{"rotate", quantize::Transform::rotate}};

constexpr std::array kEfforts{Choice<quantize::Method>{"fast", quantize::Method::search},
                              Choice<quantize::Method>{"standard", quantize::Method::feedback},
                              Choice<quantize::Method>{"max", quantize::Method::learned}};

std::vector<std::string> strings(const std::vector<std::string_view>& views) {
  return {views.begin(), views.end()};
}

class Quantize : public Command {
 public:
  [[nodiscard]] std::string_view name() const override { return "quantize"; }
  [[nodiscard]] std::string_view summary() const override {
    return "Write a smaller GGUF file or folder of a model";
  }
  std::vector<Option> options() override {
    const std::vector<std::string> tensor_types = strings(quantize::tensor_type_names());
    std::vector<std::string> types = strings(quantize::type_names());
    for (const std::string_view name : quantize::folder_type_names()) types.emplace_back(name);
    return concatenate(
        {{{"IN,-m,--model", "", "GGUF file, Hugging Face folder, .safetensors or llama2.c file", &input_,
           true, ValueKind::path},
          {"-o,--output", "FILE",
           "GGUF file to write, or the folder to make, which must not exist (not needed with --dry-run)",
           &output_, false, ValueKind::path},
          {"--type", "T",
           "preset or weight type: Q4_K_M, Q8_0, F16 ... (may be absent with --size or --bpw), or a type of "
           "Hugging Face folders: int4-g128-sym, nf4 ...",
           &type_, false, ValueKind::choice, types},
          {"--group-fallback", "",
           "folders: where the type's group does not divide all rows, the largest that does",
           &group_fallback_},
          {"--size", "N",
           "the best types for a file of at most N bytes, also 90M, 2G (1000 to the K); needs --data or "
           "--stats",
           &size_},
          {"--bpw", "X", "the same for X bits per weight", &bpw_},
          {"--method", "M",
           "rtn: plain rounding; search: weighted search of scales and codes; feedback: block by block on "
           "--data; learned: and then scales follow the divergence from the original downhill; awq: "
           "feedback after --transform scale",
           &method_, false, ValueKind::choice, names_of(kMethods)},
          {"--data", "FILE",
           "calibration text or conversations (.json, .jsonl, .ndjson), repeatable; makes the method "
           "feedback unless told otherwise",
           &data_, false, ValueKind::file},
          {"--chunks", "N", "windows of 512 tokens of the calibration text at most", &chunks_},
          {"--stats,--imatrix", "FILE",
           "statistics of mote calibrate, or an importance matrix of llama.cpp: weights for the search; with "
           "tokens the text for feedback, with second moments (--hessian) feedback without a text",
           &stats_, false, ValueKind::file},
          {"--effort", "E",
           "fast: the search, in seconds; standard: feedback, in minutes (the default with --data, or with "
           "--stats that have tokens or second moments); max: learned, in tens of minutes",
           &effort_, false, ValueKind::choice, names_of(kEfforts)},
          {"--transform", "T",
           "first give channels between layers another form, with which the model computes the same and "
           "weights lose less; repeatable: scale (AWQ), permute (like beside like), rotate (heads of values)",
           &transforms_, false, ValueKind::choice, names_of(kTransforms)},
          {"--memory", "N",
           "feedback and learned refuse to take more than N bytes besides the model, also 500M, 2G",
           &memory_},
          {"--pure", "", "one type for all matrices, no per-tensor rules", &pure_},
          {"--tensor-type", "RE=T", "type of tensors whose name the pattern matches; repeatable",
           &tensor_types_},
          {"--embedding-type,--token-embedding-type", "T", "type of the token embedding", &embedding_type_,
           false, ValueKind::choice, tensor_types},
          {"--output-type,--output-tensor-type", "T", "type of the output head", &output_type_, false,
           ValueKind::choice, tensor_types},
          {"--allow-requantize", "", "quantize again what is already quantized", &allow_requantize_},
          {"--split-max-size", "N", "several files of at most N of tensors each: 500M, 2G (1000 to the K)",
           &split_size_},
          {"--split-max-tensors", "N", "several files of at most N tensors each", &split_tensors_},
          {"--report", "DIR",
           "folder for quantize.json, quantize.txt and tensors.svg: what became of every tensor, and a "
           "picture of where the loss is; also with --dry-run",
           &report_, false, ValueKind::folder},
          {"--dry-run", "", "show types and sizes, write nothing", &dry_run_}},
         runtime_.options()});
  }
  [[nodiscard]] std::string_view epilogue() const override {
    static const std::string kText = "Types: " + join(strings(quantize::type_names()), " ") +
                                     "\nTypes of Hugging Face folders: int2-, int3-, int4-, int8- with g32-, "
                                     "g64-, g128-, row- and sym, asym; "
                                     "nf4 fp4 fp8\n";
    return kText;
  }

  Result<Json> run(Program& program) override {
    MOTE_ASSIGN(const quantize::QuantizeOptions options, settle(program));
    MOTE_ASSIGN(const std::unique_ptr<engine::Runtime> runtime, make_runtime(program, runtime_.threads));
    bool made = false;
    if (!report_.empty()) {
      MOTE_ASSIGN(made, make_report_folder(report_, options.output));
    }
    Result<quantize::QuantizeReport> report = quantize::quantize(*runtime, options);
    if (!report) {
      if (made) remove_empty_folder(report_);
      return std::move(report).error();
    }
    const QuantizeRun run{std::move(*report), sized(), dry_run_};
    program.end_progress();
    for (const std::string& warning : run.report.warnings) program.warn(warning);
    if (dry_run_) program.print(tensor_table(run));
    program.print((dry_run_ ? "\n" : "") + quantize_summary(run));
    if (!report_.empty()) MOTE_TRY(write_quantize_report(report_, run));
    return quantize_json(run);
  }

 private:
  Result<quantize::QuantizeOptions> settle(Program& program) const {
    quantize::QuantizeOptions o;
    if (output_.empty() && !dry_run_) {
      return Error{kUsageMissing, "`mote quantize` needs --output FILE", "or --dry-run", "", std::nullopt};
    }
    o.input = input_;
    o.output = output_;
    o.type = type_;
    MOTE_TRY(settle_size(o));
    if (!memory_.empty()) {
      MOTE_ASSIGN(o.max_memory, parse_size("--memory", memory_, true));
    }
    o.statistics = stats_;
    MOTE_ASSIGN(o.method, method());
    MOTE_TRY(settle_transforms(o));
    o.on_memory = [&program, name = quantize::to_string(o.method)](std::uint64_t bytes) {
      program.progress("method " + std::string(name) + " takes " + human_bytes(bytes) +
                       " of memory beside the mapped model");
    };
    o.text.files.assign(data_.begin(), data_.end());
    if (chunks_ == 0) return bad_value("--chunks", "0", "a whole number from 1 on");
    o.text.max_windows = static_cast<std::size_t>(chunks_);
    for (const std::string& rule : tensor_types_) {
      const std::size_t equals = rule.rfind('=');
      if (equals == std::string::npos || equals == 0 || equals + 1 == rule.size()) {
        return bad_value("--tensor-type", rule, "PATTERN=TYPE, as in ffn_down=Q6_K");
      }
      o.tensor_types.push_back({rule.substr(0, equals), rule.substr(equals + 1)});
    }
    if (!split_size_.empty()) {
      MOTE_ASSIGN(o.split_max_bytes, parse_size("--split-max-size", split_size_, false));
    }
    if (split_tensors_ == 0) return bad_value("--split-max-tensors", "0", "a whole number from 1 on");
    if (split_tensors_ != kNoLimit) o.split_max_tensors = split_tensors_;
    o.pure = pure_;
    o.embedding_type = embedding_type_;
    o.output_type = output_type_;
    o.allow_requantize = allow_requantize_;
    o.group_fallback = group_fallback_;
    o.dry_run = dry_run_;
    std::error_code ignored;
    if (output_.empty()) o.scratch_folder = std::filesystem::temp_directory_path(ignored);
    o.cancel = &program.cancel();
    o.progress = [&program](const quantize::QuantizeProgress& p) {
      const double done =
          p.total_bytes == 0 ? 1.0 : static_cast<double>(p.done_bytes) / static_cast<double>(p.total_bytes);
      program.progress(std::string(p.what) + " " + report::percent(done, 0) +
                       (p.name.empty() ? "  step " : "  tensor ") + std::to_string(p.tensor + 1) + " of " +
                       std::to_string(p.tensor_count) + "  " + std::string(p.name));
    };
    return o;
  }

  Result<void> settle_transforms(quantize::QuantizeOptions& o) const {
    if (transforms_.empty()) return {};
    for (const std::string& name : transforms_) {
      MOTE_ASSIGN(const quantize::Transform transform, choose("--transform", name, kTransforms));
      o.transforms.push_back(transform);
    }
    if (data_.empty() && stats_.empty() && !dry_run_) {
      return Error{kUsageMissing, "--transform needs a calibration text",
                   "give --data FILE, or --stats FILE of mote calibrate", "", std::nullopt};
    }
    return {};
  }

  [[nodiscard]] bool sized() const { return !size_.empty() || !bpw_.empty(); }

  Result<void> settle_size(quantize::QuantizeOptions& o) const {
    if (type_.empty() && !sized()) {
      return Error{kUsageMissing, "`mote quantize` needs --type T", "or --size N", "", std::nullopt};
    }
    if (!size_.empty() && !bpw_.empty()) {
      return Error{kUsageValue, "--size and --bpw exclude each other", "give one of them", "", std::nullopt};
    }
    if (sized() && data_.empty() && stats_.empty()) {
      return Error{kUsageMissing, "--size and --bpw need a calibration text",
                   "give --data FILE, or --stats FILE of mote calibrate", "", std::nullopt};
    }
    if (!size_.empty()) {
      MOTE_ASSIGN(o.max_bytes, parse_size("--size", size_, true));
    }
    if (bpw_.empty()) return {};
    const std::optional<double> bits = parse_double(bpw_);
    if (!bits || !(*bits > 0 && *bits <= 32)) return bad_value("--bpw", bpw_, "a number up to 32");
    o.max_bpw = *bits;
    return {};
  }

  // --method, or what --effort and the calibration that is there make of it.
  [[nodiscard]] Result<quantize::Method> method() const {
    const bool feeds =
        !data_.empty() || (!stats_.empty() && quantize::can_feed(stats_, quantize::is_folder_type(type_)));
    std::string_view usual = feeds ? "feedback" : "search";
    if (!effort_.empty()) {
      if (!method_.empty()) {
        return Error{kUsageValue, "--effort and --method exclude each other", "give one of them", "",
                     std::nullopt};
      }
      MOTE_ASSIGN(const quantize::Method of_effort, choose("--effort", effort_, kEfforts));
      usual = quantize::to_string(of_effort);
    }
    MOTE_ASSIGN(const quantize::Method chosen,
                choose("--method", method_.empty() ? std::string(usual) : method_, kMethods));
    const bool by_blocks = chosen == quantize::Method::feedback || chosen == quantize::Method::learned ||
                           chosen == quantize::Method::awq;
    if (by_blocks && data_.empty() && stats_.empty() && !dry_run_) {
      return Error{
          kUsageMissing,
          (effort_.empty() ? "--method " + std::string(quantize::to_string(chosen)) : "--effort " + effort_) +
              " needs a calibration text",
          "give --data FILE, or --stats FILE of mote calibrate", "", std::nullopt};
    }
    return chosen;
  }

  std::string input_;
  std::string output_;
  std::string type_;
  std::string size_;
  std::string bpw_;
  std::string memory_;
  std::string method_;  // empty: search, or feedback with data
  std::vector<std::string> data_;
  std::uint64_t chunks_ = calibrate::kUsualWindows;
  std::string stats_;
  std::string effort_;
  std::vector<std::string> transforms_;
  bool pure_ = false;
  std::vector<std::string> tensor_types_;
  std::string embedding_type_;
  std::string output_type_;
  bool allow_requantize_ = false;
  bool group_fallback_ = false;
  static constexpr std::uint64_t kNoLimit = UINT64_MAX;
  std::string split_size_;
  std::uint64_t split_tensors_ = kNoLimit;
  std::string report_;
  bool dry_run_ = false;
  RuntimeSettings runtime_;
};

}  // namespace

std::unique_ptr<Command> make_quantize() { return std::make_unique<Quantize>(); }

}  // namespace mote::cli
