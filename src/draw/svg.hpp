// The one writer of SVG, and the colours of all pictures. It knows no network: callers give numbers and texts.
#pragma once

#include <cstddef>
#include <string>

namespace tern::draw {

/// How a shape looks. Empty texts: nothing of that kind.
struct Style {
  std::string fill, stroke;
  double width = 1;  ///< of the stroke
  std::string dash;  ///< as in stroke-dasharray
};

enum class Anchor { kStart, kMiddle, kEnd };

/// How a text looks.
struct Font {
  double size = 12;
  Anchor anchor = Anchor::kStart;
  bool bold = false;
  std::string color = "#222222";
  double turned = 0;  ///< degrees clockwise around its anchor
};

/// Sizes and positions are pixels from the upper left corner. Numbers are written with one decimal; texts are escaped.
class Svg {
 public:
  /// A white picture.
  Svg(double width, double height);
  void line(double x1, double y1, double x2, double y2, const Style& style);
  void rect(double x, double y, double width, double height, const Style& style, double corner = 0);
  void circle(double x, double y, double radius, const Style& style);
  /// `points`: "x,y x,y ..." as point() gives them.
  void polyline(const std::string& points, const Style& style);
  void polygon(const std::string& points, const Style& style);
  /// A curve that leaves the first and reaches the second point horizontally.
  void bend(double x1, double y1, double x2, double y2, const Style& style, bool arrow = false);
  void text(double x, double y, const std::string& text, const Font& font = {});
  std::string str() const;

 private:
  std::string head_, body_;
};

std::string point(double x, double y);
/// About how wide a text is.
double text_extent(const std::string& text, double size = 12);
std::string escaped(const std::string& text);

/// Colours that people with any colour vision tell apart (Okabe and Ito, 2008, without black and yellow); beyond them
/// the marker and the dash tell series apart.
const char* series_color(std::size_t index);
/// "" for a full line.
const char* series_dash(std::size_t index);
/// A marker of the series at a point: disc, square, triangle, diamond, ring and so on.
void series_marker(Svg& svg, std::size_t index, double x, double y);

}  // namespace tern::draw
