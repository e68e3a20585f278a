#include "report/tensor_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "mote/error.h"
#include "report/number.h"

namespace mote::report {
namespace {

// In pixels. A monospaced digit of 11 pixels is 6.6 wide.
constexpr double kCharacter = 6.6;
constexpr int kLine = 20;
constexpr int kMargin = 12;
constexpr int kHead = 64;  // title and names of columns
constexpr int kFoot = 44;  // scale of colours
constexpr int kPadding = 12;

constexpr int kSteps = 32;  // of the scale, kStep wide
constexpr int kStep = 4;

constexpr double kLeastDecades = 1;
constexpr double kMostDecades = 4;

using Colour = std::array<double, 3>;
// From light to dark (CIE L* 95, 82, 69, 51, 29), so that they also read in grey and with fewer colours.
constexpr std::array<Colour, 5> kColours = {
    {{244, 241, 222}, {236, 200, 140}, {224, 152, 84}, {186, 98, 66}, {112, 48, 66}}};
constexpr std::string_view kNoColour = "#fff";

// Names come from files: one line, valid UTF-8, no markup.
std::string text_of(std::string_view untrusted) {
  std::string out;
  for (const char c : escape_untrusted(untrusted)) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string colour_at(double share) {
  const double at = std::clamp(share, 0.0, 1.0) * (kColours.size() - 1);
  const auto low = std::min(static_cast<std::size_t>(at), kColours.size() - 2);
  std::string out = "#";
  for (std::size_t i = 0; i < 3; ++i) {
    const double mixed =
        kColours[low][i] + (kColours[low + 1][i] - kColours[low][i]) * (at - static_cast<double>(low));
    const auto value = static_cast<unsigned>(std::lround(mixed));
    constexpr std::string_view kDigits = "0123456789abcdef";
    out += kDigits[value / 16];
    out += kDigits[value % 16];
  }
  return out;
}

std::size_t place_of(std::vector<std::string>& names, const std::string& name) {
  const auto found = std::ranges::find(names, name);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  names.push_back(name);
  return names.size() - 1;
}

int width_of(std::string_view text) {
  return static_cast<int>(std::ceil(kCharacter * static_cast<double>(text.size()))) + kPadding;
}

std::string text_at(int x, int y, std::string_view text, std::string_view attributes) {
  return "<text x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) + "\"" + std::string(attributes) +
         ">" + text_of(text) + "</text>";
}

std::string rectangle(int x, int y, int width, int height, std::string_view fill) {
  return "<rect x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) + "\" width=\"" +
         std::to_string(width) + "\" height=\"" + std::to_string(height) + "\" fill=\"" + std::string(fill) +
         "\"";
}

class Picture {
 public:
  explicit Picture(const TensorMap& map) : map_(map) {
    for (const TensorField& field : map.fields) {
      if (has_value(field)) {
        most_ = std::max(most_, field.value);
        least_ = std::min(least_, field.value);
      }
      left_ = std::max(left_, width_of(field.row));
      place_of(rows_, field.row);
      if (field.column.empty()) continue;
      const std::size_t column = place_of(columns_, field.column);
      widths_.resize(columns_.size());
      widths_[column] = std::max({widths_[column], width_of(field.column), width_of(field.label)});
    }
    for (const int width : widths_) fields_width_ += width;
    // A number of two digits takes eight characters at most: 1.2e-05 and a space.
    const int foot = 2 * width_of("1.2e-05 ") + kSteps * kStep + kPadding + width_of(map.value_name);
    fields_width_ = std::max({fields_width_, width_of(map.title) - left_, foot - left_});
  }

  std::string svg() {
    const int width = 2 * kMargin + left_ + fields_width_;
    const int height = kHead + static_cast<int>(rows_.size()) * kLine + kFoot;
    out_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + std::to_string(width) + " " +
           std::to_string(height) + "\" font-family=\"monospace\" font-size=\"11\">\n" +
           rectangle(0, 0, width, height, "#fff") + "/>\n" +
           text_at(kMargin, 24, map_.title, " font-size=\"13\"") + "\n";
    int x = kMargin + left_;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      out_ += text_at(x + widths_[c] / 2, kHead - 8, columns_[c], " text-anchor=\"middle\"") + "\n";
      x += widths_[c];
    }
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      out_ += text_at(kMargin, kHead + static_cast<int>(r) * kLine + 14, rows_[r], "") + "\n";
    }
    for (const TensorField& field : map_.fields) draw(field);
    scale(height - kFoot + 16);
    return out_ + "</svg>\n";
  }

 private:
  static bool has_value(const TensorField& field) { return field.value > 0 && std::isfinite(field.value); }

  // That the colours span, below the largest value.
  [[nodiscard]] double decades() const {
    return std::clamp(std::log10(most_ / least_), kLeastDecades, kMostDecades);
  }

  void draw(const TensorField& field) {
    int x = kMargin + left_;
    int width = fields_width_;
    if (!field.column.empty()) {
      const std::size_t column = place_of(columns_, field.column);
      for (std::size_t c = 0; c < column; ++c) x += widths_[c];
      width = widths_[column];
    }
    const int y = kHead + static_cast<int>(place_of(rows_, field.row)) * kLine;
    const double share = has_value(field) ? 1.0 + std::log10(field.value / most_) / decades() : 0.0;
    out_ +=
        "<g>" +
        rectangle(x, y, width - 1, kLine - 1, has_value(field) ? colour_at(share) : std::string(kNoColour)) +
        " stroke=\"#ccc\"><title>" + text_of(field.note) + "</title></rect>" +
        text_at(x + width / 2, y + 14, field.label,
                share > 0.7 ? " text-anchor=\"middle\" fill=\"#fff\"" : " text-anchor=\"middle\"") +
        "</g>\n";
  }

  void scale(int y) {
    if (!(most_ > 0)) return;
    const std::string least = significant(most_ * std::pow(10.0, -decades()), 2);
    out_ += text_at(kMargin, y + 11, least, "") + "\n";
    const int x = kMargin + width_of(least);
    for (int i = 0; i < kSteps; ++i) {
      out_ += rectangle(x + i * kStep, y, kStep, 14, colour_at(i / (kSteps - 1.0))) + "/>\n";
    }
    out_ +=
        text_at(x + kSteps * kStep + kPadding, y + 11, significant(most_, 2) + "  " + map_.value_name, "") +
        "\n";
  }

  const TensorMap& map_;
  std::vector<std::string> rows_;
  std::vector<std::string> columns_;
  std::vector<int> widths_;  // of the columns
  int left_ = 0;             // names of rows
  int fields_width_ = 0;
  double most_ = 0;
  double least_ = std::numeric_limits<double>::max();
  std::string out_;
};

}  // namespace

std::string tensor_map_svg(const TensorMap& map) { return Picture(map).svg(); }

}  // namespace mote::report
