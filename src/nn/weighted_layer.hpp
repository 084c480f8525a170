// What convolution and dense layers are: a multiplication by weights that may be quantized, then a bias.
//
// Training multiplies real values (fake quantization). Evaluation of a quantized network multiplies integer codes,
// whose sums are exact in float32 in any order, and scales them afterwards; a float layer sums in the order that
// kernels/exact.hpp defines (unless Network::set_fake_evaluation asks for speed). Both make the packed network's result
// reproducible bit for bit.
#pragma once

#include "nn/layer_util.hpp"

namespace tern {

class WeightedLayer : public Layer {
 public:
  Value forward(const std::vector<Value>& inputs, const ForwardContext& context) final;
  std::vector<Parameter> parameters() final;
  std::vector<NamedTensor> buffers() final { return weight_.buffers(); }
  void refresh() final { weight_.refresh(); }
  void init_quantizers() final { weight_.init_quantizer(); }
  void on_epoch_begin(const Position& at) final { weight_.on_epoch_begin(at); }
  void before_step(const Position& at) final { weight_.before_step(at); }
  void after_step() final { weight_.after_step(); }
  const WeightQuantizer* weight_quantizer() const final { return weight_.quantizer(); }
  Tensor weight() const final { return weight_.latent(); }
  Tensor training_weight() const final { return weight_.for_training(); }
  void set_relaxed(const Tensor& mask) final { weight_.set_relaxed(mask); }

 protected:
  /// A bias of zeros is made if the key `bias` says so. Errors: those of LayerWeight.
  WeightedLayer(const LayerPlace& place, const Shape& weight_shape, bool bias_by_default);

  /// x times w, plus bias if it is defined; `pad` is what x is padded with. kInOrder: as exact_ops.hpp sums.
  enum class Sums { kAnyOrder, kInOrder };
  virtual Tensor multiply(const Tensor& x, float pad, const Tensor& w, const Tensor& bias, Sums sums) const = 0;

 private:
  LayerWeight weight_;
  Tensor bias_;
};

}  // namespace tern
