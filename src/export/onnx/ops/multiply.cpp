// conv2d and linear. Default: a convolution of reals with weights that DequantizeLinear makes, and where codes come out
// of thresholds on a line, the line in scales and bias, and a grid. Exact: on codes a convolution of floats that hold
// whole numbers; else sums in their order.
#include "infer/ops/multiply.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>

#include "export/onnx/codes.hpp"
#include "export/onnx/ordered_sum.hpp"
#include "kernels/exact.hpp"

namespace tern::onnx {
namespace {

using infer::Multiply;
using Codes = std::vector<std::int8_t>;

struct Layer {
  explicit Layer(const Body& body) : b(body), m(*body.node.operation->multiply()) {
    weights.assign(m.codes.begin(), m.codes.end());
    for (i64 o = 0; o < m.shape.outputs; ++o) {
      if (!flipped(o)) continue;
      for (i64 i = o * m.shape.k(); i < (o + 1) * m.shape.k(); ++i)
        weights[static_cast<std::size_t>(i)] = static_cast<std::int8_t>(-weights[static_cast<std::size_t>(i)]);
    }
    place_input();
  }

  const Body& b;
  const Multiply& m;
  Codes weights;  ///< negated where flipped, so that all outputs have codes that grow with the sum
  std::string x;  ///< the input, with its border if that is not of zeros
  Dims pads{m.shape.pad_h, m.shape.pad_w, m.shape.pad_h, m.shape.pad_w};  ///< that are left

  bool conv() const { return m.kind == Multiply::Kind::kConv; }
  bool flipped(i64 output) const { return !m.flip.empty() && m.flip[static_cast<std::size_t>(output)] != 0; }
  /// In the exact form: sums of codes with codes.
  bool integers() const { return b.exact() && b.read.in().is_codes() && !m.codes.empty(); }

  Dims weight_dims() const {
    const kernels::ConvShape& d = m.shape;
    return conv() ? Dims{d.outputs, d.channels / d.groups, d.kernel_h, d.kernel_w} : Dims{d.outputs, d.channels};
  }
  /// The weights of each sign, or all where there is one scale.
  std::vector<Codes> parts() const {
    if (!m.two_scales()) return {weights};
    Codes positive = weights, negative = weights;
    for (std::int8_t& w : positive) w = std::max(w, std::int8_t{0});
    for (std::int8_t& w : negative) w = std::min(w, std::int8_t{0});
    return {positive, negative};
  }
  /// The largest |sum| of output `o`.
  i64 reach(i64 o) const {
    const infer::ValueType& in = b.read.in();
    i64 sum = 0;
    for (i64 i = o * m.shape.k(); i < (o + 1) * m.shape.k(); ++i)
      sum += std::abs(static_cast<int>(weights[static_cast<std::size_t>(i)]));
    return sum * std::max(std::abs(in.lo), std::abs(in.hi));
  }
  /// Of output `o`, ascending.
  std::vector<std::int32_t> thresholds(i64 o) const {
    const auto levels = static_cast<std::size_t>(b.node.type.hi - b.node.type.lo);
    const auto row = m.thresholds.subspan(static_cast<std::size_t>(o) * levels, levels);
    std::vector<std::int32_t> out(row.begin(), row.end());
    if (flipped(o)) {
      for (std::int32_t& t : out)
        t = t == std::numeric_limits<std::int32_t>::min() ? std::numeric_limits<std::int32_t>::max() : -t;
    }
    return out;
  }

