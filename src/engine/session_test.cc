#include "engine/session.h"

#include <sys/resource.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/loaded_model.h"
#include "engine/memory_plan.h"
#include "engine/runtime.h"
#include "engine/weights.h"
#include "testing/environment.h"

namespace mote::engine {
namespace {

using ::testing::HasSubstr;

std::filesystem::path bundled() { return testing::source_path("models/babyllama-tok105/model5000.bin"); }

struct Opened {
  std::unique_ptr<Runtime> runtime;
  std::shared_ptr<const LoadedModel> model;
  std::unique_ptr<Session> session;
};

Opened open(unsigned threads, const SessionOptions& options = {},
            const std::filesystem::path& path = bundled()) {
  Opened out;
  RuntimeOptions runtime_options;
  runtime_options.threads = threads;
  out.runtime = std::move(*Runtime::create(runtime_options));
  auto model = LoadedModel::load(*out.runtime, path);
  EXPECT_TRUE(model) << format_error(model.error());
  out.model = *model;
  auto session = Session::create(*out.runtime, out.model, options);
  EXPECT_TRUE(session) << format_error(session.error());
  out.session = std::move(*session);
  return out;
}

std::vector<TokenId> some_tokens(std::size_t n, std::size_t vocab) {
  std::vector<TokenId> out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<TokenId>((i * 37 + 11) % vocab);
  return out;
}

std::vector<float> feed_by(Session& session, std::span<const TokenId> tokens, std::size_t piece) {
  std::vector<float> out;
  session.truncate(0);
  for (std::size_t i = 0; i < tokens.size(); i += piece) {
    const auto rows = session.feed(tokens.subspan(i, std::min(piece, tokens.size() - i)), LogitsWanted::all);
    EXPECT_TRUE(rows);
    out.insert(out.end(), rows->begin(), rows->end());
  }
  return out;
}

TEST(Session, GivesTheSameBitsInAnyPiecesBatchesAndThreads) {
  for (const KvType type : {KvType::f16, KvType::f32}) {
    SessionOptions options{.context = 0, .kv_key_type = type, .kv_value_type = type, .batch = 512};
    const Opened one = open(1, options);
    options.batch = 16;
    const Opened three = open(3, options);
    const std::vector<TokenId> tokens = some_tokens(150, one.model->vocab());
    const std::vector<float> whole = feed_by(*one.session, tokens, tokens.size());
    EXPECT_EQ(whole, feed_by(*one.session, tokens, 1));
    EXPECT_EQ(whole, feed_by(*three.session, tokens, 150));
    EXPECT_EQ(whole, feed_by(*three.session, tokens, 7));
  }
}

std::vector<float> copy(const Result<std::span<const float>>& rows) {
  EXPECT_TRUE(rows) << format_error(rows.error());
  return {rows->begin(), rows->end()};
}

std::vector<std::unique_ptr<Session>> several(const Opened& opened, const SessionOptions& options,
                                              std::size_t count) {
  auto out = Session::create_several(*opened.runtime, opened.model, options, count);
  EXPECT_TRUE(out) << format_error(out.error());
  return std::move(*out);
}

// Prompts of different lengths beside generation, in batches that cut some of them.
TEST(Session, FedTogetherGivesTheBitsOfEachAlone) {
  SessionOptions options{.context = 400, .batch = 512};
  const Opened alone = open(1, options);
  const std::size_t vocab = alone.model->vocab();
  const std::vector<TokenId> text = some_tokens(400, vocab);
  for (const std::size_t batch : {512U, 40U, 3U}) {
    options.batch = batch;
    const Opened together = open(2, options);
    const auto sessions = several(together, options, 3);
    const auto feed = [&](std::size_t s, std::size_t count, LogitsWanted wanted) {
      return Feed{sessions[s].get(), std::span(text).subspan(sessions[s]->position() + s, count), wanted};
    };
    std::vector<std::vector<float>> got(3);
    const auto step = [&](const std::vector<Feed>& feeds) {
      const std::vector<float> rows = copy(feed_together(feeds));
      std::size_t taken = 0;
      for (const Feed& f : feeds) {
        const std::size_t n = f.wanted == LogitsWanted::none   ? 0
                              : f.wanted == LogitsWanted::last ? std::min<std::size_t>(1, f.tokens.size())
                                                               : f.tokens.size();
        const auto s = static_cast<std::size_t>(
            std::ranges::find_if(sessions, [&](const auto& x) { return x.get() == f.session; }) -
            sessions.begin());
        got[s].insert(got[s].end(), rows.begin() + static_cast<std::ptrdiff_t>(taken * vocab),
                      rows.begin() + static_cast<std::ptrdiff_t>((taken + n) * vocab));
        taken += n;
      }
      EXPECT_EQ(taken * vocab, rows.size());
    };
    step({feed(0, 290, LogitsWanted::last), feed(1, 1, LogitsWanted::all), feed(2, 70, LogitsWanted::none)});
    step({feed(2, 5, LogitsWanted::all), feed(0, 1, LogitsWanted::last)});
    for (int i = 0; i < 3; ++i)
      step({feed(0, 1, LogitsWanted::last), feed(1, 1, LogitsWanted::last), feed(2, 1, LogitsWanted::last)});
    step({feed(1, 0, LogitsWanted::last), feed(0, 30, LogitsWanted::none), feed(2, 9, LogitsWanted::last)});

    const std::vector<std::vector<std::size_t>> wanted{
        {289, 290, 291, 292, 293}, {0, 1, 2, 3}, {70, 71, 72, 73, 74, 75, 76, 77, 86}};
    for (std::size_t s = 0; s < 3; ++s) {
      const std::size_t length = sessions[s]->position();
      const std::vector<float> all = feed_by(*alone.session, std::span(text).subspan(s, length), length);
      std::vector<float> expected;
      for (const std::size_t row : wanted[s]) {
        expected.insert(expected.end(), all.begin() + static_cast<std::ptrdiff_t>(row * vocab),
                        all.begin() + static_cast<std::ptrdiff_t>((row + 1) * vocab));
      }
      EXPECT_EQ(got[s], expected) << "session " << s << ", batches of " << batch;
    }
  }
}

TEST(Session, ARefusedBatchLeavesAllSessionsAsTheyWere) {
  const SessionOptions options{.context = 20, .batch = 4};
  const Opened opened = open(1, options);
  const auto sessions = several(opened, options, 2);
  const std::vector<TokenId> text = some_tokens(30, opened.model->vocab());
  const std::vector<TokenId> bad{1, -1};
  const auto tokens = [&](std::size_t n) { return std::span(text).first(n); };
  copy(sessions[0]->feed(tokens(3), LogitsWanted::last));
  const auto refused = [&](const std::vector<Feed>& feeds, const CancelToken* cancel = nullptr) {
    const auto result = feed_together(feeds, cancel);
    EXPECT_EQ(sessions[0]->position(), 3U);
    EXPECT_EQ(sessions[1]->position(), 0U);
    return result ? std::string("accepted") : format_error(result.error());
  };
  Session* const first = sessions[0].get();
  Session* const second = sessions[1].get();
  EXPECT_THAT(refused({{first, tokens(17)}, {second, tokens(21)}}),
              HasSubstr("21 tokens to 0: the context holds 20"));
  EXPECT_THAT(refused({{first, tokens(2)}, {second, bad}}), HasSubstr("token -1 at index 1"));
  EXPECT_THAT(refused({{first, tokens(2)}, {first, tokens(2)}}), HasSubstr("feed 1"));
  EXPECT_THAT(refused({{first, tokens(2)}, {opened.session.get(), tokens(2)}}), HasSubstr("create_several"));
  CancelToken cancel;
  cancel.request();
  EXPECT_THAT(refused({{first, tokens(9)}, {second, tokens(9)}}, &cancel), HasSubstr("cancelled"));
  EXPECT_THAT(refused({{first, tokens(2)}, {nullptr, tokens(2)}}), HasSubstr("names no session"));
  EXPECT_TRUE(copy(feed_together({})).empty());
}

// Cancelled at some moment, often between batches: feeds before are in, one is partly.
TEST(Session, ACancelledBatchIsTakenBackWhole) {
  const SessionOptions options{.context = 400, .batch = 4};
  const Opened opened = open(1, options);
  const auto sessions = several(opened, options, 2);
  const std::vector<TokenId> text = some_tokens(400, opened.model->vocab());
  const auto tokens = [&](std::size_t n) { return std::span(text).first(n); };
  const auto feed_both = [&](std::size_t n, const CancelToken* cancel = nullptr) {
    return feed_together(std::vector<Feed>{{sessions[0].get(), tokens(n), LogitsWanted::last},
                                           {sessions[1].get(), tokens(n), LogitsWanted::last}},
                         cancel);
  };
  copy(feed_both(3));
  std::size_t cancelled = 0;
  for (int delay = 0; delay < 60; ++delay) {
    CancelToken cancel;
    std::thread later([&cancel, delay] {
      std::this_thread::sleep_for(std::chrono::microseconds(100 * delay));
      cancel.request();
    });
    const bool refused = !feed_both(390, &cancel);
    later.join();
    if (!refused) break;
    ++cancelled;
    ASSERT_EQ(sessions[0]->position(), 3U);
    ASSERT_EQ(sessions[1]->position(), 3U);
  }
  EXPECT_GT(cancelled, 0U);
  for (const auto& session : sessions) session->truncate(3);
  const std::vector<float> rows = copy(feed_both(5));
  const Opened other = open(1, options);
  copy(other.session->feed(tokens(3), LogitsWanted::last));
  std::vector<float> expected = copy(other.session->feed(tokens(5), LogitsWanted::last));
  expected.insert(expected.end(), expected.begin(), expected.end());
  EXPECT_EQ(rows, expected);
}

TEST(Session, SessionsTogetherHaveBatchesOfAll) {
  SessionOptions options{.context = 8, .batch = 512};
  const Opened opened = open(1, options);
  const model::ModelSpec& spec = opened.model->spec();
  const auto batch = [&](std::size_t count) {
    return plan_session(spec, Activations::automatic, options, count)->batch;
  };
  EXPECT_EQ(batch(1), 8U);
  EXPECT_EQ(batch(40), 320U);
  EXPECT_EQ(batch(100), 512U);
}

TEST(Session, QuantizedModelsGiveTheSameBitsInAnyPiecesAndThreads) {
  const auto path = testing::model_path("SmolLM2-135M-Instruct.Q4_1.gguf");
  MOTE_NEEDS(path, "the real model is not there: tools/get_models.sh brings it");
  const SessionOptions options{.context = 64, .batch = 512};
  const Opened one = open(1, options, *path);
  const Opened two = open(2, options, *path);
  const std::vector<TokenId> tokens = some_tokens(40, one.model->vocab());
  const std::vector<float> whole = feed_by(*one.session, tokens, tokens.size());
  EXPECT_EQ(whole, feed_by(*two.session, tokens, 1));
  EXPECT_EQ(whole, feed_by(*two.session, tokens, 9));
}

TEST(Session, HandsOutTheWantedRows) {
  const Opened o = open(2);
  const std::vector<TokenId> tokens = some_tokens(100, o.model->vocab());
  const std::size_t vocab = o.model->vocab();
  const std::vector<float> all = feed_by(*o.session, tokens, tokens.size());
  ASSERT_EQ(all.size(), tokens.size() * vocab);
  o.session->truncate(0);
  const auto last = o.session->feed(tokens, LogitsWanted::last);
  ASSERT_TRUE(last);
  EXPECT_TRUE(std::equal(last->begin(), last->end(), all.end() - static_cast<std::ptrdiff_t>(vocab)));
  o.session->truncate(0);
  EXPECT_TRUE(o.session->feed(tokens, LogitsWanted::none)->empty());
  EXPECT_EQ(o.session->position(), 100U);
  o.session->truncate(0);
  std::vector<float> rows;
  std::size_t expected_first = 30;
  const auto done = o.session->feed_rows(tokens, 30, [&](std::size_t first, std::span<const float> part) {
    EXPECT_EQ(first, expected_first);
    expected_first += part.size() / vocab;
    rows.insert(rows.end(), part.begin(), part.end());
  });
  ASSERT_TRUE(done);
  EXPECT_TRUE(
      std::equal(rows.begin(), rows.end(), all.begin() + static_cast<std::ptrdiff_t>(30 * vocab), all.end()));
}

TEST(Session, KeepsASharedPrefixAndComputesTheRestAsIfNew) {
  const Opened o = open(1);
  std::vector<TokenId> tokens = some_tokens(60, o.model->vocab());
  ASSERT_TRUE(o.session->feed(tokens, LogitsWanted::none));
  EXPECT_EQ(*o.session->reuse_prefix(tokens), 59U);
  ASSERT_TRUE(o.session->feed(std::span(tokens).last(1), LogitsWanted::none));
  tokens[40] = (tokens[40] + 1) % 100;
  EXPECT_EQ(*o.session->reuse_prefix(tokens), 40U);
  const auto reused = o.session->feed(std::span(tokens).subspan(40), LogitsWanted::last);
  ASSERT_TRUE(reused);
  const std::vector<float> kept(reused->begin(), reused->end());
  o.session->truncate(0);
  const auto fresh = o.session->feed(tokens, LogitsWanted::last);
  EXPECT_TRUE(std::ranges::equal(kept, *fresh));
}

TEST(Session, RefusesWhatDoesNotFitAndStaysAsItWas) {
  const Opened o = open(1, {.context = 32, .batch = 8});
  const std::vector<TokenId> tokens = some_tokens(30, o.model->vocab());
  ASSERT_TRUE(o.session->feed(tokens, LogitsWanted::none));
  const auto full = o.session->feed(std::span(tokens).first(3), LogitsWanted::last);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code.name, "CTX_FULL");
  EXPECT_THAT(full.error().message, HasSubstr("3 tokens to 30: the context holds 32"));
  EXPECT_EQ(o.session->position(), 30U);
  for (const TokenId bad : {-1, 105}) {
    const auto result = o.session->feed(std::span(&bad, 1), LogitsWanted::last);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code.name, "TOKEN_ID");
  }
  CancelToken cancel;
  cancel.request();
  o.session->truncate(5);
  EXPECT_EQ(o.session->feed(std::span(tokens).first(20), LogitsWanted::last, &cancel).error().code.name,
            "CANCELLED");
  EXPECT_EQ(o.session->position(), 5U);
}

