// Loads with a cache of packed weights. The oracle is always the load without one: its logits, bit for bit.
#include "engine/packed_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "engine/loaded_model.h"
#include "engine/memory_plan.h"
#include "engine/session.h"
#include "engine/tiny_gguf.h"
#include "engine/weights.h"
#include "formats/gguf_test_file.h"
#include "testing/environment.h"

namespace mote::engine {
namespace {

using formats::testing::flip_bit;
using formats::testing::save;
using ::testing::AllOf;
using ::testing::HasSubstr;

class Caches : public ::testing::Test {
 protected:
  struct Loaded {
    bool from_cache = false;
    std::vector<float> logits;
    std::string log;
    std::string error;  // of the load
  };

  static std::vector<float> logits_of(Runtime& runtime, const std::shared_ptr<const LoadedModel>& model) {
    auto session = Session::create(runtime, model, {.context = 16});
    EXPECT_TRUE(session) << format_error(session.error());
    const std::vector<TokenId> tokens{3, 1, 4, 1, 5, 9, 2, 6};
    const auto rows = (*session)->feed(tokens, LogitsWanted::all);
    EXPECT_TRUE(rows);
    return {rows->begin(), rows->end()};
  }

  Loaded load(bool with_cache, Activations activations = Activations::automatic) {
    Loaded out;
    RuntimeOptions options;
    options.threads = 2;
    options.memory_limit_bytes = memory_limit_;
    options.log = [&](std::string_view line) { out.log += std::string(line) + "\n"; };
    const auto runtime = std::move(*Runtime::create(std::move(options)));
    const auto model = LoadedModel::load(*runtime, model_,
                                         {.activations = activations,
                                          .tokenizer = {},
                                          .need_tokenizer = false,
                                          .change_model = {},
                                          .packed_cache = with_cache,
                                          .planned_session = {}});
    if (!model) {
      out.error = format_error(model.error());
      return out;
    }
    out.from_cache = (*model)->weights().cache.is_open();
    const SessionOptions session{.context = 16};
    const auto plan = plan_memory(**model, session);
    const auto unmapped = plan_memory((*model)->model(), activations, session);
    EXPECT_EQ(plan->packed_weights, out.from_cache ? 0 : unmapped->packed_weights);
    EXPECT_EQ(plan->total(), unmapped->total());
    if (memory_limit_ == 0) out.logits = logits_of(*runtime, *model);
    return out;
  }

  // A load with the cache is as one without, and leaves a cache that the next one uses.
  void is_packed_anew(std::string_view why) {
    const Loaded plain = load(false);
    const Loaded first = load(true);
    EXPECT_EQ(first.error, "");
    EXPECT_FALSE(first.from_cache) << why;
    EXPECT_THAT(first.log, HasSubstr(std::string(why)));
    EXPECT_THAT(first.log, HasSubstr("are kept in"));
    EXPECT_EQ(first.logits, plain.logits);
    is_mapped(plain.logits);
  }
  void is_mapped(const std::vector<float>& logits) {
    const Loaded second = load(true);
    EXPECT_TRUE(second.from_cache) << second.log;
    EXPECT_EQ(second.log, "");
    EXPECT_EQ(second.logits, logits);
  }

