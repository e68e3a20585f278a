// Beginnings of texts in files: what a later process finds of them.
#include "engine/prefix_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/session.h"
#include "engine/test_runtime.h"
#include "mote/prefix_cache.h"
#include "testing/environment.h"

namespace mote::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kPlenty = std::uint64_t{1} << 30;

std::vector<fs::path> blocks_of(const fs::path& folder) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".kv") out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

std::uint64_t bytes_of(const fs::path& folder) {
  std::uint64_t sum = 0;
  for (const fs::path& path : blocks_of(folder)) sum += fs::file_size(path);
  return sum;
}

// A text of `n` tokens; texts of one `kind` begin alike.
std::vector<TokenId> text(std::size_t n, std::size_t kind = 0) {
  std::vector<TokenId> out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<TokenId>((i * i * 7 + i * 3 + kind) % 105);
  return out;
}

// Each call is a process of its own, as far as caches know: model, cache and session are made anew.
class PrefixFiles : public ::testing::Test {
 protected:
  struct Answer {
    std::vector<float> logits;
    std::size_t reused = 0;
    PrefixCache::Statistics statistics;
    bool operator==(const Answer& other) const { return logits == other.logits; }
  };

  Answer answer(const std::vector<TokenId>& tokens, std::uint64_t memory = kPlenty,
                const std::string& tenant = "") {
    LoadOptions load;
    load.activations = activations_;
    const auto model = LoadedModel::load(*runtime_, model_, load);
    EXPECT_TRUE(model) << format_error(model.error());
    Answer out;
    std::shared_ptr<PrefixCache> cache;
    if (!folder_.empty()) {
      auto opened = PrefixCache::open(memory, folder_, most_);
      EXPECT_TRUE(opened) << format_error(opened.error());
      cache = *opened;
    }
    {
      const auto session = Session::create(*runtime_, *model,
                                           {.context = 1500,
                                            .kv_key_type = type_,
                                            .kv_value_type = type_,
                                            .batch = 200,
                                            .prefix_cache = cache,
                                            .tenant = tenant});
      EXPECT_TRUE(session) << format_error(session.error());
      out.reused = (*session)->reuse_prefix(tokens).value_or(0);
      const auto rows = (*session)->feed(std::span(tokens).subspan(out.reused), LogitsWanted::last);
      EXPECT_TRUE(rows);
      out.logits.assign(rows->begin(), rows->end());
    }
    if (cache != nullptr) {
      cache->flush();
      out.statistics = cache->statistics();
    }
    return out;
  }
  Answer computed(const std::vector<TokenId>& tokens) {
    const fs::path folder = std::exchange(folder_, {});
    Answer out = answer(tokens);
    folder_ = folder;
    return out;
  }

  std::unique_ptr<Runtime> runtime_ = std::move(*Runtime::create({}));
  fs::path model_ = mote::testing::source_path("models/babyllama-tok105/model5000.bin");
  fs::path folder_ = mote::testing::fresh_folder() / "new" / "cache";
  std::uint64_t most_ = kPlenty;
  KvType type_ = KvType::f16;
  Activations activations_ = Activations::automatic;
};

