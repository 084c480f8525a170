#include "infer/ops/multiply.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <tuple>

#include "infer/ops/node_reader.hpp"
#include "kernels/exact.hpp"
#include "kernels/packed/reference/dense.hpp"

namespace tern::infer {
namespace {

namespace reference = kernels::reference;
using kernels::ConvShape;

// Of +1: the positive weight codes; of -1: the magnitudes of the negative ones; of 0: all codes as they are.
template <class T>
void copy_part(std::span<const std::int8_t> codes, int sign, T* out) {
  for (const std::int8_t c : codes) *out++ = static_cast<T>(sign == 0 ? c : std::max(0, sign * c));
}

// A border of zeros is the convolution's own affair (`shape.pad_h`, `pad_w`); any other value is written around the
// image, and `shape` becomes that of the larger image.
template <class T>
const T* with_border(ConvShape& d, const T* x, T value, Scratch& scratch, std::size_t buffer) {
  if (value == T{0}) return x;
  const i64 rows = d.height + 2 * d.pad_h, cols = d.width + 2 * d.pad_w;
  T* out = scratch.get<T>(buffer, d.channels * rows * cols);
  std::fill_n(out, d.channels * rows * cols, value);
  for (i64 c = 0; c < d.channels; ++c) {
    for (i64 y = 0; y < d.height; ++y, x += d.width)
      std::copy_n(x, d.width, out + (c * rows + y + d.pad_h) * cols + d.pad_w);
  }
  d.height = rows;
  d.width = cols;
  d.pad_h = d.pad_w = 0;
  return out;
}

// f(output, index) for each element.
template <class F>
void for_each(const ValueType& type, F&& f) {
  const i64 pixels = type.pixels();
  for (i64 o = 0; o < type.channels(); ++o) {
    for (i64 i = o * pixels; i < (o + 1) * pixels; ++i) f(o, i);
  }
}

}  // namespace

Multiply::Multiply(Kind of, const NodeReader& node, ValueType& result) : kind(of) {
  if (kind == Kind::kConv)
    read_conv(node);
  else
    read_linear(node);
  read_weights(node);
  result.shape =
      kind == Kind::kConv ? Shape{shape.outputs, shape.out_height(), shape.out_width()} : Shape{shape.outputs};
  read_thresholds(node, result);
}

void Multiply::read_conv(const NodeReader& node) {
  node.expect_images();
  const ValueType& x = node.in();
  ConvShape& d = shape;
  d.channels = x.channels();
  d.height = x.height();
  d.width = x.width();
  d.outputs = node.integer("out", 1);
  std::tie(d.kernel_h, d.kernel_w) = node.pair("kernel", 1);
  std::tie(d.stride_h, d.stride_w) = node.pair("stride", 1, 1);
  std::tie(d.pad_h, d.pad_w) = node.pair("pad", 0, 0);
  pad_code = node.pad_code();
  if (x.is_codes()) pad_value = exact::dequantize(pad_code, x.step);
  std::tie(d.dilation_h, d.dilation_w) = node.pair("dilation", 1, 1);
  d.groups = node.integer("groups", 1, 1);
  node.expect(d.channels % d.groups == 0 && d.outputs % d.groups == 0,
              "groups=" + std::to_string(d.groups) + " does not divide " + std::to_string(d.channels) + " inputs and " +
                  std::to_string(d.outputs) + " outputs");
  const i64 padded_h = d.height + 2 * d.pad_h, padded_w = d.width + 2 * d.pad_w;
  node.expect(
      padded_h <= kMaxAttribute && padded_w <= kMaxAttribute && padded_h * padded_w <= kMaxValueElements / d.channels,
      "the padded image is too large");
  node.expect(d.dilation_h * (d.kernel_h - 1) < padded_h && d.dilation_w * (d.kernel_w - 1) < padded_w,
              "the kernel does not fit the padded image of " + x.shape.str());
}

void Multiply::read_linear(const NodeReader& node) {
  const ValueType& x = node.in();
  node.expect(x.shape.rank() == 1, "expected an input of one dimension (flatten it first); got " + x.shape.str());
  shape.channels = x.numel();
  shape.outputs = node.integer("out", 1);
}

Shape Multiply::weight_shape() const {
  if (kind == Kind::kLinear) return {shape.outputs, shape.channels};
  return {shape.outputs, shape.channels / shape.groups, shape.kernel_h, shape.kernel_w};
}

void Multiply::read_weights(const NodeReader& node) {
  const Shape per_output{shape.outputs};
  const std::string weights = node.text("weights", "f32");
  node.expect(weights == "f32" || weights == "codes", "expected weights=f32 or codes; got \"" + weights + "\"");
  if (weights == "f32") {
    floats = node.floats("weight", weight_shape());
  } else {
    codes = node.codes("weight", weight_shape());
    for (const std::int8_t w : codes) node.expect(w > -128, "weight codes below -127 are not allowed");
    scale_pos = node.floats("scale_pos", per_output, NodeReader::kOptional);
    scale_neg = node.floats("scale_neg", per_output, NodeReader::kOptional);
    node.expect(scale_neg.empty() || !scale_pos.empty(), "scale_neg without scale_pos");
    if (std::equal(scale_pos.begin(), scale_pos.end(), scale_neg.begin(), scale_neg.end())) scale_neg = {};
    if (node.in().is_codes()) expect_sums_fit(node);
  }
  if (node.flag("bias")) bias = node.floats("bias", per_output);
}

void Multiply::read_thresholds(const NodeReader& node, ValueType& result) {
  if (!node.has("epilogue")) {
    for (const char* key : {"lo", "hi", "step"}) node.expect(!node.has(key), std::string(key) + " without epilogue");
    return;
  }
  node.expect(node.text("epilogue") == "threshold", "expected epilogue=threshold; got " + node.text("epilogue"));
  node.expect(!codes.empty(), "epilogue=threshold needs weights=codes");
  node.expect(node.in().is_codes() && !two_scales(), "epilogue=threshold needs codes as input and a single scale");
  node.code_range(result);
  const i64 levels = result.hi - result.lo;
  thresholds = node.ints("thresholds", Shape{shape.outputs, levels});
  flip = node.codes("flip", Shape{shape.outputs}, NodeReader::kOptional);
  for (const std::int8_t f : flip) node.expect(f == 0 || f == 1, "expected flips of 0 or 1");
  for (i64 o = 0; o < shape.outputs; ++o) {
    const auto row = thresholds.subspan(static_cast<std::size_t>(o * levels), static_cast<std::size_t>(levels));
    const bool flipped = !flip.empty() && flip[static_cast<std::size_t>(o)] != 0;
    node.expect(flipped ? std::is_sorted(row.rbegin(), row.rend()) : std::is_sorted(row.begin(), row.end()),
                "expected thresholds in ascending order (descending where flipped)");
  }
}

// Every partial sum of an output is at most sum |w| * max |x|.
void Multiply::expect_sums_fit(const NodeReader& node) const {
  const i64 largest = std::max(std::abs(node.in().lo), std::abs(node.in().hi)), k = shape.k();
  for (i64 o = 0; o < shape.outputs; ++o) {
    i64 sum = 0;
    for (i64 i = o * k; i < (o + 1) * k; ++i) sum += std::abs(static_cast<int>(codes[static_cast<std::size_t>(i)]));
    node.expect(sum * largest < std::numeric_limits<std::int32_t>::max(), "its integer sums could overflow 32 bits");
  }
}

std::vector<std::vector<std::int8_t>> Multiply::parts() const {
  if (!two_scales()) return {{codes.begin(), codes.end()}};
  std::vector<std::vector<std::int8_t>> parts(2, std::vector<std::int8_t>(codes.size()));
  copy_part(codes, 1, parts[0].data());
  copy_part(codes, -1, parts[1].data());
  return parts;
}

ConvShape Multiply::on(const ValueType& image) const {
  ConvShape d = shape;
  if (kind == Kind::kLinear) {
    d.channels = image.channels();
    d.height = d.kernel_h = image.height();
    d.width = d.kernel_w = image.width();
  }
  return d;
}

double Multiply::work(const ValueType& result) const {
  const i64 levels = has_epilogue() ? result.hi - result.lo : 0;
  return static_cast<double>(shape.k() + levels) * static_cast<double>(result.numel());
}

ScratchSizes Multiply::scratch(std::span<const ValueType* const> in, const ValueType& result) const {
  const auto weights = static_cast<i64>(codes.size()), border = padded_floats();
  ScratchSizes s;
  if (in[0]->is_codes() && !codes.empty()) {
    s.codes = {pad_code != 0 ? border : 0, weights};
    s.ints = {result.numel(), two_scales() ? result.numel() : 0};
  } else {
    s.floats = {in[0]->is_codes() ? in[0]->numel() : 0, pad_value != 0 ? border : 0, weights,
                two_scales() ? result.numel() : 0};
  }
  return s;
}

void Multiply::run(std::span<const Dense> in, const Dense& out, Scratch& scratch) const {
  if (in[0].type->is_codes() && !codes.empty())
    run_on_codes(in[0], out, scratch);
  else
    run_on_floats(in[0], out, scratch);
}

// Exact integer sums, then thresholds, or scales and bias.
void Multiply::run_on_codes(const Dense& in, const Dense& out, Scratch& scratch) const {
  const i64 n = out.type->numel(), weights = static_cast<i64>(codes.size());
  ConvShape d = shape;
  const std::int8_t* x = with_border(d, in.codes, static_cast<std::int8_t>(pad_code), scratch, 0);
  const auto sums = [&](int sign, std::size_t buffer) {
    std::int8_t* w = scratch.get<std::int8_t>(1, weights);
    copy_part(codes, sign, w);
    std::int32_t* acc = scratch.get<std::int32_t>(buffer, n);
    reference::conv_codes(d, x, w, acc);
    return acc;
  };
  const std::int32_t* acc = sums(two_scales() ? 1 : 0, 0);
  if (has_epilogue()) {
    const auto levels = static_cast<std::size_t>(out.type->hi - out.type->lo);
    for_each(*out.type, [&](i64 o, i64 i) {
      const auto row = thresholds.subspan(static_cast<std::size_t>(o) * levels, levels);
      const bool flipped = !flip.empty() && flip[static_cast<std::size_t>(o)] != 0;
      out.codes[i] = static_cast<std::int8_t>(exact::quantize(acc[i], row, flipped, out.type->lo));
    });
    return;
  }
  const float step = in.type->step;
  const std::int32_t* negative = two_scales() ? sums(-1, 1) : nullptr;
  for_each(*out.type, [&](i64 o, i64 i) {
    const auto c = static_cast<std::size_t>(o);
    float y = exact::scaled(exact::scale_step(scale(o), step), acc[i]);
    if (negative) y = y - exact::scaled(exact::scale_step(scale_neg[c], step), negative[i]);
    out.floats[i] = bias.empty() ? y : y + bias[c];
  });
}

// Float input, or float weights: the ordered sum. Weight codes count as floats and are scaled afterwards.
void Multiply::run_on_floats(const Dense& in, const Dense& out, Scratch& scratch) const {
  ConvShape d = shape;
  const float* x = with_border(d, real(in, scratch), pad_value, scratch, 1);
  const auto sums = [&](int sign, float* y) {
    float* w = scratch.get<float>(2, static_cast<i64>(codes.size()));
    copy_part(codes, sign, w);
    reference::conv_floats(d, x, w, y);
    return y;
  };
  if (codes.empty())
    reference::conv_floats(d, x, floats.data(), out.floats);
  else
    sums(two_scales() ? 1 : 0, out.floats);
  const float* negative = two_scales() ? sums(-1, scratch.get<float>(3, out.type->numel())) : nullptr;
  for_each(*out.type, [&](i64 o, i64 i) {
    const auto c = static_cast<std::size_t>(o);
    float y = out.floats[i];
    if (!codes.empty()) y = scale(o) * y;
    if (negative) y = y - scale_neg[c] * negative[i];
    out.floats[i] = bias.empty() ? y : y + bias[c];
  });
}

namespace {

template <Multiply::Kind of>
std::unique_ptr<const Operation> read_kind(const NodeReader& node, ValueType& result) {
  return std::make_unique<Multiply>(of, node, result);
}

}  // namespace

const Meaning conv2d_op{.read = read_kind<Multiply::Kind::kConv>},
    linear_op{.read = read_kind<Multiply::Kind::kLinear>};

}  // namespace tern::infer
