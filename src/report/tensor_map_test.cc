#include "report/tensor_map.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mote::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// The fill of the field whose note is this.
std::string fill_of(const std::string& svg, const std::string& note) {
  const std::size_t at = svg.find("<title>" + note + "</title>");
  const std::size_t fill = svg.rfind("fill=\"", at) + 6;
  return svg.substr(fill, svg.find('"', fill) - fill);
}

// Relative luminance of "#rrggbb" by the weights of ITU-R BT.709, without its curve.
double lightness(const std::string& colour) {
  const auto part = [&](std::size_t at) { return std::stoi(colour.substr(at, 2), nullptr, 16); };
  return 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
}

TensorMap some_map() {
  return {"Types",
          "nats",
          {{"token_embd", "", "Q6_K", "n0", 0.5},
           {"blk.0", "attn_q", "Q4_K", "n1", 0.05},
           {"blk.0", "ffn_up", "Q4_K", "n2", 0.0005},
           {"blk.1", "attn_q", "Q5_K", "n3", 1e-9},
           {"blk.1", "ffn_up", "F16", "n4", 0}}};
}

TEST(TensorMap, ShowsEveryFieldWithItsLabelAndNote) {
  const std::string svg = tensor_map_svg(some_map());
  EXPECT_EQ(count_of(svg, "<g>"), 5U);
  for (const std::string part : {"Types", "nats", "token_embd", "blk.0", "blk.1", "attn_q", "ffn_up", "Q6_K"})
    EXPECT_EQ(count_of(svg, ">" + part + "<") + count_of(svg, "  " + part + "<"), 1U) << part;
  EXPECT_EQ(count_of(svg, ">Q4_K<"), 2U);
}

TEST(TensorMap, IsDarkerWhereTheValueIsLarger) {
  const std::string svg = tensor_map_svg(some_map());
  EXPECT_LT(lightness(fill_of(svg, "n0")), lightness(fill_of(svg, "n1")));
  EXPECT_LT(lightness(fill_of(svg, "n1")), lightness(fill_of(svg, "n2")));
  EXPECT_LT(lightness(fill_of(svg, "n2")), lightness(fill_of(svg, "n3")));
  EXPECT_EQ(fill_of(svg, "n4"), "#fff");
}

TEST(TensorMap, NamesDoNotBecomeMarkup) {
  const std::string svg = tensor_map_svg({"<b>&\"\n", "v", {{"r\xFF", "<c>", "l", "a&b", 1}}});
  EXPECT_THAT(svg, HasSubstr("&lt;b&gt;&amp;&quot;\\x0A"));
  EXPECT_THAT(svg, HasSubstr("r\\xFF"));
  EXPECT_THAT(svg, HasSubstr("&lt;c&gt;"));
  EXPECT_THAT(svg, HasSubstr("a&amp;b"));
  EXPECT_THAT(svg, Not(HasSubstr("<c>")));
}

TEST(TensorMap, TakesValuesThatAreNone) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::string svg =
      tensor_map_svg({"t", "v", {{"r", "a", "l", "nan", kNan}, {"r", "b", "l", "inf", kInfinity}}});
  EXPECT_EQ(fill_of(svg, "nan"), "#fff");
  EXPECT_EQ(fill_of(svg, "inf"), "#fff");
  EXPECT_EQ(count_of(tensor_map_svg({}), "<svg"), 1U);
}

}  // namespace
}  // namespace mote::report
