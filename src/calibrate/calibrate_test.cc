// The whole job on a small model with a tokenizer: texts in, a file out.
#include "mote/calibrate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <set>
#include <string>
#include <vector>
#include "engine/test_runtime.h"

#include "calibrate/observer.h"
#include "calibrate/statistics_file.h"
#include "engine/tiny_gguf.h"
#include "formats/gguf_test_file.h"
#include "testing/environment.h"

namespace mote::calibrate {
namespace {

using engine::testing::runtime_of;

namespace fs = std::filesystem;
using formats::testing::save;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::size_t kWindow = 40;

fs::path stories() { return testing::source_path("models/babyllama-tok105/model5000.bin"); }

std::string many(const std::string& text) {
  std::string out;
  for (int i = 0; i < 6; ++i) out += text;
  return out;
}

class Calibrate : public ::testing::Test {
 protected:
  CalibrateOptions options(const std::string& out, std::vector<fs::path> files) {
    CalibrateOptions o;
    o.input = stories();
    o.output = folder_ / out;
    o.text.files = std::move(files);
    o.text.window = kWindow;
    return o;
  }
  // Of a good run.
  CalibrateReport report_of(const CalibrateOptions& o, unsigned threads = 2) {
    const auto report = calibrate(*runtime_of(threads), o);
    EXPECT_TRUE(report) << (report ? "" : format_error(report.error()));
    return report ? *report : CalibrateReport();
  }
  Statistics statistics_of(const CalibrateOptions& o) {
    report_of(o);
    auto read = read_statistics(o.output);
    EXPECT_TRUE(read) << (read ? "" : format_error(read.error()));
    return read ? std::move(*read) : Statistics();
  }
  void fails(const std::string& code, const CalibrateOptions& o, const std::string& says = "") {
    SCOPED_TRACE(code);
    const auto report = calibrate(*runtime_of(1), o);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code.name, code) << format_error(report.error());
    EXPECT_THAT(format_error(report.error()), HasSubstr(says));
    EXPECT_FALSE(fs::exists(o.output));
  }

