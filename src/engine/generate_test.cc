#include "mote/generate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "testing/environment.h"

namespace mote::engine {
namespace {

class Generate : public ::testing::Test {
 protected:
  void SetUp() override { open(1); }

  void open(unsigned threads) {
    session_.reset();
    RuntimeOptions options;
    options.threads = threads;
    runtime_ = std::move(*Runtime::create(options));
    const auto path = testing::source_path("models/babyllama-tok105/model5000.bin");
    auto model = LoadedModel::load(*runtime_, path);
    ASSERT_TRUE(model) << format_error(model.error());
    model_ = *model;
    session_ = std::move(*Session::create(*runtime_, model_));
    prompt_ = *model_->tokenizer()->encode("Once upon a time", {.add_special = true});
  }

  GenerateOutput greedy(const GenerateOptions& options) {
    SamplerOptions sampling;
    sampling.temperature = 0;
    auto sampler = Sampler::create(sampling, model_->vocab());
    EXPECT_TRUE(sampler);
    auto out = generate(*session_, *sampler, prompt_, options);
    EXPECT_TRUE(out) << format_error(out.error());
    return std::move(*out);
  }

  std::unique_ptr<Runtime> runtime_;
  std::shared_ptr<const LoadedModel> model_;
  std::unique_ptr<Session> session_;
  std::vector<TokenId> prompt_;
};

TEST_F(Generate, TellsAReadableStory) {
  const GenerateOutput out = greedy({.max_tokens = 100});
  EXPECT_TRUE(out.text.starts_with(", there was a little girl named Lily. She loved to play outside"))
      << out.text;
  EXPECT_EQ(out.finish_reason, FinishReason::length);
  EXPECT_EQ(out.completion_tokens, 100U);
  EXPECT_EQ(out.prompt_tokens, prompt_.size());
}

TEST_F(Generate, GivesTheSameTextOnAnyNumberOfThreadsAndFromAReusedPrefix) {
  const GenerateOutput first = greedy({.max_tokens = 150});
  const GenerateOutput again = greedy({.max_tokens = 150});
  EXPECT_EQ(first.text, again.text);
  EXPECT_EQ(again.reused_tokens, prompt_.size() - 1);
  open(3);
  EXPECT_EQ(first.text, greedy({.max_tokens = 150}).text);
}

// "... said. She said. She said ..." is what a small model tells without penalties: much of it can be
// drafted.
TEST_F(Generate, DraftsChangeNeitherTextNorSession) {
  for (const double temperature : {0.0, 0.7, 1.5}) {
    for (const double penalty : {1.0, 1.2}) {
      SamplerOptions sampling;
      sampling.temperature = temperature;
      sampling.repetition_penalty = penalty;
      sampling.seed = 4;
      const auto told = [&](std::size_t draft_max, Session* draft) {
        auto sampler = Sampler::create(sampling, model_->vocab());
        EXPECT_TRUE(sampler);
        GenerateOptions options{
            .max_tokens = 200, .draft_max = draft_max, .draft = draft, .ignore_end_tokens = true};
        auto out = generate(*session_, *sampler, prompt_, options);
        EXPECT_TRUE(out) << format_error(out.error());
        return std::move(*out);
      };
      const GenerateOutput plain = told(0, nullptr);
      const std::vector<TokenId> held(session_->tokens().begin(), session_->tokens().end());
      EXPECT_EQ(plain.drafted_tokens, 0U);
      const auto draft = std::move(*Session::create(*runtime_, model_));
      for (const std::size_t most : {1U, 3U, 15U}) {
        for (Session* of : {static_cast<Session*>(nullptr), draft.get()}) {
          const GenerateOutput out = told(most, of);
          EXPECT_EQ(out.tokens, plain.tokens) << most << " at " << temperature;
          EXPECT_EQ(out.text, plain.text);
          EXPECT_TRUE(std::ranges::equal(session_->tokens(), held));
          EXPECT_LE(out.accepted_tokens, out.drafted_tokens);
          if (of == nullptr) continue;
          EXPECT_GT(out.drafted_tokens, 0U);
          // The same model drafts what it will say, where nothing else decides.
          if (temperature == 0 && penalty == 1.0) {
            EXPECT_EQ(out.accepted_tokens, out.drafted_tokens);
          }
        }
      }
    }
  }
}

TEST_F(Generate, DraftsComeTrueWhereTheTextRepeatsItself) {
  const std::vector<TokenId> once = prompt_;
  const GenerateOutput first = greedy({.max_tokens = 60, .draft_max = 0});
  // The story told once already: its second telling stands in the prompt.
  prompt_.insert(prompt_.end(), first.tokens.begin(), first.tokens.end());
  prompt_.insert(prompt_.end(), once.begin(), once.end());
  const GenerateOutput plain = greedy({.max_tokens = 60, .draft_max = 0});
  const GenerateOutput out = greedy({.max_tokens = 60, .draft_max = 8});
  EXPECT_EQ(out.tokens, plain.tokens);
  EXPECT_GT(out.accepted_tokens, 0U);
}

TEST_F(Generate, DraftsEndWithTheContextAndAtStops) {
  const GenerateOutput plain = greedy({.draft_max = 0, .ignore_end_tokens = true});
  const GenerateOutput out = greedy({.draft_max = 15, .ignore_end_tokens = true});
  EXPECT_EQ(out.tokens, plain.tokens);
  EXPECT_EQ(session_->position(), session_->context() - 1);
  const GenerateOutput until = greedy({.max_tokens = 200, .stop_strings = {"never"}, .draft_max = 0});
  const GenerateOutput drafted = greedy({.max_tokens = 200, .stop_strings = {"never"}, .draft_max = 15});
  EXPECT_EQ(drafted.text, until.text);
  EXPECT_EQ(drafted.tokens, until.tokens);
}

TEST_F(Generate, StreamsExactlyTheTextAndNothingOfAStopString) {
  std::string streamed;
  GenerateOptions options{.max_tokens = 200, .stop_strings = {"play outside", "never"}};
  options.on_text = [&](std::string_view piece) {
    streamed += piece;
    return true;
  };
  const GenerateOutput out = greedy(options);
  EXPECT_EQ(out.text, ", there was a little girl named Lily. She loved to ");
  EXPECT_EQ(streamed, out.text);
  EXPECT_EQ(out.stop_string, "play outside");
  EXPECT_EQ(out.finish_reason, FinishReason::stop);
}

TEST_F(Generate, StopsAtAStopTokenWithoutShowingIt) {
  const GenerateOutput whole = greedy({.max_tokens = 20});
  const TokenId stop = whole.tokens[10];
  const auto first = std::ranges::find(whole.tokens, stop) - whole.tokens.begin();
  const GenerateOutput out = greedy({.max_tokens = 20, .stop_tokens = {stop}});
  EXPECT_EQ(out.tokens.size(), static_cast<std::size_t>(first));
  EXPECT_EQ(out.finish_reason, FinishReason::stop);
}

TEST_F(Generate, EndsWhereTheContextEnds) {
  const GenerateOutput out = greedy({.ignore_end_tokens = true});
  EXPECT_EQ(out.finish_reason, FinishReason::length);
  EXPECT_EQ(out.prompt_tokens + out.completion_tokens, session_->context());
}

TEST_F(Generate, ObeysTheCallerAndTheToken) {
  GenerateOptions options;
  std::size_t pieces = 0;
  options.on_text = [&](std::string_view) { return ++pieces < 5; };
  EXPECT_EQ(greedy(options).finish_reason, FinishReason::cancelled);
  EXPECT_EQ(pieces, 5U);
  CancelToken cancel;
  cancel.request();
  session_->truncate(0);
  const GenerateOutput out = greedy({.cancel = &cancel});
  EXPECT_EQ(out.finish_reason, FinishReason::cancelled);
  EXPECT_EQ(out.completion_tokens, 0U);
}

TEST_F(Generate, RefusesAPromptThatLeavesNoRoomAndAnEmptyStopString) {
  auto sampler = Sampler::create({}, model_->vocab());
  ASSERT_TRUE(sampler);
  const std::vector<TokenId> longer(256, 5);
  EXPECT_EQ(generate(*session_, *sampler, longer, {}).error().code.name, "CTX_FULL");
  EXPECT_EQ(generate(*session_, *sampler, {}, {}).error().code.name, "SESSION_OPTION");
  EXPECT_EQ(generate(*session_, *sampler, prompt_, {.stop_strings = {""}}).error().code.name,
            "SESSION_OPTION");
}

}  // namespace
}  // namespace mote::engine
