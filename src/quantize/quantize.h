// The job of mote/quantize.h on a bare thread pool. It decides nothing about types itself: presets.h does,
// and search.h and the codecs choose the codes.
#pragma once

#include "mote/quantize.h"
#include "sys/cpu_features.h"
#include "sys/thread_pool.h"

namespace mote::quantize {

constexpr ErrorCode kQuantRequantize{"QUANT_REQUANTIZE", ErrorKind::invalid_argument};
constexpr ErrorCode kQuantImportance{"QUANT_IMPORTANCE", ErrorKind::invalid_argument};
constexpr ErrorCode kQuantInPlace{"QUANT_IN_PLACE", ErrorKind::invalid_argument};
constexpr ErrorCode kQuantMethod{"QUANT_METHOD", ErrorKind::invalid_argument};
constexpr ErrorCode kQuantOutput{"QUANT_OUTPUT", ErrorKind::invalid_argument};
constexpr ErrorCode kQuantInput{"QUANT_INPUT", ErrorKind::invalid_argument};
constexpr ErrorCode kQuantGroup{"QUANT_GROUP", ErrorKind::invalid_argument};
constexpr ErrorCode kQuantMemory{"QUANT_MEMORY", ErrorKind::resource_exhausted};
constexpr ErrorCode kQuantVerify{"QUANT_VERIFY", ErrorKind::failed};

// `features`: instruction sets that may be used; the default means the baseline. QUANT_METHOD for feedback,
// which needs a runtime.
Result<QuantizeReport> quantize(sys::ThreadPool& pool, const QuantizeOptions& options,
                                const sys::CpuFeatures& features = {});

// Of the process so far.
std::uint64_t peak_rss_bytes();

}  // namespace mote::quantize
