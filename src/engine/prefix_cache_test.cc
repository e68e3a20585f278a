#include "mote/prefix_cache.h"

#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "engine/session.h"
#include "testing/environment.h"

namespace mote::engine {
namespace {

struct Engine {
  std::unique_ptr<Runtime> runtime;
  std::shared_ptr<const LoadedModel> model;

  Engine() {
    runtime = std::move(*Runtime::create({}));
    model = load();
  }
  std::shared_ptr<const LoadedModel> load() const {
    return *LoadedModel::load(*runtime, testing::source_path("models/babyllama-tok105/model5000.bin"));
  }
  std::unique_ptr<Session> open(const std::shared_ptr<PrefixCache>& cache, const std::string& tenant = "",
                                KvType type = KvType::f16) const {
    const SessionOptions options{.context = 1500,
                                 .kv_key_type = type,
                                 .kv_value_type = type,
                                 .batch = 200,
                                 .prefix_cache = cache,
                                 .tenant = tenant};
    return std::move(*Session::create(*runtime, model, options));
  }
};

// A text of `n` tokens; texts of one `kind` begin alike.
std::vector<TokenId> text(std::size_t n, std::size_t kind = 0) {
  std::vector<TokenId> out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<TokenId>((i * i * 7 + i * 3 + kind) % 105);
  return out;
}

// Logits of the last token, with what can be used again used.
std::vector<float> answer(Session& session, const std::vector<TokenId>& tokens,
                          std::size_t* reused = nullptr) {
  const auto shared = session.reuse_prefix(tokens);
  EXPECT_TRUE(shared);
  if (reused != nullptr) *reused = *shared;
  const auto rows = session.feed(std::span(tokens).subspan(*shared), LogitsWanted::last);
  EXPECT_TRUE(rows);
  EXPECT_EQ(session.tokens().size(), tokens.size());
  return {rows->begin(), rows->end()};
}

TEST(PrefixCache, GivesTheBitsThatComputingGives) {
  const Engine engine;
  for (const KvType type : {KvType::f16, KvType::f32}) {
    const auto cache = std::make_shared<PrefixCache>(std::uint64_t{1} << 30);
    const std::vector<TokenId> tokens = text(700);
    const std::vector<float> expected = answer(*engine.open(nullptr, "", type), tokens);
    std::size_t reused = 0;
    EXPECT_EQ(answer(*engine.open(cache, "", type), tokens, &reused), expected);
    EXPECT_EQ(reused, 0U);
    EXPECT_EQ(cache->statistics().blocks, 2U);
    EXPECT_EQ(answer(*engine.open(cache, "", type), tokens, &reused), expected);
    EXPECT_EQ(reused, 512U);
    EXPECT_EQ(cache->statistics().given, 2U);
  }
}

TEST(PrefixCache, GivesOnlyWholeBlocksOfTheSameBeginning) {
  const Engine engine;
  const auto cache = std::make_shared<PrefixCache>(std::uint64_t{1} << 30);
  answer(*engine.open(cache), text(1100));
  std::size_t reused = 0;
  std::vector<TokenId> other = text(1100);
  other[700] ^= 1;
  EXPECT_EQ(answer(*engine.open(cache), other, &reused), answer(*engine.open(nullptr), other));
  EXPECT_EQ(reused, 512U);
  // The same tokens behind another beginning are another text.
  other = text(1100);
  other[0] ^= 1;
  EXPECT_EQ(answer(*engine.open(cache), other, &reused), answer(*engine.open(nullptr), other));
  EXPECT_EQ(reused, 0U);
  // All of it is known: the last token is computed again.
  const std::vector<TokenId> whole = text(512);
  EXPECT_EQ(answer(*engine.open(cache), whole, &reused), answer(*engine.open(nullptr), whole));
  EXPECT_EQ(reused, 511U);
}

TEST(PrefixCache, ASessionKeepsItsOwnTextWhereThatIsLonger) {
  const Engine engine;
  const auto cache = std::make_shared<PrefixCache>(std::uint64_t{1} << 30);
  const auto session = engine.open(cache);
  answer(*session, text(600));
  std::size_t reused = 0;
  EXPECT_EQ(answer(*session, text(900), &reused), answer(*engine.open(nullptr), text(900)));
  EXPECT_EQ(reused, 600U);
  // Another text, then the first again: from the cache.
  answer(*session, text(300, 1));
  EXPECT_EQ(answer(*session, text(900), &reused), answer(*engine.open(nullptr), text(900)));
  EXPECT_EQ(reused, 768U);
}

TEST(PrefixCache, SharesNothingAmongTenantsTypesAndModels) {
  Engine engine;
  const auto cache = std::make_shared<PrefixCache>(std::uint64_t{1} << 30);
  answer(*engine.open(cache, "a"), text(300));
  std::size_t reused = 0;
  answer(*engine.open(cache, "b"), text(300), &reused);
  EXPECT_EQ(reused, 0U);
  answer(*engine.open(cache, "a", KvType::f32), text(300), &reused);
  EXPECT_EQ(reused, 0U);
  answer(*engine.open(cache, "a"), text(300), &reused);
  EXPECT_EQ(reused, 256U);
  const auto first_model = engine.model;
  engine.model = engine.load();
  answer(*engine.open(cache, "a"), text(300), &reused);
  EXPECT_EQ(reused, 0U);
}

TEST(PrefixCache, DropsWhatWasUsedLongestAgoAndStaysBelowItsBytes) {
  const Engine engine;
  const auto probe = std::make_shared<PrefixCache>(std::uint64_t{1} << 30);
  answer(*engine.open(probe), text(300));
  const std::uint64_t block = probe->statistics().bytes;
  ASSERT_GT(block, 0U);
  const std::uint64_t most = 3 * block + block / 2;
  const auto cache = std::make_shared<PrefixCache>(most);
  answer(*engine.open(cache), text(600, 1));  // two blocks
  answer(*engine.open(cache), text(300, 2));
  answer(*engine.open(cache), text(600, 1));  // used again: text 2 is now the oldest
  answer(*engine.open(cache), text(300, 3));
  std::size_t reused = 0;
  EXPECT_EQ(cache->statistics().blocks, 3U);
  EXPECT_EQ(cache->statistics().dropped, 1U);
  answer(*engine.open(cache), text(600, 1), &reused);
  EXPECT_EQ(reused, 512U);
  answer(*engine.open(cache), text(300, 2), &reused);  // takes the place of text 3
  EXPECT_EQ(reused, 0U);
  // A text longer than the cache fills it with its beginning and does not drop that for its end; another text
  // then takes the place of the end.
  answer(*engine.open(cache), text(1400, 4));
  EXPECT_LE(cache->statistics().bytes, most);
  answer(*engine.open(cache), text(300, 5));
  answer(*engine.open(cache), text(1400, 4), &reused);
  EXPECT_EQ(reused, 512U);
  const auto tiny = std::make_shared<PrefixCache>(block - 1);
  answer(*engine.open(tiny), text(600));
  EXPECT_EQ(tiny->statistics().blocks, 0U);
}

TEST(PrefixCache, ANewTenantFindsAnEmptySession) {
  const Engine engine;
  const auto cache = std::make_shared<PrefixCache>(std::uint64_t{1} << 30);
  const auto session = engine.open(cache, "a");
  answer(*session, text(300));
  session->set_tenant("b");
  EXPECT_EQ(session->position(), 0U);
  std::size_t reused = 0;
  EXPECT_EQ(answer(*session, text(300), &reused), answer(*engine.open(nullptr), text(300)));
  EXPECT_EQ(reused, 0U);
  session->set_tenant("a");
  answer(*session, text(300), &reused);
  EXPECT_EQ(reused, 256U);
}

TEST(PrefixCache, ForgetsTenantsModelsThatAreGoneAndEverything) {
  Engine engine;
  const auto cache = std::make_shared<PrefixCache>(std::uint64_t{1} << 30);
  for (const std::string tenant : {"a", "b", "c"}) answer(*engine.open(cache, tenant), text(600));
  EXPECT_EQ(cache->statistics().blocks, 6U);
  cache->forget("b");
  EXPECT_EQ(cache->statistics().blocks, 4U);
  std::size_t reused = 0;
  answer(*engine.open(cache, "b"), text(600), &reused);
  EXPECT_EQ(reused, 0U);
  answer(*engine.open(cache, "a"), text(600), &reused);
  EXPECT_EQ(reused, 512U);
  engine.model = engine.load();
  answer(*engine.open(cache, "a"), text(300));  // the first model and its blocks are gone
  EXPECT_EQ(cache->statistics().blocks, 1U);
  cache->clear();
  EXPECT_EQ(cache->statistics().blocks, 0U);
  EXPECT_EQ(cache->statistics().bytes, 0U);
}

// Tokens that were drafted and taken back are in no block.
TEST(PrefixCache, KeepsOnlyWhatIsLeftOfATextWhenItGoesOn) {
  const Engine engine;
  const auto cache = std::make_shared<PrefixCache>(std::uint64_t{1} << 30);
  {
    const auto session = engine.open(cache);
    ASSERT_TRUE(session->feed(text(250), LogitsWanted::last));
    ASSERT_TRUE(session->feed(text(10, 3), LogitsWanted::all));
    session->truncate(251);
    const std::vector<TokenId> whole = text(300);
    ASSERT_TRUE(session->feed(std::span(whole).subspan(251), LogitsWanted::last));
  }
  EXPECT_EQ(cache->statistics().blocks, 1U);
  std::vector<TokenId> drafted = text(250);
  const std::vector<TokenId> wrong = text(10, 3);
  drafted.insert(drafted.end(), wrong.begin(), wrong.end());
  std::size_t reused = 1;
  answer(*engine.open(cache), drafted, &reused);
  EXPECT_EQ(reused, 0U);
}

TEST(PrefixCache, ServesSeveralThreads) {
  const auto cache = std::make_shared<PrefixCache>(std::uint64_t{1} << 20);  // a few blocks: they come and go
  const auto work = [&cache] {
    const Engine engine;
    const std::vector<float> expected = answer(*engine.open(nullptr), text(600, 1));
    for (std::size_t i = 0; i < 6; ++i) {
      answer(*engine.open(cache), text(600, 2 + i));
      EXPECT_EQ(answer(*engine.open(cache), text(600, 1)), expected);
    }
  };
  std::thread other(work);
  work();
  other.join();
}

// A block's parent is dropped after it: what is kept can be reached.
TEST(PrefixCache, DropsTheEndOfATextBeforeItsBeginning) {
  const Engine engine;
  const auto probe = std::make_shared<PrefixCache>(std::uint64_t{1} << 30);
  answer(*engine.open(probe), text(300));
  const auto cache = std::make_shared<PrefixCache>(3 * probe->statistics().bytes);
  answer(*engine.open(cache), text(800, 1));
  answer(*engine.open(cache), text(300, 2));
  std::size_t reused = 0;
  answer(*engine.open(cache), text(800, 1), &reused);
  EXPECT_EQ(reused, 512U);
}

}  // namespace
}  // namespace mote::engine
