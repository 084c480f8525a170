// conv2d: convolution whose weights may be quantized.
//
// Training multiplies real values (fake quantization). Evaluation of a quantized network multiplies integer codes,
// whose sums are exact in float32 in any order, and scales them afterwards; a float layer of such a network sums in the
// order that kernels/exact.hpp defines (unless Network::set_fake_evaluation asks for speed). Both make the packed
// network's result reproducible bit for bit.
#include "nn/exact_ops.hpp"
#include "nn/layer_util.hpp"

namespace tern {
namespace {

Conv2dOptions options_of(const GraphNode& node) {
  return Conv2dOptions::square(bounded(node, "stride", 1, 1), bounded(node, "pad", 0, 0),
                               bounded(node, "dilation", 1, 1), bounded(node, "groups", 1, 1));
}

Shape weight_shape(const LayerPlace& place) {
  const GraphNode& node = place.node;
  const std::int64_t out = bounded(node, "out", 1), kernel = bounded(node, "kernel", 1),
                     groups = bounded(node, "groups", 1, 1);
  const std::int64_t in = expect_rank(place, 0, 3)[0];
  if (in % groups != 0 || out % groups != 0) {
    throw ValueError(at_node(node) + "expected groups that divide " + std::to_string(in) + " inputs and " +
                     std::to_string(out) + " outputs");
  }
  return {out, in / groups, kernel, kernel};
}

class Conv2dLayer final : public Layer {
 public:
  explicit Conv2dLayer(const LayerPlace& place)
      : options_(options_of(place.node)), weight_(place, weight_shape(place), place.rng) {
    const GraphNode& node = place.node;
    allow_keys(node, {"out", "kernel", "stride", "pad", "dilation", "groups", "bias", "weights", "init"});
    expect_inputs(place, 1);
    const Shape& in = place.inputs[0];
    const Shape& w = weight_.latent().shape();
    output_ = {w[0], conv_out_extent(in[1], w[2], options_.stride_h, options_.pad_h, options_.dilation_h),
               conv_out_extent(in[2], w[3], options_.stride_w, options_.pad_w, options_.dilation_w)};
    if (node.flag("bias", false)) bias_ = new_tensor(place, "bias", Shape{w[0]}, 0).set_requires_grad(true);
  }

  Value forward(const std::vector<Value>& in, const ForwardContext& context) override {
    const Conv2dOptions o = options_without_border(in[0]);
    if (!context.exact)
      return {weight_.with_gradient_bits(conv2d(real_with_border(in[0]), weight_.for_training(), bias_, o), context)};
    if (!weight_.quantizer()) return {conv2d_in_order(real_with_border(in[0]), weight_.latent(), bias_, o)};
    const LayerWeight::Codes& w = weight_.codes();
    const bool codes = in[0].is_codes();
    if (codes) check_exact_sums(w.all.numel() / w.all.size(0), w.max_code, in[0]);
    const Tensor x = with_border(in[0].t, in[0].pad);
    const auto multiply = [&](const Tensor& weights) {
      return codes ? conv2d(x, weights, {}, o) : conv2d_in_order(x, weights, {}, o);
    };
    const Tensor positive = multiply(w.all);
    const Tensor negative = w.negative.defined() ? multiply(w.negative) : Tensor();
    return {scale_sums(positive, negative, w, codes ? in[0].step : 1.0f, bias_)};
  }

  Shape output_shape() const override { return output_; }
  std::vector<Parameter> parameters() override {
    std::vector<Parameter> out;
    weight_.add_parameters(out);
    if (bias_.defined()) out.push_back({"bias", bias_, ParamKind::kBias});
    return out;
  }
  std::vector<NamedTensor> buffers() override { return weight_.buffers(); }
  std::int64_t macs() const override { return weight_.latent().numel() * output_[1] * output_[2]; }
  void refresh() override { weight_.refresh(); }
  void init_quantizers() override { weight_.init_quantizer(); }
  void on_epoch_begin(std::int64_t epoch) override { weight_.on_epoch_begin(epoch); }
  void after_step() override { weight_.after_step(); }
  const WeightQuantizer* weight_quantizer() const override { return weight_.quantizer(); }
  Tensor weight() const override { return weight_.latent(); }
  Tensor training_weight() const override { return weight_.for_training(); }
  void set_relaxed(const Tensor& mask) override { weight_.set_relaxed(mask); }

 private:
  // A border of zeros is the convolution's own affair; any other value is written around the image first.
  Tensor with_border(const Tensor& x, float value) const {
    if (value == 0) return x;
    return pad(pad(x, 2, options_.pad_h, options_.pad_h, value), 3, options_.pad_w, options_.pad_w, value);
  }
  Tensor real_with_border(const Value& x) const { return with_border(x.real(), x.real_pad()); }
  Conv2dOptions options_without_border(const Value& x) const {
    Conv2dOptions o = options_;
    if (x.pad != 0) o.pad_h = o.pad_w = 0;
    return o;
  }

  Conv2dOptions options_;
  LayerWeight weight_;
  Tensor bias_;
  Shape output_;
};

}  // namespace

std::unique_ptr<Layer> make_layer_conv2d(const LayerPlace& place) { return std::make_unique<Conv2dLayer>(place); }

}  // namespace tern
