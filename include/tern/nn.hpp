// Networks: a Graph (tern/graph.hpp) brought to life with parameters.
//
//   Graph g = make_model("vgg_small", {.input = Shape{1, 28, 28}, .classes = 10, .weights = "twn", .acts = "ternary"});
//   Network net(g, /*seed=*/1);
//   net.set_training(true);
//   Tensor logits = net.forward(images);            // records; backward(loss) fills the gradients of net.parameters()
//
// A network runs in two ways. In training every tensor holds real values, quantized ones included (fake quantization).
// In evaluation what a quantizer emits travels as integer codes with a step, layers compute on the codes exactly, and
// every float expression is the one that the packed runtime evaluates, its sums in the same order: that is why packed
// results equal these bit for bit, those of networks without any quantizer too.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tern/graph.hpp"
#include "tern/position.hpp"
#include "tern/public.h"
#include "tern/quant.hpp"
#include "tern/registry.hpp"
#include "tern/rng.hpp"
#include "tern/tensor.hpp"

namespace tern {

/// What travels along an edge of the graph: real values (step == 0), or integer codes lo..hi held as floats, worth
/// step * code each. Codes appear in evaluation only.
struct TERN_PUBLIC Value {
  Tensor t;
  float step = 0;
  int lo = 0, hi = 0;
  float pad = 0;  ///< what a convolution pads with, in the units of t: behind a quantizer Q(0), +1 for `sign`, else 0
  bool is_codes() const { return step != 0; }
  /// The real values: t itself, or fl(step * code). Shapes: as t. Gradient: of t itself; none of codes.
  Tensor real() const;
  float real_pad() const { return is_codes() ? step * pad : pad; }
};

/// Which rules a parameter follows. Weight decay applies to kWeight only, unless decay_small asks otherwise.
enum class ParamKind { kWeight, kBias, kNorm, kQuantizer };
TERN_PUBLIC std::string_view name_of(ParamKind kind);

struct TERN_PUBLIC Parameter {
  std::string name;
  Tensor value;
  ParamKind kind = ParamKind::kWeight;
};

struct TERN_PUBLIC ForwardContext {
  bool training = false;
  bool exact = false;          ///< evaluation: every layer sums in the order that the packed runtime defines
  bool calibrating = false;    ///< first batch: activation quantizers set themselves up
  bool update_running = true;  ///< batch norm
  double drop_path = 0;        ///< probability used by drop_path layers that follow the schedule
  bool relaxed = false;        ///< evaluation multiplies with the weights of training: see Layer::set_relaxed()
  bool then_relu = false;      ///< of layers that can_fuse_relu(): apply ReLU to the result as well
  std::int64_t batch = 0;      ///< images in this pass
  int gradient_bits = 0;       ///< of the gradient of a quantized layer's result in training, 0: fp32
  Rng* rng = nullptr;          ///< dropout, drop_path, noise of quantized gradients
};

/// Called with the name and shape of a parameter or buffer before it takes storage; throws if it should not.
using ShapeCheck = std::function<void(const std::string& name, const Shape& shape)>;

/// Where a layer is built: its line of the graph, the shape of each input without the batch dimension, and a stream of
/// random numbers of its own for initialisation (so that adding a layer does not change the others).
struct TERN_PUBLIC LayerPlace {
  const GraphNode& node;
  std::vector<Shape> inputs;
  Rng rng;
  ShapeCheck check{};
  /// A layer says here which tensors it is about to make; quantizers' own, whose size follows from the weights, need
  /// not.
  void announce(const std::string& local_name, const Shape& shape) const {
    if (check) check(node.name + "." + local_name, shape);
  }
};

class TERN_PUBLIC Layer {
 public:
  virtual ~Layer() = default;
  /// What the layer makes of its inputs, which come in the order of LayerPlace::inputs.
  /// Shapes: each input N x its shape there, the result N x output_shape(), N = context.batch; the result of a `given`
  /// layer has no N.
  /// Gradient: in training to every input and to parameters(), through quantizers by their own rules. Evaluation
  /// records nothing.
  virtual Value forward(const std::vector<Value>& inputs, const ForwardContext& context) = 0;
  /// Of one sample, without the batch dimension.
  virtual Shape output_shape() const = 0;
  virtual std::vector<Parameter> parameters() { return {}; }
  /// Tensors that are not trained but belong to a checkpoint: running statistics, quantizer states.
  virtual std::vector<NamedTensor> buffers() { return {}; }
  /// Multiply-accumulates for one sample.
  virtual std::int64_t macs() const { return 0; }
  /// The fewest images in a training batch: 2 where statistics would otherwise be those of one value.
  virtual std::int64_t least_batch() const { return 1; }
  /// Forgets whatever was derived from parameters and buffers (cached codes). Called when they may have changed.
  virtual void refresh() {}
  /// Sets quantizers up from the weights that are there now.
  virtual void init_quantizers() {}
  /// What Network's of the same name tell the quantizers.
  virtual void on_epoch_begin(const Position& at) { (void)at; }
  virtual void before_step(const Position& at) { (void)at; }
  virtual void after_step() {}
  /// True if forward() honours context.then_relu with the same bits as ReLU behind it, and sooner.
  virtual bool can_fuse_relu() const { return false; }
  /// True if the layer is ReLU and nothing else.
  virtual bool is_relu() const { return false; }
  virtual const WeightQuantizer* weight_quantizer() const { return nullptr; }
  virtual const ActQuantizer* act_quantizer() const { return nullptr; }
  /// Latent weights, for layers that have them. Shapes: [O C/groups R S] of a convolution, [O K] of a dense layer.
  virtual Tensor weight() const { return {}; }
  /// What training multiplies with now: latent weights, their quantized values, or a mixture.
  /// Shapes: as weight(). Gradient: to weight() and the quantizer's learnables, by WeightQuantizer::forward() and the
  /// rule of set_relaxed().
  virtual Tensor training_weight() const { return weight(); }
  /// Splits the quantized weights in two: where `mask` is 1 an element is relaxed, which means that training uses the
  /// latent value itself; elsewhere it is constrained to its level.
  ///   w_e = mask ? w : Q(w)
  /// The mask is kept as a handle. An undefined one ends the split. Layers without a weight quantizer ignore it.
  /// Shapes: as weight(), float32.
  /// Gradient: dw = mask dw_e; the quantizer's learnables get the rest, (1 - mask) dw_e; none to the mask.
  /// Errors: ShapeError, ValueError (another dtype, strided).
  virtual void set_relaxed(const Tensor& mask) { (void)mask; }
  /// The value of a `given` layer from now on. Shapes: as its key `shape` says. Gradient: to the value and on along its
  /// history. Errors: ShapeError; ValueError from every other layer.
  virtual void give(const Tensor& value);
};

using LayerFactory = std::function<std::unique_ptr<Layer>(const LayerPlace&)>;
TERN_PUBLIC std::vector<RegistryInfo> layers();
/// Adds a graph op from outside tern. Errors: tern/registry.hpp.
TERN_PUBLIC void register_layer(const std::string& op, const std::string& help, LayerFactory factory);

class TERN_PUBLIC Network {
 public:
  /// Builds every layer with initial weights drawn from `seed`. A graph that comes with a file of weights is not
  /// believed before these are: `check` compares each shape with the file's before storage is taken, and its errors
  /// pass through. Errors: ValueError naming the node for unknown ops, missing or unknown keys; ShapeError where shapes
  /// do not fit or a node's results are more than 2^28 numbers an image; Error naming the node for which memory does
  /// not suffice.
  Network(Graph graph, std::uint64_t seed, const ShapeCheck& check = {});
  Network(Network&&) noexcept;
  Network& operator=(Network&&) noexcept;
  ~Network();

