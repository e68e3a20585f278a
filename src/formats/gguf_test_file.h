// For tests: GGUF files put together byte by byte, right or wrong as the test wants them. Knows nothing of
// the reader or the writer under test.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace mote::formats::testing {

class Bytes {
 public:
  template <typename T>
  Bytes& put(T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof value);
    text_.append(raw, sizeof raw);
    return *this;
  }
  Bytes& u32(std::uint32_t v) { return put(v); }
  Bytes& u64(std::uint64_t v) { return put(v); }
  Bytes& raw(std::string_view v) {
    text_ += v;
    return *this;
  }
  Bytes& string(std::string_view v) { return u64(v.size()).raw(v); }
  Bytes& pad_to(std::size_t alignment) {
    while (text_.size() % alignment != 0) text_ += '\0';
    return *this;
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

struct TestTensor {
  std::string name;
  std::vector<std::uint64_t> dims;  // as in the file: contiguous one first
  std::uint32_t type = 0;
  std::uint64_t offset = 0;
};

// A file from its parts. Every count and offset is the one given, not the right one.
struct TestGguf {
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::uint64_t tensor_count = 0;
  std::uint64_t entry_count = 0;
  Bytes entries;
  Bytes infos;
  std::size_t alignment = 32;
  std::string data;

  TestGguf& entry(std::string_view key, std::uint32_t type, const Bytes& value) {
    entries.string(key).u32(type).raw(value.text());
    ++entry_count;
    return *this;
  }
  TestGguf& tensor(const TestTensor& t) {
    infos.string(t.name).u32(static_cast<std::uint32_t>(t.dims.size()));
    for (const std::uint64_t d : t.dims) infos.u64(d);
    infos.u32(t.type).u64(t.offset);
    ++tensor_count;
    return *this;
  }
  [[nodiscard]] std::string text() const {
    Bytes out;
    out.raw(magic).u32(version).u64(tensor_count).u64(entry_count).raw(entries.text()).raw(infos.text());
    if (tensor_count > 0) out.pad_to(alignment);
    return out.raw(data).text();
  }
};

inline std::filesystem::path save(const std::filesystem::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  return path;
}

// Flips one bit in place: far quicker than writing the file again.
inline void flip_bit(const std::filesystem::path& path, std::size_t bit) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  const auto at = static_cast<std::streamoff>(bit / 8);
  char byte = 0;
  file.seekg(at).get(byte);
  file.seekp(at).put(static_cast<char>(byte ^ (1 << (bit % 8))));
}

}  // namespace mote::formats::testing