  fs::path folder_ = testing::fresh_folder();
  fs::path dog_ =
      save(folder_ / "dog.txt", many("Once upon a time there was a little dog who ran to the sea. "));
  fs::path cat_ = save(folder_ / "cat.txt", many("The cat sat in the sun and looked at a big red boat. "));
};

TEST_F(Calibrate, WritesTheSumsOfAllWindowsAndWhatTheyAreOf) {
  const CalibrateOptions o = options("s.gguf", {dog_, cat_});
  std::vector<std::size_t> progress;
  CalibrateOptions watched = o;
  watched.progress = [&](const CalibrateProgress& p) { progress.push_back(p.done * 100 + p.total); };
  const CalibrateReport report = report_of(watched);
  const auto read = read_statistics(o.output);
  ASSERT_TRUE(read);
  ASSERT_GE(report.windows, 4U);
  EXPECT_EQ(report.tokens, report.windows * kWindow);
  EXPECT_EQ(report.tensors, read->inputs.size());
  EXPECT_EQ(report.bytes, fs::file_size(o.output));
  EXPECT_GT(report.seconds, 0.0);
  EXPECT_THAT(report.warnings, ::testing::IsEmpty());
  ASSERT_EQ(progress.size(), report.windows);
  for (std::size_t w = 0; w < progress.size(); ++w) EXPECT_EQ(progress[w], w * 100 + report.windows);
  EXPECT_EQ(read->window, kWindow);
  EXPECT_EQ(read->windows, report.windows);
  EXPECT_EQ(read->tokens.size(), report.tokens);
  EXPECT_THAT(read->datasets, ElementsAre("dog.txt", "cat.txt"));
  // The tokens in the file, once more.
  const auto runtime = runtime_of(1);
  engine::LoadOptions load;
  load.activations = engine::Activations::f32;
  const auto model = engine::LoadedModel::load(*runtime, stories(), load);
  ASSERT_TRUE(model);
  const auto observer = Observer::create(*runtime, **model, kWindow);
  ASSERT_TRUE(observer);
  for (std::size_t w = 0; w < read->windows; ++w) {
    (*observer)->add(std::span(read->tokens).subspan(w * kWindow, kWindow));
  }
  const auto expected = (*observer)->by_tensor();
  ASSERT_TRUE(expected);
  ASSERT_EQ(read->inputs.size(), expected->size());
  for (const auto& [name, sums] : *expected) {
    SCOPED_TRACE(name);
    const InputSums& found = read->inputs.at(name);
    EXPECT_THAT(found.counts, ElementsAre(report.tokens));
    ASSERT_EQ(found.squares.size(), sums.squares.size());
    ASSERT_EQ(found.sums.size(), sums.sums.size());
    for (std::size_t c = 0; c < sums.squares.size(); ++c) {
      EXPECT_EQ(static_cast<float>(found.squares[c]), static_cast<float>(sums.squares[c]));
      EXPECT_EQ(static_cast<float>(found.sums[c]), static_cast<float>(sums.sums[c]));
    }
  }
}

TEST_F(Calibrate, ThreadsAndInstructionSetsGiveTheSameBytes) {
  using kernels::Isa;
  std::string first;
  const auto check = [&](unsigned threads, std::optional<Isa> isa) {
    const auto runtime = runtime_of(threads, isa);
    if (runtime == nullptr) return;  // this processor lacks it
    const CalibrateOptions o = options("s.gguf", {dog_, cat_});
    ASSERT_TRUE(calibrate(*runtime, o));
    const std::string bytes = testing::content_of(o.output);
    if (first.empty()) first = bytes;
    EXPECT_TRUE(bytes == first) << to_string(runtime->isa()) << " " << threads;
  };
  check(1, Isa::reference);
  for (const unsigned threads : {1U, 3U}) check(threads, {});
  for (const Isa isa : {Isa::avx2, Isa::avxvnni, Isa::avx512, Isa::avx512vnni, Isa::amx, Isa::neon,
                        Isa::dotprod, Isa::i8mm}) {
    check(2, isa);
  }
}

std::multiset<std::vector<TokenId>> windows_in(const Statistics& s) {
  std::multiset<std::vector<TokenId>> out;
  for (std::size_t at = 0; at < s.tokens.size(); at += s.window) {
    const auto first = s.tokens.begin() + static_cast<std::ptrdiff_t>(at);
    out.insert({first, first + static_cast<std::ptrdiff_t>(s.window)});
  }
  return out;
}

// Sums are rounded to floats in files, and added in another order.
void are_close(const Statistics& a, const Statistics& b) {
  EXPECT_EQ(a.windows, b.windows);
  EXPECT_EQ(windows_in(a), windows_in(b));
  ASSERT_EQ(a.inputs.size(), b.inputs.size());
  for (const auto& [name, sums] : a.inputs) {
    const InputSums& other = b.inputs.at(name);
    EXPECT_EQ(sums.counts, other.counts);
    for (std::size_t c = 0; c < sums.squares.size(); ++c) {
      EXPECT_NEAR(sums.squares[c], other.squares[c], 3e-7 * sums.squares[c]) << name;
      const double size = std::sqrt(sums.squares[c] * static_cast<double>(sums.counts[0]));
      EXPECT_NEAR(sums.sums[c], other.sums[c], 3e-7 * size) << name;
    }
  }
}

// ---------------------------------------------------------------- second moments

TEST_F(Calibrate, SecondMomentsStandBesideTheSameSums) {
  const Statistics plain = statistics_of(options("plain.gguf", {dog_, cat_}));
  CalibrateOptions o = options("s.gguf", {dog_, cat_});
  o.second_moments = true;
  std::vector<std::string> counted;
  o.progress = [&](const CalibrateProgress& p) { counted.emplace_back(p.what); };
  const CalibrateReport report = report_of(o);
  EXPECT_EQ(counted, std::vector<std::string>(6 * report.windows, "step"));  // five blocks, and the head
  EXPECT_EQ(report.moments, 5U * 4U + 1U);
  const auto read = read_statistics(o.output);
  ASSERT_TRUE(read);
  EXPECT_EQ(plain.moments, nullptr);
  ASSERT_NE(read->moments, nullptr);
  ASSERT_EQ(read->moments->entries().size(), report.moments);
  EXPECT_EQ(read->tokens, plain.tokens);
  for (const auto& [name, sums] : plain.inputs) {
    EXPECT_EQ(read->inputs.at(name).squares, sums.squares) << name;
    EXPECT_EQ(read->inputs.at(name).sums, sums.sums) << name;
  }
  // The diagonal is the sum of squares.
  for (std::size_t e = 0; e < report.moments; ++e) {
    const MomentEntry& entry = read->moments->entries()[e];
    const auto packed = read->moments->read(e, 0);
    ASSERT_TRUE(packed);
    const std::vector<double>& squares = read->inputs.at(entry.tensor).squares;
    ASSERT_EQ(squares.size(), entry.cols);
    for (std::size_t i = 0; i < entry.cols; ++i) {
      EXPECT_NEAR((*packed)[packed_size(i + 1) - 1], squares[i], 1e-5 * squares[i]) << entry.tensor;
    }
  }
  for (const auto& entry : fs::directory_iterator(folder_)) {
    EXPECT_EQ(entry.path().string().find("spill"), std::string::npos) << entry.path();
  }
}

TEST_F(Calibrate, SecondMomentsAddUp) {
  const auto with = [&](const std::string& out, std::vector<fs::path> files) {
    CalibrateOptions o = options(out, std::move(files));
    o.second_moments = true;
    return o;
  };
  const Statistics both = statistics_of(with("both.gguf", {dog_, cat_}));
  report_of(with("dog.gguf", {dog_}));
  CalibrateOptions added = with("added.gguf", {cat_});
  added.merge = {folder_ / "dog.gguf"};
  const Statistics sum = statistics_of(added);
  ASSERT_NE(sum.moments, nullptr);
  ASSERT_EQ(sum.moments->entries().size(), both.moments->entries().size());
  for (std::size_t e = 0; e < sum.moments->entries().size(); ++e) {
    EXPECT_EQ(sum.moments->entries()[e], both.moments->entries()[e]);
    const std::vector<float> a = *sum.moments->read(e, 0);
    const std::vector<float> b = *both.moments->read(e, 0);
    const float largest = *std::ranges::max_element(b);
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-6 * largest);
  }
}

