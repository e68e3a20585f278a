#include "quantize/tuning/tuned_tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "codec/codec.h"
#include "quantize/feedback/block_codes.h"

namespace mote::quantize {
namespace {

constexpr std::size_t kMostElements = 256;  // of a block

// A block as value = of_scale - of_min, element by element; of_min is 0 in formats without mins.
struct Parts {
  std::uint8_t codes[kMostElements];
  float of_scale[kMostElements];
  float of_min[kMostElements];

  Parts(const codec::Codec& codec, const std::byte* block) {
    const codec::IntegerForm& form = *codec.integer_form;
    float scales[kMostElements / 16];
    float mins[kMostElements / 16];
    form.unpack(block, codes, scales, mins);
    for (std::size_t i = 0; i < codec.block_elements; ++i) {
      const std::size_t group = i / form.group_elements;
      const int level = form.table != nullptr ? form.table[codes[i]] : codes[i] - form.offset;
      of_scale[i] = scales[group] * static_cast<float>(level);
      of_min[i] = form.has_min ? mins[group] : 0.0F;
    }
  }
};

Half tuned(Half factor, float change) { return float_to_half(half_to_float(factor) * (1.0F + change)); }

}  // namespace

TunedTensor::TunedTensor(CodecId type, const Shape& shape, std::span<const std::byte> blocks, bool learns)
    : type_(type), cols_(shape.cols()), blocks_per_row_(0), blocks_(blocks) {
  const codec::Codec& codec = codec::codec_of(type);
  blocks_per_row_ = cols_ / codec.block_elements;
  if (!learns || !has_factors(type)) return;
  const std::size_t count = blocks.size() / codec.block_bytes;
  scale_ = Parameter(count);
  if (codec.integer_form->has_min) min_ = Parameter(count);
  // A step of a factor moves the outermost level by the same part of a level's width in every format.
  const CodeRange range = code_range(type);
  rate_share_ = 16.0 / (range.high - range.low + 1);
}

void TunedTensor::decode(std::size_t first, std::size_t count, float* out) const {
  const codec::Codec& codec = codec::codec_of(type_);
  const std::size_t begin = first * blocks_per_row_;
  const std::size_t end = begin + count * blocks_per_row_;
  if (!is_tuned()) {
    codec.decode(blocks_.data() + begin * codec.block_bytes, out, end - begin);
    return;
  }
  for (std::size_t b = begin; b < end; ++b, out += codec.block_elements) {
    const Parts parts(codec, blocks_.data() + b * codec.block_bytes);
    const float scale = 1.0F + scale_.value[b];
    const float min = min_.value.empty() ? 0.0F : 1.0F + min_.value[b];
    for (std::size_t i = 0; i < codec.block_elements; ++i) {
      out[i] = scale * parts.of_scale[i] - min * parts.of_min[i];
    }
  }
}

void TunedTensor::take(std::size_t first, std::size_t count, const float* gradient) {
  if (!is_tuned()) return;
  const codec::Codec& codec = codec::codec_of(type_);
  const std::size_t begin = first * blocks_per_row_;
  const std::size_t end = begin + count * blocks_per_row_;
  for (std::size_t b = begin; b < end; ++b, gradient += codec.block_elements) {
    const Parts parts(codec, blocks_.data() + b * codec.block_bytes);
    float by_scale = 0;
    float by_min = 0;
    for (std::size_t i = 0; i < codec.block_elements; ++i) {
      by_scale += gradient[i] * parts.of_scale[i];
      by_min -= gradient[i] * parts.of_min[i];
    }
    scale_.gradient[b] += by_scale;
    if (!min_.gradient.empty()) min_.gradient[b] += by_min;
  }
}

void TunedTensor::Parameter::step(double rate, std::size_t steps) {
  constexpr double kMean = 0.9;
  constexpr double kSquare = 0.95;
  // Below any gradient that counts: a block that nothing reads stays where it is.
  constexpr double kLeast = 1e-12;
  const auto number = static_cast<double>(steps);
  const double mean_share = 1.0 - std::pow(kMean, number);
  const double square_share = 1.0 - std::pow(kSquare, number);
  for (std::size_t i = 0; i < value.size(); ++i) {
    const double g = gradient[i];
    const double m = kMean * mean[i] + (1.0 - kMean) * g;
    const double s = kSquare * square[i] + (1.0 - kSquare) * g * g;
    mean[i] = static_cast<float>(m);
    square[i] = static_cast<float>(s);
    value[i] -= static_cast<float>(rate * (m / mean_share) / (std::sqrt(s / square_share) + kLeast));
    gradient[i] = 0.0F;
  }
}

void TunedTensor::step(const TuningStep& step) {
  scale_.step(step.rate * rate_share_, step.number);
  min_.step(step.rate * rate_share_, step.number);
}

void TunedTensor::keep() {
  scale_.kept = scale_.value;
  min_.kept = min_.value;
}

std::vector<float> TunedTensor::kept() const {
  std::vector<float> out = scale_.kept;
  out.insert(out.end(), min_.kept.begin(), min_.kept.end());
  return out;
}

bool TunedTensor::take_kept(std::span<const float>& from) {
  if (from.size() < scale_.kept.size() + min_.kept.size()) return false;
  for (std::vector<float>* const kept : {&scale_.kept, &min_.kept}) {
    std::ranges::copy(from.first(kept->size()), kept->begin());
    from = from.subspan(kept->size());
  }
  return true;
}

void TunedTensor::Parameter::restore() {
  value = kept;
  std::ranges::fill(mean, 0.0F);
  std::ranges::fill(square, 0.0F);
}

void TunedTensor::restore() {
  scale_.restore();
  min_.restore();
}

void TunedTensor::store(std::span<std::byte> out) const {
  std::memcpy(out.data(), blocks_.data(), blocks_.size());
  if (!is_tuned()) return;
  const codec::Codec& codec = codec::codec_of(type_);
  for (std::size_t b = 0; b < scale_.value.size(); ++b) {
    std::byte* const block = out.data() + b * codec.block_bytes;
    const Parts parts(codec, block);
    BlockFactors factors = block_factors(type_, block);
    factors.scale = tuned(factors.scale, scale_.value[b]);
    if (!min_.value.empty()) factors.min = tuned(factors.min, min_.value[b]);
    rewrite_block(type_, block, parts.codes, factors);
  }
}

}  // namespace mote::quantize
