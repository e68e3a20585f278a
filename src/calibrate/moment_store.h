// Second moments of what a model's matrices multiply, which take more room than memory may have: kept in a
// file, read one matrix at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/checked.h"
#include "engine/block_input.h"
#include "formats/tensor_source.h"
#include "mote/result.h"
#include "sys/record_log.h"

namespace mote::calibrate {

// Of one kind of inputs, which several tensors may read: the name is that of the first of them.
struct MomentEntry {
  std::string tensor;
  std::size_t cols = 0;
  std::vector<std::uint64_t> counts;  // tokens of each matrix: one, or one per expert

  [[nodiscard]] std::size_t matrices() const { return counts.size(); }
  friend bool operator==(const MomentEntry&, const MomentEntry&) = default;
};

// The lower triangle of a symmetric matrix, row by row: as many numbers.
std::size_t packed_size(std::size_t cols);

class MomentStore {
 public:
  virtual ~MomentStore() = default;
  [[nodiscard]] virtual std::span<const MomentEntry> entries() const = 0;
  // packed_size(cols) sums over tokens of x_i x_j. Errors: those of reading.
  [[nodiscard]] virtual Result<std::vector<float>> read(std::size_t entry, std::size_t matrix) const = 0;
};

// The entry of what a tensor of the model reads; nothing where the store has none of it.
std::optional<std::size_t> find_moments(const MomentStore& store, const formats::TensorSource& model,
                                        std::size_t tensor);

// Bytes of all second moments of a model, as they are stored.
Checked all_moments_bytes(const formats::TensorSource& model, std::uint32_t blocks, std::string_view head);

// Both added up; nothing where they are not of the same inputs, or either is missing.
std::shared_ptr<const MomentStore> added(std::shared_ptr<const MomentStore> a,
                                         std::shared_ptr<const MomentStore> b);

// Takes moments as they are found, into a file without a name that goes with the object.
class SpilledMoments : public MomentStore {
 public:
  // Errors: OUTPUT_CREATE.
  static Result<std::unique_ptr<SpilledMoments>> create(const std::filesystem::path& folder);

  // Matrices in their order; the entry of the first one counts. Errors: IO_WRITE.
  Result<void> add(const MomentEntry& entry, std::span<const float> packed_sums);

  [[nodiscard]] std::span<const MomentEntry> entries() const override { return entries_; }
  [[nodiscard]] Result<std::vector<float>> read(std::size_t entry, std::size_t matrix) const override;

 private:
  SpilledMoments() = default;
  sys::RecordLog log_;
  std::vector<MomentEntry> entries_;
  std::size_t matrix_ = 0;  // that is due of the last entry
};

}  // namespace mote::calibrate
