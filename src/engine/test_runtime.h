// For tests: a runtime, and a model on it whose products are exact.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include "engine/loaded_model.h"
#include "engine/runtime.h"

namespace mote::engine::testing {

// Null where this processor lacks the instruction set.
inline std::unique_ptr<Runtime> runtime_of(unsigned threads, std::optional<kernels::Isa> isa = {}) {
  RuntimeOptions options;
  options.threads = threads;
  options.isa = isa;
  auto runtime = Runtime::create(options);
  return runtime ? std::move(*runtime) : nullptr;
}

inline std::shared_ptr<const LoadedModel> load_exact(Runtime& runtime, const std::filesystem::path& path) {
  LoadOptions options;
  options.activations = Activations::f32;
  options.need_tokenizer = false;
  auto model = LoadedModel::load(runtime, path, options);
  EXPECT_TRUE(model) << (model ? "" : format_error(model.error()));
  return model ? std::move(*model) : nullptr;
}

}  // namespace mote::engine::testing