// None is better than those of a part of the tokens, and said.
TEST_F(Calibrate, SecondMomentsOfAPartAreLeftOut) {
  CalibrateOptions with = options("with.gguf", {dog_});
  with.second_moments = true;
  report_of(with);
  report_of(options("without.gguf", {dog_}));
  CalibrateOptions mixed = options("mixed.gguf", {cat_});
  mixed.merge = {folder_ / "with.gguf"};
  const CalibrateReport report = report_of(mixed);
  EXPECT_EQ(report.moments, 0U);
  EXPECT_THAT(report.warnings, ElementsAre(HasSubstr("second moments are left out")));
  EXPECT_EQ(statistics_of(mixed).moments, nullptr);
  // Where they are asked for it is an error, before anything runs.
  CalibrateOptions asked = options("asked.gguf", {cat_});
  asked.second_moments = true;
  asked.merge = {folder_ / "without.gguf"};
  asked.progress = [](const CalibrateProgress&) { FAIL(); };
  fails("CALIBRATION_FORM", asked, "without.gguf");
  asked.merge = {folder_ / "with.gguf", folder_ / "without.gguf"};
  fails("CALIBRATION_FORM", asked);
}

TEST_F(Calibrate, ThreadsGiveTheSameSecondMoments) {
  std::string first;
  for (const unsigned threads : {1U, 3U}) {
    CalibrateOptions o = options("s.gguf", {dog_, cat_});
    o.second_moments = true;
    report_of(o, threads);
    const std::string bytes = testing::content_of(o.output);
    if (first.empty()) first = bytes;
    EXPECT_TRUE(bytes == first);
  }
}

TEST_F(Calibrate, TheOlderFormHasNoPlaceForSecondMoments) {
  CalibrateOptions o = options("s.dat", {dog_});
  o.second_moments = true;
  fails("CALIBRATION_FORM", o, "s.dat");
}

