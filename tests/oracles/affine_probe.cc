// Shows a folder's tensors as mote reads them, for affine_oracle.py:
//   affine_probe FOLDER list            one line a tensor: name, codec, shape
//   affine_probe FOLDER decode NAME     float32 values to stdout
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "codec/codec.h"
#include "formats/checkpoint.h"

namespace {

int fail(const mote::Error& error) {
  std::fprintf(stderr, "%s\n", mote::format_error(error).c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const auto opened = mote::formats::open_checkpoint(argv[1]);
  if (!opened) return fail(opened.error());
  const mote::formats::TensorSource& source = *opened->source;
  if (std::string_view(argv[2]) == "list") {
    for (const mote::formats::TensorInfo& info : source.tensors()) {
      std::printf("%s\t%s\t%s\n", info.name.c_str(), std::string(mote::formats::type_name(info)).c_str(),
                  to_string(info.shape).c_str());
    }
    return 0;
  }
  const auto index = argc > 3 ? source.find(argv[3]) : std::nullopt;
  if (!index) {
    std::fprintf(stderr, "no such tensor\n");
    return 1;
  }
  const auto tensor = source.read(*index);
  if (!tensor) return fail(tensor.error());
  const mote::codec::Codec& codec = mote::codec::codec_of(tensor->codec);
  const std::size_t blocks = tensor->blocks().size() / codec.block_bytes;
  std::vector<float> values(blocks * codec.block_elements);
  codec.decode(tensor->blocks().data(), values.data(), blocks);
  return std::fwrite(values.data(), sizeof(float), values.size(), stdout) == values.size() ? 0 : 1;
}
