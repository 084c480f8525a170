// Charts from plain numbers: curves over an axis, stairs, and dots with their spread.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "draw/svg.hpp"

namespace tern::draw {

/// Points in order; what is not finite is left out.
struct Series {
  std::string label;
  std::vector<double> x, y;
};

enum class Scale { kLinear, kLog };

/// One frame with its axes. Panels of a chart share the x axis and the legend.
struct Panel {
  std::string y_label;
  std::vector<Series> series;  ///< the k-th has the look of series k in every panel
  Scale scale = Scale::kLinear;
  bool stairs = false;  ///< a value holds until the next x
};

/// Panels below each other. Errors: ValueError if x and y differ in length or no point is finite (positive, on a
/// logarithmic scale).
std::string curve_chart(const std::string& title, const std::string& x_label, const std::vector<Panel>& panels);

/// A row a value: a dot at `mean`, a line from mean - spread to mean + spread.
struct DotRow {
  std::string label;
  double mean = 0, spread = 0;
  bool reference = false;  ///< a dashed line goes from it through all rows
};
/// What values can be.
struct Bounds {
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
};
/// Dots, not bars: their axis need not begin at 0, and ends at the bounds. A row whose mean is not finite has no dot.
/// Errors: ValueError without rows, or if no mean and not both bounds are finite.
std::string dot_chart(const std::string& title, const std::string& x_label, const std::vector<DotRow>& rows,
                      Bounds bounds = {});

/// Numbers to write at an axis from `low` to `high`: multiples of 1, 2 or 5 times a power of ten, at most about
/// `count`, at least `least` apart.
std::vector<double> ticks(double low, double high, int count, double least = 0);

}  // namespace tern::draw
