// GGUF: any bytes as a file, read with its tokenizer keys. Whatever is accepted has tensors that lie inside
// the file, one behind the other, each as long as its type and shape say.
#include <vector>

#include "codec/codec.h"
#include "formats/gguf_reader.h"
#include "formats/gguf_rules.h"
#include "formats/gguf_values.h"
#include "fuzz/target.h"
#include "mote/tokenizer.h"

namespace {

using mote::fuzz::memory_file;

// In 128 bits, where no product of this file's numbers wraps: independent of the reader's checked arithmetic.
__extension__ using Wide = unsigned __int128;

Wide bytes_of(const mote::formats::TensorInfo& info) {
  const mote::codec::Codec& codec = mote::codec::codec_of(info.codec);
  Wide elements = 1;
  for (const std::uint64_t d : info.shape.dims())
    elements = elements > (Wide{1} << 100U) ? elements : elements * d;
  return elements / codec.block_elements * codec.block_bytes;
}

void check_tensors(const mote::formats::GgufFile& file) {
  const auto tensors = file.tensors();
  const std::uint64_t alignment = file.alignment();
  MOTE_FUZZ_CHECK(alignment > 0 && alignment <= 65'536 && (alignment & (alignment - 1)) == 0);
  MOTE_FUZZ_CHECK(tensors.empty() || file.data_offset() % alignment == 0);
  const std::byte* start = nullptr;
  Wide end = 0;  // of the tensor before, from the start of the data
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    MOTE_FUZZ_CHECK(bytes_of(tensors[i]) == tensors[i].bytes);
    const auto tensor = file.read(i);
    MOTE_FUZZ_CHECK(tensor);
    const std::span<const std::byte> blocks = tensor->blocks();
    MOTE_FUZZ_CHECK(blocks.size() == tensors[i].bytes);
    if (i == 0) start = blocks.data();
    const auto offset = static_cast<Wide>(blocks.data() - start);
    MOTE_FUZZ_CHECK(offset >= end && offset % alignment == 0);
    end = offset + blocks.size();
    MOTE_FUZZ_CHECK(file.data_offset() + end <= file.file_bytes());
    mote::fuzz::touch(blocks);
    MOTE_FUZZ_CHECK(file.find(tensors[i].name) == i);
  }
}

void check_tokenizer(const std::filesystem::path& path) {
  const auto tokenizer = mote::load_tokenizer(path);
  if (!tokenizer) return;
  const auto ids =
      (*tokenizer)->encode("Hello w\xC3\xB6rld <s>\xFF", {.add_special = true, .parse_special = true});
  if (!ids) return;
  for (const mote::TokenId id : *ids) {
    MOTE_FUZZ_CHECK(id >= 0 && static_cast<std::size_t>(id) < (*tokenizer)->vocabulary_size());
  }
  static_cast<void>((*tokenizer)->decode(*ids));
}

// The same bytes as a stream of keys and values in memory that ends where they end: a mapped file has the
// rest of its last page behind it, where the address sanitizer sees nothing.
void check_values(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kCounts = 24;  // magic, version, two counts
  if (size < kCounts) return;
  const auto* first = reinterpret_cast<const std::byte*>(data);
  const std::vector<std::byte> rest(first + kCounts, first + size);
  const mote::formats::Limits limits;
  mote::formats::GgufCursor cursor(rest, limits);
  while (true) {
    const auto key = cursor.string(limits.string_bytes, mote::formats::kGgufString, "a key");
    if (!key) return;
    mote::fuzz::touch(std::as_bytes(std::span(*key)));
    if (!cursor.value()) return;
    MOTE_FUZZ_CHECK(cursor.position() <= rest.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_values(data, size);
  const auto path = memory_file(mote::fuzz::as_text(data, size));
  const auto file = mote::formats::GgufFile::open(path);
  if (!file) return 0;
  check_tensors(**file);
  check_tokenizer(path);
  return 0;
}
