#include "infer/dense.hpp"

#include <algorithm>

#include "kernels/exact.hpp"
#include "kernels/reference/dense.hpp"

namespace tern::infer {
namespace {

namespace reference = kernels::reference;

// The value as floats: itself, or dequantized into `buffer`.
const float* real(const ValueType& type, const Dense& value, AlignedVector<float>& buffer) {
  if (!type.is_codes()) return value.floats;
  buffer.resize(static_cast<std::size_t>(type.numel()));
  dequantize(value.codes, type.numel(), type.step, buffer.data());
  return buffer.data();
}

// Calls f(channel, index) for each element.
template <class F>
void for_each(const ValueType& type, F&& f) {
  const i64 pixels = type.pixels();
  for (i64 c = 0; c < type.channels(); ++c) {
    for (i64 i = c * pixels; i < (c + 1) * pixels; ++i) f(static_cast<std::size_t>(c), i);
  }
}

float scale_of(std::span<const float> scales, std::size_t o) { return scales.empty() ? 1.0f : scales[o]; }

// A border of zeros is the convolution's own affair (`shape.pad_h`, `pad_w`); any other value is written around the
// image, and `shape` becomes that of the larger image.
template <class T>
const T* with_border(kernels::ConvShape& d, const T* x, T value, AlignedVector<T>& buffer) {
  if (value == T{0}) return x;
  const i64 rows = d.height + 2 * d.pad_h, cols = d.width + 2 * d.pad_w;
  buffer.assign(static_cast<std::size_t>(d.channels * rows * cols), value);
  for (i64 c = 0; c < d.channels; ++c) {
    for (i64 y = 0; y < d.height; ++y, x += d.width) {
      std::copy_n(x, d.width, buffer.data() + (c * rows + y + d.pad_h) * cols + d.pad_w);
    }
  }
  d.height = rows;
  d.width = cols;
  d.pad_h = d.pad_w = 0;
  return buffer.data();
}

void conv_on_codes(const Node& n, const DenseWeights& w, float step, const std::int8_t* x, const Dense& out,
                   DenseScratch& s) {
  kernels::ConvShape shape = n.conv;
  x = with_border(shape, x, static_cast<std::int8_t>(n.pad_code), s.bordered_codes);
  const auto size = static_cast<std::size_t>(n.type.numel());
  s.acc.resize(size);
  reference::conv_codes(shape, x, n.two_scales() ? w.positive.data() : n.weight_codes.data(), s.acc.data());
  if (n.two_scales()) {
    s.acc_neg.resize(size);
    reference::conv_codes(shape, x, w.negative.data(), s.acc_neg.data());
  }
  if (n.has_epilogue()) {
    const auto levels = static_cast<std::size_t>(n.type.hi - n.type.lo);
    for_each(n.type, [&](std::size_t o, i64 i) {
      const bool flip = !n.flip.empty() && n.flip[o] != 0;
      const auto code = exact::quantize(s.acc[static_cast<std::size_t>(i)], n.thresholds.subspan(o * levels, levels),
                                        flip, n.type.lo);
      out.codes[i] = static_cast<std::int8_t>(code);
    });
    return;
  }
  for_each(n.type, [&](std::size_t o, i64 i) {
    float y = exact::scaled(exact::scale_step(scale_of(n.scale_pos, o), step), s.acc[static_cast<std::size_t>(i)]);
    if (n.two_scales()) {
      y = y - exact::scaled(exact::scale_step(n.scale_neg[o], step), s.acc_neg[static_cast<std::size_t>(i)]);
    }
    out.floats[i] = n.bias.empty() ? y : y + n.bias[o];
  });
}

// Float input, or float weights: the ordered sum. Weight codes count as floats and are scaled afterwards.
void conv_on_floats(const Node& n, const DenseWeights& w, const float* x, const Dense& out, DenseScratch& s) {
  const bool codes = !n.weight_codes.empty();
  kernels::ConvShape shape = n.conv;
  x = with_border(shape, x, n.pad_value, s.bordered);
  reference::conv_floats(shape, x, codes ? w.floats.data() : n.weight_floats.data(), out.floats);
  if (n.two_scales()) {
    s.sums.resize(static_cast<std::size_t>(n.type.numel()));
    reference::conv_floats(shape, x, w.floats_neg.data(), s.sums.data());
  }
  for_each(n.type, [&](std::size_t o, i64 i) {
    float y = out.floats[i];
    if (codes) y = scale_of(n.scale_pos, o) * y;
    if (n.two_scales()) y = y - n.scale_neg[o] * s.sums[static_cast<std::size_t>(i)];
    out.floats[i] = n.bias.empty() ? y : y + n.bias[o];
  });
}

void add(std::span<const ValueType* const> types, std::span<const Dense> in, float* out, DenseScratch& s) {
  const i64 n = types[0]->numel();
  std::copy_n(real(*types[0], in[0], s.real_a), n, out);
  for (std::size_t k = 1; k < in.size(); ++k) {
    const float* x = real(*types[k], in[k], s.real_a);
    for (i64 i = 0; i < n; ++i) out[i] = out[i] + x[i];
  }
}

void pad_channels(const Node& n, const ValueType& type, const float* x, float* y) {
  std::fill_n(y, n.type.numel(), 0.0f);
  y += n.front * n.type.pixels();
  for (i64 c = 0; c < type.channels(); ++c) {
    for (i64 i = 0; i < type.height(); i += n.stride) {
      for (i64 j = 0; j < type.width(); j += n.stride) *y++ = x[(c * type.height() + i) * type.width() + j];
    }
  }
}

template <class T>
void shift(const Node& n, const T* x, T outside, T* y) {
  const i64 rows = n.type.height(), cols = n.type.width();
  std::fill_n(y, n.type.numel(), outside);
  for (i64 c = 0; c < n.type.channels(); ++c) {
    for (i64 i = n.by; i < rows; ++i)
      std::copy_n(x + (c * rows + i) * cols + n.by, cols - n.by, y + (c * rows + i - n.by) * cols);
  }
}

void global_avg_pool(const ValueType& type, const Dense& x, float* y) {
  const i64 pixels = type.pixels();
  for (i64 c = 0; c < type.channels(); ++c) {
    if (type.is_codes()) {
      i64 sum = 0;
      for (i64 i = c * pixels; i < (c + 1) * pixels; ++i) sum += x.codes[i];
      y[c] = exact::average_codes(sum, type.step, pixels);
    } else {
      float sum = 0.0f;
      for (i64 i = c * pixels; i < (c + 1) * pixels; ++i) sum += x.floats[i];
      y[c] = exact::average(sum, pixels);
    }
  }
}

void tgap(const ValueType& type, const std::int8_t* x, std::int8_t* y) {
  for (i64 c = 0; c < type.channels(); ++c, x += type.pixels()) {
    y[c] = 2 * std::count(x, x + type.pixels(), std::int8_t{1}) > type.pixels();
  }
}

}  // namespace

void dequantize(const std::int8_t* codes, i64 n, float step, float* out) {
  for (i64 i = 0; i < n; ++i) out[i] = exact::dequantize(codes[i], step);
}

std::vector<float> input_table(const Node& node) {
  std::vector<float> table;
  for (std::size_t c = 0; c < node.mean.size(); ++c) {
    for (int p = 0; p < 256; ++p)
      table.push_back(exact::normalize(static_cast<std::uint8_t>(p), node.mean[c], node.std[c]));
  }
  return table;
}

DenseWeights dense_weights(const Node& node, const ValueType& input) {
  DenseWeights w;
  const auto part = [&](int sign) {  // 0: all codes; else the magnitudes of one sign
    std::vector<std::int8_t> out(node.weight_codes.begin(), node.weight_codes.end());
    for (std::int8_t& c : out) {
      if (sign != 0) c = static_cast<std::int8_t>(std::max(0, sign * c));
    }
    return out;
  };
  if (node.weight_codes.empty()) return w;
  if (input.is_codes()) {
    if (node.two_scales()) w.positive = part(1), w.negative = part(-1);
    return w;
  }
  const std::vector<std::int8_t> first = part(node.two_scales() ? 1 : 0);
  w.floats.assign(first.begin(), first.end());
  if (node.two_scales()) {
    const std::vector<std::int8_t> negative = part(-1);
    w.floats_neg.assign(negative.begin(), negative.end());
  }
  return w;
}

void run_dense(const Node& n, const DenseWeights& weights, std::span<const ValueType* const> types,
               std::span<const Dense> in, const Dense& out, DenseScratch& s) {
  const ValueType& x = *types[0];
  const auto elementwise = [&](auto&& f) {
    const float* from = real(x, in[0], s.real_a);
    for_each(n.type, [&](std::size_t c, i64 i) { out.floats[i] = f(c, from[i]); });
  };
  switch (n.op) {
    case Op::kConv:
    case Op::kLinear:
      if (x.is_codes() && !n.weight_codes.empty()) return conv_on_codes(n, weights, x.step, in[0].codes, out, s);
      return conv_on_floats(n, weights, real(x, in[0], s.real_a), out, s);
    case Op::kAffine:
      return elementwise([&](std::size_t c, float v) { return exact::affine(v, n.k1[c], n.k0[c]); });
    case Op::kRelu:
      return elementwise([](std::size_t, float v) { return exact::relu(v); });
    case Op::kHardtanh:
      return elementwise([](std::size_t, float v) { return exact::hardtanh(v); });
    case Op::kPrelu:
      return elementwise([&](std::size_t c, float v) { return exact::prelu(v, n.slope[n.slope.size() == 1 ? 0 : c]); });
    case Op::kQuantize: {
      const float* from = real(x, in[0], s.real_a);
      for (i64 i = 0; i < n.type.numel(); ++i) {
        out.codes[i] = static_cast<std::int8_t>(exact::quantize(from[i], n.float_thresholds, n.type.lo));
      }
      return;
    }
    case Op::kMaxPool:
      if (x.is_codes()) return reference::max_pool(n.pool, in[0].codes, out.codes);
      return reference::max_pool(n.pool, in[0].floats, out.floats);
    case Op::kAvgPool:
      if (x.is_codes()) return reference::avg_pool(n.pool, in[0].codes, x.step, out.floats);
      return reference::avg_pool(n.pool, in[0].floats, out.floats);
    case Op::kGlobalAvgPool:
      return global_avg_pool(x, in[0], out.floats);
    case Op::kAdd:
      return add(types, in, out.floats, s);
    case Op::kConcat: {
      i64 at = 0;
      for (std::size_t k = 0; k < in.size(); ++k) {
        const i64 size = types[k]->numel();
        if (n.type.is_codes())
          std::copy_n(in[k].codes, size, out.codes + at);
        else
          std::copy_n(real(*types[k], in[k], s.real_a), size, out.floats + at);
        at += size;
      }
      return;
    }
    case Op::kShuffle:
      for (i64 c = 0, size = n.type.pixels(); c < n.type.channels(); ++c) {
        if (x.is_codes())
          std::copy_n(in[0].codes + n.shuffled(c) * size, size, out.codes + c * size);
        else
          std::copy_n(in[0].floats + n.shuffled(c) * size, size, out.floats + c * size);
      }
      return;
    case Op::kPadChannels:
      return pad_channels(n, x, real(x, in[0], s.real_a), out.floats);
    case Op::kShift:
      if (x.is_codes()) return shift(n, in[0].codes, static_cast<std::int8_t>(n.pad_code), out.codes);
      return shift(n, in[0].floats, 0.0f, out.floats);
    case Op::kZero:
      std::fill_n(out.floats, n.type.numel(), 0.0f);
      return;
    case Op::kOr:
      for (i64 i = 0; i < n.type.numel(); ++i) out.codes[i] = in[0].codes[i] | in[1].codes[i];
      return;
    case Op::kTgap:
      return tgap(x, in[0].codes, out.codes);
    case Op::kMux:
      for_each(n.type, [&](std::size_t c, i64 i) {
        out.codes[i] = in[2].codes[c] ? in[0].codes[i] : static_cast<std::int8_t>(in[0].codes[i] | in[1].codes[i]);
      });
      return;
    case Op::kInput:
    case Op::kFlatten:
      return;
  }
}

}  // namespace tern::infer
