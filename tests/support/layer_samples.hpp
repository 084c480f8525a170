// The one list of examples of layers. Training, gradients and packing walk it: a new layer needs a row here.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tern/graph.hpp"

namespace tern::testing {

struct LayerSample {
  std::string op;
  /// End in node x, behind q [3 6 6] and b [4 6 6] (before_sample()). Gradients are compared with finite differences in
  /// samples without quantizers; each op needs one.
  std::string lines;
  bool packs = true;  ///< false: its packer refuses these keys
};
/// Ops whose gradient is an estimator's, whatever they read.
inline const std::set<std::string> kEstimators{"quantize"};

inline const std::vector<LayerSample> kLayerSamples{
    {"input", "x = act(b) kind=none"},
    {"conv2d", "x = conv2d(q) out=5 kernel=3 stride=2 pad=1 weights=ttq bias=1"},
    {"conv2d", "p = quantize(b) acts=ternary\nx = conv2d(p) out=6 kernel=3 dilation=2 weights=twn"},
    {"conv2d", "x = conv2d(b) out=6 kernel=3 stride=2 pad=1 groups=2 bias=1"},
    {"conv2d", "x = conv2d(q) out=5 kernel=1x5 stride=2x1 pad=0x2 weights=twn"},
    {"conv2d", "p = quantize(b) acts=ternary\nx = conv2d(p) out=6 kernel=3x2 pad=2x1 dilation=2x3 weights=ttq"},
    {"linear", "v = flatten(q)\nx = linear(v) out=7 weights=twn"},
    {"linear", "p = quantize(b) acts=lsq:bits=2\nv = flatten(p)\nx = linear(v) out=5 weights=ttq"},
    {"linear", "v = flatten(b)\nx = linear(v) out=7"},
    {"batch_norm", "x = batch_norm(q) eps=0.01 momentum=0.5"},
    {"batch_norm", "x = batch_norm(b) affine=0"},
    {"act", "x = act(b) kind=relu"},
    {"act", "x = act(q) kind=prelu"},
    {"act", "x = act(b) kind=hardtanh"},
    {"act", "p = quantize(b) acts=ternary\nx = act(p) kind=none"},
    {"act", "x = act(b) kind=tanh", false},
    {"act", "x = act(b) kind=sigmoid", false},
    {"rprelu", "x = rprelu(b)"},
    {"rprelu", "v = flatten(q)\nx = rprelu(v)"},
    {"quantize", "x = quantize(b) acts=ternary"},
    {"quantize", "x = quantize(b) acts=tas"},
    {"max_pool", "x = max_pool(q) kernel=3 stride=2 pad=1 ceil=1"},
    {"avg_pool", "x = avg_pool(b) kernel=3 stride=2 pad=1 count_pad=1"},
    {"avg_pool", "x = avg_pool(q) kernel=4 ceil=1"},
    {"global_avg_pool", "x = global_avg_pool(q)"},
    {"flatten", "x = flatten(q)"},
    {"add", "d = conv2d(q) out=4 kernel=1\nx = add(b, d, b)"},
    {"concat", "p = quantize(b) acts=heaviside\nx = concat(q, p)"},
    {"concat", "x = concat(q, b)"},
    {"channel_shuffle", "x = channel_shuffle(b) groups=2"},
    {"pad_channels", "x = pad_channels(q) front=1 back=2 stride=2"},
    {"dropout", "x = dropout(q) p=0.3"},
    {"drop_path", "x = drop_path(b)"},
    {"or", "p = quantize(b) acts=heaviside\ns = shift(p) by=1\nx = or(p, s)"},
    {"or", "p = quantize(b) acts=heaviside\ns = shift(p) by=1\nx = or(p, s) grad=logic"},
    {"or", "s = shift(b) by=1\nx = or(b, s) real=1", false},
    {"tgap", "p = quantize(b) acts=heaviside\nx = tgap(p)"},
    {"tgap", "t = tgap(b) real=1 stop_grad=1\ns = shift(b) by=1\nx = mux(b, s, t) real=1", false},
    {"mux", "p = quantize(b) acts=heaviside\ns = shift(p) by=1\nt = tgap(p)\nx = mux(p, s, t)"},
    {"mux", "t = tgap(b) real=1 stop_grad=1\ns = shift(b) by=1\nx = mux(b, s, t) real=1", false},
    {"shift", "p = quantize(b) acts=sign\nx = shift(p) by=1"},
    {"shift", "x = shift(b) by=2"},
    {"given", "p = given() shape=1x2\na = act(b) kind=relu\nx = mix(p, a, b) row=0 columns=0,1"},
    {"mix", "p = given() shape=2x3\na = act(b) kind=relu\nx = mix(p, a, b) row=1 columns=0,2 normed=2"},
};

/// Codes 0 and 1, called q, and real values behind a convolution that multiplies them, called b. Without quantizers q
/// is the image itself.
inline std::string before_sample(bool quantized = true) {
  return std::string("tern-graph 1\nimage = input() shape=3x6x6 mean=0.5,0.4,0.3 std=0.2,0.25,0.3\nq = ") +
         (quantized ? "quantize(image) acts=heaviside" : "act(image) kind=none") +
         "\nc = conv2d(q) out=4 kernel=3 pad=1" + (quantized ? " weights=twn" : "") + "\nb = batch_norm(c)\n";
}

/// The sample's graph without the nodes that x does not depend on.
inline Graph sample_graph(const LayerSample& sample, bool quantized = true) {
  const Graph whole = Graph::parse(before_sample(quantized) + sample.lines + "\n");
  std::set<std::string> needed{"x"};
  for (auto node = whole.nodes().rbegin(); node != whole.nodes().rend(); ++node) {
    if (needed.contains(node->name)) needed.insert(node->inputs.begin(), node->inputs.end());
  }
  Graph graph;
  for (const GraphNode& node : whole.nodes()) {
    if (needed.contains(node.name)) graph.add(node.op, node.inputs, node.attrs, node.name);
  }
  return graph;
}

}  // namespace tern::testing