  const Graph& graph() const&;
  const Graph& graph() const&& = delete;
  Layer& layer(std::size_t node_index) const;
  Shape input_shape() const;  ///< C H W
  Shape output_shape() const;
  /// True if any layer has a weight or activation quantizer.
  bool quantized() const;
  /// The fewest images that training can learn from, and the node that asks for them.
  struct LeastBatch {
    std::int64_t images = 1;
    std::string node;
  };
  const LeastBatch& least_batch() const;

  void set_training(bool on);
  bool training() const;
  /// To be called after writing into state(): evaluation keeps what it derived from parameters, such as codes, until
  /// then. Quantizers count as set up.
  void weights_changed();
  /// Evaluation of layers with relaxed weights (Layer::set_relaxed) uses these as training does, instead of the codes;
  /// its results are then no longer those of the packed network. Off by default.
  void set_relaxed_evaluation(bool on);
  /// Called with each node's result as it is computed. An empty function switches it off.
  using Tap = std::function<void(const GraphNode& node, const Value& value)>;
  void set_tap(Tap tap);
  /// Real values of the last node for normalised images.
  /// Shapes: images N x input_shape(), float32; the result N x output_shape().
  /// Gradient: in training to parameters(), and to images that want one. Evaluation records nothing.
  /// Errors: ShapeError if the images do not fit the input node; in training ValueError if they are fewer than
  /// least_batch(), or a call is missing (see init_quantizers()).
  Tensor forward(const Tensor& images);

