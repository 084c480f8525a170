#include "nn/layer_util.hpp"

#include <algorithm>
#include <cstdlib>

#include "core/names.hpp"
#include "ops/op_util.hpp"
#include "tern/parallel.hpp"

namespace tern {

std::string at_node(const GraphNode& node) { return "[" + node.op + "] node \"" + node.name + "\": "; }

void allow_keys(const GraphNode& node, std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : node.attrs) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    throw ValueError(at_node(node) + unknown_name("key", key, {known.begin(), known.end()}));
  }
}

void expect_inputs(const LayerPlace& place, std::size_t count) {
  if (place.inputs.size() != count) {
    throw ValueError(at_node(place.node) + "expected " + std::to_string(count) + " input(s); got " +
                     std::to_string(place.inputs.size()));
  }
}

const Shape& expect_rank(const LayerPlace& place, std::size_t i, int rank) {
  if (i >= place.inputs.size()) expect_inputs(place, i + 1);
  const Shape& s = place.inputs[i];
  if (s.rank() != rank) {
    const std::string& from = place.node.inputs[i];
    const std::string cure = rank == 1 ? "; put \"flat = flatten(" + from + ")\" before it and read flat" : "";
    throw ShapeError(at_node(place.node) + "expected an input of " + std::to_string(rank) +
                     (rank == 1 ? " dimension" : " dimensions") + " without the batch; got " + s.str() + cure);
  }
  return s;
}

namespace {

std::int64_t expect_bounds(const GraphNode& node, std::string_view key, std::int64_t v, std::int64_t lowest) {
  if (v >= lowest && v <= ops::kMaxAttribute) return v;
  throw ValueError(at_node(node) + "expected " + std::string(key) + " in " + std::to_string(lowest) + " .. " +
                   std::to_string(ops::kMaxAttribute) + "; got " + std::to_string(v));
}

}  // namespace

std::int64_t bounded(const GraphNode& node, std::string_view key, std::int64_t lowest) {
  return expect_bounds(node, key, node.integer(key), lowest);
}
std::int64_t bounded(const GraphNode& node, std::string_view key, std::int64_t lowest, std::int64_t fallback) {
  return node.has(key) ? bounded(node, key, lowest) : fallback;
}

std::pair<std::int64_t, std::int64_t> bounded_pair(const GraphNode& node, std::string_view key, std::int64_t lowest) {
  const auto [rows, columns] = node.pair(key);
  return {expect_bounds(node, key, rows, lowest), expect_bounds(node, key, columns, lowest)};
}
std::pair<std::int64_t, std::int64_t> bounded_pair(const GraphNode& node, std::string_view key, std::int64_t lowest,
                                                   std::int64_t fallback) {
  return node.has(key) ? bounded_pair(node, key, lowest) : std::pair{fallback, fallback};
}

Shape bounded_result(const GraphNode& node, const Shape& shape) {
  if (shape.numel() > kMaxNumbers) {
    throw ShapeError(at_node(node) + "expected results of at most " + std::to_string(kMaxNumbers) +
                     " numbers an image; got " + shape.str());
  }
  return shape;
}

Tensor new_tensor(const LayerPlace& place, const std::string& local_name, const Shape& shape, double value) {
  place.announce(local_name, shape);
  return Tensor::full(shape, value);
}

LayerWeight::LayerWeight(const LayerPlace& place, const Shape& shape, Rng rng) {
  place.announce(tensor_names::kWeight, shape);
  const std::string spec = place.node.text("weights", "none");
  if (spec != "none") quantizer_ = make_weight_quantizer(QuantSpec::parse(spec), shape);
  latent_ = Tensor::empty(shape);
  initialize(latent_, place.node.text("init", "he_fan_in"), rng);
  latent_.set_requires_grad(true);
  init_quantizer();
}

void LayerWeight::add_parameters(std::vector<Parameter>& out) const {
  out.push_back({tensor_names::kWeight, latent_, ParamKind::kWeight});
  if (!quantizer_) return;
  for (const NamedTensor& t : quantizer_->learnables()) {
    out.push_back({tensor_names::full(tensor_names::kWeightQuant, t.name), t.value, ParamKind::kQuantizer});
  }
}

std::vector<NamedTensor> LayerWeight::buffers() const {
  std::vector<NamedTensor> out;
  if (quantizer_) {
    for (const NamedTensor& t : quantizer_->states())
      out.push_back({tensor_names::full(tensor_names::kWeightQuant, t.name), t.value});
  }
  return out;
}

void LayerWeight::init_quantizer() {
  if (quantizer_) quantizer_->init(latent_);
}

