// quantize: an activation quantizer. Training emits real values step * code; evaluation emits the codes themselves,
// found by comparing with the quantizer's thresholds: code = lo + #{j : v >= t_j}.
// Zero padding counts as done before the quantizer, so what is padded later takes the code of 0.
#include "nn/layer_util.hpp"
#include "tern/parallel.hpp"

namespace tern {
namespace {

class QuantizeLayer final : public Layer {
 public:
  explicit QuantizeLayer(const LayerPlace& place) {
    allow_keys(place.node, {"acts"});
    expect_inputs(place, 1);
    shape_ = place.inputs[0];
    quantizer_ = make_act_quantizer(QuantSpec::parse(place.node.text("acts")));
  }

  Value forward(const std::vector<Value>& in, const ForwardContext& context) override {
    if (context.training) {
      if (context.calibrating) quantizer_->init(in[0].t);
      Value out{quantizer_->forward(in[0].t, true)};
      out.pad = quantizer_->step() * static_cast<float>(quantizer_->code(0.0f));
      return out;
    }
    if (thresholds_.empty()) thresholds_ = quantizer_->thresholds();
    const Tensor v = in[0].real().contiguous();
    Value out{Tensor::empty(v.shape()), quantizer_->step(), quantizer_->lo(), quantizer_->hi(),
              static_cast<float>(quantizer_->code(0.0f))};
    const float* from = v.data<float>();
    float* to = out.t.data<float>();
    const auto lowest = static_cast<float>(out.lo);
    parallel_ranges(v.numel(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) to[i] = lowest;
      for (const float t : thresholds_) {
        for (std::int64_t i = begin; i < end; ++i) to[i] += from[i] >= t ? 1.0f : 0.0f;
      }
    });
    return out;
  }

  Shape output_shape() const override { return shape_; }
  std::vector<Parameter> parameters() override {
    std::vector<Parameter> out;
    for (const NamedTensor& t : quantizer_->learnables()) out.push_back({t.name, t.value, ParamKind::kQuantizer});
    return out;
  }
  std::vector<NamedTensor> buffers() override { return quantizer_->states(); }
  void refresh() override { thresholds_.clear(); }
  void on_epoch_begin(const Position& at) override { quantizer_->on_epoch_begin(at); }
  void before_step(const Position& at) override { quantizer_->before_step(at); }
  void after_step() override { quantizer_->after_step(); }
  const ActQuantizer* act_quantizer() const override { return quantizer_.get(); }

 private:
  Shape shape_;
  std::unique_ptr<ActQuantizer> quantizer_;
  std::vector<float> thresholds_;
};

}  // namespace

std::unique_ptr<Layer> make_layer_quantize(const LayerPlace& place) { return std::make_unique<QuantizeLayer>(place); }

}  // namespace tern
