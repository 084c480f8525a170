// Health of a quantized network: how its codes are spread, and what has gone wrong when they are not.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "tern/error.hpp"
#include "tern/train.hpp"

namespace tern {
namespace {

double mean(const std::vector<float>& values) {
  double sum = 0;
  for (const float v : values) sum += static_cast<double>(v);
  return sum / static_cast<double>(std::max<std::size_t>(values.size(), 1));
}

void describe_weights(const WeightQuantizer& quantizer, const Tensor& w, LayerHealth& h) {
  const WeightCodes codes = quantizer.deploy(w);
  h.shares.assign(static_cast<std::size_t>(2 * codes.max_code + 1), 0.0);
  for (const std::int8_t c : codes.codes) ++h.shares[static_cast<std::size_t>(c + codes.max_code)];
  for (double& s : h.shares) s /= static_cast<double>(std::max<std::size_t>(codes.codes.size(), 1));
  h.numbers["scale"] = mean(codes.scale_pos);
  if (!codes.single_scale()) h.numbers["scale_neg"] = mean(codes.scale_neg);
}

// Learnables beyond this size are copies of the weights, whose mean says nothing.
constexpr std::int64_t kMostLearnables = 65536;

void describe_parameters(Layer& layer, LayerHealth& h) {
  double squares = 0;
  bool any = false;
  for (const Parameter& p : layer.parameters()) {
    if (p.value.grad().defined()) {
      any = true;
      for (const double g : p.value.grad().to_vector()) squares += g * g;
    }
    if (p.kind != ParamKind::kQuantizer || p.value.numel() > kMostLearnables) continue;
    double sum = 0;
    for (const double v : p.value.to_vector()) sum += v;
    h.numbers[p.name] = sum / static_cast<double>(std::max<std::int64_t>(p.value.numel(), 1));
  }
  if (any) h.grad_norm = std::sqrt(squares);
}

void describe_activations(const Value& codes, LayerHealth& h) {
  h.act_lo = codes.lo;
  h.act_shares.assign(static_cast<std::size_t>(codes.hi - codes.lo + 1), 0.0);
  for (const float c : codes.t.span<float>()) ++h.act_shares[static_cast<std::size_t>(static_cast<int>(c) - codes.lo)];
  for (double& s : h.act_shares) s /= static_cast<double>(std::max<std::int64_t>(codes.t.numel(), 1));
  h.saturation = h.act_shares.back() + (codes.lo < 0 ? h.act_shares.front() : 0.0);
  h.numbers["step"] = static_cast<double>(codes.step);
}

std::string tenths(double x) {
  std::ostringstream out;
  out << std::round(10 * x) / 10;
  return out.str();
}

// A tap that does not outlive what it refers to, though the pass is given up.
struct Listening {
  Listening(Network& to, Network::Tap tap) : network(to) { network.set_tap(std::move(tap)); }
  ~Listening() { network.set_tap({}); }
  Network& network;
};

}  // namespace

std::vector<LayerHealth> network_health(Network& network, const Tensor& images) {
  const auto& nodes = network.graph().nodes();
  std::map<std::string, LayerHealth> rows;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    Layer& layer = network.layer(i);
    if (!layer.weight_quantizer() && !layer.act_quantizer()) continue;
    LayerHealth& h = rows[nodes[i].name];
    h.layer = nodes[i].name;
    if (const WeightQuantizer* q = layer.weight_quantizer()) describe_weights(*q, layer.weight(), h);
    describe_parameters(layer, h);
  }
  if (images.defined()) {
    network.set_training(false);
    const Listening listening(network, [&](const GraphNode& node, const Value& value) {
      const auto row = rows.find(node.name);
      if (row != rows.end() && value.is_codes()) describe_activations(value, row->second);
    });
    network.forward(images);
  }
  std::vector<LayerHealth> out;
  for (const GraphNode& node : nodes) {
    const auto row = rows.find(node.name);
    if (row != rows.end()) out.push_back(std::move(row->second));
  }
  return out;
}

std::string collapse(const LayerHealth& h, double tolerance) {
  const auto one_level = [&](const std::vector<double>& shares, const char* what, int lowest) -> std::string {
    const auto most = std::max_element(shares.begin(), shares.end());
    if (most == shares.end() || *most < 1 - tolerance) return "";
    return "layer \"" + h.layer + "\": " + tenths(100 * *most) + " % of its " + what + " have the code " +
           std::to_string(lowest + static_cast<int>(most - shares.begin()));
  };
  for (const char* name : {"scale", "scale_neg", "step"}) {
    const auto it = h.numbers.find(name);
    if (it != h.numbers.end() && !(it->second > 0 && std::isfinite(it->second))) {
      return "layer \"" + h.layer + "\": its " + name + " is " + tenths(it->second) + ", not positive";
    }
  }
  const std::string weights = one_level(h.shares, "weights", -static_cast<int>(h.shares.size() / 2));
  if (!weights.empty()) return weights;
  return one_level(h.act_shares, "activations", h.act_lo);
}

std::string hopeless(double loss, std::int64_t classes) {
  constexpr double kTimes = 10;
  const double chance = std::log(static_cast<double>(std::max<std::int64_t>(classes, 2)));
  if (loss <= kTimes * chance) return "";
  return fmt::format("a loss of {:.4g} (guessing has {:.2f})", loss, chance);
}

}  // namespace tern