  /// Named "<node>.<local>", in graph order.
  std::vector<Parameter> parameters() const;
  std::vector<NamedTensor> buffers() const;
  /// Parameters and buffers: everything that a checkpoint of the network holds.
  std::vector<NamedTensor> state() const;

  /// What a training loop calls, in this order:
  ///   set_training(true)
  ///   init_quantizers(images)   once, when the weights are loaded; a resumed run restores state() instead and calls
  ///                             weights_changed()
  ///   on_epoch_begin(at)        before the first step of each epoch: at.step == 0
  ///   before_step(at)           before the forward passes of each step
  ///   after_step()              behind the optimizer's part of it
  ///   weights_changed()         after any other writing into state(), averaged weights included
  ///   set_training(false)       before evaluation; it also gives up a step that is under way
  /// Errors: ValueError naming the call that was left out, from the one that notices: before_step(), after_step(), or
  /// the forward pass in training of a network with quantizers.
  /// init_quantizers sets them up from the current weights, and those of activations from one training batch.
  /// Shapes: calibration_images as in forward(). Gradient: none, of all four.
  void init_quantizers(const Tensor& calibration_images);
  void on_epoch_begin(const Position& at);
  void before_step(const Position& at);
  void after_step();

  /// Random numbers of dropout, drop_path and quantized gradients; its position belongs to a checkpoint.
  Rng& rng();
  void set_drop_path(double p);
  /// Training sends gradients of `bits` bits (quantize_gradient of tern/quant.hpp) into layers with quantized weights;
  /// 0: fp32. Gradient: as quantize_gradient() says, for each result and what is behind it.
  /// Errors: ValueError unless bits is in 0..16.
  void set_gradient_bits(int bits);
  void set_update_running(bool on);
  /// Evaluation in the arithmetic of training, on real values with running statistics: faster than the packed runtime's
  /// order of sums, close to its results but not equal. For networks that will not be packed, such as those under
  /// search.
  void set_fake_evaluation(bool on);
  /// Layer::give() of a node by name. Errors: its own; ValueError if there is no such node.
  void give(const std::string& node, const Tensor& value);
  /// Nodes to leave out, one flag a node; empty: none. Whoever reads a node left out must accept an undefined value, as
  /// `mix` does. Errors: ValueError if the count is wrong, or the first or last node is to be left out.
  void set_left_out(std::vector<bool> nodes);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// One row a layer: what `tern summary` prints.
struct TERN_PUBLIC LayerSummary {
  std::string name, op;
  Shape output;
  std::int64_t weights = 0;     ///< conv and linear weights
  std::int64_t parameters = 0;  ///< all trainable numbers except those of quantizers
  std::int64_t macs = 0;
  bool quantized = false;   ///< its weights are
  std::string quantizer;    ///< of weights or activations, "" if none
  double weight_bits = 32;  ///< stored bits a weight after packing at 2 bits (ternary), 1 (binary), ...
};
TERN_PUBLIC std::vector<LayerSummary> summarize(const Network& network);

// ---- topologies ----

struct TERN_PUBLIC ModelOptions {
  Shape input{3, 32, 32};
  std::int64_t classes = 10;
  std::string weights = "none";  ///< quantizer spec of the hidden layers' weights
  std::string acts = "none";     ///< quantizer spec of the hidden activations; "none" is ReLU
  std::int64_t width = 0;        ///< base width; 0 means the topology's own
  bool quantize_first_last = false;
  bool fp_shortcut = false;                  ///< keep 1x1 shortcut convolutions in fp32
  std::map<std::string, std::string> extra;  ///< options of single topologies, for example shortcut=B
};

using ModelFactory = std::function<Graph(const ModelOptions&)>;
TERN_PUBLIC std::vector<RegistryInfo> models();
/// Errors: ValueError listing the known names.
TERN_PUBLIC Graph make_model(const std::string& name, const ModelOptions& options);
/// Adds one from outside tern. Errors: tern/registry.hpp.
TERN_PUBLIC void register_model(const std::string& name, const std::string& help, ModelFactory factory);

// ---- initialisers ----

/// Fills w in place: "he_fan_in" (normal, sqrt(2 / fan_in)), "he_fan_out", "he_uniform", "xavier_normal",
/// "xavier_uniform", "lecun_normal", "default_uniform" (+-1/sqrt(fan_in)), "zeros", "ones".
/// Shapes: w [O C R S] or [O K], float32. fan_in = C R S or K, fan_out = O R S or O. Gradient: none, it writes.
/// Errors: ValueError listing the known names.
TERN_PUBLIC void initialize(const Tensor& w, std::string_view initializer, Rng& rng);
TERN_PUBLIC std::vector<std::string> initializers();

}  // namespace tern
