// Plain text tables: columns as wide as their widest cell, numbers to the right. Rendering returns a string;
// who prints it decides about colour and width.
//
// Width is counted in terminal cells: combining marks take none, East Asian wide characters and emoji two.
// Control characters of a cell are escaped, so that a tensor name cannot move the cursor.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mote::report {

enum class Align : std::uint8_t { left, right };

struct Column {
  std::string title;
  Align align = Align::left;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // Missing cells are empty; cells past the last column are dropped.
  void add_row(std::vector<std::string> cells);
  [[nodiscard]] std::size_t row_count() const { return rows_.size(); }

  // Header, a rule, one line per row; every line ends with '\n', none with spaces. `bold` wraps the header in
  // the terminal's bold escape.
  [[nodiscard]] std::string render(bool bold = false) const;
  // The same as a table of Markdown, and as comma-separated values (RFC 4180).
  [[nodiscard]] std::string render_markdown() const;
  [[nodiscard]] std::string render_csv() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Cells that valid UTF-8 takes on a terminal.
std::size_t display_width(std::string_view text);

}  // namespace mote::report
