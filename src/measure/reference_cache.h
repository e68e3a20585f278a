// Logits of a reference's scored positions in a file: a large reference is run once, then compared with many
// times.
//
// Rows are stored as logit - max, f32 (then results equal those of running the reference, to rounding) or f16
// (half the size; the tokens that carry probability are near 0, where f16 is finest). llama.cpp's file stores
// 16-bit steps of a range cut at 16 nats, which shows a floor near 5e-4 between a model and itself.
//
//   offset  type     content, little endian
//   0       char[8]  "MOTELOGP"
//   8       u32      version, 1
//   12      u32      bytes per logit: 4 or 2
//   16      u64      vocabulary
//   24      u64      rows per window
//   32      u64      windows
//   40      u64      digest of the window plan: text, tokenizer, context, protocol
//   48      u64      FNV-1a of all row bytes
//   56      rows     windows x rows x vocabulary
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "measure/logit_model.h"
#include "measure/windows.h"

namespace mote::measure {

enum class CacheType : std::uint8_t { f32, f16 };

// A model that records the rows it returns.
class CacheWriter : public LogitModel {
 public:
  // Makes the file appear under its name; without it nothing remains. CACHE_INCOMPLETE where rows are
  // missing.
  virtual Result<void> finish() = 0;
};

// `model` must outlive the writer. Errors, also of feed(): OUTPUT_CREATE, OUTPUT_SPACE, IO_WRITE.
Result<std::unique_ptr<CacheWriter>> open_cache_writer(const std::filesystem::path& path, LogitModel& model,
                                                       const WindowPlan& plan, CacheType type);

// Returns recorded rows in the order of the plan; the tokens fed only say how many. The checksum is verified
// here. Errors: CACHE_CORRUPT (size, header, checksum), CACHE_MISMATCH (another text, tokenizer, context or
// protocol).
Result<std::unique_ptr<LogitModel>> open_cache_reader(const std::filesystem::path& path,
                                                      const WindowPlan& plan);

}  // namespace mote::measure
