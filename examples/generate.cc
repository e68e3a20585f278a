// Continues a text with a model and shows it while it is being written. Ctrl-C ends the answer early.
//
//   generate MODEL PROMPT [TOKENS]
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "mote/generate.h"
#include "mote/model.h"
#include "mote/runtime.h"
#include "mote/sampler.h"
#include "mote/session.h"

namespace {

mote::CancelToken g_cancel;  // request() may be called by a signal handler

// MOTE_TRY and MOTE_ASSIGN leave a function with the error of the call inside, so main has one place to print
// it.
mote::Result<mote::engine::GenerateOutput> continue_text(const char* path, const std::string& prompt,
                                                         std::size_t tokens) {
  using namespace mote::engine;
  MOTE_ASSIGN(const std::unique_ptr<Runtime> runtime, Runtime::create());
  MOTE_ASSIGN(const std::shared_ptr<const LoadedModel> model, LoadedModel::load(*runtime, path));
  MOTE_ASSIGN(const mote::Tokenizer* tokenizer, model->require_tokenizer());
  MOTE_ASSIGN(const std::vector<mote::TokenId> ids, tokenizer->encode(prompt, {.add_special = true}));

  // Room for the prompt and the answer. Any number of sessions may share a model.
  MOTE_ASSIGN(const std::unique_ptr<Session> session,
              Session::create(*runtime, model, {.context = ids.size() + tokens}));
  SamplerOptions sampling;
  sampling.temperature = 0;  // always the most likely token, so that the text is the same each time
  MOTE_ASSIGN(Sampler sampler, Sampler::create(sampling, model->vocab()));

  GenerateOptions options;
  options.max_tokens = tokens;
  options.starts_text = false;  // it continues the prompt
  options.cancel = &g_cancel;
  options.on_text = [](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    return true;  // false would end the answer too
  };
  std::printf("%s", prompt.c_str());
  return generate(*session, sampler, ids, options);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: generate MODEL PROMPT [TOKENS]\n");
    return 2;
  }
  std::signal(SIGINT, [](int) { g_cancel.request(); });
  const std::size_t tokens = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 64;
  const auto answer = continue_text(argv[1], argv[2], tokens);
  if (!answer) {
    std::fprintf(stderr, "%s\n", mote::format_error(answer.error()).c_str());
    return mote::exit_status(answer.error().code.kind);
  }
  std::printf("\n");
  std::fprintf(stderr, "%zu tokens, finish reason %s\n", answer->completion_tokens,
               std::string(to_string(answer->finish_reason)).c_str());
  return answer->finish_reason == mote::engine::FinishReason::cancelled ? 130 : 0;
}
