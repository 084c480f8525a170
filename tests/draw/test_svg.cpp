#include <set>
#include <string>

#include "catch.hpp"
#include "draw/svg.hpp"

namespace draw = tern::draw;

TEST_CASE("svg: texts are escaped, numbers are short, and what is not finite is no number of the file", "[draw]") {
  draw::Svg svg(100, 50.25);
  svg.text(1, 2.5, "a < b & \"c\"");
  svg.line(0, -0.04, 1.0 / 3, INFINITY, {"", "#000000", 2, "4 3"});
  const std::string s = svg.str();
  CHECK(s.find("a &lt; b &amp; &quot;c&quot;") != std::string::npos);
  CHECK(s.find("<line x1=\"0\" y1=\"0\" x2=\"0.3\" y2=\"0\"") != std::string::npos);
  CHECK(s.find("height=\"50.2\"") != std::string::npos);
  CHECK(s.find("nan") == std::string::npos);
  CHECK(s.find("inf") == std::string::npos);
  CHECK(s.ends_with("</svg>\n"));
}

TEST_CASE("svg: the looks of two dozen series are all different", "[draw]") {
  std::set<std::string> looks;
  for (std::size_t k = 0; k < 24; ++k) {
    draw::Svg svg(10, 10);
    svg.line(0, 0, 1, 1, {"", draw::series_color(k), 1, draw::series_dash(k)});
    draw::series_marker(svg, k, 5, 5);
    looks.insert(svg.str());
  }
  CHECK(looks.size() == 24);
}
