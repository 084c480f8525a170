#include "train/diverged.hpp"

#include <algorithm>
#include <cmath>

namespace tern {

void expect_finite(double loss, const std::string& name, Network& network, const std::function<void()>& forward) {
  if (std::isfinite(loss)) return;
  std::string first;
  network.set_tap([&](const GraphNode& node, const Value& v) {
    if (!first.empty()) return;
    const std::vector<double> values = v.t.to_vector();
    if (std::any_of(values.begin(), values.end(), [](double x) { return !std::isfinite(x); }))
      first = node.name + " (" + node.op + ")";
  });
  forward();
  network.set_tap({});
  throw Diverged(name +
                 " is not finite; first layer with such a value: " + (first.empty() ? "none, the loss itself" : first));
}

EvalResult evaluate_finite(Network& network, const Images& images, std::int64_t batch, const std::string& name) {
  const EvalResult r = evaluate(network, images, batch);
  expect_finite(r.loss, name, network, [&] { (void)evaluate(network, images, batch); });
  return r;
}

}  // namespace tern