TEST_F(PrefixFiles, ALaterProcessGetsTheBitsThatComputingGives) {
  for (const std::uint64_t memory : {kPlenty, std::uint64_t{0}, std::uint64_t{300'000}}) {
    for (const KvType type : {KvType::f16, KvType::f32}) {
      type_ = type;
      folder_ = mote::testing::fresh_folder();
      const Answer expected = computed(text(900));
      const Answer first = answer(text(900), memory);
      EXPECT_EQ(first, expected);
      EXPECT_EQ(first.reused, 0U);
      EXPECT_EQ(first.statistics.saved, 3U) << memory;
      EXPECT_EQ(blocks_of(folder_).size(), 3U);
      const Answer second = answer(text(900), memory);
      EXPECT_EQ(second, expected) << memory;
      EXPECT_EQ(second.reused, 768U);
      EXPECT_EQ(second.statistics.loaded, 3U);
      EXPECT_EQ(second.statistics.saved, 0U);
      // Another text with the same beginning.
      std::vector<TokenId> other = text(900);
      other[600] ^= 1;
      const Answer third = answer(other, memory);
      EXPECT_EQ(third, computed(other));
      EXPECT_EQ(third.reused, 512U);
    }
  }
}

TEST_F(PrefixFiles, RowsOfIntegersTooAndAModelThatIsAFolder) {
  model_ = mote::testing::source_path("models/agent");
  type_ = KvType::q8_0;
  const Answer first = answer(text(600));
  const Answer second = answer(text(600));
  EXPECT_EQ(second.reused, 512U);
  EXPECT_EQ(second, first);
}

TEST_F(PrefixFiles, AreOfNoUseToAnyoneElse) {
  answer(text(300), kPlenty, "a");
  EXPECT_EQ(answer(text(300), kPlenty, "a").reused, 256U);
  EXPECT_EQ(answer(text(300), kPlenty, "b").reused, 0U);
  type_ = KvType::f32;
  EXPECT_EQ(answer(text(300), kPlenty, "a").reused, 0U);
  type_ = KvType::f16;
  activations_ = Activations::f32;
  EXPECT_EQ(answer(text(300), kPlenty, "a").reused, 0U);
  activations_ = Activations::automatic;
  runtime_ = testing::runtime_of(2, kernels::Isa::reference);
  EXPECT_EQ(answer(text(300), kPlenty, "a").reused, 0U);
  runtime_ = std::move(*Runtime::create({}));
  EXPECT_EQ(answer(text(300), kPlenty, "a").reused, 256U);
}

// A model of the same shape in the same place, one weight of which is another; and the same one copied.
TEST_F(PrefixFiles, KnowTheModelByItsBytes) {
  const fs::path folder = mote::testing::fresh_folder();
  for (const auto& entry : fs::directory_iterator(model_.parent_path())) {
    if (entry.is_regular_file()) fs::copy_file(entry.path(), folder / entry.path().filename());
  }
  const fs::path original = std::exchange(model_, folder / model_.filename());
  std::this_thread::sleep_for(kStampSettles);
  EXPECT_EQ(answer(text(300)).statistics.saved, 1U);
  std::string bytes = mote::testing::content_of(model_);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  mote::testing::save(model_, bytes);
  EXPECT_EQ(answer(text(300)).statistics.saved, 0U);  // just changed: its stamp says nothing yet
  std::this_thread::sleep_for(kStampSettles);
  EXPECT_EQ(answer(text(300)).reused, 0U);
  EXPECT_EQ(answer(text(300)), computed(text(300)));
  // Changed while it is loaded.
  const auto cache = *PrefixCache::open(0, folder_, kPlenty);
  const auto model = *LoadedModel::load(*runtime_, model_);
  ASSERT_TRUE(model->stamp()->settled);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  mote::testing::save(model_, bytes);
  {
    const auto session = Session::create(*runtime_, model, {.context = 512, .prefix_cache = cache});
    ASSERT_TRUE((*session)->feed(text(300, 5), LogitsWanted::last));
  }
  EXPECT_EQ(cache->statistics().saved, 0U);
  model_ = original;
  EXPECT_EQ(answer(text(300)).reused, 256U);
}

// Of a file whose bytes are not read again because its stamp is known.
TEST_F(PrefixFiles, ADigestIsRememberedForFilesThatStayAsTheyAre) {
  const auto store = PrefixStore::open(folder_, kPlenty);
  ASSERT_TRUE(store);
  EXPECT_FALSE((*store)->digest_of(7));
  (*store)->note_digest(7, 0x0123456789ABCDEF);
  EXPECT_EQ((*store)->digest_of(7), 0x0123456789ABCDEFU);
  EXPECT_FALSE((*store)->digest_of(8));
  for (const char* damage : {"", "0123", "0123456789abcdeg", "0123456789abcdef0", "+123456789abcdef"}) {
    mote::testing::save(folder_ / "0000000000000007.model", damage);
    EXPECT_FALSE((*store)->digest_of(7)) << damage;
  }
}

TEST_F(PrefixFiles, ADamagedFileIsNoneAndIsReplaced) {
  const Answer expected = answer(text(300));
  const fs::path path = blocks_of(folder_).at(0);
  const std::string good = mote::testing::content_of(path);
  // Every byte of the header, some of the block, every one of the sum.
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < 2048; ++i) places.push_back(i);
  for (std::size_t i = 2048; i < good.size() - 8; i += good.size() / 50) places.push_back(i);
  for (std::size_t i = good.size() - 8; i < good.size(); ++i) places.push_back(i);
  const auto store = PrefixStore::open(folder_, kPlenty);
  ASSERT_TRUE(store);
  // Who the file is of stands in its header, as text.
  const PrefixOwner owner{good.substr(20, good.find("short") + 5 - 20), ""};
  std::uint64_t block_bytes = 0;
  std::memcpy(&block_bytes, good.data() + 20 + owner.model.size() + 8, sizeof block_bytes);
  std::vector<std::byte> out(block_bytes);
  ASSERT_TRUE((*store)->load(owner, text(256), out));
  for (const std::size_t place : places) {
    std::string damaged = good;
    damaged[place] = static_cast<char>(damaged[place] ^ 4);
    mote::testing::save(path, damaged);
    EXPECT_FALSE((*store)->load(owner, text(256), out)) << place;
    EXPECT_FALSE(fs::exists(path));
  }
  for (const std::size_t length : {std::size_t{0}, std::size_t{100}, good.size() - 1}) {
    mote::testing::save(path, good.substr(0, length));
    EXPECT_FALSE((*store)->load(owner, text(256), out)) << length;
  }
  mote::testing::save(path, good + "x");
  EXPECT_FALSE((*store)->load(owner, text(256), out));
  EXPECT_FALSE(fs::exists(path));
  mote::testing::save(path, good + "x");
  const Answer again = answer(text(300));
  EXPECT_EQ(again.reused, 0U);
  EXPECT_EQ(again, expected);
  EXPECT_TRUE(mote::testing::content_of(path) == good);
}

TEST_F(PrefixFiles, StayBelowTheirBytesAndDropWhatWasUsedLongestAgo) {
  answer(text(300));
  const std::uint64_t block = bytes_of(folder_);
  for (const std::uint64_t memory : {std::uint64_t{0}, kPlenty}) {
    folder_ = mote::testing::fresh_folder();
    most_ = 4 * block;  // a later block's file is longer by the tokens before it
    answer(text(600, 1), memory);
    answer(text(300, 2), memory);
    EXPECT_EQ(answer(text(600, 1), memory).reused, 512U);
    answer(text(300, 3), memory);
    EXPECT_EQ(blocks_of(folder_).size(), 3U);
    EXPECT_EQ(answer(text(600, 1), memory).reused, 512U);
    EXPECT_EQ(answer(text(300, 3), memory).reused, 256U);
    EXPECT_EQ(answer(text(300, 2), memory).reused, 0U);
    // Of a text that is too long its beginning stays.
    answer(text(1400, 4), memory);
    EXPECT_LE(bytes_of(folder_), most_);
    EXPECT_EQ(answer(text(1400, 4), memory).reused, 768U) << memory;
  }
  most_ = block - 1;
  folder_ = mote::testing::fresh_folder();
  answer(text(300));
  EXPECT_TRUE(blocks_of(folder_).empty());
}

// Without its beginning the rest of a text is of no use.
TEST_F(PrefixFiles, OfATextTheEndGoesFirst) {
  answer(text(300));
  most_ = 2 * bytes_of(folder_) + 4096;
  folder_ = mote::testing::fresh_folder();
  answer(text(600, 1));
  EXPECT_EQ(answer(text(600, 1)).reused, 512U);  // read from its beginning on
  answer(text(300, 2));
  EXPECT_EQ(answer(text(600, 1)).reused, 256U);
}

// A text that goes on behind what is kept, with room for no more, leaves that alone.
TEST_F(PrefixFiles, ATextThatGoesOnDoesNotDropItsBeginning) {
  answer(text(300));
  most_ = 3 * bytes_of(folder_) + 32768;
  for (const std::uint64_t memory : {std::uint64_t{0}, kPlenty}) {
    folder_ = mote::testing::fresh_folder();
    answer(text(600, 1), memory);
    EXPECT_EQ(answer(text(1400, 1), memory).reused, 512U);
    EXPECT_EQ(answer(text(1400, 1), memory).reused, 768U) << memory;
  }
}

TEST_F(PrefixFiles, WhatAnotherProcessHasWrittenIsNotWrittenAgain) {
  const auto one = *PrefixCache::open(kPlenty, folder_, kPlenty);
  const auto other = *PrefixCache::open(kPlenty, folder_, kPlenty);
  const auto model = *LoadedModel::load(*runtime_, model_);
  for (const auto& cache : {one, other}) {
    const auto session = Session::create(*runtime_, model, {.context = 512, .prefix_cache = cache});
    ASSERT_TRUE((*session)->feed(text(300), LogitsWanted::last));
  }
  one->flush();
  other->flush();
  EXPECT_EQ(one->statistics().saved, 1U);
  EXPECT_EQ(other->statistics().saved, 0U);
}

TEST_F(PrefixFiles, BlocksOfAModelThatIsGoneStay) {
  const auto cache = *PrefixCache::open(kPlenty, folder_, kPlenty);
  for (std::size_t kind = 1; kind <= 2; ++kind) {
    const auto model = *LoadedModel::load(*runtime_, model_);
    const auto session = Session::create(*runtime_, model, {.context = 512, .prefix_cache = cache});
    ASSERT_TRUE((*session)->feed(text(300, kind), LogitsWanted::last));
  }
  EXPECT_EQ(cache->statistics().blocks, 1U);
  EXPECT_EQ(cache->statistics().saved, 1U);
  EXPECT_EQ(answer(text(300, 1)).reused, 256U);
}

// Memory is for one block: the others go to files while the session lives.
TEST_F(PrefixFiles, WhatLeavesMemoryGoesToFiles) {
  answer(text(300));
  const std::uint64_t block = bytes_of(folder_);
  folder_ = mote::testing::fresh_folder();
  const auto cache = *PrefixCache::open(block, folder_, kPlenty);
  const auto model = *LoadedModel::load(*runtime_, model_);
  for (std::size_t kind = 1; kind <= 3; ++kind) {
    const auto session = Session::create(*runtime_, model, {.context = 512, .prefix_cache = cache});
    ASSERT_TRUE((*session)->feed(text(300, kind), LogitsWanted::last));
  }
  EXPECT_EQ(cache->statistics().blocks, 1U);
  EXPECT_EQ(cache->statistics().saved, 2U);
  EXPECT_EQ(blocks_of(folder_).size(), 2U);
  const auto session = Session::create(*runtime_, model, {.context = 512, .prefix_cache = cache});
  EXPECT_EQ((*session)->reuse_prefix(text(300, 1)).value_or(0), 256U);
}

TEST_F(PrefixFiles, ForgetsTenantsInTheFolderToo) {
  answer(text(300), kPlenty, "a");
  answer(text(300), kPlenty, "b");
  mote::testing::save(folder_ / "notes.txt", "of somebody else");
  mote::testing::save(blocks_of(folder_).back().string() + ".tmp-1-0", "tokens");
  mote::testing::save(blocks_of(folder_).front().string() + ".tmp-1-0", "tokens");
  mote::testing::save(folder_ / "0123456789abcdef.kv", "of another program");
  const auto cache = *PrefixCache::open(kPlenty, folder_, kPlenty);
  cache->forget("a");
  EXPECT_EQ(answer(text(300), kPlenty, "b").reused, 256U);
  EXPECT_EQ(answer(text(300), kPlenty, "a").reused, 0U);
  cache->clear();
  EXPECT_EQ(blocks_of(folder_).size(), 1U);
  EXPECT_TRUE(fs::exists(folder_ / "notes.txt"));
  for (const auto& entry : fs::directory_iterator(folder_)) {
    EXPECT_EQ(entry.path().string().find(".tmp-"), std::string::npos) << entry.path();
  }
}

TEST_F(PrefixFiles, AFolderOfItsOwnIsClosedToOthers) {
  answer(text(300));
  constexpr fs::perms kOthers = fs::perms::group_all | fs::perms::others_all;
  EXPECT_EQ(fs::status(folder_).permissions() & kOthers, fs::perms::none);
  folder_ = mote::testing::fresh_folder() / "name/";
  answer(text(300));
  EXPECT_EQ(fs::status(folder_).permissions() & kOthers, fs::perms::none);
  folder_ = mote::testing::fresh_folder();  // one that was there and is open
  answer(text(300));
  EXPECT_EQ(fs::status(blocks_of(folder_).at(0)).permissions() & kOthers, fs::perms::none);
}

TEST_F(PrefixFiles, AFolderThatOthersMayWriteToIsRefused) {
  folder_ = mote::testing::fresh_folder();
  for (const fs::perms more : {fs::perms::group_write, fs::perms::others_write}) {
    fs::permissions(folder_, fs::perms::owner_all | more);
    const auto cache = PrefixCache::open(kPlenty, folder_, kPlenty);
    ASSERT_FALSE(cache);
    EXPECT_EQ(cache.error().code.name, "OUTPUT_CREATE");
  }
}

// The beginning that is used all day is the newest file in the evening.
TEST_F(PrefixFiles, WhatMemoryGaveCountsAsUsed) {
  answer(text(300));
  const std::uint64_t two = 2 * bytes_of(folder_) + 8192;
  folder_ = mote::testing::fresh_folder();
  answer(text(300, 1));
  {
    const auto cache = *PrefixCache::open(kPlenty, folder_, two);
    const auto model = *LoadedModel::load(*runtime_, model_);
    for (const std::size_t kind : {1, 2, 3, 1}) {
      const auto session = Session::create(*runtime_, model, {.context = 512, .prefix_cache = cache});
      const std::vector<TokenId> tokens = text(300, kind);
      const std::size_t reused = (*session)->reuse_prefix(tokens).value_or(0);
      ASSERT_TRUE((*session)->feed(std::span(tokens).subspan(reused), LogitsWanted::last));
    }
  }
  EXPECT_EQ(answer(text(300, 1)).reused, 256U);
}

// The same weights, of a model that turns its heads another way.
TEST_F(PrefixFiles, KnowAFolderByItsConfigToo) {
  const fs::path folder = mote::testing::fresh_folder();
  model_ = mote::testing::source_path("models/agent");
  for (const auto& entry : fs::directory_iterator(model_)) {
    if (entry.is_regular_file()) fs::copy_file(entry.path(), folder / entry.path().filename());
  }
  answer(text(300));
  std::this_thread::sleep_for(kStampSettles);
  model_ = folder;
  EXPECT_EQ(answer(text(300)).reused, 256U);
  std::string config = mote::testing::content_of(folder / "config.json");
  const std::size_t theta = config.find("500000");
  ASSERT_NE(theta, std::string::npos);
  mote::testing::save(folder / "config.json", config.replace(theta, 6, "400000"));
  EXPECT_EQ(answer(text(300)).reused, 0U);
}

TEST_F(PrefixFiles, RemovesWhatAKilledProcessWasWriting) {
  answer(text(300));
  const fs::path block = blocks_of(folder_).at(0);
  const fs::path old = block.string() + ".tmp-1-0";
  const fs::path young = block.string() + ".tmp-2-0";
  mote::testing::save(old, "x");
  mote::testing::save(young, "x");
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(2));
  answer(text(300, 1));
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(young));
}

TEST_F(PrefixFiles, APlaceThatIsNoFolderIsRefused) {
  const fs::path file = mote::testing::fresh_folder() / "file";
  mote::testing::save(file, "x");
  for (const fs::path& place : {file, file / "below"}) {
    const auto cache = PrefixCache::open(kPlenty, place, kPlenty);
    ASSERT_FALSE(cache);
    EXPECT_EQ(cache.error().code.name, "OUTPUT_CREATE");
  }
}

}  // namespace
}  // namespace mote::engine