TEST_F(Calibrate, MemoryIsPlannedAndHeldToALimit) {
  CalibrateOptions o = options("s.gguf", {dog_});
  std::uint64_t told = 0;
  o.on_memory = [&](std::uint64_t bytes) { told = bytes; };
  const CalibrateReport plain = report_of(o, 1);
  EXPECT_EQ(plain.planned_memory, told);
  EXPECT_GT(told, 0U);
  o.second_moments = true;
  const CalibrateReport full = report_of(o, 1);
  // Rows of 128 and 352: the moments of the block, and the hidden states.
  EXPECT_GT(full.planned_memory, plain.planned_memory + 8U * (3 * 128 * 128 + 352 * 352));
  o.max_memory = full.planned_memory;
  report_of(o, 1);
  fs::remove(o.output);
  o.max_memory = full.planned_memory - 1;
  fails("CALIBRATION_MEMORY", o, "(--chunks)");
  o.max_memory = 1;
  fails("CALIBRATION_MEMORY", o, "leave out --hessian");
  o.second_moments = false;
  fails("CALIBRATION_MEMORY", o, "shorter windows");
  for (const auto& entry : fs::directory_iterator(folder_)) {
    EXPECT_EQ(entry.path().string().find("spill"), std::string::npos) << entry.path();
  }
}

TEST_F(Calibrate, StopsBetweenWindowsOfABlockAndLeavesNothing) {
  CancelToken cancel;
  CalibrateOptions o = options("s.gguf", {dog_});
  o.second_moments = true;
  o.cancel = &cancel;
  o.progress = [&](const CalibrateProgress& p) {
    if (p.done == 2) cancel.request();
  };
  fails("CANCELLED", o, "after 3 of ");
  for (const auto& entry : fs::directory_iterator(folder_)) {
    EXPECT_EQ(entry.path().string().find("spill"), std::string::npos) << entry.path();
  }
}

TEST_F(Calibrate, TextsOneByOneAddUpToAllAtOnce) {
  const Statistics both = statistics_of(options("both.gguf", {dog_, cat_}));
  const Statistics dog = statistics_of(options("dog.gguf", {dog_}));
  const Statistics cat = statistics_of(options("cat.gguf", {cat_}));
  EXPECT_EQ(dog.windows + cat.windows, both.windows);
  // Nothing but files.
  CalibrateOptions merged = options("merged.gguf", {});
  merged.merge = {folder_ / "dog.gguf", folder_ / "cat.gguf"};
  const CalibrateReport report = report_of(merged);
  EXPECT_EQ(report.windows, 0U);
  EXPECT_EQ(report.tokens, both.tokens.size());
  are_close(statistics_of(merged), both);
  // A file and a text.
  CalibrateOptions added = options("added.gguf", {cat_});
  added.merge = {folder_ / "dog.gguf"};
  EXPECT_EQ(report_of(added).tokens, both.tokens.size());
  are_close(statistics_of(added), both);
  EXPECT_THAT(statistics_of(added).datasets, ElementsAre("dog.txt", "cat.txt"));
}

TEST_F(Calibrate, OtherWindowsAddUpWithoutTokens) {
  CalibrateOptions longer = options("longer.gguf", {dog_});
  longer.text.window = kWindow + 1;
  const Statistics first = statistics_of(longer);
  CalibrateOptions o = options("s.gguf", {cat_});
  o.merge = {longer.output};
  const Statistics sum = statistics_of(o);
  EXPECT_TRUE(sum.tokens.empty());
  EXPECT_EQ(sum.inputs.at("token_embd.weight").counts[0] % kWindow,
            first.inputs.at("token_embd.weight").counts[0] % kWindow);
}

TEST_F(Calibrate, TheOlderFormHasTheSameMeans) {
  const Statistics gguf = statistics_of(options("s.gguf", {dog_}));
  const Statistics dat = statistics_of(options("s.dat", {dog_}));
  ASSERT_EQ(gguf.inputs.size(), dat.inputs.size());
  for (const auto& [name, sums] : gguf.inputs) {
    const InputSums& other = dat.inputs.at(name);
    for (std::size_t c = 0; c < sums.squares.size(); ++c) {
      const double mean = sums.squares[c] / static_cast<double>(sums.counts[0]);
      EXPECT_NEAR(other.squares[c] / static_cast<double>(other.counts[0]), mean, 1e-6 * mean) << name;
    }
  }
}

