// The scale that puts weights closest to the levels: grid search, then downhill simplex.
//
// With |w| sorted, every quantity of the error is a sum over a tail of the order:
//   ||w - s Q_s(w)||^2 = sum w^2 - 2 s sum |w| |q| + s^2 sum q^2,      |q| = base + sum_j jump_j 1{|w| > s t_j}
// so one evaluation costs a binary search a threshold, whatever the number of weights.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "tern/error.hpp"
#include "tern/freeze.hpp"

namespace tern {
namespace {

class FitError {
 public:
  FitError(std::span<const float> w, const LevelSet& levels) : levels_(levels) {
    for (const float x : w) {
      if (!std::isfinite(x)) throw ValueError("[rescale] expected finite weights; got " + std::to_string(x));
      sorted_.push_back(std::abs(static_cast<double>(x)));
    }
    std::sort(sorted_.begin(), sorted_.end());
    tail_.assign(sorted_.size() + 1, 0.0);
    for (std::size_t i = sorted_.size(); i-- > 0;) {
      tail_[i] = tail_[i + 1] + sorted_[i];
      squares_ += sorted_[i] * sorted_[i];
    }
  }

  double largest() const { return sorted_.empty() ? 0.0 : sorted_.back(); }
  double norm() const { return std::sqrt(squares_); }

  /// ||w - s Q_s(w)||; infinite for s <= 0.
  double operator()(double s) const {
    if (!(s > 0)) return std::numeric_limits<double>::infinity();
    int level = levels_.base();
    double product = level * tail_[0];                                   // sum |w| |q|
    double power = level * level * static_cast<double>(sorted_.size());  // sum q^2
    for (std::size_t j = 0; j < levels_.thresholds().size(); ++j) {
      const auto first = std::upper_bound(sorted_.begin(), sorted_.end(), s * levels_.thresholds()[j]);
      const int jump = levels_.jumps()[j], next = level + jump;
      product += jump * tail_[static_cast<std::size_t>(first - sorted_.begin())];
      power += (next * next - level * level) * static_cast<double>(sorted_.end() - first);
      level = next;
    }
    return std::sqrt(std::max(squares_ - s * (2 * product - s * power), 0.0));
  }

 private:
  const LevelSet& levels_;
  std::vector<double> sorted_, tail_;  // tail_[i] = sum of sorted_[i ..]
  double squares_ = 0;
};

struct Vertex {
  double s, error;
};

// Nelder and Mead, "A simplex method for function minimization", 1965, for one variable. Where it stops scales with w.
Vertex downhill_simplex(const FitError& error, double start) {
  constexpr double kTolerance = 1e-4;
  const auto at = [&](double s) { return Vertex{s, error(s)}; };
  Vertex best = at(start), worst = at(1.05 * start);
  if (worst.error < best.error) std::swap(best, worst);
  for (int i = 0; i < 200; ++i) {
    if (std::abs(worst.s - best.s) <= kTolerance * best.s &&
        std::abs(worst.error - best.error) <= kTolerance * error.norm())
      break;
    const double step = best.s - worst.s;
    const Vertex reflected = at(best.s + step);
    if (reflected.error < best.error) {
      const Vertex expanded = at(best.s + 2 * step);
      worst = expanded.error < reflected.error ? expanded : reflected;
    } else {
      const bool outside = reflected.error < worst.error;
      const Vertex contracted = at(best.s + (outside ? 0.5 : -0.5) * step);
      // Where it fails the simplex shrinks towards the best vertex: to the inner contraction.
      const bool accept = outside ? contracted.error <= reflected.error : contracted.error < worst.error;
      worst = accept || !outside ? contracted : at(best.s - 0.5 * step);
    }
    if (worst.error < best.error) std::swap(best, worst);
  }
  return best;
}

}  // namespace

ScaleFit fit_scale(std::span<const float> w, const LevelSet& levels) {
  const FitError error(w, levels);
  ScaleFit fit;
  constexpr int kPoints = 1000;
  constexpr double kSmallest = 1e-6;
  if (error.largest() == 0) return fit;
  if (error.largest() <= kSmallest) {  // a dead filter: its grid is this one point
    fit.scale = fit.grid_scale = kSmallest;
    fit.error = fit.grid_error = error(kSmallest);
    return fit;
  }
  fit.grid_error = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kPoints; ++i) {
    const double s = kSmallest + (error.largest() - kSmallest) * i / (kPoints - 1);
    if (const double e = error(s); e < fit.grid_error) {
      fit.grid_error = e;
      fit.grid_scale = s;
    }
  }
  const Vertex best = downhill_simplex(error, fit.grid_scale);
  fit.scale = best.s;
  fit.error = best.error;
  return fit;
}

}  // namespace tern
