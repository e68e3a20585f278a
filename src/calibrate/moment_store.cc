#include "calibrate/moment_store.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "calibrate/readers.h"
#include "calibrate/statistics_file.h"
#include "model/tensor_names.h"

namespace mote::calibrate {
namespace {

using engine::BlockInput;

std::optional<std::size_t> place_of(const MomentStore& store, const MomentEntry& entry) {
  const std::span<const MomentEntry> entries = store.entries();
  const auto found = std::ranges::find_if(entries, [&](const MomentEntry& other) {
    return other.tensor == entry.tensor && other.cols == entry.cols && other.matrices() == entry.matrices();
  });
  if (found == entries.end()) return std::nullopt;
  return static_cast<std::size_t>(found - entries.begin());
}

class Sum : public MomentStore {
 public:
  // places: of a's entries in b.
  Sum(std::shared_ptr<const MomentStore> a, std::shared_ptr<const MomentStore> b,
      std::vector<std::size_t> places)
      : a_(std::move(a)), b_(std::move(b)), places_(std::move(places)) {
    entries_.assign(a_->entries().begin(), a_->entries().end());
    for (std::size_t e = 0; e < entries_.size(); ++e) {
      const std::vector<std::uint64_t>& more = b_->entries()[places_[e]].counts;
      for (std::size_t m = 0; m < more.size(); ++m) entries_[e].counts[m] += more[m];
    }
  }

  [[nodiscard]] std::span<const MomentEntry> entries() const override { return entries_; }
  [[nodiscard]] Result<std::vector<float>> read(std::size_t entry, std::size_t matrix) const override {
    MOTE_ASSIGN(std::vector<float> out, a_->read(entry, matrix));
    MOTE_ASSIGN(const std::vector<float> more, b_->read(places_[entry], matrix));
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += more[i];
    return out;
  }

 private:
  std::shared_ptr<const MomentStore> a_;
  std::shared_ptr<const MomentStore> b_;
  std::vector<std::size_t> places_;
  std::vector<MomentEntry> entries_;
};

std::uint64_t key_of(std::size_t entry, std::size_t matrix) {
  return static_cast<std::uint64_t>(entry) << 32 | static_cast<std::uint32_t>(matrix);
}

}  // namespace

std::size_t packed_size(std::size_t cols) { return cols * (cols + 1) / 2; }

std::optional<std::size_t> find_moments(const MomentStore& store, const formats::TensorSource& model,
                                        std::size_t tensor) {
  const auto entry_of = [&](std::size_t index) -> std::optional<std::size_t> {
    const std::span<const MomentEntry> entries = store.entries();
    const auto found = std::ranges::find(entries, model.tensors()[index].name, &MomentEntry::tensor);
    if (found == entries.end()) return std::nullopt;
    return static_cast<std::size_t>(found - entries.begin());
  };
  if (const auto own = entry_of(tensor)) return own;
  const auto readers = fellow_readers(model, tensor);
  return readers ? entry_of(readers->front()) : std::nullopt;
}

std::shared_ptr<const MomentStore> added(std::shared_ptr<const MomentStore> a,
                                         std::shared_ptr<const MomentStore> b) {
  if (a == nullptr || b == nullptr) return nullptr;
  if (a->entries().size() != b->entries().size()) return nullptr;
  std::vector<std::size_t> places;
  for (const MomentEntry& entry : a->entries()) {
    const auto place = place_of(*b, entry);
    if (!place) return nullptr;
    places.push_back(*place);
  }
  return std::make_shared<Sum>(std::move(a), std::move(b), std::move(places));
}

Checked all_moments_bytes(const formats::TensorSource& model, std::uint32_t blocks, std::string_view head) {
  Checked out = 0;
  const auto add = [&](std::size_t tensor) {
    const Shape& of = model.tensors()[tensor].shape;
    const std::uint64_t matrices = of.rank() == 3 ? of.dims()[0] : 1;
    out = out + Checked(of.cols()) * (Checked(of.cols()) + 1) * matrices * (sizeof(float) / 2);
  };
  for (std::uint32_t block = 0; block < blocks; ++block) {
    for (const BlockInput input : engine::kBlockInputs) {
      const std::vector<std::size_t> readers = readers_of(model, block, input);
      if (!readers.empty()) add(readers.front());
    }
  }
  if (const auto index = model.find(head)) add(*index);
  return out;
}

Result<std::unique_ptr<SpilledMoments>> SpilledMoments::create(const std::filesystem::path& folder) {
  std::unique_ptr<SpilledMoments> out(new SpilledMoments());
  MOTE_ASSIGN(out->log_, sys::RecordLog::create_unnamed(folder));
  return out;
}

Result<void> SpilledMoments::add(const MomentEntry& entry, std::span<const float> packed_sums) {
  if (entries_.empty() || matrix_ == entries_.back().matrices()) {
    entries_.push_back(entry);
    matrix_ = 0;
  }
  return log_.append(key_of(entries_.size() - 1, matrix_++), std::as_bytes(packed_sums));
}

Result<std::vector<float>> SpilledMoments::read(std::size_t entry, std::size_t matrix) const {
  MOTE_ASSIGN(const auto bytes, log_.find(key_of(entry, matrix)));
  std::vector<float> out(packed_size(entries_[entry].cols));
  if (!bytes || bytes->size() != out.size() * sizeof(float)) {
    return Error{kStatisticsFile,
                 "second moments that were put aside are damaged",
                 "run the same command again",
                 log_.path().string(),
                 {}};
  }
  std::memcpy(out.data(), bytes->data(), bytes->size());
  return out;
}

}  // namespace mote::calibrate
