// Learning curves: read from metrics.jsonl, drawn as SVG.
#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/file.hpp"
#include "tern/error.hpp"
#include "tern/search.hpp"

namespace tern {
namespace {

constexpr double kWidth = 720, kHeight = 440, kLeft = 64, kRight = 16, kTop = 36, kBottom = 52;
constexpr std::array<const char*, 6> kColors{"#1f5fae", "#c2452d", "#2b7a3d", "#7a4fa3", "#b8860b", "#444444"};

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : std::string(1, c);
  return out;
}

// 1, 2 or 5 times a power of ten, so that about `count` of them fit.
double tick_step(double span, int count) {
  const double raw = span / count, power = std::pow(10, std::floor(std::log10(raw)));
  for (const double m : {1.0, 2.0, 5.0}) {
    if (raw <= m * power) return m * power;
  }
  return 10 * power;
}

struct Range {
  double low = 0, high = 1;
  void widen_if_flat() {
    if (high > low) return;
    low -= 0.5;
    high += 0.5;
  }
};

Range range_of(const std::vector<Curve>& curves, std::vector<double> Curve::*values) {
  Range r{INFINITY, -INFINITY};
  for (const Curve& c : curves) {
    for (const double v : c.*values) {
      if (!std::isfinite(v)) continue;
      r.low = std::min(r.low, v);
      r.high = std::max(r.high, v);
    }
  }
  r.widen_if_flat();
  return r;
}

}  // namespace

std::string curves_svg(const std::vector<Curve>& curves, const std::string& title, const std::string& x_label,
                       const std::string& y_label) {
  bool any = false;
  for (const Curve& c : curves) {
    if (c.x.size() != c.y.size()) throw ValueError("[curves] expected as many x as y in \"" + c.label + "\"");
    for (std::size_t i = 0; i < c.x.size(); ++i) any = any || (std::isfinite(c.x[i]) && std::isfinite(c.y[i]));
  }
  if (!any) throw ValueError("[curves] expected at least one point");
  const Range xs = range_of(curves, &Curve::x), ys = range_of(curves, &Curve::y);
  const auto at_x = [&](double x) { return kLeft + (x - xs.low) / (xs.high - xs.low) * (kWidth - kLeft - kRight); };
  const auto at_y = [&](double y) {
    return kHeight - kBottom - (y - ys.low) / (ys.high - ys.low) * (kHeight - kTop - kBottom);
  };
  std::ostringstream out;
  out << "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" << kWidth << "\" height=\"" << kHeight
      << "\" viewBox=\"0 0 " << kWidth << ' ' << kHeight << "\" font-family=\"sans-serif\" font-size=\"12\">\n"
      << "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"" << kWidth / 2
      << "\" y=\"20\" text-anchor=\"middle\" font-weight=\"bold\">" << escaped(title) << "</text>\n";
  const auto ticks = [&](const Range& r, auto&& draw) {
    constexpr int kMost = 16;  // 8 at most, unless t is so large that t + step is no other number
    const double step = tick_step(r.high - r.low, 7), first = std::ceil(r.low / step);
    for (int i = 0; i < kMost; ++i) {
      const double t = (first + i) * step;
      if (!(t <= r.high + 1e-9 * step)) break;
      draw(std::abs(t) < 1e-9 * step ? 0.0 : t);
    }
  };
  ticks(ys, [&](double t) {
    out << "<line x1=\"" << kLeft << "\" x2=\"" << kWidth - kRight << "\" y1=\"" << at_y(t) << "\" y2=\"" << at_y(t)
        << "\" stroke=\"#dddddd\"/><text x=\"" << kLeft - 6 << "\" y=\"" << at_y(t) + 4 << "\" text-anchor=\"end\">"
        << t << "</text>\n";
  });
  ticks(xs, [&](double t) {
    out << "<text x=\"" << at_x(t) << "\" y=\"" << kHeight - kBottom + 18 << "\" text-anchor=\"middle\">" << t
        << "</text>\n";
  });
  out << "<text x=\"" << kWidth / 2 << "\" y=\"" << kHeight - 12 << "\" text-anchor=\"middle\">" << escaped(x_label)
      << "</text>\n"
      << "<text transform=\"translate(16 " << kHeight / 2 << ") rotate(-90)\" text-anchor=\"middle\">"
      << escaped(y_label) << "</text>\n";
  for (std::size_t k = 0; k < curves.size(); ++k) {
    const char* color = kColors[k % kColors.size()];
    out << "<polyline fill=\"none\" stroke-width=\"1.8\" stroke=\"" << color << "\" points=\"";
    for (std::size_t i = 0; i < curves[k].x.size(); ++i) {
      if (std::isfinite(curves[k].x[i]) && std::isfinite(curves[k].y[i]))
        out << at_x(curves[k].x[i]) << ',' << at_y(curves[k].y[i]) << ' ';
    }
    const double row = kHeight - kBottom - 14 - 17 * static_cast<double>(curves.size() - 1 - k);
    out << "\"/>\n<line x1=\"" << kWidth - 190 << "\" x2=\"" << kWidth - 166 << "\" y1=\"" << row - 4 << "\" y2=\""
        << row - 4 << "\" stroke-width=\"3\" stroke=\"" << color << "\"/><text x=\"" << kWidth - 160 << "\" y=\"" << row
        << "\">" << escaped(curves[k].label) << "</text>\n";
  }
  out << "</svg>\n";
  return out.str();
}

Curve accuracy_curve(const std::string& run_dir, const std::string& label) {
  const std::string path = (std::filesystem::path(run_dir) / "metrics.jsonl").string();
  std::istringstream lines(read_text_file(path));
  Curve out{.label = label, .x = {}, .y = {}};
  std::string line;
  int number = 1;
  const auto fail = [&](const std::string& why) {
    throw FormatError("[curves] " + path + ", line " + std::to_string(number) + ": " + why);
  };
  constexpr double kMaxEpoch = 1 << 24;
  for (; std::getline(lines, line); ++number) {
    try {
      const nlohmann::json j = nlohmann::json::parse(line);
      const nlohmann::json* accuracy = nullptr;
      if (j.contains("search_validation_accuracy"))
        accuracy = &j.at("search_validation_accuracy");
      else if (j.contains("test"))
        accuracy = &j.at("test").at("accuracy");
      if (!accuracy) continue;
      const double epoch = j.at("epoch").get<double>(), share = accuracy->get<double>();
      if (!(epoch >= 0 && epoch <= kMaxEpoch)) fail("expected an epoch in 0 .. 2^24");
      if (!(share >= 0 && share <= 1)) fail("expected an accuracy in 0 .. 1");
      out.x.push_back(epoch + 1);
      out.y.push_back(100 * share);
    } catch (const nlohmann::json::exception&) {
      fail("not a line of a run's metrics");
    }
  }
  return out;
}

}  // namespace tern
