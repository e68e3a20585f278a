#include "report/table.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "mote/error.h"

namespace mote::report {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// The blocks that matter for text of models: combining marks, joiners, variation selectors.
constexpr std::array<Range, 7> kZeroWidth = {{{0x0300, 0x036F},
                                              {0x1AB0, 0x1AFF},
                                              {0x1DC0, 0x1DFF},
                                              {0x200B, 0x200F},
                                              {0x20D0, 0x20FF},
                                              {0xFE00, 0xFE0F},
                                              {0xFE20, 0xFE2F}}};

// East Asian Width W and F in whole blocks (Unicode Standard Annex 11), and emoji.
constexpr std::array<Range, 9> kDoubleWidth = {{{0x1100, 0x115F},
                                                {0x2E80, 0x303E},
                                                {0x3041, 0xA4CF},
                                                {0xAC00, 0xD7A3},
                                                {0xF900, 0xFAFF},
                                                {0xFE30, 0xFE6F},
                                                {0xFF00, 0xFF60},
                                                {0xFFE0, 0xFFE6},
                                                {0x1F300, 0x1FAFF}}};

template <std::size_t N>
bool contains(const std::array<Range, N>& ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [c](const Range& r) { return c >= r.first && c <= r.last; });
}

void pad(std::string& out, std::string_view cell, std::size_t width, Align align) {
  const std::size_t used = display_width(cell);
  const std::size_t spaces = width > used ? width - used : 0;
  if (align == Align::right) out.append(spaces, ' ');
  out += cell;
  if (align == Align::left) out.append(spaces, ' ');
}

// `text` with `mark` before every `c`.
std::string put_before(std::string_view text, char c, char mark) {
  std::string out;
  for (const char one : text) {
    if (one == c) out += mark;
    out += one;
  }
  return out;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size();) {
    const char32_t c = next_code_point(text, i);
    if (contains(kZeroWidth, c)) continue;
    width += contains(kDoubleWidth, c) ? 2 : 1;
  }
  return width;
}

void Table::add_row(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::string& cell : cells) cell = escape_untrusted(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::render_markdown() const {
  std::string out = "|";
  for (const Column& column : columns_) out += " " + column.title + " |";
  out += "\n|";
  for (const Column& column : columns_) out += column.align == Align::right ? "---:|" : "---|";
  out += "\n";
  for (const auto& row : rows_) {
    out += "|";
    for (const std::string& cell : row) out += " " + put_before(cell, '|', '\\') + " |";
    out += "\n";
  }
  return out;
}

std::string Table::render_csv() const {
  const auto line = [&](auto&& cell) {
    std::string out;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const std::string text = cell(c);
      const bool quoted = text.find_first_of(",\"\r\n") != std::string::npos;
      out += (c > 0 ? "," : "") + (quoted ? "\"" + put_before(text, '"', '"') + "\"" : text);
    }
    return out + "\n";
  };
  std::string out = line([&](std::size_t c) { return columns_[c].title; });
  for (const auto& row : rows_) out += line([&](std::size_t c) { return row[c]; });
  return out;
}

std::string Table::render(bool bold) const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = display_width(columns_[c].title);
    for (const auto& row : rows_) width = std::max(width, display_width(row[c]));
    widths.push_back(width);
  }
  const auto line = [&](auto&& cell) {
    std::string out;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (c > 0) out += "  ";
      pad(out, cell(c), widths[c], columns_[c].align);
    }
    out.resize(out.find_last_not_of(' ') + 1);
    return out;
  };
  const std::string header = line([&](std::size_t c) -> std::string_view { return columns_[c].title; });
  std::string out = bold ? "\x1b[1m" + header + "\x1b[0m\n" : header + "\n";
  std::string rule;
  for (std::size_t c = 0; c < columns_.size(); ++c) rule += (c > 0 ? "  " : "") + std::string(widths[c], '-');
  out += rule + "\n";
  for (const auto& row : rows_) out += line([&](std::size_t c) -> std::string_view { return row[c]; }) + "\n";
  return out;
}

}  // namespace mote::report
