#include "nn/weighted_layer.hpp"

#include "nn/exact_ops.hpp"

namespace tern {

WeightedLayer::WeightedLayer(const LayerPlace& place, const Shape& weight_shape, bool bias_by_default)
    : weight_(place, weight_shape, place.rng) {
  if (place.node.flag("bias", bias_by_default))
    bias_ = new_tensor(place, tensor_names::kBias, Shape{weight_shape[0]}, 0).set_requires_grad(true);
}

Value WeightedLayer::forward(const std::vector<Value>& inputs, const ForwardContext& context) {
  const Value& in = inputs[0];
  const auto real = [&](const Tensor& weights, Sums sums) {
    return multiply(in.real(), in.real_pad(), weights, bias_, sums);
  };
  if (!context.exact) return {weight_.with_gradient_bits(real(weight_.for_training(), Sums::kAnyOrder), context)};
  if (!weight_.quantizer()) return {real(weight_.latent(), Sums::kInOrder)};
  const LayerWeight::Codes& w = weight_.codes();
  const bool codes = in.is_codes();
  if (codes) check_exact_sums(w.all.numel() / w.all.size(0), w.max_code, in);
  const auto sums = [&](const Tensor& weights) {
    return multiply(in.t, in.pad, weights, {}, codes ? Sums::kAnyOrder : Sums::kInOrder);
  };
  const Tensor positive = sums(w.all);
  const Tensor negative = w.negative.defined() ? sums(w.negative) : Tensor();
  return {scale_sums(positive, negative, w, codes ? in.step : 1.0f, bias_)};
}

std::vector<Parameter> WeightedLayer::parameters() {
  std::vector<Parameter> out;
  weight_.add_parameters(out);
  if (bias_.defined()) out.push_back({tensor_names::kBias, bias_, ParamKind::kBias});
  return out;
}

}  // namespace tern
