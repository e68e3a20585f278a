// The bytes of tiles, which caches of earlier runs hold: they are compared with what they were.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash64.h"
#include "base/rng.h"
#include "codec/codec.h"
#include "kernels/linear.h"

namespace mote::kernels {
namespace {

// Of kTileLayoutVersion 1: XXH64 of the tiles of 37 rows of 512 columns, from random blocks.
const std::map<std::string_view, std::uint64_t>& golden_tiles() {
  static const std::map<std::string_view, std::uint64_t> kGolden{
      {"Q4_0", 0xD23F5BC91928A756},
      {"Q4_1", 0xB76FED2B3DA1D827},
      {"Q5_0", 0x856AD6D7D0A7C217},
      {"Q5_1", 0xCE58632B65CFBCBA},
      {"Q8_0", 0xF660CC916996B247},
      {"Q2_K", 0x6D795B4D6AA6EF95},
      {"Q3_K", 0x180098FCE81A52A1},
      {"Q4_K", 0xF81EB0C88D270EBD},
      {"Q5_K", 0x493C5CC026F1F2CB},
      {"Q6_K", 0x7F71D849202E4876},
      {"IQ4_NL", 0x40AAEF264B6F1049},
      {"IQ4_XS", 0xB1666B1436070185},
      {"Q8_1", 0x5534A3172896DA6D},
      {"Q8_K", 0x3CD70F7B9036612D},
      {"IQ1_S", 0x77A13294FF880A69},
      {"IQ1_M", 0xFF0ADC8E97FF850D},
      {"IQ2_XXS", 0x317BA9919C2A09D1},
      {"IQ2_XS", 0x7692C0D917942047},
      {"IQ2_S", 0x7CD08777E70D9F01},
      {"IQ3_XXS", 0xE5D159B6101198F7},
      {"IQ3_S", 0x500910236553515C},
      {"TQ1_0", 0x576EC0E12F7B456E},
      {"TQ2_0", 0x378237D578074600},
      {"MXFP4", 0x23DFF648B457FCC4},
      {"NVFP4", 0xC45BF83F56453B25},
      {"Q1_0", 0xB3737C55E8D83F91},
      {"Q2_0", 0xB3BC6E9F6DD0C51F},
      {"int2-g32-sym", 0xAB2C020066AC5F2F},
      {"int2-g32-asym", 0x6076372A82C671DA},
      {"int2-g64-sym", 0xD22854F8D48400B8},
      {"int2-g64-asym", 0xE5350D67075E8679},
      {"int2-g128-sym", 0xAFBA6F4B28E45CBC},
      {"int2-g128-asym", 0x45F692D2ABBCB085},
      {"int2-row-sym", 0xAB2C020066AC5F2F},
      {"int2-row-asym", 0x6076372A82C671DA},
      {"int3-g32-sym", 0xBD08886076083492},
      {"int3-g32-asym", 0x913B97A3B31D016E},
      {"int3-g64-sym", 0xD67602A18A7FB04A},
      {"int3-g64-asym", 0xA399EEFDE753B836},
      {"int3-g128-sym", 0xED4781EAAA085C17},
      {"int3-g128-asym", 0xCD79033F5065CA25},
      {"int3-row-sym", 0xBD08886076083492},
      {"int3-row-asym", 0x913B97A3B31D016E},
      {"int4-g32-sym", 0x7834ED7BFDAA95B8},
      {"int4-g32-asym", 0x0A9F74C16EE923BC},
      {"int4-g64-sym", 0x59C16081067DDD4D},
      {"int4-g64-asym", 0xD3345E87947395F8},
      {"int4-g128-sym", 0x4AB978E1E631F35A},
      {"int4-g128-asym", 0x27D2AC214E1FD050},
      {"int4-row-sym", 0x7834ED7BFDAA95B8},
      {"int4-row-asym", 0x0A9F74C16EE923BC},
      {"int8-g32-sym", 0x2CD160E04551CA69},
      {"int8-g32-asym", 0xED112CFDAFD4D2A1},
      {"int8-g64-sym", 0xEA73C61A4BA30928},
      {"int8-g64-asym", 0x48D750F24E087753},
      {"int8-g128-sym", 0x9B24EC627D9A2037},
      {"int8-g128-asym", 0x1FAFA2DE50E5F797},
      {"int8-row-sym", 0x2CD160E04551CA69},
      {"int8-row-asym", 0xED112CFDAFD4D2A1},
      {"nf4", 0x0EFEE778E1533D35},
      {"fp4", 0x80388D8452C301E5},
  };
  return kGolden;
}

struct Blocks {
  std::vector<std::byte> bytes;
  QuantizedTensor tensor;
  explicit Blocks(const codec::Codec& codec) {
    Rng rng(codec.gguf_type);  // not by the order of the list
    tensor.codec = codec.id;
    tensor.shape = Shape{37, 512};
    bytes.resize(37 * 512 / codec.block_elements * codec.block_bytes);
    for (std::size_t at = 0; at < bytes.size(); at += codec.block_bytes) {
      do {
        for (std::size_t i = 0; i < codec.block_bytes; ++i)
          bytes[at + i] = static_cast<std::byte>(rng.next_below(256));
      } while (!codec.is_finite(bytes.data() + at, 1));
    }
    tensor.planes = {bytes};
  }
};

// Where this fails, the tiles of a format have changed on purpose or by accident: on purpose,
// kTileLayoutVersion goes up by one with the new digests, or programs would use the tiles that older ones
// have kept.
TEST(TileLayout, IsThatOfItsVersion) {
  EXPECT_EQ(kTileLayoutVersion, 1U) << "new digests belong to a new version";
  for (const codec::Codec& codec : codec::all_codecs()) {
    if (codec.integer_form == nullptr) continue;
    const Blocks weight(codec);
    const auto packed = prepare_pack(weight.tensor, true);
    ASSERT_TRUE(packed);
    pack_tiles(weight.tensor, *packed, 0, packed->tile_count());
    const std::uint64_t digest = hash64(std::span(packed->tiles, packed->bytes()));
    const auto golden = golden_tiles().find(codec.name);
    EXPECT_TRUE(golden != golden_tiles().end() && golden->second == digest)
        << "{\"" << codec.name << "\", 0x" << std::hex << digest << "}: another layout needs another version";
  }
}

TEST(TileLayout, TilesThatWerePackedBeforeMakeTheSameMatrix) {
  for (const codec::Codec& codec : codec::all_codecs()) {
    if (codec.integer_form == nullptr) continue;
    const Blocks weight(codec);
    const auto packed = prepare_pack(weight.tensor, true);
    ASSERT_TRUE(packed);
    pack_tiles(weight.tensor, *packed, 0, packed->tile_count());
    const std::span<const std::byte> tiles(packed->tiles, packed->bytes());
    // Shape and codec are enough: the blocks are not read again.
    QuantizedTensor shape_only = weight.tensor;
    shape_only.planes.clear();
    const PackedMatrix again = packed_before(shape_only, tiles);
    EXPECT_TRUE(again.integer);
    EXPECT_EQ(again.tiles, tiles.data());
    EXPECT_EQ(again.bytes(), packed->bytes());
    const std::vector<std::byte> before(tiles.begin(), tiles.end());
    pack_tiles(weight.tensor, again, 0, again.tile_count());  // has no place to write to
    EXPECT_EQ(std::memcmp(before.data(), tiles.data(), tiles.size()), 0);
    std::vector<std::uint8_t> codes(2 * 512);
    std::vector<float> scales(4 * 512 / 16);
    for (std::size_t row = 0; row < 37; ++row) {
      const std::size_t groups = 512 / packed->group;
      unpack_row(*packed, row, codes.data(), scales.data(), scales.data() + groups);
      unpack_row(again, row, codes.data() + 512, scales.data() + 2 * groups, scales.data() + 3 * groups);
      ASSERT_EQ(std::memcmp(codes.data(), codes.data() + 512, 512), 0) << codec.name;
      ASSERT_EQ(std::memcmp(scales.data(), scales.data() + 2 * groups, 2 * groups * sizeof(float)), 0);
    }
  }
}

}  // namespace
}  // namespace mote::kernels