  std::filesystem::path folder_ = mote::testing::fresh_folder();
  std::filesystem::path model_ = folder_ / "m.gguf";
  std::filesystem::path cache_ = folder_ / "m.gguf.mote-cache";
  std::uint64_t memory_limit_ = 0;
};

TEST_F(Caches, GiveTheLogitsOfPackingForEveryFormat) {
  for (const codec::Codec& codec : codec::all_codecs()) {
    if (codec.integer_form == nullptr || codec.encode_rtn == nullptr || !codec.has_gguf_type()) continue;
    SCOPED_TRACE(codec.name);
    testing::write_tiny_gguf(model_, {.codec = codec.id, .width = 256});
    std::filesystem::remove(cache_);
    is_packed_anew("");
  }
}

TEST_F(Caches, GiveTheLogitsOfPackingForFusedMatricesAndExperts) {
  for (const std::string_view architecture : {"phi3", "granitemoe", "qwen3moe", "gemma2"}) {
    SCOPED_TRACE(architecture);
    testing::write_tiny_gguf(model_,
                             {.architecture = architecture, .experts = architecture.ends_with("moe")});
    std::filesystem::remove(cache_);
    is_packed_anew("");
  }
}

TEST_F(Caches, OfAnotherModelUnderTheSameNameAreMadeAnew) {
  testing::write_tiny_gguf(model_, {.seed = 1});
  is_packed_anew("");
  const auto time = std::filesystem::last_write_time(model_);
  const auto bytes = std::filesystem::file_size(model_);
  testing::write_tiny_gguf(model_, {.seed = 2});  // as many bytes of the same matrices
  ASSERT_EQ(std::filesystem::file_size(model_), bytes);
  std::filesystem::last_write_time(model_, time);
  is_packed_anew("was made of another model");
  testing::write_tiny_gguf(model_, {.codec = CodecId::q8_0});
  is_packed_anew("holds other matrices");
  flip_bit(model_, 8 * (std::filesystem::file_size(model_) - 40));  // in place
  is_packed_anew("was made of another model");
}

TEST_F(Caches, ThatAreDamagedAreMadeAnew) {
  testing::write_tiny_gguf(model_);
  const std::vector<float> logits = load(false).logits;
  load(true);
  const std::size_t bytes = std::filesystem::file_size(cache_);
  std::size_t mapped = 0;
  // Every field of the header, then here and there.
  for (std::size_t at = 0; at < bytes; at += at < 128 ? 8 : 997) {
    flip_bit(cache_, 8 * at + at % 8);
    const Loaded found = load(true);
    ASSERT_EQ(found.error, "");
    ASSERT_EQ(found.logits, logits) << at;
    if (found.from_cache) {
      ++mapped;
    } else {
      ASSERT_THAT(found.log, HasSubstr("CACHE_UNUSABLE")) << at;
    }
  }
  EXPECT_LE(mapped, 2U);  // the stamp: the digest of the model says that it is the right one
  for (std::size_t length = 0; length < bytes; length += length < 128 ? 16 : 1511) {
    std::filesystem::resize_file(cache_, length);
    const Loaded found = load(true);
    ASSERT_FALSE(found.from_cache) << length;
    ASSERT_EQ(found.logits, logits) << length;
    ASSERT_EQ(std::filesystem::file_size(cache_), bytes);
  }
  is_mapped(logits);
}

TEST_F(Caches, KnowACopyByItsDigestAndThenByItsStamp) {
  testing::write_tiny_gguf(model_);
  const std::vector<float> logits = load(false).logits;
  load(true);
  const auto elsewhere = folder_ / "copy";
  std::filesystem::create_directory(elsewhere);
  std::filesystem::copy(model_, elsewhere / "m.gguf");
  std::filesystem::copy(cache_, elsewhere / "m.gguf.mote-cache");
  model_ = elsewhere / "m.gguf";
  cache_ = elsewhere / "m.gguf.mote-cache";
  is_mapped(logits);
  const auto stamp_in_cache = [&] {
    const auto model = model::open_model(model_);
    return PackedCacheFile::open(cache_, PackedLayout(*model, false))->model_stamp();
  };
  EXPECT_EQ(stamp_in_cache(), std::nullopt);  // files as young as these have none
  std::this_thread::sleep_for(kStampSettles + std::chrono::milliseconds(200));
  is_mapped(logits);
  EXPECT_NE(stamp_in_cache(), std::nullopt);
  is_mapped(logits);
  // By the stamp alone: a cache with a wrong digest beside it is taken.
  {
    const auto model = model::open_model(model_);
    const PackedLayout layout(*model, false);
    const auto file = PackedCacheFile::open(cache_, layout);
    ASSERT_TRUE(file);
    const std::vector<std::byte> tiles(file->tiles().begin(), file->tiles().end());
    sys::ThreadPool pool(1);
    ASSERT_TRUE(
        write_packed_cache(cache_, layout, tiles, file->model_digest() + 1, file->model_stamp(), pool));
    is_mapped(logits);
    ASSERT_TRUE(
        write_packed_cache(cache_, layout, tiles, file->model_digest() + 1, *file->model_stamp() + 1, pool));
  }
  is_packed_anew("was made of another model");
}

TEST_F(Caches, AreNotWrittenOfWeightsThatAreNoNumbers) {
  testing::write_tiny_gguf(model_, {.nan_in = "blk.1.ffn_down.weight"});
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(load(true).error, AllOf(HasSubstr("MODEL_NONFINITE"), HasSubstr("blk.1.ffn_down.weight")));
    EXPECT_FALSE(std::filesystem::exists(cache_));
  }
  // Nor does an older cache hide them.
  testing::write_tiny_gguf(model_);
  load(true);
  testing::write_tiny_gguf(model_, {.nan_in = "blk.1.ffn_down.weight"});
  EXPECT_THAT(load(true).error, HasSubstr("MODEL_NONFINITE"));
}

TEST_F(Caches, ThatCannotBeWrittenAreALineOfTheLog) {
  testing::write_tiny_gguf(model_);
  std::filesystem::create_directory(cache_.string() + ".part");
  const Loaded first = load(true);
  EXPECT_FALSE(first.from_cache);
  EXPECT_THAT(first.log, AllOf(HasSubstr("are not kept"), HasSubstr("OUTPUT_CREATE")));
  EXPECT_EQ(first.logits, load(false).logits);
  EXPECT_FALSE(std::filesystem::exists(cache_));
}

TEST_F(Caches, AreNothingForWeightsThatRunAsTheyLie) {
  testing::write_tiny_gguf(model_, {.codec = CodecId::f16});
  EXPECT_THAT(load(true).log, HasSubstr("nothing to cache"));
  testing::write_tiny_gguf(model_);
  const Loaded exact = load(true, Activations::f32);
  EXPECT_THAT(exact.log, HasSubstr("nothing to cache"));
  EXPECT_EQ(exact.logits, load(false, Activations::f32).logits);
  EXPECT_FALSE(std::filesystem::exists(cache_));
  EXPECT_EQ(load(false).log, "");
}

// Mapped pages are the system's to drop, packed ones are not.
TEST_F(Caches, TakeNoMemory) {
  testing::write_tiny_gguf(model_, {.codec = CodecId::q8_0, .width = 256});
  load(true);
  memory_limit_ = PackedLayout(*model::open_model(model_), false).bytes() - 1;
  EXPECT_THAT(load(false).error, HasSubstr("MODEL_MEMORY"));
  EXPECT_TRUE(load(true).from_cache);
  flip_bit(cache_, 8 * 20'000);
  const Loaded damaged = load(true);
  EXPECT_THAT(damaged.error, HasSubstr("MODEL_MEMORY"));
  EXPECT_THAT(damaged.log, HasSubstr("damaged"));
}

TEST_F(Caches, AreForManyAtOnce) {
  testing::write_tiny_gguf(model_, {.width = 64});
  const std::vector<float> logits = load(false).logits;
  for (int round = 0; round < 3; ++round) {
    std::vector<Loaded> all(4);
    std::vector<std::thread> threads;
    threads.reserve(all.size());
    for (Loaded& one : all) {
      threads.emplace_back([&] {
        for (int i = 0; i < 8; ++i) {
          one = load(true);
          if (one.logits != logits) return;
        }
      });
    }
    // Now and then the cache is gone or damaged meanwhile.
    for (int i = 0; i < 6; ++i) {
      std::error_code ignored;
      std::filesystem::remove(cache_, ignored);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    for (std::thread& thread : threads) thread.join();
    for (const Loaded& one : all) {
      EXPECT_EQ(one.logits, logits) << one.log << one.error;
    }
  }
}

}  // namespace
}  // namespace mote::engine
