// quantization_config as the layouts' own tools write it.
#include "codec/affine.h"
#include "formats/hf_quantized/pack.h"

namespace mote::formats {
namespace {

JsonArray strings(std::span<const std::string> names) {
  JsonArray out;
  for (const std::string& name : names) out.emplace_back(name);
  return out;
}

Json compressed_tensors(std::string_view format, Json weights, std::span<const std::string> kept) {
  Json group;
  group["targets"] = JsonArray{Json("Linear")};
  group["weights"] = std::move(weights);
  group["input_activations"] = nullptr;
  group["output_activations"] = nullptr;
  group["format"] = format;
  Json groups;
  groups["group_0"] = std::move(group);
  Json out;
  out["quant_method"] = "compressed-tensors";
  out["format"] = format;
  out["quantization_status"] = "compressed";
  out["config_groups"] = std::move(groups);
  out["ignore"] = strings(kept);
  out["kv_cache_scheme"] = nullptr;
  return out;
}

Json weight_arguments(unsigned bits, std::string_view type, bool symmetric, std::uint64_t group) {
  Json out;
  out["num_bits"] = bits;
  out["type"] = type;
  out["symmetric"] = symmetric;
  out["strategy"] = group == 0 ? "channel" : "group";
  out["group_size"] = group == 0 ? Json(nullptr) : Json(group);
  out["dynamic"] = false;
  return out;
}

Json gptq(const codec::AffineFormat& format) {
  Json out;
  out["quant_method"] = "gptq";
  out["bits"] = format.bits;
  out["group_size"] = format.per_row ? Json(-1) : Json(format.group);
  out["sym"] = !format.asymmetric;
  out["desc_act"] = false;
  out["checkpoint_format"] = "gptq_v2";
  out["pack_dtype"] = "int32";
  out["lm_head"] = false;
  out["true_sequential"] = true;
  return out;
}

Json bitsandbytes(CodecId id, CodecId dense, std::span<const std::string> kept) {
  Json out;
  out["quant_method"] = "bitsandbytes";
  out["load_in_4bit"] = true;
  out["load_in_8bit"] = false;
  out["_load_in_4bit"] = true;
  out["_load_in_8bit"] = false;
  out["bnb_4bit_quant_type"] = id == CodecId::nf4 ? "nf4" : "fp4";
  out["bnb_4bit_use_double_quant"] = false;
  out["bnb_4bit_compute_dtype"] = dense == CodecId::f16    ? "float16"
                                  : dense == CodecId::bf16 ? "bfloat16"
                                                           : "float32";
  out["bnb_4bit_quant_storage"] = "uint8";
  out["llm_int8_threshold"] = 6.0;
  out["llm_int8_skip_modules"] = strings(kept);
  out["llm_int8_enable_fp32_cpu_offload"] = false;
  out["llm_int8_has_fp16_weight"] = false;
  return out;
}

}  // namespace

Json quantization_config(CodecId id, CodecId dense, std::span<const std::string> kept) {
  if (id == CodecId::nf4 || id == CodecId::fp4) return bitsandbytes(id, dense, kept);
  if (id == CodecId::fp8) {
    return compressed_tensors("float-quantized", weight_arguments(8, "float", true, 0), kept);
  }
  const codec::AffineFormat format = *codec::affine_format(id);
  if (format.bits < 4) return gptq(format);
  return compressed_tensors(
      "pack-quantized",
      weight_arguments(format.bits, "int", !format.asymmetric, format.per_row ? 0 : format.group), kept);
}

Json quantize_config(CodecId id) {
  const auto format = codec::affine_format(id);
  return format && format->bits < 4 ? gptq(*format) : Json();
}

}  // namespace mote::formats