void LayerWeight::on_epoch_begin(const Position& at) {
  if (quantizer_) quantizer_->on_epoch_begin(latent_, at);
}

void LayerWeight::before_step(const Position& at) {
  if (quantizer_) quantizer_->before_step(at);
}

void LayerWeight::after_step() {
  if (quantizer_) quantizer_->after_step();
}

Tensor LayerWeight::for_training() const {
  if (!quantizer_) return latent_;
  if (!is_split()) return quantizer_->forward(latent_);
  return where(relaxed_, latent_, quantizer_->forward(latent_.detach()));
}

Tensor LayerWeight::with_gradient_bits(const Tensor& y, const ForwardContext& context) const {
  return quantizer_ && context.training && context.gradient_bits > 0
             ? quantize_gradient(y, context.gradient_bits, context.rng)
             : y;
}

void LayerWeight::set_relaxed(const Tensor& mask) {
  if (!quantizer_) return;
  if (mask.defined() && !(mask.shape() == latent_.shape())) {
    throw ShapeError("[set_relaxed] expected a mask of shape " + latent_.shape().str() + "; got " + mask.shape().str());
  }
  if (mask.defined() && (mask.dtype() != latent_.dtype() || !mask.is_contiguous())) {
    throw ValueError("[set_relaxed] expected a contiguous mask of dtype " + std::string(name_of(latent_.dtype())));
  }
  relaxed_ = mask;
}

const LayerWeight::Codes& LayerWeight::codes() const {
  if (codes_) return *codes_;
  const WeightCodes d = deployed(*quantizer_, latent_);
  auto c = std::make_unique<Codes>();
  const bool two = !d.single_scale();
  c->all = Tensor::empty(d.shape);
  if (two) c->negative = Tensor::empty(d.shape);
  float* all = c->all.data<float>();
  float* negative = two ? c->negative.data<float>() : nullptr;
  for (std::size_t i = 0; i < d.codes.size(); ++i) {
    const int code = d.codes[i];
    all[i] = static_cast<float>(two ? std::max(code, 0) : code);
    if (two) negative[i] = static_cast<float>(std::max(-code, 0));
  }
  c->scale_pos = d.scale_pos;
  c->scale_neg = d.scale_neg;
  c->max_code = d.max_code;
  codes_ = std::move(c);
  return *codes_;
}

WeightCodes deployed(const WeightQuantizer& quantizer, const Tensor& w) {
  WeightCodes c = quantizer.deploy(w);
  const auto outputs = static_cast<std::size_t>(w.size(0));
  if (c.shape != w.shape() || c.codes.size() != static_cast<std::size_t>(w.numel()) || c.scale_pos.size() != outputs ||
      c.scale_neg.size() != outputs) {
    throw ValueError("[deploy] expected a code for each weight of " + w.shape().str() +
                     " and two scales for each filter; got " + std::to_string(c.codes.size()) + " codes of shape " +
                     c.shape.str() + ", " + std::to_string(c.scale_pos.size()) + " and " +
                     std::to_string(c.scale_neg.size()) + " scales");
  }
  for (const std::int8_t code : c.codes) {
    if (std::abs(code) <= c.max_code) continue;
    throw ValueError("[deploy] expected codes of size max_code = " + std::to_string(c.max_code) + " or less; got " +
                     std::to_string(code));
  }
  return c;
}

Tensor scale_sums(const Tensor& acc, const Tensor& acc_neg, const LayerWeight::Codes& codes, float step,
                  const Tensor& bias) {
  const std::int64_t outputs = acc.size(1);
  const std::int64_t pixels = acc.numel() / std::max<std::int64_t>(acc.size(0) * outputs, 1);
  float* y = acc.data<float>();
  const float* m = acc_neg.defined() ? acc_neg.data<float>() : nullptr;
  const float* b = bias.defined() ? bias.data<float>() : nullptr;
  parallel_for(acc.size(0), [&](std::int64_t n) {
    for (std::int64_t o = 0; o < outputs; ++o) {
      const float sp = codes.scale_pos[static_cast<std::size_t>(o)] * step;
      const float sn = codes.scale_neg[static_cast<std::size_t>(o)] * step;
      float* row = y + (n * outputs + o) * pixels;
      if (m) {
        const float* neg = m + (n * outputs + o) * pixels;
        for (std::int64_t i = 0; i < pixels; ++i) row[i] = sp * row[i] - sn * neg[i];
      } else {
        for (std::int64_t i = 0; i < pixels; ++i) row[i] = sp * row[i];
      }
      if (b) {
        for (std::int64_t i = 0; i < pixels; ++i) row[i] += b[o];
      }
    }
  });
  return acc;
}

}  // namespace tern
