#include "export/onnx/codes.hpp"

#include <algorithm>
#include <cmath>

namespace tern::onnx {
namespace {

// In the forms of reals, codes are bytes from 0 on where they are integers: onnxruntime makes such of int8 on
// processors without VNNI, and then contradicts itself about windows' results.
std::string zero_point(const Body& b) {
  return b.constant<std::uint8_t>("zero_point", {}, {static_cast<std::uint8_t>(-b.node.type.lo)});
}

std::string dequantized(const Body& b, const std::string& bytes) {
  return b.add("DequantizeLinear", {bytes, b.scalar("step", b.node.type.step), zero_point(b)});
}

// Where the line crosses midpoint j, at first + spacing * j, shall lie between lowest[j] and highest[j].
struct Crossings {
  std::vector<double> lowest, highest;

  struct Choice {
    double first, room;  ///< room: width of what `first` can be chosen from, negative if it cannot
  };
  Choice with(double spacing) const {
    double from = -INFINITY, to = INFINITY;
    for (std::size_t j = 0; j < lowest.size(); ++j) {
      from = std::max(from, lowest[j] - spacing * static_cast<double>(j));
      to = std::min(to, highest[j] - spacing * static_cast<double>(j));
    }
    return {(from + to) / 2, to - from};
  }
};

}  // namespace

std::string by_thresholds(const Body& b, const std::string& x, const std::vector<std::string>& thresholds) {
  std::string sum;
  for (const std::string& t : thresholds) {
    const std::string reached = b.cast(b.add("GreaterOrEqual", {x, t}), Type::kFloat);
    sum = sum.empty() ? reached : b.add("Add", {sum, reached});
  }
  if (!b.exact()) return dequantized(b, b.cast(sum, Type::kUint8));
  return b.node.type.lo == 0 ? sum : b.add("Add", {sum, b.scalar("lo", static_cast<float>(b.node.type.lo))});
}

std::string of_bits(const Body& b, const std::string& x) {
  return b.exact() ? b.cast(x, Type::kFloat) : dequantized(b, b.cast(x, Type::kUint8));
}

std::string by_grid(const Body& b, const std::string& x, float spacing) {
  const auto at = [&](int code) { return static_cast<float>(code) * spacing; };
  const std::string clipped =
      b.add("Clip", {x, b.scalar("lowest", at(b.node.type.lo)), b.scalar("highest", at(b.node.type.hi))});
  return dequantized(b, b.add("QuantizeLinear", {clipped, b.scalar("spacing", spacing), zero_point(b)}));
}

std::optional<float> grid_of(std::span<const float> thresholds, int lo) {
  constexpr double kRounding = 1e-6;  // of what trained grids were computed with
  const auto n = static_cast<double>(thresholds.size());
  const double first = lo + 0.5, last = first + n - 1;
  const double spacing =
      n > 1 ? (double{thresholds.back()} - double{thresholds.front()}) / (n - 1) : thresholds.front() / first;
  if (!std::isfinite(spacing) || spacing < std::numeric_limits<float>::min()) return {};
  const double tolerance = kRounding * spacing * std::max({1.0, std::abs(first), std::abs(last)});
  for (std::size_t j = 0; j < thresholds.size(); ++j) {
    if (!(std::abs(thresholds[j] - spacing * (first + static_cast<double>(j))) <= tolerance)) return {};
  }
  return static_cast<float>(spacing);
}

// The wider the room between two whole numbers at the best spacing, the less do rounded sums matter; as a function of
// the spacing it is concave. Of what no sum or every sum reaches only one side is bounded.
std::optional<Line> line_of(std::span<const std::int32_t> thresholds, int lo, i64 reach) {
  constexpr double kLeastRoom = 0.1;
  const double far = 3.0 * static_cast<double>(reach) + 3;
  Crossings crossings;
  for (const i64 t : thresholds) {
    crossings.lowest.push_back(t <= -reach ? -far : static_cast<double>(std::min(t - 1, reach)));
    crossings.highest.push_back(t > reach ? far : static_cast<double>(std::max(t, -reach)));
  }
  double least = 0.25 / static_cast<double>(thresholds.size()), most = 2 * far;
  for (int i = 0; i < 100; ++i) {
    const double a = least + (most - least) / 3, b = most - (most - least) / 3;
    if (crossings.with(a).room < crossings.with(b).room)
      least = a;
    else
      most = b;
  }
  const auto [first, room] = crossings.with(least);
  if (room < kLeastRoom) return {};
  return Line{1 / least, lo + 0.5 - first / least};
}

}  // namespace tern::onnx
