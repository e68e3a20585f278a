// Drives the quantize module for quantize_oracle.py and scripts/compare_quantizers.py.
//
//   encode METHOD TYPE ISA ROWS COLS   floats on stdin, blocks on stdout; METHOD rtn, search, or search-flat,
//                                      search-magnitude, search-square, search-importance (of the columns, on
//                                      stdin after the floats); ISA reference, avx2 or avx512
//   job OUT IN TYPE THREADS ISA METHOD [pure] [dry] [requantize]
//                                      one line per tensor: name type method error bytes; then bytes bpw
//                                      seconds
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "codec/codec.h"
#include "quantize/presets.h"
#include "quantize/quantize.h"
#include "quantize/search.h"
#include "sys/cpu_features.h"

namespace {

using namespace mote;

int fail(const Error& error) {
  std::fprintf(stderr, "%s\n", format_error(error).c_str());
  return exit_status(error.code.kind);
}

sys::CpuFeatures features_of(std::string_view isa) {
  sys::CpuFeatures wanted;
  const sys::CpuFeatures real = sys::detect_cpu_features();
  wanted.avx512 = isa == "avx512" && real.avx512;
  wanted.avx2 = wanted.avx512 || (isa == "avx2" && real.avx2);
  return wanted;
}

int encode(const std::vector<std::string>& args) {
  const Result<CodecId> id = quantize::find_type(args[2]);
  if (!id) return fail(id.error());
  const auto rows = static_cast<std::size_t>(parse_uint64(args[4]).value_or(0));
  const auto cols = static_cast<std::size_t>(parse_uint64(args[5]).value_or(0));
  std::vector<float> x(rows * cols);
  if (std::fread(x.data(), sizeof(float), x.size(), stdin) != x.size()) return 1;
  std::vector<float> importance(args[1] == "search-importance" ? cols : 0);
  if (std::fread(importance.data(), sizeof(float), importance.size(), stdin) != importance.size()) return 1;
  const codec::Codec& codec = codec::codec_of(*id);
  std::vector<std::byte> out(x.size() / codec.block_elements * codec.block_bytes);
  const quantize::SearchKernels& kernels = quantize::search_kernels(features_of(args[3]));
  if (args[1] == "rtn") {
    codec.encode_rtn(x.data(), out.data(), x.size() / codec.block_elements);
  } else {
    quantize::Weighting weighting = quantize::default_weighting(*id);
    if (args[1] == "search-flat") weighting = quantize::Weighting::flat;
    if (args[1] == "search-magnitude") weighting = quantize::Weighting::magnitude;
    if (args[1] == "search-square") weighting = quantize::Weighting::square;
    quantize::encode_search(kernels, *id, weighting, x.data(),
                            importance.empty() ? nullptr : importance.data(), out.data(), rows, cols);
  }
  return std::fwrite(out.data(), 1, out.size(), stdout) == out.size() ? 0 : 1;
}

int job(const std::vector<std::string>& args) {
  quantize::QuantizeOptions options;
  options.output = args[1];
  options.input = args[2];
  options.type = args[3];
  options.method = args[6] == "rtn" ? quantize::Method::rtn : quantize::Method::search;
  for (std::size_t i = 7; i < args.size(); ++i) {
    options.pure |= args[i] == "pure";
    options.dry_run |= args[i] == "dry";
    options.allow_requantize |= args[i] == "requantize";
  }
  sys::ThreadPool pool(static_cast<unsigned>(parse_uint64(args[4]).value_or(1)));
  const Result<quantize::QuantizeReport> report = quantize::quantize(pool, options, features_of(args[5]));
  if (!report) return fail(report.error());
  for (const quantize::TensorReport& t : report->tensors) {
    std::printf("%s %s %s %.9g %llu\n", t.name.c_str(), std::string(t.type).c_str(),
                std::string(t.method).c_str(), t.error, static_cast<unsigned long long>(t.bytes));
  }
  std::printf("%llu %.4f %.3f %llu\n", static_cast<unsigned long long>(report->bytes), report->bpw,
              report->seconds, static_cast<unsigned long long>(report->peak_rss_bytes));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() >= 6 && args[0] == "encode") return encode(args);
  if (args.size() >= 7 && args[0] == "job") return job(args);
  std::fprintf(stderr, "usage: see the comment at the top of quantize_probe.cc\n");
  return 2;
}
