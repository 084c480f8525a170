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

// What went wrong with a node, with its name.
std::string named(const GraphNode& node, const std::exception& e) {
  const std::string what = e.what();
  return what.find("\"" + node.name + "\"") == std::string::npos ? at_node(node) + what : what;
}

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
  LeastBatch least_batch;
  // What was called of the order that tern/nn.hpp gives.
  bool set_up = false, in_step = false;
  std::int64_t epoch = -1;  // that was begun last
  std::vector<bool> left_out;
  Tap tap;

  Value run(const Tensor& images);
  void refresh();
  void check_training_pass(std::int64_t images) const;
};

Network::Network(Graph graph, std::uint64_t seed, const ShapeCheck& check) : impl_(std::make_unique<Impl>()) {
  Impl& m = *impl_;
  m.graph = std::move(graph);
  m.rng = Rng(seed, 1);
  const auto& nodes = m.graph.nodes();
  if (nodes.empty() || nodes.front().op != "input") {
    throw ValueError("[network] expected the graph to begin with an input node");
  }
  std::int64_t parameters = 0;
  const ShapeCheck counting = [&](const std::string& name, const Shape& shape) {
    if (check) check(name, shape);
    if (shape.numel() > kMaxNumbers - parameters) {
      throw ShapeError("expected at most " + std::to_string(kMaxNumbers) + " parameters in all; \"" + name +
                       "\" of shape " + shape.str() + " goes beyond them");
    }
    parameters += shape.numel();
  };
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
      m.layers.push_back(make_layer({node, std::move(shapes), Rng(seed, stream_of(node.name)), counting}));
    } catch (const std::bad_alloc&) {
      throw Error(at_node(node) + "not enough memory for its parameters");
    } catch (const ShapeError& e) {
      throw ShapeError(named(node, e));
    } catch (const ValueError& e) {
      throw ValueError(named(node, e));
    }
    const Layer& layer = *m.layers.back();
    (void)bounded_result(node, layer.output_shape());
    if (layer.least_batch() > m.least_batch.images) m.least_batch = {layer.least_batch(), node.name};
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

const Graph& Network::graph() const& { return impl_->graph; }
Layer& Network::layer(std::size_t node_index) const { return *impl_->layers.at(node_index); }
Shape Network::input_shape() const { return impl_->layers.front()->output_shape(); }
Shape Network::output_shape() const { return impl_->layers.back()->output_shape(); }
bool Network::quantized() const { return impl_->quantized; }
const Network::LeastBatch& Network::least_batch() const { return impl_->least_batch; }

void Network::set_training(bool on) {
  impl_->context.training = on;
  impl_->context.exact = !on && !impl_->context.relaxed && !impl_->fake_evaluation;
  if (!on) impl_->in_step = false;
  impl_->refresh();
}
void Network::weights_changed() {
  impl_->set_up = true;
  impl_->refresh();
}
void Network::Impl::refresh() {
  for (auto& layer : layers) layer->refresh();
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

void Network::Impl::check_training_pass(std::int64_t images) const {
  if (images < least_batch.images) {
    throw ValueError("[network] node \"" + least_batch.node +
                     "\" takes statistics over the images: expected at least " + std::to_string(least_batch.images) +
                     " in a training batch; got " + std::to_string(images));
  }
  if (!quantized) return;
  if (!set_up) {
    throw ValueError(
        "[network] its quantizers are not set up: expected init_quantizers(images), or weights_changed() once their "
        "state is restored, before it trains");
  }
  if (!in_step) {
    throw ValueError(
        "[network] expected before_step(at) before the forward pass of a training step, or set_training(false) before "
        "that of an evaluation");
  }
}

Tensor Network::forward(const Tensor& images) {
  const Shape want = input_shape();
  const Shape& got = images.shape();
  if (got.rank() != 4 || got[1] != want[0] || got[2] != want[1] || got[3] != want[2]) {
    throw ShapeError("[network] expected images of shape N x " + want.str() + "; got " + got.str());
  }
  if (impl_->context.training) {
    impl_->check_training_pass(images.size(0));
    return impl_->run(images).real();
  }
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
  impl_->set_up = true;
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

void Network::on_epoch_begin(const Position& at) {
  impl_->epoch = at.epoch;
  for (auto& layer : impl_->layers) layer->on_epoch_begin(at);
}

void Network::before_step(const Position& at) {
  if (!training()) throw ValueError("[network] expected set_training(true) before before_step(at)");
  if (impl_->in_step) throw ValueError("[network] expected after_step() behind the step before");
  if (at.step == 0 && impl_->epoch != at.epoch) {
    throw ValueError("[network] expected on_epoch_begin(at) before the first step of epoch " +
                     std::to_string(at.epoch));
  }
  impl_->in_step = true;
  for (auto& layer : impl_->layers) layer->before_step(at);
}

void Network::after_step() {
  if (!impl_->in_step) throw ValueError("[network] expected before_step(at) before the step");
  impl_->in_step = false;
  for (auto& layer : impl_->layers) layer->after_step();
}

}  // namespace tern
