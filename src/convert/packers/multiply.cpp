// conv2d and linear. What needs thought is the chain
//
//   conv2d or linear (codes on codes, one scale) -> [batch_norm] -> [act kind=relu] -> quantize
//
// each link read by the next one only, which becomes a single node with integer thresholds (packed::fold_thresholds).
#include <algorithm>
#include <cstdlib>
#include <limits>

#include "convert/packer.hpp"
#include "nn/layer_util.hpp"

namespace tern {
namespace {

using packed::Blob;

struct Chain {
  std::optional<std::size_t> batch_norm, relu;
  std::size_t quantize = 0;
};

// The nodes between multiplication `i` and the quantizer that reads its result, if each has one reader.
std::optional<Chain> chain_to_quantizer(const PackContext& context, std::size_t i) {
  Chain chain;
  while (true) {
    const std::vector<std::size_t> readers = context.readers(i);
    if (readers.size() != 1) return std::nullopt;
    i = readers[0];
    const GraphNode& node = context.node(i);
    if (node.op == "quantize") {
      chain.quantize = i;
      return chain;
    }
    if (node.op == "batch_norm" && !chain.batch_norm && !chain.relu)
      chain.batch_norm = i;
    else if (node.op == "act" && node.text("kind") == "relu" && !chain.relu)
      chain.relu = i;
    else
      return std::nullopt;
  }
}

// The float expression that the chain computes from each output's integer sum.
std::vector<packed::ChannelExpression> expressions(const PackContext& context, const Chain& chain,
                                                   const WeightCodes& weights, float step) {
  const Tensor bias = context.tensor(tensor_names::kBias);
  std::vector<exact::Affine> affine;
  if (chain.batch_norm) affine = affine_of(context, *chain.batch_norm);
  std::vector<packed::ChannelExpression> out(weights.scale_pos.size());
  for (std::size_t o = 0; o < out.size(); ++o) {
    packed::ChannelExpression& e = out[o];
    e.scale_step = exact::scale_step(weights.scale_pos[o], step);
    e.has_bias = bias.defined();
    if (e.has_bias) e.bias = bias.span<float>()[o];
    e.has_affine = chain.batch_norm.has_value();
    if (e.has_affine) e.k1 = affine[o].k1, e.k0 = affine[o].k0;
    if (chain.relu) e.act = packed::ChannelExpression::Act::kRelu;
  }
  return out;
}

void finish_folded(PackContext& context, PackedNode out, const Chain& chain, WeightCodes weights, const CodeRange& in) {
  const ActQuantizer& next = *context.layer(chain.quantize).act_quantizer();
  const std::vector<float> thresholds = next.thresholds();
  const Shape outputs{weights.shape[0]};
  const std::int64_t k = weights.shape.numel() / outputs[0];
  const std::int64_t reach = k * weights.max_code * std::max(std::abs(in.lo), std::abs(in.hi));
  if (reach > std::numeric_limits<std::int32_t>::max()) context.refuse("its integer sums could overflow 32 bits");
  std::vector<std::int32_t> folded;
  std::vector<std::int8_t> flips;
  for (const packed::ChannelExpression& e : expressions(context, chain, weights, in.step)) {
    const packed::FoldedChannel f = packed::fold_thresholds(e, thresholds, static_cast<std::int32_t>(reach));
    folded.insert(folded.end(), f.thresholds.begin(), f.thresholds.end());
    flips.push_back(f.flip ? 1 : 0);
  }
  out.attrs.emplace_back("epilogue", "threshold");
  out.codes = code_range(next);
  out.blobs.emplace("weight", Blob::of_codes(weights.shape, std::move(weights.codes)));
  out.blobs.emplace("thresholds", Blob::of_ints(Shape{outputs[0], next.hi() - next.lo()}, std::move(folded)));
  out.blobs.emplace("flip", Blob::of_codes(outputs, std::move(flips)));
  context.finish(std::move(out), chain.quantize);
}

void add_codes(PackedNode& out, WeightCodes weights) {
  const Shape outputs{weights.shape[0]};
  const bool single = weights.single_scale();
  const bool unscaled =
      single && std::all_of(weights.scale_pos.begin(), weights.scale_pos.end(), [](float s) { return s == 1.0f; });
  out.blobs.emplace("weight", Blob::of_codes(weights.shape, std::move(weights.codes)));
  if (!unscaled) out.blobs.emplace("scale_pos", Blob::of_floats(outputs, std::move(weights.scale_pos)));
  if (!single) out.blobs.emplace("scale_neg", Blob::of_floats(outputs, std::move(weights.scale_neg)));
}

}  // namespace

void pack_multiply(PackContext& context) {
  const GraphNode& node = context.node();
  const Layer& layer = context.layer();
  PackedNode out{.op = node.op, .inputs = context.inputs()};
  for (const char* key : {"out", "kernel", "stride", "pad", "dilation", "groups"}) {
    if (node.has(key)) out.attrs.emplace_back(key, node.text(key));
  }
  const std::optional<CodeRange> in = context.codes(out.inputs);
  const auto [pad_rows, pad_columns] = node.pair("pad", 0);
  if (in && in->pad != 0 && pad_rows + pad_columns > 0) out.attrs.emplace_back("pad_code", std::to_string(in->pad));
  const WeightQuantizer* quantizer = layer.weight_quantizer();
  out.attrs.emplace_back("weights", quantizer ? "codes" : "f32");
  if (quantizer) {
    WeightCodes weights = deployed(*quantizer, layer.weight());
    const auto chain = in && weights.single_scale() ? chain_to_quantizer(context, context.index()) : std::nullopt;
    if (chain) return finish_folded(context, std::move(out), *chain, std::move(weights), *in);
    add_codes(out, std::move(weights));
  } else {
    out.blobs.emplace("weight", float_blob(layer.weight()));
  }
  const Tensor bias = context.tensor(tensor_names::kBias);
  out.attrs.emplace_back("bias", bias.defined() ? "1" : "0");
  if (bias.defined()) out.blobs.emplace("bias", float_blob(bias));
  context.finish(std::move(out));
}

}  // namespace tern
