#include "report/table.h"

#include <gtest/gtest.h>

#include "report/number.h"

namespace mote::report {
namespace {

TEST(Table, AlignsColumnsByTheirWidestCellAndNumbersToTheRight) {
  Table table({{"type", Align::left}, {"bytes", Align::right}});
  table.add_row({"Q4_0", "77"});
  table.add_row({"IQ4_NL", "1,234"});
  EXPECT_EQ(table.render(),
            "type    bytes\n"
            "------  -----\n"
            "Q4_0       77\n"
            "IQ4_NL  1,234\n");
}

TEST(Table, LeavesNoTrailingSpacesAndFillsMissingCells) {
  Table table({{"a"}, {"b"}});
  table.add_row({"long cell"});
  EXPECT_EQ(table.render(), "a          b\n---------  -\nlong cell\n");
}

TEST(Table, MarksTheHeaderOnlyWhenAsked) {
  Table table({{"a"}});
  EXPECT_EQ(table.render(true), "\x1b[1ma\x1b[0m\n-\n");
}

TEST(Table, IsMarkdownAndCommaSeparatedToo) {
  Table table({{"test", Align::left}, {"tokens/s", Align::right}});
  table.add_row({"a|b", "1,234"});
  table.add_row({"say \"x\""});
  EXPECT_EQ(table.render_markdown(),
            "| test | tokens/s |\n|---|---:|\n| a\\|b | 1,234 |\n| say \"x\" |  |\n");
  EXPECT_EQ(table.render_csv(), "test,tokens/s\na|b,\"1,234\"\n\"say \"\"x\"\"\",\n");
}

TEST(Table, EscapesControlCharactersOfCells) {
  Table table({{"name"}});
  table.add_row({"a\x1b[2J"});
  EXPECT_EQ(table.render().find('\x1b'), std::string::npos);
}

TEST(DisplayWidth, CountsTerminalCells) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("±é"), 2U);
  EXPECT_EQ(display_width("日本"), 4U);
  EXPECT_EQ(display_width("e\u0301"), 1U);
}

TEST(Number, FixedRoundsAndNamesWhatIsNoNumber) {
  EXPECT_EQ(fixed(3.14159, 2), "3.14");
  EXPECT_EQ(fixed(-0.5, 1), "-0.5");
  EXPECT_EQ(fixed(std::numeric_limits<double>::quiet_NaN(), 2), "nan");
  EXPECT_EQ(fixed(-std::numeric_limits<double>::infinity(), 2), "-inf");
}

TEST(Number, SignificantKeepsTheDigitsThatCarryMeaning) {
  EXPECT_EQ(significant(0.00012345, 3), "0.000123");
  EXPECT_EQ(significant(123.456, 4), "123.5");
  EXPECT_EQ(significant(1.5e-7, 3), "1.50e-07");
  EXPECT_EQ(significant(0, 3), "0.00");
}

TEST(Number, ErrorsShowTwoDigitsAndSetThePrecisionOfTheValue) {
  EXPECT_EQ(with_error(12.34567, 0.0667), "12.346 ± 0.067");
  EXPECT_EQ(with_error(1234.5, 12.0), "1234 ± 12");
  EXPECT_EQ(with_error(1.0, 0.0), "1.0000 ± 0.0000");
}

TEST(Number, DurationsChangeTheirUnit) {
  EXPECT_EQ(duration(0.85), "850 ms");
  EXPECT_EQ(duration(12.34), "12.3 s");
  EXPECT_EQ(duration(245.2), "4 min 05 s");
  EXPECT_EQ(duration(59.99), "1 min 00 s");
}

TEST(Number, PercentIsOfAFraction) { EXPECT_EQ(percent(0.98765, 2), "98.77 %"); }

}  // namespace
}  // namespace mote::report
