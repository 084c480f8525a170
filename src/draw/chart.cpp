#include "draw/chart.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "tern/error.hpp"

namespace tern::draw {
namespace {

const Style kGrid{"", "#dddddd", 1, ""}, kAxis{"", "#888888", 1, ""};

struct Range {
  double low = INFINITY, high = -INFINITY;
  void take(double v) {
    if (!std::isfinite(v)) return;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  bool empty() const { return low > high; }
  /// A share of its extent on both sides, so that nothing lies on the frame.
  Range widened(double share) const {
    const double by = high > low ? share * (high - low) : 0.5;
    return {low - by, high + by};
  }
  Range within(const Bounds& b) const { return {std::max(low, b.low), std::min(high, b.high)}; }
  /// Where v lies, from 0 to 1.
  double at(double v) const { return (v - low) / (high - low); }
};

double scaled(double v, Scale scale) { return scale == Scale::kLinear ? v : v > 0 ? std::log10(v) : NAN; }

std::string tick_text(double v, Scale scale) {
  if (scale == Scale::kLinear) return fmt::format("{:g}", v);
  return fmt::format("{:g}", std::pow(10.0, v));
}

struct Frame {
  double left, top, width, height;
  Range x, y;
  double px(double v) const { return left + width * x.at(v); }
  double py(double v) const { return top + height * (1 - y.at(v)); }
};

void draw_panel(Svg& svg, const Frame& f, const Panel& panel) {
  // On a logarithmic axis powers of ten, where it covers one.
  const bool powers = panel.scale == Scale::kLog && f.y.high - f.y.low >= 1;
  for (const double t : ticks(f.y.low, f.y.high, 6, powers ? 1 : 0)) {
    svg.line(f.left, f.py(t), f.left + f.width, f.py(t), kGrid);
    svg.text(f.left - 6, f.py(t) + 4, tick_text(t, panel.scale), {11, Anchor::kEnd});
  }
  svg.line(f.left, f.top + f.height, f.left + f.width, f.top + f.height, kAxis);
  svg.text(16, f.top + f.height / 2, panel.y_label, {12, Anchor::kMiddle, false, "#222222", -90});
  for (std::size_t k = 0; k < panel.series.size(); ++k) {
    const Series& s = panel.series[k];
    std::vector<std::pair<double, double>> at;
    for (std::size_t i = 0; i < s.x.size(); ++i) {
      const double y = scaled(s.y[i], panel.scale);
      if (std::isfinite(s.x[i]) && std::isfinite(y)) at.emplace_back(f.px(s.x[i]), f.py(y));
    }
    std::string points;
    for (std::size_t i = 0; i < at.size(); ++i) {
      if (panel.stairs && i > 0) points += point(at[i].first, at[i - 1].second) + " ";
      points += point(at[i].first, at[i].second) + " ";
    }
    svg.polyline(points, {"", series_color(k), 1.8, series_dash(k)});
    // About a dozen markers a curve, the last point always.
    const std::size_t every = std::max<std::size_t>(1, at.size() / 12);
    for (std::size_t i = 0; i < at.size() && !panel.stairs; ++i) {
      if (i % every == 0 || i + 1 == at.size()) series_marker(svg, k, at[i].first, at[i].second);
    }
  }
}

}  // namespace

std::vector<double> ticks(double low, double high, int count, double least) {
  if (!(high > low)) return {low};
  const double raw = std::max(least, (high - low) / count), power = std::pow(10, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double m : {5.0, 2.0, 1.0}) {
    if (raw <= m * power) step = m * power;
  }
  std::vector<double> out;
  const double first = std::ceil(low / step - 1e-9);
  for (int i = 0; i <= 2 * count; ++i) {
    const double t = (first + i) * step;
    if (!(t <= high + 1e-9 * step)) break;
    out.push_back(std::abs(t) < 1e-9 * step ? 0.0 : t);
  }
  return out;
}

std::string curve_chart(const std::string& title, const std::string& x_label, const std::vector<Panel>& panels) {
  constexpr double kLeft = 76, kTop = 40, kWidth = 640, kHeight = 250, kGap = 26, kBottom = 52;
  Range x;
  std::vector<std::string> labels;
  bool whole = true;  // epochs, for one
  for (const Panel& panel : panels) {
    Range y;
    for (std::size_t k = 0; k < panel.series.size(); ++k) {
      const Series& s = panel.series[k];
      if (s.x.size() != s.y.size()) throw ValueError("[chart] expected as many x as y in \"" + s.label + "\"");
      if (labels.size() <= k) labels.resize(k + 1);
      if (labels[k].empty()) labels[k] = s.label;
      for (std::size_t i = 0; i < s.x.size(); ++i) {
        if (!std::isfinite(scaled(s.y[i], panel.scale)) || !std::isfinite(s.x[i])) continue;
        x.take(s.x[i]);
        whole = whole && s.x[i] == std::floor(s.x[i]);
        y.take(s.y[i]);
      }
    }
    if (y.empty()) throw ValueError("[chart] expected at least one point");
  }
  if (panels.empty()) throw ValueError("[chart] expected at least one point");
  double legend = 0;
  for (const std::string& l : labels) legend = std::max(legend, text_extent(l));
  const double height = kTop + static_cast<double>(panels.size()) * (kHeight + kGap) - kGap + kBottom;
  Svg svg(kLeft + kWidth + (legend > 0 ? 60 + legend : 20),
          std::max(height, kTop + 20.0 * static_cast<double>(labels.size()) + 20));
  svg.text(kLeft, 24, title, {14, Anchor::kStart, true});
  double top = kTop;
  for (const Panel& panel : panels) {
    Range y;
    for (const Series& s : panel.series) {
      for (const double v : s.y) y.take(scaled(v, panel.scale));
    }
    const Frame f{kLeft, top, kWidth, kHeight, x.widened(0.02), y.widened(0.06)};
    draw_panel(svg, f, panel);
    if (&panel == &panels.back()) {
      for (const double t : ticks(f.x.low, f.x.high, 10, whole ? 1 : 0)) {
        svg.text(f.px(t), top + kHeight + 18, tick_text(t, Scale::kLinear), {11, Anchor::kMiddle});
      }
      svg.text(kLeft + kWidth / 2, top + kHeight + 40, x_label, {12, Anchor::kMiddle});
    }
    top += kHeight + kGap;
  }
  for (std::size_t k = 0; k < labels.size(); ++k) {
    if (labels[k].empty()) continue;
    const double y = kTop + 10 + 20 * static_cast<double>(k), left = kLeft + kWidth + 16;
    svg.line(left, y, left + 26, y, {"", series_color(k), 1.8, series_dash(k)});
    if (!panels.front().stairs) series_marker(svg, k, left + 13, y);
    svg.text(left + 34, y + 4, labels[k]);
  }
  return svg.str();
}

std::string dot_chart(const std::string& title, const std::string& x_label, const std::vector<DotRow>& rows,
                      Bounds bounds) {
  if (rows.empty()) throw ValueError("[chart] expected at least one row");
  constexpr double kTop = 44, kRow = 26, kWidth = 520, kBottom = 50;
  double left = 0;
  Range x;
  for (const DotRow& r : rows) {
    left = std::max(left, text_extent(r.label));
    x.take(r.mean - r.spread);
    x.take(r.mean + r.spread);
  }
  x = x.empty() ? Range{bounds.low, bounds.high} : x.widened(0.08).within(bounds);
  if (!std::isfinite(x.high - x.low)) throw ValueError("[chart] expected at least one row with a number");
  left += 24;
  const Frame f{left, kTop, kWidth, kRow * static_cast<double>(rows.size()), x, {}};
  Svg svg(std::max(left + kWidth + 70, text_extent(title, 14) + 40), f.top + f.height + kBottom);
  svg.text(12, 24, title, {14, Anchor::kStart, true});
  const double bottom = f.top + f.height;
  for (const double t : ticks(f.x.low, f.x.high, 8)) {
    svg.line(f.px(t), f.top, f.px(t), bottom, kGrid);
    svg.text(f.px(t), bottom + 16, tick_text(t, Scale::kLinear), {11, Anchor::kMiddle});
  }
  svg.line(f.left, bottom, f.left + f.width, bottom, kAxis);
  svg.text(f.left + f.width / 2, bottom + 36, x_label, {12, Anchor::kMiddle});
  for (const DotRow& r : rows) {
    if (r.reference && std::isfinite(r.mean))
      svg.line(f.px(r.mean), f.top, f.px(r.mean), bottom, {"", "#888888", 1, "4 3"});
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const DotRow& r = rows[i];
    const double y = f.top + kRow * (static_cast<double>(i) + 0.5);
    const std::size_t look = r.reference ? 1 : 0;
    svg.text(left - 10, y + 4, r.label, {12, Anchor::kEnd});
    if (!std::isfinite(r.mean)) continue;
    const Range line = Range{r.mean - r.spread, r.mean + r.spread}.within(bounds);
    if (r.spread > 0) svg.line(f.px(line.low), y, f.px(line.high), y, {"", series_color(look), 2, ""});
    series_marker(svg, look, f.px(r.mean), y);
    svg.text(f.px(line.high) + 9, y + 4, fmt::format("{:.2f}", r.mean), {11});
  }
  return svg.str();
}

}  // namespace tern::draw
