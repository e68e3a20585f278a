// What a smaller model lost: perplexity of both on a text, and the divergence of the smaller one.
//
//   compare REFERENCE MODEL TEXT [CONTEXT]
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "mote/measure.h"
#include "mote/model.h"
#include "mote/runtime.h"

namespace {

mote::Result<mote::measure::CompareResult> measure(const char* reference, const char* model,
                                                   const std::string& text, std::size_t context) {
  using mote::engine::LoadedModel;
  MOTE_ASSIGN(const std::unique_ptr<mote::engine::Runtime> runtime, mote::engine::Runtime::create());
  MOTE_ASSIGN(const std::shared_ptr<const LoadedModel> original, LoadedModel::load(*runtime, reference));
  MOTE_ASSIGN(const std::shared_ptr<const LoadedModel> smaller, LoadedModel::load(*runtime, model));
  mote::measure::TextOptions options;  // llama.cpp's protocol, windows of 512 tokens
  options.context = context;
  return mote::measure::compare(*runtime, original, {&smaller, 1}, text, options);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: compare REFERENCE MODEL TEXT [CONTEXT]\n");
    return 2;
  }
  std::ifstream file(argv[3], std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", argv[3]);
    return 1;
  }
  const std::size_t context = argc > 4 ? std::strtoul(argv[4], nullptr, 10) : 0;
  const auto result = measure(argv[1], argv[2], text, context);
  if (!result) {
    std::fprintf(stderr, "%s\n", mote::format_error(result.error()).c_str());
    return mote::exit_status(result.error().code.kind);
  }
  const mote::measure::Divergence& d = result->models[0];
  std::printf("positions       %zu in %zu windows\n", result->tokens, result->windows);
  std::printf("perplexity      %.6f +- %.6f, reference %.6f\n", d.perplexity.ppl, d.perplexity.ppl_stderr,
              result->reference.ppl);
  std::printf("KL divergence   %.9f +- %.9f nats per token, 99 %% below %.9f\n", d.kld_mean, d.kld_stderr,
              d.kld_p99);
  std::printf("same top token  %.6f\n", d.top1_agreement);
  return 0;
}
