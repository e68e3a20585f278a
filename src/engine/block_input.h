// What the matrices of a block multiply, by name, and how it is shown to who asks for it: calibration and
// probes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace mote::engine {

// In the order in which it comes up.
enum class BlockInput : std::uint8_t {
  attention,         // of q, k and v
  attention_output,  //
  ffn,               // of gate and up; in a mixture of experts those of the shared one, and the router
  ffn_down,          // not in a mixture of experts
  expert,            // of gate and up of one expert: of the tokens that chose it
  expert_down,       // of the same
  shared_down,       // of the shared expert
};

inline constexpr std::array kBlockInputs{
    BlockInput::attention, BlockInput::attention_output, BlockInput::ffn,        BlockInput::ffn_down,
    BlockInput::expert,    BlockInput::expert_down,      BlockInput::shared_down};

struct TappedInput {
  std::size_t layer;
  BlockInput input;
  std::size_t expert;  // 0 where it is of none
  std::size_t cols;
  std::span<const float> rows;  // [tokens][cols], valid during the call
};

// Called on the thread that runs the forward pass, between its parallel regions.
using Tap = std::function<void(const TappedInput&)>;

}  // namespace mote::engine
