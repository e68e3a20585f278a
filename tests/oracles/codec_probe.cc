// Gives the codec module's functions to codec_oracle.py. Raw bytes on stdin, raw bytes on stdout:
//
//   codec_probe list            one line per format:
//                               name gguf_type block_elements block_bytes encodes [group offset has_min
//                               table...]
//   codec_probe decode TYPE     blocks -> float32
//   codec_probe encode TYPE     float32 -> blocks
//   codec_probe unpack TYPE     blocks -> per block: codes, float32 scales, float32 mins
//   codec_probe finite TYPE     blocks -> one byte per block
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include "codec/codec.h"

namespace {

using mote::codec::Codec;
using mote::codec::IntegerForm;

std::vector<std::byte> read_all() {
  std::vector<std::byte> bytes;
  std::byte chunk[65536];
  for (std::size_t n = 0; (n = std::fread(chunk, 1, sizeof(chunk), stdin)) > 0;) {
    bytes.insert(bytes.end(), chunk, chunk + n);
  }
  return bytes;
}

void write_all(const void* data, std::size_t bytes) { std::fwrite(data, 1, bytes, stdout); }

void list() {
  for (const Codec& codec : mote::codec::all_codecs()) {
    if (!codec.has_gguf_type()) continue;  // affine_oracle.py has the others
    std::printf("%.*s %u %u %u %d", static_cast<int>(codec.name.size()), codec.name.data(), codec.gguf_type,
                codec.block_elements, codec.block_bytes, codec.encode_rtn != nullptr ? 1 : 0);
    if (const IntegerForm* form = codec.integer_form; form != nullptr) {
      std::printf(" %d %d %d", form->group_elements, form->offset, form->has_min ? 1 : 0);
      for (int i = 0; form->table != nullptr && i < 1 << form->code_bits; ++i)
        std::printf(" %d", form->table[i]);
    }
    std::printf("\n");
  }
}

void decode(const Codec& codec, const std::vector<std::byte>& in) {
  const std::size_t count = in.size() / codec.block_bytes;
  std::vector<float> out(count * codec.block_elements);
  codec.decode(in.data(), out.data(), count);
  write_all(out.data(), out.size() * sizeof(float));
}

void encode(const Codec& codec, const std::vector<std::byte>& in) {
  std::vector<float> values(in.size() / sizeof(float));
  std::memcpy(values.data(), in.data(), values.size() * sizeof(float));
  const std::size_t count = values.size() / codec.block_elements;
  std::vector<std::byte> out(count * codec.block_bytes);
  codec.encode_rtn(values.data(), out.data(), count);
  write_all(out.data(), out.size());
}

void unpack(const Codec& codec, const std::vector<std::byte>& in) {
  const IntegerForm& form = *codec.integer_form;
  const std::size_t groups = codec.block_elements / form.group_elements;
  std::vector<std::uint8_t> codes(codec.block_elements);
  std::vector<float> scales(groups);
  std::vector<float> mins(groups);
  for (std::size_t b = 0; b < in.size() / codec.block_bytes; ++b) {
    form.unpack(in.data() + b * codec.block_bytes, codes.data(), scales.data(), mins.data());
    write_all(codes.data(), codes.size());
    write_all(scales.data(), groups * sizeof(float));
    write_all(mins.data(), groups * sizeof(float));
  }
}

void finite(const Codec& codec, const std::vector<std::byte>& in) {
  for (std::size_t b = 0; b < in.size() / codec.block_bytes; ++b) {
    const char answer = codec.is_finite(in.data() + b * codec.block_bytes, 1) ? 1 : 0;
    write_all(&answer, 1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "list") {
    list();
    return 0;
  }
  const Codec* codec = argc > 2 ? mote::codec::find_codec(argv[2]) : nullptr;
  if (codec == nullptr) {
    std::fprintf(stderr, "usage: codec_probe list | (decode|encode|unpack|finite) TYPE\n");
    return 2;
  }
  const std::vector<std::byte> in = read_all();
  if (command == "decode") {
    decode(*codec, in);
  } else if (command == "encode" && codec->encode_rtn != nullptr) {
    encode(*codec, in);
  } else if (command == "unpack" && codec->integer_form != nullptr) {
    unpack(*codec, in);
  } else if (command == "finite") {
    finite(*codec, in);
  } else {
    return 2;
  }
  return 0;
}
