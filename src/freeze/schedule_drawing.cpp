// A freezing schedule as SVG: the fraction of weights on the grid, and below it the learning rate on a logarithmic
// axis.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "tern/freeze.hpp"

namespace tern {
namespace {

constexpr double kLeft = 70, kWidth = 700, kHeight = 120, kTop[2] = {40, 210};

struct Axis {
  double low, high;
  double y(int panel, double v) const { return kTop[panel] + kHeight * (1 - (v - low) / (high - low)); }
};

/// The epochs' values as a staircase.
std::string staircase(const std::vector<double>& values, int panel, const Axis& axis, const char* colour) {
  std::string points;
  const double step = kWidth / static_cast<double>(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = kLeft + step * static_cast<double>(i), y = axis.y(panel, values[i]);
    points += fmt::format("{:.1f},{:.1f} {:.1f},{:.1f} ", x, y, x + step, y);
  }
  return fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n", points, colour);
}

std::string tick(double y, const std::string& label) {
  return fmt::format(
      "<line x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"#ddd\"/>"
      "<text x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>\n",
      kLeft, kLeft + kWidth, y, kLeft - 6, y + 4, label);
}

}  // namespace

std::string FreezeSchedule::svg() const {
  std::vector<double> fraction, rate;
  for (std::int64_t e = 0; e < epochs(); ++e) {
    const At a = at(e);
    fraction.push_back(a.fraction);
    rate.push_back(std::log10(std::max(a.lr, 1e-9)));
  }
  const Axis share{std::min(0.5, *std::min_element(fraction.begin(), fraction.end())), 1.0};
  const Axis power{std::floor(*std::min_element(rate.begin(), rate.end())),
                   std::ceil(*std::max_element(rate.begin(), rate.end()) + 1e-9)};
  std::string out =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"800\" height=\"370\" viewBox=\"0 0 800 370\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"800\" height=\"370\" fill=\"white\"/>\n";
  out +=
      fmt::format("<text x=\"{}\" y=\"26\">weights on the grid</text>\n<text x=\"{}\" y=\"196\">learning rate</text>\n",
                  kLeft, kLeft);
  for (const Phase& p : phases_) out += tick(share.y(0, p.fraction), fmt::format("{:g}", p.fraction));
  for (double e = power.low; e <= power.high; e += 1) out += tick(power.y(1, e), fmt::format("1e{:g}", e));
  out += staircase(fraction, 0, share, "#1f77b4") + staircase(rate, 1, power, "#d62728");
  out += fmt::format(
      "<text x=\"{}\" y=\"352\">epoch 1</text><text x=\"{}\" y=\"352\" text-anchor=\"end\">{}{}</text>\n</svg>\n",
      kLeft, kLeft + kWidth, has_auto() ? "at most " : "", epochs());
  return out;
}

}  // namespace tern
