// Writes a smaller GGUF file of a model and prints what became of each tensor.
//
//   quantize MODEL OUTPUT TYPE
#include <cstdio>
#include <memory>
#include <string>

#include "mote/quantize.h"
#include "mote/runtime.h"

namespace {

mote::Result<mote::quantize::QuantizeReport> make_smaller(const char* input, const char* output,
                                                          const char* type) {
  MOTE_ASSIGN(const std::unique_ptr<mote::engine::Runtime> runtime, mote::engine::Runtime::create());
  mote::quantize::QuantizeOptions options;
  options.input = input;
  options.output = output;
  options.type = type;
  options.progress = [](const mote::quantize::QuantizeProgress& at) {
    std::fprintf(stderr, "tensor %zu of %zu\n", at.tensor + 1, at.tensor_count);
  };
  return mote::quantize::quantize(*runtime, options);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: quantize MODEL OUTPUT TYPE; types are");
    for (const std::string_view name : mote::quantize::type_names()) {
      std::fprintf(stderr, " %s", std::string(name).c_str());
    }
    std::fprintf(stderr, "\n");
    return 2;
  }
  const auto report = make_smaller(argv[1], argv[2], argv[3]);
  if (!report) {
    std::fprintf(stderr, "%s\n", mote::format_error(report.error()).c_str());
    return mote::exit_status(report.error().code.kind);
  }
  for (const mote::quantize::TensorReport& t : report->tensors) {
    // The error is relative: squared difference from the original over its squared norm.
    std::printf("%-28s %-6s -> %-6s %-6s %10llu bytes  error %.3g\n", t.name.c_str(),
                std::string(t.source_type).c_str(), std::string(t.type).c_str(),
                std::string(t.method).c_str(), static_cast<unsigned long long>(t.bytes), t.error);
  }
  std::printf("%s: %llu bytes, %.3f bits per weight\n", report->preset.c_str(),
              static_cast<unsigned long long>(report->bytes), report->bpw);
  return 0;
}