TEST(Session, RefusesImpossibleOptionsByName) {
  const Opened o = open(1);
  const auto error_of = [&](const SessionOptions& options) {
    return std::string(Session::create(*o.runtime, o.model, options).error().code.name);
  };
  EXPECT_EQ(error_of({.context = 0, .batch = 0}), "SESSION_OPTION");
  // Heads of 16 elements have no blocks of 32.
  EXPECT_EQ(error_of({.context = 0, .kv_key_type = KvType::q8_0}), "SESSION_OPTION");
  EXPECT_EQ(error_of({.context = std::size_t{1} << 40U}), "SESSION_OPTION");
}

TEST(LoadedModel, RefusesWhatDoesNotFitTheMemoryWithTheNumbers) {
  RuntimeOptions runtime_options;
  runtime_options.memory_limit_bytes = 100'000;
  const auto runtime = Runtime::create(runtime_options);
  ASSERT_TRUE(runtime);
  LoadOptions options;
  options.planned_session = SessionOptions{.context = 256};
  const auto model = LoadedModel::load(**runtime, bundled(), options);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code.name, "MODEL_MEMORY");
  EXPECT_THAT(model.error().message, HasSubstr("KV"));
}

TEST(LoadedModel, LocksTheWeightsWhereThatIsAsked) {
  if (!testing::kLocksMemory) GTEST_SKIP() << "a sanitizer locks no memory";
  const auto locked_kilobytes = [] {
    std::ifstream status("/proc/self/status");
    std::string line;
    while (std::getline(status, line)) {
      if (line.starts_with("VmLck:")) return std::stol(line.substr(6));
    }
    return 0L;
  };
  const auto runtime = Runtime::create();
  ASSERT_TRUE(runtime);
  LoadOptions options;
  options.lock_memory = true;
  const long before = locked_kilobytes();
  const auto model = LoadedModel::load(**runtime, bundled(), options);
  if (!model) {  // Right where the process may not lock as much.
    rlimit limit{};
    ASSERT_EQ(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
    EXPECT_EQ(model.error().code.name, "MEMORY_LOCK");
    EXPECT_LT(limit.rlim_cur, std::filesystem::file_size(bundled()) * 2);
    return;
  }
  EXPECT_GE(locked_kilobytes() - before, static_cast<long>((*model)->bytes_per_token() / 1024));
}

// Rows of queries and keys in another order in a folder; llama2.c has all as it is needed.
TEST(LoadedModel, CountsWhatTheFileDoesNotHaveAsItIsNeeded) {
  const auto runtime = Runtime::create();
  ASSERT_TRUE(runtime);
  for (const auto& path : {bundled(), testing::source_path("models/agent")}) {
    SCOPED_TRACE(path);
    LoadOptions options;
    options.activations = Activations::f32;
    const auto model = LoadedModel::load(**runtime, path, options);
    ASSERT_TRUE(model);
    const formats::TensorSource& source = *(*model)->model().canonical;
    std::uint64_t expected = 0;
    for (std::size_t i = 0; i < source.tensors().size(); ++i) {
      const auto tensor = source.read(i);
      ASSERT_TRUE(tensor);
      if (tensor->owner != nullptr && tensor->shape.rank() > 1) expected += tensor->blocks().size();
    }
    EXPECT_EQ((*model)->weights().copied_bytes(), expected);
    EXPECT_EQ(expected > 0, std::filesystem::is_directory(path));
  }
}

TEST(LoadedModel, NamesTheTensorThatHoldsANan) {
  std::string bytes = mote::testing::content_of(bundled());
  // 7 header words, then the embedding [105][128], then the first block's norm.
  const std::size_t at = 28 + (105 * 128 + 5) * 4;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(bytes.data() + at, &nan, 4);
  const auto path = testing::fresh_folder() / "broken.bin";
  std::ofstream(path, std::ios::binary) << bytes;
  const auto runtime = Runtime::create();
  ASSERT_TRUE(runtime);
  LoadOptions options;
  options.need_tokenizer = false;
  const auto model = LoadedModel::load(**runtime, path, options);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code.name, "MODEL_NONFINITE");
  EXPECT_THAT(model.error().message, HasSubstr("blk.0.attn_norm.weight: block 5"));
}

}  // namespace
}  // namespace mote::engine
