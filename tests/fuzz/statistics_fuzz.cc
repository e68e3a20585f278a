// Statistics of a model's inputs: any bytes as a file, GGUF or the older form. Whatever is accepted has sums
// for its counts and tokens for its windows, adds up, and gives importances that weigh something.
#include <cmath>

#include "calibrate/statistics.h"
#include "calibrate/statistics_file.h"
#include "fuzz/target.h"

namespace {

using mote::calibrate::InputSums;
using mote::calibrate::Statistics;

bool are_sums(const InputSums& of) {
  for (const double x : of.squares) {
    if (!std::isfinite(x) || x < 0) return false;  // check_statistics() refuses these
  }
  return true;
}

void check_inputs(const Statistics& statistics) {
  for (const auto& [name, of] : statistics.inputs) {
    MOTE_FUZZ_CHECK(!of.counts.empty() && !of.squares.empty());
    MOTE_FUZZ_CHECK(of.squares.size() % of.counts.size() == 0);
    MOTE_FUZZ_CHECK(of.sums.empty() || of.sums.size() == of.squares.size());
    if (!are_sums(of)) continue;
    const std::size_t cols = of.squares.size() / of.counts.size();
    const auto importance = mote::calibrate::importance_of(statistics, name, cols);
    MOTE_FUZZ_CHECK(importance.size() == of.squares.size());
    for (const float x : importance) MOTE_FUZZ_CHECK(std::isfinite(x) && x > 0);
  }
}

void check_moments(const Statistics& statistics) {
  if (statistics.moments == nullptr) return;
  const auto entries = statistics.moments->entries();
  MOTE_FUZZ_CHECK(!entries.empty());
  for (std::size_t e = 0; e < entries.size(); ++e) {
    for (std::size_t m = 0; m < entries[e].matrices(); ++m) {
      const auto packed = statistics.moments->read(e, m);
      MOTE_FUZZ_CHECK(packed && packed->size() == mote::calibrate::packed_size(entries[e].cols));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto path = mote::fuzz::memory_file(mote::fuzz::as_text(data, size));
  const auto read = mote::calibrate::read_statistics(path);
  if (!read) {
    MOTE_FUZZ_CHECK(!read.error().message.empty());
    return 0;
  }
  MOTE_FUZZ_CHECK(!read->inputs.empty());
  MOTE_FUZZ_CHECK(read->tokens.empty() || (read->window > 0 && read->tokens.size() % read->window == 0));
  for (const mote::TokenId id : read->tokens) MOTE_FUZZ_CHECK(id >= 0);
  check_inputs(*read);
  check_moments(*read);
  Statistics twice;
  MOTE_FUZZ_CHECK(mote::calibrate::merge(twice, *read) && mote::calibrate::merge(twice, *read));
  MOTE_FUZZ_CHECK(twice.inputs.size() == read->inputs.size());
  MOTE_FUZZ_CHECK(twice.tokens.size() == 2 * read->tokens.size());
  MOTE_FUZZ_CHECK((twice.moments == nullptr) == (read->moments == nullptr));
  check_moments(twice);
  return 0;
}
