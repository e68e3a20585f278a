// mote compare: what smaller models lost against a reference, measured on the same positions of a text.
#include "apps/cli/choice.h"
#include "apps/cli/command.h"
#include "apps/cli/measuring.h"
#include "base/strings.h"
#include "measure/reference_cache.h"
#include "report/number.h"
#include "report/table.h"

namespace mote::cli {
namespace {

constexpr std::array kCacheTypes{Choice<measure::CacheType>{"f32", measure::CacheType::f32},
                                 Choice<measure::CacheType>{"f16", measure::CacheType::f16}};

struct Opened {
  std::string path;
  std::shared_ptr<const engine::LoadedModel> model;
  std::unique_ptr<measure::LogitModel> logits;
};

class Compare : public Command {
 public:
  [[nodiscard]] std::string_view name() const override { return "compare"; }
  [[nodiscard]] std::string_view summary() const override {
    return "Measure what models lost against a reference, paired on a text";
  }
  std::vector<Option> options() override {
    return concatenate(
        {{{"MODEL,-m,--model", "", "models to compare with the reference", &models_, true, ValueKind::path},
          {"--reference", "REF", "the original", &reference_, true, ValueKind::path},
          {"-f,--file", "FILE", kMeasuredFile, &file_, true, ValueKind::file},
          {"-c,--ctx-size", "N", "tokens per window: 512 with protocol llama, 2048 with hf", &context_},
          {"--chunks", "N", "at most N windows; 0 is all", &chunks_},
          {"--protocol", "P", "positions scored: llama, as llama.cpp; hf, all", &protocol_, false,
           ValueKind::choice, names_of(measure::all_protocols())},
          {"--reference-cache", "FILE", "keep the reference's logits here, or take them from here", &cache_,
           false, ValueKind::file},
          {"--reference-cache-type", "T", "f32 or f16", &cache_type_, false, ValueKind::choice,
           names_of(kCacheTypes)},
          {"--tokenizer", "FILE", "tokenizer file or folder instead of the reference's own", &tokenizer_,
           false, ValueKind::path}},
         session_.options(),
         runtime_.options()});
  }

  Result<Json> run(Program& program) override {
    const auto protocol = measure::parse_protocol(protocol_);
    if (!protocol) return bad_value("--protocol", protocol_, one_of(names_of(measure::all_protocols())));
    MOTE_ASSIGN(const measure::CacheType cache_type,
                choose("--reference-cache-type", cache_type_, kCacheTypes));
    MOTE_ASSIGN(const std::string text, read_input(file_));
    MOTE_ASSIGN(const std::unique_ptr<engine::Runtime> runtime, make_runtime(program, runtime_.threads));
    const std::size_t context =
        context_ == 0 ? measure::default_context(*protocol) : static_cast<std::size_t>(context_);

    std::error_code ignored;
    const bool cached = !cache_.empty() && std::filesystem::exists(cache_, ignored);
    std::vector<Opened> opened;
    for (const std::string& path : models_) {
      MOTE_ASSIGN(Opened one, open(program, *runtime, path, context));
      opened.push_back(std::move(one));
    }
    // With a cache the reference's weights are not needed: a model's tokenizer is the same or the cache
    // refuses.
    Opened reference;
    if (!cached) {
      MOTE_ASSIGN(reference, open(program, *runtime, reference_, context));
    }
    MOTE_ASSIGN(const Tokenizer* tokenizer, (cached ? opened[0] : reference).model->require_tokenizer());
    MOTE_ASSIGN(const std::vector<TokenId> tokens, tokens_of_file(program, *tokenizer, file_, text));
    MOTE_ASSIGN(const measure::WindowPlan plan, measure::plan_tokens(*tokenizer, tokens, *protocol, context,
                                                                     static_cast<std::size_t>(chunks_)));
    for (const Opened& one : opened) MOTE_TRY(measure::check_same_tokens(*tokenizer, *one.model, plan));

    std::unique_ptr<measure::CacheWriter> writer;
    if (cached) {
      MOTE_ASSIGN(reference.logits, measure::open_cache_reader(cache_, plan));
    } else if (!cache_.empty()) {
      MOTE_ASSIGN(writer, measure::open_cache_writer(cache_, *reference.logits, plan, cache_type));
    }
    measure::LogitModel& base = writer ? *writer : *reference.logits;
    std::vector<measure::LogitModel*> pointers;
    pointers.reserve(opened.size());
    for (const Opened& one : opened) pointers.push_back(one.logits.get());
    MOTE_ASSIGN(const measure::CompareResult result,
                measure::compare(base, pointers, plan, runtime->pool(), measure_options(program, "compare")));
    if (writer) MOTE_TRY(writer->finish());
    return show(program, result, opened, plan, cached);
  }

