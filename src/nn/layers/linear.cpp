// linear: y = x w^T + bias, with weights that may be quantized. Evaluation as in conv2d.cpp.
#include "nn/exact_ops.hpp"
#include "nn/layer_util.hpp"

namespace tern {
namespace {

Shape weight_shape(const LayerPlace& place) { return {bounded(place.node, "out", 1), expect_rank(place, 0, 1)[0]}; }

class LinearLayer final : public Layer {
 public:
  explicit LinearLayer(const LayerPlace& place) : weight_(place, weight_shape(place), place.rng) {
    allow_keys(place.node, {"out", "bias", "weights", "init"});
    expect_inputs(place, 1);
    if (place.node.flag("bias", true)) {
      bias_ = new_tensor(place, "bias", Shape{weight_.latent().size(0)}, 0).set_requires_grad(true);
    }
  }

  Value forward(const std::vector<Value>& in, const ForwardContext& context) override {
    if (!context.exact)
      return {weight_.with_gradient_bits(linear(in[0].real(), weight_.for_training(), bias_), context)};
    if (!weight_.quantizer()) return {linear_in_order(in[0].real(), weight_.latent(), bias_)};
    const LayerWeight::Codes& w = weight_.codes();
    const bool codes = in[0].is_codes();
    if (codes) check_exact_sums(w.all.size(1), w.max_code, in[0]);
    const auto multiply = [&](const Tensor& weights) {
      return codes ? linear(in[0].t, weights) : linear_in_order(in[0].t, weights, {});
    };
    const Tensor positive = multiply(w.all);
    const Tensor negative = w.negative.defined() ? multiply(w.negative) : Tensor();
    return {scale_sums(positive, negative, w, codes ? in[0].step : 1.0f, bias_)};
  }

  Shape output_shape() const override { return {weight_.latent().size(0)}; }
  std::vector<Parameter> parameters() override {
    std::vector<Parameter> out;
    weight_.add_parameters(out);
    if (bias_.defined()) out.push_back({"bias", bias_, ParamKind::kBias});
    return out;
  }
  std::vector<NamedTensor> buffers() override { return weight_.buffers(); }
  std::int64_t macs() const override { return weight_.latent().numel(); }
  void refresh() override { weight_.refresh(); }
  void init_quantizers() override { weight_.init_quantizer(); }
  void on_epoch_begin(std::int64_t epoch) override { weight_.on_epoch_begin(epoch); }
  void after_step() override { weight_.after_step(); }
  const WeightQuantizer* weight_quantizer() const override { return weight_.quantizer(); }
  Tensor weight() const override { return weight_.latent(); }
  Tensor training_weight() const override { return weight_.for_training(); }
  void set_relaxed(const Tensor& mask) override { weight_.set_relaxed(mask); }

 private:
  LayerWeight weight_;
  Tensor bias_;
};

}  // namespace

std::unique_ptr<Layer> make_layer_linear(const LayerPlace& place) { return std::make_unique<LinearLayer>(place); }

}  // namespace tern
