// Network: builds the layers of a graph in order, and runs them in order. Results are dropped after their last reader.
#include <new>
#include <unordered_map>

#include "nn/layer_util.hpp"
#include "nn/registry.hpp"
#include "tern/autograd.hpp"
#include "tern/nn.hpp"

namespace tern {

Tensor Value::real() const {
  if (!is_codes() || step == 1.0f) return t;
  Tensor out = Tensor::empty(t.shape());
  const auto from = t.span<float>();
  const auto to = out.span<float>();
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = step * from[i];
  return out;
}

std::string_view name_of(ParamKind kind) {
  switch (kind) {
    case ParamKind::kWeight:
      return "weight";
    case ParamKind::kBias:
      return "bias";
    case ParamKind::kNorm:
      return "norm";
    case ParamKind::kQuantizer:
      break;
  }
  return "quantizer";
}

namespace {

// FNV-1a of the node's name: each layer initialises from a stream of its own, the same on every platform.
// Low streams belong to the training loop (order of samples, dropout), so the top bit is set.
std::uint64_t stream_of(const std::string& name) {
  std::uint64_t h = 0xcbf29ce484222325;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return h | (std::uint64_t{1} << 63);
}

// What a node may emit for one image: some eighty times the largest that a known topology has at 224 x 224.
constexpr std::int64_t kMaxNumbers = std::int64_t{1} << 28;

}  // namespace

struct Network::Impl {
  Graph graph;
  std::vector<std::unique_ptr<Layer>> layers;
  std::vector<std::vector<std::size_t>> inputs;  // node indices
  std::vector<std::size_t> last_reader;
  std::vector<bool> then_relu;  // the node's only reader is a ReLU, which the node applies itself
  Rng rng;
  ForwardContext context;
  bool quantized = false, fake_evaluation = false;
  std::vector<bool> left_out;
  Tap tap;

  Value run(const Tensor& images);
};

Network::Network(Graph graph, std::uint64_t seed, const ShapeCheck& check) : impl_(std::make_unique<Impl>()) {
  Impl& m = *impl_;
  m.graph = std::move(graph);
  m.rng = Rng(seed, 1);
  const auto& nodes = m.graph.nodes();
  if (nodes.empty() || nodes.front().op != "input") {
    throw ValueError("[network] expected the graph to begin with an input node");
  }
  std::unordered_map<std::string, std::size_t> index;
  m.last_reader.resize(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const GraphNode& node = nodes[i];
    if (i > 0 && node.op == "input") throw ValueError(at_node(node) + "expected one input node, the first");
    index.emplace(node.name, i);
    std::vector<Shape> shapes;
    std::vector<std::size_t> from;
    for (const std::string& name : node.inputs) {
      from.push_back(index.at(name));
      shapes.push_back(m.layers[from.back()]->output_shape());
      m.last_reader[from.back()] = i;
    }
    m.inputs.push_back(std::move(from));
    try {
      m.layers.push_back(make_layer({node, std::move(shapes), Rng(seed, stream_of(node.name)), check}));
    } catch (const std::bad_alloc&) {
      throw Error(at_node(node) + "not enough memory for its parameters");
    }
    const Layer& layer = *m.layers.back();
    if (layer.output_shape().numel() > kMaxNumbers) {
      throw ShapeError(at_node(node) + "expected results of at most " + std::to_string(kMaxNumbers) +
                       " numbers an image; got " + layer.output_shape().str());
    }
    m.quantized = m.quantized || layer.weight_quantizer() || layer.act_quantizer();
  }
  m.last_reader.back() = nodes.size();
  std::vector<int> readers(nodes.size());
  for (const std::vector<std::size_t>& from : m.inputs) {
    for (const std::size_t j : from) ++readers[j];
  }
  m.then_relu.resize(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!m.layers[i]->is_relu()) continue;
    const std::size_t j = m.inputs[i][0];
    m.then_relu[j] = readers[j] == 1 && m.layers[j]->can_fuse_relu();
  }
  m.context.rng = &m.rng;
}

Network::Network(Network&&) noexcept = default;
Network& Network::operator=(Network&&) noexcept = default;
Network::~Network() = default;

const Graph& Network::graph() const { return impl_->graph; }
Layer& Network::layer(std::size_t node_index) const { return *impl_->layers.at(node_index); }
Shape Network::input_shape() const { return impl_->layers.front()->output_shape(); }
Shape Network::output_shape() const { return impl_->layers.back()->output_shape(); }
bool Network::quantized() const { return impl_->quantized; }

