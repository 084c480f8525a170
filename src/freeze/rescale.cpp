// Rescale: s of every filter or layer, found in parallel and moved into the batch norm behind it.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "core/tensor_names.hpp"
#include "tern/error.hpp"
#include "tern/freeze.hpp"
#include "tern/parallel.hpp"

namespace tern {
namespace {

/// x[c] <- x[c] / s[c].
void divide(const Tensor& x, const std::vector<double>& s) {
  const auto values = x.span<float>();
  for (std::size_t c = 0; c < values.size(); ++c) values[c] = static_cast<float>(static_cast<double>(values[c]) / s[c]);
}

/// var[c] + eps <- (var[c] + eps) / s[c]^2.
void divide_variance(const Tensor& var, const std::vector<double>& s, double eps) {
  const auto values = var.span<float>();
  for (std::size_t c = 0; c < values.size(); ++c) {
    values[c] = static_cast<float>(std::max((static_cast<double>(values[c]) + eps) / (s[c] * s[c]) - eps, 0.0));
  }
}

Tensor named(const std::vector<NamedTensor>& all, const std::string& name) {
  const auto it = std::find_if(all.begin(), all.end(), [&](const NamedTensor& t) { return t.name == name; });
  return it == all.end() ? Tensor() : it->value;
}

/// The batch norm that alone reads node i, or -1.
std::ptrdiff_t batch_norm_behind(const Graph& graph, std::size_t i) {
  const std::vector<std::size_t> readers = graph.consumers(i);
  if (readers.size() != 1 || graph.nodes()[readers[0]].op != "batch_norm") return -1;
  return static_cast<std::ptrdiff_t>(readers[0]);
}

RescaleReport::Row rescale_layer(Network& network, std::size_t i, RescaleGroups how) {
  const GraphNode& node = network.graph().nodes()[i];
  Layer& layer = network.layer(i);
  const LevelSet& levels = *layer.weight_quantizer()->fixed_levels();
  const Tensor w = layer.weight();
  const std::int64_t filters = w.size(0), size = w.numel() / std::max<std::int64_t>(filters, 1);
  const std::int64_t groups = how == RescaleGroups::kFilter ? filters : 1,
                     group = w.numel() / std::max<std::int64_t>(groups, 1);
  const auto values = w.span<float>();

  std::vector<ScaleFit> fits(static_cast<std::size_t>(groups));
  parallel_for(groups, [&](std::int64_t g) {
    try {
      fits[static_cast<std::size_t>(g)] =
          fit_scale(values.subspan(static_cast<std::size_t>(g * group), static_cast<std::size_t>(group)), levels);
    } catch (const ValueError&) {
      throw ValueError("[rescale] layer \"" + node.name + "\": expected finite weights");
    }
  });

  RescaleReport::Row row;
  row.layer = node.name;
  row.weights = w.numel();
  row.groups = groups;
  row.smallest = std::numeric_limits<double>::infinity();
  double error = 0, power = 0;
  for (const ScaleFit& f : fits) {
    row.smallest = std::min(row.smallest, f.scale);
    row.largest = std::max(row.largest, f.scale);
    error += f.error * f.error;
  }
  for (std::size_t k = 0; k < values.size(); ++k) {
    const double magnitude = std::abs(static_cast<double>(values[k]));
    power += magnitude * magnitude;
    row.beyond += magnitude > fits[k / static_cast<std::size_t>(group)].scale * levels.max() ? 1 : 0;
  }
  row.error = power > 0 ? std::sqrt(error / power) : 0.0;

  std::vector<double> s(static_cast<std::size_t>(filters));
  for (std::size_t c = 0; c < s.size(); ++c) s[c] = fits[how == RescaleGroups::kFilter ? c : 0].scale;
  const std::ptrdiff_t behind = batch_norm_behind(network.graph(), i);
  if (behind < 0) {
    const auto scale = named(layer.buffers(), tensor_names::kGridScale).span<float>();
    for (std::size_t c = 0; c < s.size(); ++c) scale[c] = static_cast<float>(s[c]);
    return row;
  }
  Layer& norm = network.layer(static_cast<std::size_t>(behind));
  row.folded_into = network.graph().nodes()[static_cast<std::size_t>(behind)].name;
  parallel_for(filters, [&](std::int64_t c) {
    for (std::int64_t k = c * size; k < (c + 1) * size; ++k) {
      float& x = values[static_cast<std::size_t>(k)];
      x = static_cast<float>(static_cast<double>(x) / s[static_cast<std::size_t>(c)]);
    }
  });
  for (const Parameter& p : layer.parameters()) {
    if (p.name == tensor_names::kBias) divide(p.value, s);
  }
  divide(named(norm.buffers(), tensor_names::kRunningMean), s);
  divide_variance(named(norm.buffers(), tensor_names::kRunningVar), s,
                  network.graph().nodes()[static_cast<std::size_t>(behind)].number("eps", 1e-5));
  return row;
}

}  // namespace

RescaleReport rescale(Network& network, RescaleGroups groups) {
  const auto start = std::chrono::steady_clock::now();
  RescaleReport report;
  for (std::size_t i = 0; i < network.graph().nodes().size(); ++i) {
    const WeightQuantizer* q = network.layer(i).weight_quantizer();
    if (!q || !q->fixed_levels()) continue;
    report.rows.push_back(rescale_layer(network, i, groups));
    report.weights += report.rows.back().weights;
    report.groups += report.rows.back().groups;
    report.beyond += report.rows.back().beyond;
  }
  network.weights_changed();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace tern
