// For tests: a folder of one safetensors file, written tensor by tensor without the code under test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "formats/checkpoint.h"
#include "tensor/float16.h"

namespace mote::formats::testing {

using Bytes8 = std::vector<std::uint8_t>;

template <typename T>
Bytes8 raw(const std::vector<T>& values) {
  Bytes8 out(values.size() * sizeof(T));
  std::memcpy(out.data(), values.data(), out.size());
  return out;
}

inline Bytes8 halves(const std::vector<float>& values) {
  std::vector<std::uint16_t> out;
  for (const float v : values) out.push_back(float_to_half(v));
  return raw(out);
}

class TestFolder {
 public:
  // `folder`: an empty one.
  TestFolder(std::string quantization, std::filesystem::path folder)
      : quantization_(std::move(quantization)), folder_(std::move(folder)) {}

  void add(const std::string& name, const std::string& dtype, const std::vector<std::uint64_t>& shape,
           const Bytes8& bytes) {
    std::string dims;
    for (const std::uint64_t d : shape) dims += (dims.empty() ? "" : ",") + std::to_string(d);
    header_ += (header_.empty() ? "" : ",") +
               ("\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + dims) + "],\"data_offsets\":[" +
               std::to_string(data_.size()) + "," + std::to_string(data_.size() + bytes.size()) + "]}";
    data_.insert(data_.end(), bytes.begin(), bytes.end());
  }

  Result<Checkpoint> open() const {
    std::ofstream(folder_ / "config.json") << "{\"quantization_config\":" << quantization_ << "}";
    std::ofstream file(folder_ / "model.safetensors", std::ios::binary);
    const std::string header = "{" + header_ + "}";
    const std::uint64_t length = header.size();
    file.write(reinterpret_cast<const char*>(&length), sizeof length);
    file << header;
    file.write(reinterpret_cast<const char*>(data_.data()), static_cast<std::streamsize>(data_.size()));
    file.close();
    return open_checkpoint(folder_);
  }

 private:
  std::string quantization_;
  std::string header_;
  Bytes8 data_;
  std::filesystem::path folder_;
};

// Bit `bit` of a run of little-endian words, where word w of the run stands at index first + w * stride.
inline void set_bit(std::vector<std::uint32_t>& words, std::size_t first, std::size_t stride,
                    std::size_t bit) {
  words[first + bit / 32 * stride] |= 1U << (bit % 32);
}
// A value of so many bits from `at` on, lowest first.
inline void put(std::vector<std::uint32_t>& words, std::size_t first, std::size_t stride, std::size_t at,
                unsigned bits, unsigned value) {
  for (unsigned b = 0; b < bits; ++b) {
    if ((value >> b & 1U) != 0) set_bit(words, first, stride, at + b);
  }
}

}  // namespace mote::formats::testing