TEST_F(Calibrate, FewTokensAreWarnedOf) {
  CalibrateOptions o = options("s.gguf", {dog_});
  o.text.max_windows = 1;
  ASSERT_LT(kWindow, kLeastTokens);
  const CalibrateReport report = report_of(o);
  ASSERT_EQ(report.warnings.size(), 1U);
  EXPECT_THAT(report.warnings[0], HasSubstr("saw 40"));
  o.text.max_windows = 2;
  EXPECT_TRUE(report_of(o).warnings.empty());
}

TEST_F(Calibrate, StopsBetweenWindowsAndWritesNothing) {
  CancelToken cancel;
  CalibrateOptions o = options("s.gguf", {dog_});
  o.cancel = &cancel;
  o.progress = [&](const CalibrateProgress& p) {
    if (p.done == 1) cancel.request();
  };
  fails("CANCELLED", o, "after 2 of");
  // Behind the last window too.
  cancel.reset();
  o.progress = [&](const CalibrateProgress& p) {
    if (p.done + 1 == p.total) cancel.request();
  };
  fails("CANCELLED", o);
}

TEST_F(Calibrate, SaysWhatIsMissing) {
  fails("CALIBRATION_EMPTY", options("s.gguf", {}));
  fails("INPUT_MISSING", options("s.gguf", {folder_ / "nowhere.txt"}), "nowhere.txt");
  fails("CALIBRATION_SHORT", options("s.gguf", {save(folder_ / "short.txt", "a dog")}));
  CalibrateOptions windows = options("s.gguf", {dog_});
  windows.text.window = 0;
  fails("CALIBRATION_WINDOW", windows);
  windows = options("s.gguf", {dog_});
  windows.text.max_windows = 0;
  fails("CALIBRATION_WINDOW", windows);
  CalibrateOptions input = options("s.gguf", {dog_});
  input.input = folder_ / "nowhere.gguf";
  fails("INPUT_MISSING", input, "nowhere.gguf");
  input.input = engine::testing::write_tiny_gguf(folder_ / "tiny.gguf");
  fails("TOK_MISSING", input, "tiny.gguf");
  fails("OUTPUT_CREATE", options("no/such/folder/s.gguf", {dog_}));
}

TEST_F(Calibrate, RefusesToAddWhatIsNotOfTheModel) {
  CalibrateOptions o = options("s.gguf", {dog_});
  const auto adding = [&](const std::string& name) {
    o.merge = {folder_ / name};
    return o;
  };
  fails("INPUT_MISSING", adding("nowhere.gguf"), "nowhere.gguf");
  save(folder_ / "text.gguf", "no statistics");
  fails("STATISTICS_FILE", adding("text.gguf"), "text.gguf");
  Statistics other;
  other.inputs["blk.0.attn_q.weight"] = {{1000}, {1, 2, 3}, {}};
  ASSERT_TRUE(write_statistics(other, folder_ / "other.gguf"));
  fails("STATISTICS_MODEL", adding("other.gguf"), "other.gguf");
  fails("STATISTICS_MODEL", adding("other.gguf"), "'blk.0.attn_q.weight'");
}

TEST_F(Calibrate, AddingFilesNeedsNoTokenizer) {
  CalibrateOptions o = options("s.gguf", {});
  o.input = engine::testing::write_tiny_gguf(folder_ / "tiny.gguf");
  Statistics s;
  s.inputs["blk.0.ffn_up.weight"] = {{100}, std::vector<double>(32, 1.0), {}};
  ASSERT_TRUE(write_statistics(s, folder_ / "a.gguf"));
  o.merge = {folder_ / "a.gguf", folder_ / "a.gguf"};
  EXPECT_EQ(report_of(o).tokens, 200U);
}

TEST_F(Calibrate, FewTokensInAFileAreNoObstacleToAddingMore) {
  CalibrateOptions one = options("one.gguf", {dog_});
  one.text.max_windows = 1;
  report_of(one);
  CalibrateOptions more = options("more.gguf", {cat_});
  more.merge = {one.output};
  EXPECT_GT(report_of(more).tokens, kLeastTokens);
}

}  // namespace
}  // namespace mote::calibrate
