// safetensors and its index. The first letter says what the rest is: 'S' a whole file; 'H' a header, NUL,
// data (the length in front is put there, so that mutations reach the JSON); 'I' an index, NUL, the header of
// shard a.safetensors, NUL, that of b.safetensors, NUL, data of both. Whatever is accepted covers the data
// exactly.
#include <algorithm>
#include <vector>

#include "codec/codec.h"
#include "formats/safetensors.h"
#include "formats/safetensors_shards.h"
#include "fuzz/target.h"

namespace {

__extension__ using Wide = unsigned __int128;

std::string with_length(std::string_view header, std::string_view data) {
  std::string out;
  for (unsigned i = 0; i < 8; ++i) out += static_cast<char>(header.size() >> (8 * i) & 0xFFU);
  out += header;
  out += data;
  return out;
}

// Tensors lie side by side in [start of the data, end of the file) and fill it.
void check(const mote::formats::SafetensorsFile& file) {
  struct Range {
    const std::byte* begin;
    std::size_t bytes;
  };
  std::vector<Range> ranges;
  Wide sum = 0;
  for (std::size_t i = 0; i < file.tensors().size(); ++i) {
    const mote::formats::TensorInfo& info = file.tensors()[i];
    const mote::codec::Codec& codec = mote::codec::codec_of(info.codec);
    Wide elements = 1;
    for (const std::uint64_t d : info.shape.dims())
      elements = elements > (Wide{1} << 100U) ? elements : elements * d;
    MOTE_FUZZ_CHECK(elements / codec.block_elements * codec.block_bytes == info.bytes);
    const auto tensor = file.read(i);
    MOTE_FUZZ_CHECK(tensor && tensor->blocks().size() == info.bytes);
    mote::fuzz::touch(tensor->blocks());
    ranges.push_back({tensor->blocks().data(), tensor->blocks().size()});
    sum += info.bytes;
    MOTE_FUZZ_CHECK(file.find(info.name) == i);
  }
  MOTE_FUZZ_CHECK(sum + 8 <= file.file_bytes());
  std::ranges::sort(ranges, {}, &Range::begin);
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    MOTE_FUZZ_CHECK(ranges[i - 1].begin + ranges[i - 1].bytes == ranges[i].begin);
  }
}

void check_file(std::string_view content) {
  const auto file = mote::formats::SafetensorsFile::open(mote::fuzz::memory_file(content));
  if (file) check(**file);
}

void check_index(std::string_view rest) {
  const std::string_view index = mote::fuzz::take_part(rest);
  const std::string_view first = mote::fuzz::take_part(rest);
  const std::string_view second = mote::fuzz::take_part(rest);
  mote::fuzz::folder_file("a.safetensors", with_length(first, rest.substr(0, rest.size() / 2)));
  mote::fuzz::folder_file("b.safetensors", with_length(second, rest.substr(rest.size() / 2)));
  const auto path = mote::fuzz::folder_file("model.safetensors.index.json", index);
  const auto shards = mote::formats::SafetensorsShards::open(path);
  if (!shards) return;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < (*shards)->tensors().size(); ++i) {
    const auto tensor = (*shards)->read(i);
    MOTE_FUZZ_CHECK(tensor && tensor->blocks().size() == (*shards)->tensors()[i].bytes);
    sum += tensor->blocks().size();
    MOTE_FUZZ_CHECK((*shards)->find((*shards)->tensors()[i].name) == i);
  }
  MOTE_FUZZ_CHECK(sum <= (*shards)->file_bytes());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view rest = mote::fuzz::as_text(data + 1, size - 1);
  if (data[0] == 'S') {
    check_file(rest);
  } else if (data[0] == 'H') {
    const std::string_view header = mote::fuzz::take_part(rest);
    check_file(with_length(header, rest));
  } else if (data[0] == 'I') {
    check_index(rest);
  }
  return 0;
}