 private:
  void place_input() {
    const infer::ValueType& in = b.read.in();
    x = integers() ? b.in[0] : b.real();
    const float outside = integers() ? static_cast<float>(m.pad_code) : m.pad_value;
    if (!m.padded() || outside == 0 || !in.is_codes()) return;
    x = b.padded(x, pads[0], pads[1], pads[2], pads[3], outside);
    pads = {0, 0, 0, 0};
  }
};

std::string products(const Layer& l, const std::string& weight, const std::string& bias = {}) {
  const kernels::ConvShape& d = l.m.shape;
  std::vector<std::string> in{l.x, weight};
  if (!bias.empty()) in.push_back(bias);
  if (!l.conv()) return l.b.add("Gemm", in, {{"transB", i64{1}}});
  return l.b.add("Conv", in,
                 {{"kernel_shape", Dims{d.kernel_h, d.kernel_w}},
                  {"strides", Dims{d.stride_h, d.stride_w}},
                  {"pads", l.pads},
                  {"dilations", Dims{d.dilation_h, d.dilation_w}},
                  {"group", d.groups}});
}

std::vector<float> copy(std::span<const float> values) { return {values.begin(), values.end()}; }

// ---- default ----

std::string dequantized(const Layer& l, const Codes& codes, const std::vector<float>& scale) {
  const auto fits = [](std::int8_t w) { return w >= -2 && w <= 1; };
  const bool two_bits = l.b.form == OnnxForm::kInt2 && std::all_of(codes.begin(), codes.end(), fits);
  const std::string weight =
      l.b.initializer("weight", two_bits ? Tensor::of_two_bits(l.weight_dims(), codes)
                                         : Tensor::of(l.weight_dims(), std::span<const std::int8_t>(codes)));
  const Dims channels{l.m.shape.outputs};
  const std::string scales = l.b.constant("scale", channels, scale);
  const Codes zeros(scale.size());
  const std::string zero_points =
      l.b.initializer("zero_point", two_bits ? Tensor::of_two_bits(channels, zeros)
                                             : Tensor::of(channels, std::span<const std::int8_t>(zeros)));
  return l.b.add("DequantizeLinear", {weight, scales, zero_points}, {{"axis", i64{0}}});
}

std::string real_weights(const Layer& l) {
  if (l.m.codes.empty()) return l.b.constant("weight", l.weight_dims(), copy(l.m.floats));
  std::vector<float> scale = copy(l.m.scale_pos);
  if (scale.empty()) scale.assign(static_cast<std::size_t>(l.m.shape.outputs), 1.0f);
  const std::vector<Codes> parts = l.parts();
  const std::string weight = dequantized(l, parts[0], scale);
  return parts.size() == 1 ? weight : l.b.add("Add", {weight, dequantized(l, parts[1], copy(l.m.scale_neg))});
}

std::string real_sums(const Layer& l) {
  const std::string bias = l.m.bias.empty() ? "" : l.b.constant("bias", {l.m.shape.outputs}, copy(l.m.bias));
  return products(l, real_weights(l), bias);
}

std::optional<std::vector<Line>> lines(const Layer& l) {
  std::vector<Line> out;
  for (i64 o = 0; o < l.m.shape.outputs; ++o) {
    const auto line = line_of(l.thresholds(o), l.b.node.type.lo, l.reach(o));
    if (!line) return {};
    out.push_back(*line);
  }
  return out;
}

// Sums arrive as multiples of the input's step. The offset is no bias of the convolution: onnxruntime rounds one to a
// whole number of products.
std::string codes_of_reals(const Layer& l) {
  const double in_step = double{l.b.read.in().step}, out_step = double{l.b.node.type.step};
  std::vector<float> scale, offset;
  if (const auto all = lines(l)) {
    for (const Line& line : *all) {
      scale.push_back(static_cast<float>(line.slope * out_step / in_step));
      offset.push_back(static_cast<float>(line.offset * out_step));
    }
    const std::string weight = dequantized(l, l.weights, scale);
    const std::string sums = l.b.add("Add", {products(l, weight), l.b.of_channel("offset", l.b.node.type, offset)});
    return by_grid(l.b, sums, l.b.node.type.step);
  }
  scale.assign(static_cast<std::size_t>(l.m.shape.outputs), static_cast<float>(1 / in_step));
  const std::string sums = products(l, dequantized(l, l.weights, scale));
  std::vector<std::string> at;
  for (std::size_t j = 0; j < static_cast<std::size_t>(l.b.node.type.hi - l.b.node.type.lo); ++j) {
    std::vector<float> halfway;
    for (i64 o = 0; o < l.m.shape.outputs; ++o) halfway.push_back(static_cast<float>(l.thresholds(o)[j]) - 0.5f);
    at.push_back(l.b.of_channel("threshold", l.b.node.type, halfway));
  }
  return by_thresholds(l.b, sums, at);
}

// ---- exact ----

// The cast keeps an optimizer from folding what follows into the convolution, where it would round elsewhere.
std::string integer_sums(const Layer& l, const Codes& part) {
  for (i64 o = 0; o < l.m.shape.outputs; ++o) l.b.expect_exact(l.reach(o));
  return l.b.cast(products(l, l.b.cast(l.b.constant("weight", l.weight_dims(), part), Type::kFloat)), Type::kInt32);
}

std::string codes_of_integers(const Layer& l) {
  const std::string sums = integer_sums(l, l.weights);
  std::vector<std::string> at;
  for (std::size_t j = 0; j < static_cast<std::size_t>(l.b.node.type.hi - l.b.node.type.lo); ++j) {
    std::vector<std::int32_t> row;
    for (i64 o = 0; o < l.m.shape.outputs; ++o) row.push_back(l.thresholds(o)[j]);
    at.push_back(l.b.of_channel("threshold", l.b.node.type, row));
  }
  return by_thresholds(l.b, sums, at);
}

std::string scaled(const Layer& l, const std::string& sums, std::span<const float> scale) {
  if (scale.empty() && !l.integers()) return sums;
  std::vector<float> all = copy(scale);
  if (all.empty()) all.assign(static_cast<std::size_t>(l.m.shape.outputs), 1.0f);
  if (l.integers()) {
    for (float& s : all) s = exact::scale_step(s, l.b.read.in().step);
  }
  return l.b.add("Mul", {sums, l.b.of_channel("scale", l.b.node.type, all)});
}

// [O][K] to [K][G][O / G].
template <class T>
std::string taps_first(const Layer& l, std::span<const T> weights) {
  const i64 outputs = l.m.shape.outputs, k = l.m.shape.k();
  std::vector<T> out;
  for (i64 i = 0; i < k; ++i) {
    for (i64 o = 0; o < outputs; ++o) out.push_back(weights[static_cast<std::size_t>(o * k + i)]);
  }
  return l.b.constant("weight", {k, l.m.shape.groups, outputs / l.m.shape.groups, 1, 1}, out);
}

std::string ordered_sums(const Layer& l, const std::string& weight) {
  const i64 groups = l.m.shape.groups, outputs = l.m.shape.outputs, k = l.m.shape.k();
  const i64 rows = l.b.node.type.height(), columns = l.b.node.type.width();
  const std::string x = l.b.reshape(l.conv() ? taps(l.b, l.x, l.m.shape, l.pads) : l.x, {0, groups, k, rows, columns});
  const std::string sums = ordered_sum(l.b, x, weight, {groups, outputs / groups, rows, columns});
  return l.b.reshape(sums, l.conv() ? Dims{0, outputs, rows, columns} : Dims{0, outputs});
}

// Magnitudes of the negative weights are their codes negated: of a sum and its scaled value as well.
std::string exact_sums(const Layer& l) {
  std::string y;
  if (l.m.codes.empty()) {
    y = ordered_sums(l, taps_first(l, l.m.floats));
  } else {
    const std::vector<Codes> parts = l.parts();
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::string sums =
          l.integers() ? l.b.cast(integer_sums(l, parts[i]), Type::kFloat)
                       : ordered_sums(l, l.b.cast(taps_first(l, std::span<const std::int8_t>(parts[i])), Type::kFloat));
      const std::string part = scaled(l, sums, i == 0 ? l.m.scale_pos : l.m.scale_neg);
      y = i == 0 ? part : l.b.add("Add", {y, part});
    }
  }
  if (l.m.bias.empty()) return y;
  return l.b.add("Add", {y, l.b.of_channel("bias", l.b.node.type, copy(l.m.bias))});
}

std::string multiply(const Body& b) {
  const Layer l(b);
  if (b.exact()) return l.m.has_epilogue() ? codes_of_integers(l) : exact_sums(l);
  return l.m.has_epilogue() ? codes_of_reals(l) : real_sums(l);
}

}  // namespace

const Emitter conv2d_onnx = multiply, linear_onnx = multiply;

}  // namespace tern::onnx
