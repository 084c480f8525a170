#include "draw/svg.hpp"

#include <fmt/core.h>

#include <array>
#include <cmath>

namespace tern::draw {
namespace {

std::string number(double v) {
  std::string out = fmt::format("{:.1f}", std::isfinite(v) && std::abs(v) < 1e7 ? v : 0.0);
  if (out.ends_with(".0")) out.resize(out.size() - 2);
  return out == "-0" ? "0" : out;
}

std::string attribute(const char* name, const std::string& value) {
  return value.empty() ? "" : " " + std::string(name) + "=\"" + value + "\"";
}
std::string attribute(const char* name, double value) { return attribute(name, number(value)); }

std::string look(const Style& s) {
  return attribute("fill", s.fill.empty() ? "none" : s.fill) + attribute("stroke", s.stroke) +
         (s.stroke.empty() || s.width == 1 ? "" : attribute("stroke-width", s.width)) +
         attribute("stroke-dasharray", s.dash);
}

}  // namespace

Svg::Svg(double width, double height) {
  head_ = "<svg xmlns=\"http://www.w3.org/2000/svg\"" + attribute("width", width) + attribute("height", height) +
          " viewBox=\"0 0 " + number(width) + " " + number(height) + "\" font-family=\"sans-serif\">\n" +
          "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" "
          "orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 z\" fill=\"#444444\"/></marker></defs>\n"
          "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
}

void Svg::line(double x1, double y1, double x2, double y2, const Style& style) {
  body_ += "<line" + attribute("x1", x1) + attribute("y1", y1) + attribute("x2", x2) + attribute("y2", y2) +
           look(style) + "/>\n";
}
void Svg::rect(double x, double y, double width, double height, const Style& style, double corner) {
  body_ += "<rect" + attribute("x", x) + attribute("y", y) + attribute("width", width) + attribute("height", height) +
           (corner > 0 ? attribute("rx", corner) : "") + look(style) + "/>\n";
}
void Svg::circle(double x, double y, double radius, const Style& style) {
  body_ += "<circle" + attribute("cx", x) + attribute("cy", y) + attribute("r", radius) + look(style) + "/>\n";
}
void Svg::polyline(const std::string& points, const Style& style) {
  body_ += "<polyline" + attribute("points", points) + look(style) + "/>\n";
}
void Svg::polygon(const std::string& points, const Style& style) {
  body_ += "<polygon" + attribute("points", points) + look(style) + "/>\n";
}
void Svg::bend(double x1, double y1, double x2, double y2, const Style& style, bool arrow) {
  const double middle = (x1 + x2) / 2;
  body_ += "<path d=\"M" + number(x1) + " " + number(y1) + " C" + number(middle) + " " + number(y1) + " " +
           number(middle) + " " + number(y2) + " " + number(x2) + " " + number(y2) + "\"" + look(style) +
           (arrow ? " marker-end=\"url(#tip)\"" : "") + "/>\n";
}
void Svg::text(double x, double y, const std::string& text, const Font& font) {
  static constexpr std::array<const char*, 3> kAnchors{"", "middle", "end"};
  body_ += "<text" + attribute("x", x) + attribute("y", y) + attribute("font-size", font.size) +
           attribute("text-anchor", std::string(kAnchors[static_cast<std::size_t>(font.anchor)])) +
           (font.bold ? " font-weight=\"bold\"" : "") + attribute("fill", font.color) +
           (font.turned != 0 ? " transform=\"rotate(" + number(font.turned) + " " + number(x) + " " + number(y) + ")\""
                             : "") +
           ">" + escaped(text) + "</text>\n";
}

std::string Svg::str() const { return head_ + body_ + "</svg>\n"; }

std::string point(double x, double y) { return number(x) + "," + number(y); }

double text_extent(const std::string& text, double size) {
  std::size_t characters = 0;
  for (const char c : text) characters += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return 0.58 * size * static_cast<double>(characters);
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
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

const char* series_color(std::size_t index) {
  static constexpr std::array<const char*, 6> kColors{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#b07c00"};
  return kColors[index % kColors.size()];
}
const char* series_dash(std::size_t index) {
  static constexpr std::array<const char*, 4> kDashes{"", "7 3", "2 3", "9 3 2 3"};
  return kDashes[index / 6 % kDashes.size()];
}

void series_marker(Svg& svg, std::size_t index, double x, double y) {
  const std::string color = series_color(index);
  const bool hollow = index / 6 % 2 == 1;
  const Style style{hollow ? "white" : color, color, 1.5, ""};
  const double r = 3.5;
  switch ((index + index / 6) % 5) {
    case 0:
      return svg.circle(x, y, r, style);
    case 1:
      return svg.rect(x - r, y - r, 2 * r, 2 * r, style);
    case 2:
      return svg.polygon(point(x, y - r - 1) + " " + point(x + r + 1, y + r) + " " + point(x - r - 1, y + r), style);
    case 3:
      return svg.polygon(
          point(x, y - r - 1) + " " + point(x + r + 1, y) + " " + point(x, y + r + 1) + " " + point(x - r - 1, y),
          style);
    default:
      return svg.polygon(point(x - r - 1, y - r) + " " + point(x + r + 1, y - r) + " " + point(x, y + r + 1), style);
  }
}

}  // namespace tern::draw
