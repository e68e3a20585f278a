// Shows what the readers of src/formats see, as JSON on stdout, for formats_oracle.py.
//   formats_probe read MODEL          anything that open_checkpoint takes
//   formats_probe tensors PATH        a .safetensors file or an index, without a config
//   formats_probe stored PATH         a .safetensors file: bytes as stored and as weights
//   formats_probe rewrite IN OUT      a GGUF file read and written again
// Strings and tensor bytes as hex, floats as the bits of a double: nothing is lost on the way. Exit 1 and the
// error line on stderr where reading fails.
#include <bit>
#include <cstdio>
#include <string>
#include <string_view>

#include "base/json.h"
#include "codec/codec.h"
#include "formats/checkpoint.h"
#include "formats/gguf_reader.h"
#include "formats/gguf_writer.h"
#include "formats/safetensors.h"
#include "formats/safetensors_shards.h"

namespace {

using mote::Json;
using mote::JsonArray;
using mote::formats::MetaValue;

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

Json bits(double v) { return std::bit_cast<std::uint64_t>(v); }

Json value_of(const MetaValue& value) {
  return std::visit(
      [](const auto& v) -> Json {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, double>) {
          return bits(v);
        } else if constexpr (std::is_same_v<T, std::string>) {
          return hex(v);
        } else if constexpr (std::is_same_v<T, std::uint64_t> || std::is_same_v<T, std::int64_t> ||
                             std::is_same_v<T, bool>) {
          return v;
        } else {
          JsonArray items;
          for (const auto& item : v) {
            using Item = std::decay_t<decltype(item)>;
            if constexpr (std::is_same_v<Item, MetaValue>) {
              items.push_back(value_of(item));
            } else if constexpr (std::is_same_v<Item, double>) {
              items.push_back(bits(item));
            } else if constexpr (std::is_same_v<Item, std::string>) {
              items.emplace_back(hex(item));
            } else {
              items.emplace_back(item);
            }
          }
          return items;
        }
      },
      value.value);
}

int fail(const mote::Error& error) {
  std::fprintf(stderr, "%s\n", format_error(error).c_str());
  return 1;
}

int show(const mote::formats::TensorSource& source, const mote::formats::Metadata& metadata) {
  Json out;
  out["metadata"] = JsonArray();
  for (const auto& [key, value] : metadata.entries()) {
    Json entry;
    entry["key"] = hex(key);
    entry["type"] = static_cast<std::uint32_t>(value.type);
    if (value.type == mote::formats::ValueType::array)
      entry["element"] = static_cast<std::uint32_t>(value.element);
    entry["value"] = value_of(value);
    out["metadata"].push_back(std::move(entry));
  }
  out["tensors"] = JsonArray();
  for (std::size_t i = 0; i < source.tensors().size(); ++i) {
    const auto& info = source.tensors()[i];
    const auto tensor = source.read(i);
    if (!tensor) return fail(tensor.error());
    Json entry;
    entry["name"] = info.name;
    entry["type"] = mote::codec::codec_of(info.codec).name;
    entry["shape"] = JsonArray();
    for (const std::uint64_t d : info.shape.dims()) entry["shape"].push_back(d);
    const auto blocks = tensor->blocks();
    entry["data"] = hex({reinterpret_cast<const char*>(blocks.data()), blocks.size()});
    out["tensors"].push_back(std::move(entry));
  }
  std::printf("%s\n", out.dump().c_str());
  return 0;
}

// Type and bytes as they lie in the file, and the weight that reading gives, or the code of its refusal.
int show_stored(const char* path) {
  const auto file = mote::formats::SafetensorsFile::open(path);
  if (!file) return fail(file.error());
  JsonArray out;
  for (std::size_t i = 0; i < (*file)->tensors().size(); ++i) {
    const auto& info = (*file)->tensors()[i];
    const auto in_hex = [](std::span<const std::byte> bytes) {
      return hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    };
    Json entry;
    entry["name"] = info.name;
    entry["type"] = mote::formats::type_name(info);
    entry["stored"] = in_hex((*file)->stored(i));
    const auto weight = (*file)->read(i);
    entry["weight_type"] =
        weight ? mote::codec::codec_of(weight->codec).name : std::string_view(weight.error().code.name);
    entry["weight"] = weight ? in_hex(weight->blocks()) : std::string();
    out.push_back(std::move(entry));
  }
  std::printf("%s\n", Json(std::move(out)).dump().c_str());
  return 0;
}

int rewrite(const char* in, const char* out) {
  const auto file = mote::formats::GgufFile::open(in);
  if (!file) return fail(file.error());
  auto writer =
      mote::formats::GgufWriter::create(out, (*file)->metadata(), (*file)->tensors(), "formats_probe");
  if (!writer) return fail(writer.error());
  for (std::size_t i = (*file)->tensors().size(); i-- > 0;) {
    const auto tensor = (*file)->read(i);
    if (!tensor) return fail(tensor.error());
    if (const auto written = (*writer)->write(i, tensor->blocks()); !written) return fail(written.error());
  }
  if (const auto finished = (*writer)->finish(); !finished) return fail(finished.error());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view command = argc > 2 ? argv[1] : "";
  if (command == "read") {
    const auto checkpoint = mote::formats::open_checkpoint(argv[2]);
    return checkpoint ? show(*checkpoint->source, checkpoint->metadata) : fail(checkpoint.error());
  }
  if (command == "tensors" && std::string_view(argv[2]).ends_with(".json")) {
    const auto shards = mote::formats::SafetensorsShards::open(argv[2]);
    return shards ? show(**shards, {}) : fail(shards.error());
  }
  if (command == "tensors") {
    const auto file = mote::formats::SafetensorsFile::open(argv[2]);
    return file ? show(**file, {}) : fail(file.error());
  }
  if (command == "stored") return show_stored(argv[2]);
  if (command == "rewrite" && argc == 4) return rewrite(argv[2], argv[3]);
  std::fprintf(stderr, "usage: formats_probe read|tensors|rewrite PATH [OUT]\n");
  return 2;
}
