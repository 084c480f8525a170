#include <cmath>
#include <limits>
#include <regex>

#include "catch.hpp"
#include "draw/chart.hpp"
#include "tern/error.hpp"

namespace draw = tern::draw;

namespace {
std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}
}  // namespace

TEST_CASE("chart: ticks are round, inside the range and few", "[draw]") {
  CHECK(draw::ticks(0, 10, 5) == std::vector<double>{0, 2, 4, 6, 8, 10});
  const std::vector<double> fine = draw::ticks(87.3, 88.1, 4);
  REQUIRE(fine.size() == 4);
  CHECK(std::abs(fine[0] - 87.4) < 1e-9);
  CHECK(std::abs(fine[3] - 88.0) < 1e-9);
  CHECK(draw::ticks(0.9, 3.1, 10, 1) == std::vector<double>{1, 2, 3});
  for (const double high : {1e-9, 0.7, 3.0, 1e17}) {
    const auto t = draw::ticks(0, high, 6);
    CHECK(t.size() >= 2);
    CHECK(t.size() <= 13);
    CHECK(t.back() <= high * (1 + 1e-9));
  }
}

TEST_CASE("chart: curves have a polyline, markers and a legend each; points that are no numbers are left out",
          "[draw]") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string s = draw::curve_chart(
      "t", "epoch",
      {{"accuracy", {{"a<b", {1, 2, 3}, {10, nan, 30}}, {"c", {1, 2}, {5, 6}}}, draw::Scale::kLinear, false},
       {"rate", {{"a<b", {1, 2, 3}, {1e-1, 1e-2, 0}}}, draw::Scale::kLog, false}});
  CHECK(count(s, "<polyline") == 3);
  CHECK(count(s, "a&lt;b") == 1);
  CHECK(s.find(">0.01<") != std::string::npos);
  const std::regex first("<polyline points=\"([0-9.,-]+ )([0-9.,-]+ )\"");
  std::smatch m;
  REQUIRE(std::regex_search(s, m, first));  // two points of three
  CHECK(s.find("nan") == std::string::npos);
}

TEST_CASE("chart: stairs hold a value until the next one", "[draw]") {
  const std::string s = draw::curve_chart("t", "x", {{"y", {{"", {0, 1, 2}, {0, 1, 1}}}, draw::Scale::kLinear, true}});
  const std::regex points("<polyline points=\"([^\"]*)\"");
  std::smatch m;
  REQUIRE(std::regex_search(s, m, points));
  CHECK(count(m[1], ",") == 5);
}

TEST_CASE("chart: refuses what it cannot draw, takes what is extreme", "[draw]") {
  CHECK_THROWS_AS(draw::curve_chart("t", "x", {}), tern::ValueError);
  CHECK_THROWS_AS(draw::curve_chart("t", "x", {{"y", {{"a", {1, 2}, {1}}}, draw::Scale::kLinear, false}}),
                  tern::ValueError);
  CHECK_THROWS_AS(draw::curve_chart("t", "x", {{"y", {{"a", {1}, {-1}}}, draw::Scale::kLog, false}}), tern::ValueError);
  CHECK_NOTHROW(
      draw::curve_chart("t", "x", {{"y", {{"a", {1e17, 1e17 + 64}, {-1e308, 1e308}}}, draw::Scale::kLinear, false}}));
  CHECK_THROWS_AS(draw::dot_chart("t", "x", {}), tern::ValueError);
}

TEST_CASE("chart: dots stand at their means, lines cover the spread", "[draw]") {
  const std::string s = draw::dot_chart("t", "accuracy", {{"none/none", 90, 0, true}, {"twn/ternary", 88, 0.5, false}});
  CHECK(count(s, "stroke-dasharray=\"4 3\"") == 1);
  CHECK(s.find(">90.00<") != std::string::npos);
  CHECK(s.find(">88.00<") != std::string::npos);
}

TEST_CASE("chart: an axis of dots ends where values do, and what is no number has no dot", "[draw]") {
  const auto chart = [](double mean, double spread) {
    return draw::dot_chart("t", "accuracy", {{"all", mean, spread, false}, {"lost", NAN, NAN, true}}, {0, 100});
  };
  // The highest number at the axis; the dot at the bound, and the end of its line, stand at the right end.
  const std::string all = chart(100, 0), far = chart(99, 5);
  CHECK(all.find(">100<") != std::string::npos);
  for (const std::string& s : {all, far}) {
    CHECK(s.find(">100.") == (s == all ? s.find(">100.00<") : std::string::npos));
    CHECK(s.find(">102<") == std::string::npos);
    CHECK(s.find("nan") == std::string::npos);
    CHECK(s.find(">lost<") != std::string::npos);
  }
  CHECK(chart(NAN, NAN).find(">80<") != std::string::npos);
  CHECK_THROWS_AS(draw::dot_chart("t", "x", {{"lost", NAN, 0, false}}), tern::ValueError);
}