void Network::set_training(bool on) {
  impl_->context.training = on;
  impl_->context.exact = impl_->quantized && !on && !impl_->context.relaxed && !impl_->fake_evaluation;
  for (auto& layer : impl_->layers) layer->refresh();
}
bool Network::training() const { return impl_->context.training; }
void Network::set_relaxed_evaluation(bool on) {
  impl_->context.relaxed = on;
  set_training(training());
}
void Network::set_tap(Tap tap) { impl_->tap = std::move(tap); }
Rng& Network::rng() { return impl_->rng; }
void Network::set_drop_path(double p) { impl_->context.drop_path = p; }
void Network::set_gradient_bits(int bits) {
  if (bits < 0 || bits > 16)
    throw ValueError("[network] expected gradients of 0 to 16 bits; got " + std::to_string(bits));
  impl_->context.gradient_bits = bits;
}
void Network::set_update_running(bool on) { impl_->context.update_running = on; }
void Network::set_fake_evaluation(bool on) {
  impl_->fake_evaluation = on;
  set_training(training());
}

void Layer::give(const Tensor&) { throw ValueError("[network] only nodes of the op \"given\" take a value"); }

void Network::give(const std::string& node, const Tensor& value) {
  const std::int64_t i = impl_->graph.find(node);
  if (i < 0) throw ValueError("[network] there is no node \"" + node + "\" to give a value to");
  impl_->layers[static_cast<std::size_t>(i)]->give(value);
}

void Network::set_left_out(std::vector<bool> nodes) {
  if (!nodes.empty() && (nodes.size() != impl_->layers.size() || nodes.front() || nodes.back())) {
    throw ValueError("[network] expected one flag a node to leave out, not the first or last; got " +
                     std::to_string(nodes.size()) + " for " + std::to_string(impl_->layers.size()));
  }
  impl_->left_out = std::move(nodes);
}

Value Network::Impl::run(const Tensor& images) {
  std::vector<Value> values(layers.size());
  const auto& nodes = graph.nodes();
  context.batch = images.size(0);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (!left_out.empty() && left_out[i]) continue;
    std::vector<Value> in;
    if (i == 0) in.push_back({images});
    for (const std::size_t j : inputs[i]) in.push_back(values[j]);
    // Whoever listens sees each node's own result.
    context.then_relu = !tap && then_relu[i];
    const bool done = !tap && layers[i]->is_relu() && then_relu[inputs[i][0]];
    values[i] = done ? in[0] : layers[i]->forward(in, context);
    if (tap) tap(nodes[i], values[i]);
    in.clear();
    for (const std::size_t j : inputs[i]) {
      if (last_reader[j] == i) values[j] = {};
    }
  }
  return values.back();
}

Tensor Network::forward(const Tensor& images) {
  const Shape want = input_shape();
  const Shape& got = images.shape();
  if (got.rank() != 4 || got[1] != want[0] || got[2] != want[1] || got[3] != want[2]) {
    throw ShapeError("[network] expected images of shape N x " + want.str() + "; got " + got.str());
  }
  if (impl_->context.training) return impl_->run(images).real();
  const NoGrad no_grad;
  return impl_->run(images).real();
}

std::vector<Parameter> Network::parameters() const {
  std::vector<Parameter> out;
  for (std::size_t i = 0; i < impl_->layers.size(); ++i) {
    for (Parameter p : impl_->layers[i]->parameters()) {
      p.name = impl_->graph.nodes()[i].name + "." + p.name;
      out.push_back(std::move(p));
    }
  }
  return out;
}

std::vector<NamedTensor> Network::buffers() const {
  std::vector<NamedTensor> out;
  for (std::size_t i = 0; i < impl_->layers.size(); ++i) {
    for (NamedTensor b : impl_->layers[i]->buffers()) {
      b.name = impl_->graph.nodes()[i].name + "." + b.name;
      out.push_back(std::move(b));
    }
  }
  return out;
}

std::vector<NamedTensor> Network::state() const {
  std::vector<NamedTensor> out;
  for (Parameter& p : parameters()) out.push_back({std::move(p.name), p.value});
  for (NamedTensor& b : buffers()) out.push_back(std::move(b));
  return out;
}

void Network::init_quantizers(const Tensor& calibration_images) {
  for (auto& layer : impl_->layers) layer->init_quantizers();
  const NoGrad no_grad;
  const ForwardContext before = impl_->context;
  impl_->context.training = true;
  impl_->context.exact = false;
  impl_->context.calibrating = true;
  impl_->context.update_running = false;
  const std::uint64_t position = impl_->rng.position();
  impl_->run(calibration_images);
  impl_->rng.set_position(position);
  impl_->context = before;
}

void Network::on_epoch_begin(std::int64_t epoch) {
  for (auto& layer : impl_->layers) layer->on_epoch_begin(epoch);
}

void Network::after_step() {
  for (auto& layer : impl_->layers) layer->after_step();
}

}  // namespace tern
