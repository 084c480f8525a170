// A freezing schedule as SVG: the share of weights on the grid, and below it the learning rate on a logarithmic axis.
#include "draw/chart.hpp"
#include "tern/freeze.hpp"

namespace tern {

std::string FreezeSchedule::svg() const {
  draw::Series share, rate;
  const auto add = [](draw::Series& s, double x, double y) {
    s.x.push_back(x);
    s.y.push_back(y);
  };
  for (std::int64_t e = 0; e < epochs(); ++e) {
    add(share, static_cast<double>(e), 100 * at(e).fraction);
    add(rate, static_cast<double>(e), at(e).lr);
  }
  add(share, static_cast<double>(epochs()), share.y.back());
  add(rate, static_cast<double>(epochs()), rate.y.back());
  const std::string most = has_auto() ? "at most " : "";
  return draw::curve_chart("freezing schedule, " + most + std::to_string(epochs()) + " epochs", "epochs done",
                           {{"weights on the grid, %", {share}, draw::Scale::kLinear, true},
                            {"learning rate", {rate}, draw::Scale::kLog, true}});
}

}  // namespace tern