 private:
  Result<Opened> open(Program& program, engine::Runtime& runtime, const std::string& path,
                      std::size_t context) const {
    Opened one;
    one.path = path;
    MOTE_ASSIGN(one.model, load_model(program, runtime, path, tokenizer_, session_, false));
    MOTE_ASSIGN(one.logits, open_for_measuring(program, runtime, one.model, session_, context));
    return one;
  }

  Json show(Program& program, const measure::CompareResult& result, std::span<const Opened> opened,
            const measure::WindowPlan& plan, bool cached) const {
    using report::Align;
    report::Table table({{"model"},
                         {"size", Align::right},
                         {"KLD mean", Align::right},
                         {"median", Align::right},
                         {"99 %", Align::right},
                         {"max", Align::right},
                         {"same top", Align::right},
                         {"flips", Align::right},
                         {"perplexity", Align::right}});
    JsonArray models;
    for (std::size_t i = 0; i < opened.size(); ++i) {
      const measure::Divergence& d = result.models[i];
      const std::uint64_t bytes = bytes_on_disk(*opened[i].model);
      table.add_row({opened[i].path, human_bytes(bytes), report::with_error(d.kld_mean, d.kld_stderr),
                     report::significant(d.kld_median, 3), report::significant(d.kld_p99, 3),
                     report::significant(d.kld_max, 3), report::percent(d.top1_agreement, 2),
                     report::percent(d.flips, 2),
                     report::with_error(d.perplexity.ppl, d.perplexity.ppl_stderr)});
      Json entry;
      entry["path"] = opened[i].path;
      entry["bytes"] = bytes;
      entry["kld_mean"] = d.kld_mean;
      entry["kld_stderr"] = d.kld_stderr;
      entry["kld_median"] = d.kld_median;
      entry["kld_p99"] = d.kld_p99;
      entry["kld_max"] = d.kld_max;
      entry["top1_agreement"] = d.top1_agreement;
      entry["top1_stderr"] = d.top1_stderr;
      entry["flips"] = d.flips;
      entry["ppl"] = d.perplexity.ppl;
      entry["ppl_stderr"] = d.perplexity.ppl_stderr;
      models.push_back(std::move(entry));
    }
    program.print(table);
    program.print("\nreference " + escape_untrusted(reference_) +
                  (cached ? " (from " + escape_untrusted(cache_) + ")" : "") + ": perplexity " +
                  report::with_error(result.reference.ppl, result.reference.ppl_stderr) + "\n" +
                  with_thousands(result.tokens) + " positions in " + with_thousands(result.windows) +
                  " windows of " + std::to_string(plan.context) + " tokens, protocol " +
                  std::string(measure::to_string(plan.protocol)) + ", activations " + session_.activations +
                  "; KLD in nats per token\n");
    JsonArray pairs;
    for (const measure::PairDifference& pair : result.pairs) {
      Json entry;
      entry["a"] = opened[pair.a].path;
      entry["b"] = opened[pair.b].path;
      entry["kld_difference"] = pair.kld_difference;
      entry["stderr"] = pair.stderr_;
      pairs.push_back(std::move(entry));
      program.print(escape_untrusted(opened[pair.b].path) + " less " + escape_untrusted(opened[pair.a].path) +
                    ": KLD " + report::with_error(pair.kld_difference, pair.stderr_) + "\n");
    }
    Json out;
    Json reference;
    reference["path"] = reference_;
    reference["ppl"] = result.reference.ppl;
    reference["ppl_stderr"] = result.reference.ppl_stderr;
    reference["cached"] = cached;
    out["reference"] = std::move(reference);
    out["models"] = std::move(models);
    out["pairs"] = std::move(pairs);
    out["tokens"] = result.tokens;
    out["chunks"] = result.windows;
    out["ctx"] = plan.context;
    out["protocol"] = measure::to_string(plan.protocol);
    out["activations"] = session_.activations;
    return out;
  }

  std::vector<std::string> models_;
  std::string reference_;
  std::string file_;
  std::uint64_t context_ = 0;
  std::uint64_t chunks_ = 0;
  std::string protocol_ = "llama";
  std::string cache_;
  std::string cache_type_ = "f32";
  std::string tokenizer_;
  SessionSettings session_;
  RuntimeSettings runtime_;
};

}  // namespace

std::unique_ptr<Command> make_compare() { return std::make_unique<Compare>(); }

}  // namespace mote::cli
