// Windows of an image: max_pool, avg_pool, global_avg_pool. How many windows there are is said by pads, not by ONNX'
// ceil_mode, whose rule has changed.
#include <algorithm>
#include <cstdlib>

#include "export/onnx/ordered_sum.hpp"

namespace tern::onnx {
namespace {

kernels::PoolShape windows(const Body& b) {
  const infer::ValueType& x = b.read.in();
  const i64 kernel = b.read.integer("kernel", 1);
  return {x.channels(),
          x.height(),
          x.width(),
          kernel,
          b.read.integer("stride", 1, kernel),
          b.read.integer("pad", 0, 0),
          b.read.flag("ceil"),
          b.read.flag("count_pad")};
}

// One past the last row or column that a window covers, from the first of the padded image.
i64 covered(const kernels::PoolShape& d, i64 extent) { return (d.extent(extent) - 1) * d.stride + d.kernel; }

Dims pads(const kernels::PoolShape& d) {
  const auto behind = [&](i64 extent) { return std::max<i64>(0, covered(d, extent) - d.pad - extent); };
  return {d.pad, d.pad, behind(d.height), behind(d.width)};
}

std::string pool(const Body& b, const char* op, const kernels::PoolShape& d, const std::string& x) {
  return b.add(op, {x},
               {{"kernel_shape", Dims{d.kernel, d.kernel}}, {"strides", Dims{d.stride, d.stride}}, {"pads", pads(d)}});
}

std::string max_pool(const Body& b) { return pool(b, "MaxPool", windows(b), b.in[0]); }

// Rows or columns of each window that count.
std::vector<i64> counted(const kernels::PoolShape& d, i64 extent) {
  std::vector<i64> out;
  for (i64 i = 0; i < d.extent(extent); ++i) {
    const i64 from = i * d.stride - d.pad, to = from + d.kernel;
    out.push_back(d.count_pad ? std::min(to, extent + d.pad) - from : std::min(to, extent) - std::max<i64>(from, 0));
  }
  return out;
}

std::string counts(const Body& b, const kernels::PoolShape& d) {
  const std::vector<i64> rows = counted(d, d.height), columns = counted(d, d.width);
  std::vector<float> out;
  for (const i64 r : rows) {
    for (const i64 c : columns) out.push_back(static_cast<float>(r * c));
  }
  return b.constant("counts", {static_cast<i64>(rows.size()), static_cast<i64>(columns.size())}, out);
}

// Sums of windows of codes are exact in any order; those of reals have one.
std::string window_sums(const Body& b, const kernels::PoolShape& d) {
  const infer::ValueType& x = b.read.in();
  const i64 places = d.kernel * d.kernel;
  const kernels::ConvShape window{
      .channels = d.channels, .kernel_h = d.kernel, .kernel_w = d.kernel, .stride_h = d.stride, .stride_w = d.stride};
  if (b.exact() && !x.is_codes()) {
    const infer::ValueType& y = b.node.type;
    const std::string at = b.reshape(taps(b, b.in[0], window, pads(d)), {0, d.channels, places, y.height(), y.width()});
    const std::string ones =
        b.constant("ones", {places, 1, 1, 1, 1}, std::vector<float>(static_cast<std::size_t>(places), 1.0f));
    return b.reshape(ordered_sum(b, at, ones, {d.channels, 1, y.height(), y.width()}),
                     {0, d.channels, y.height(), y.width()});
  }
  const std::vector<float> ones(static_cast<std::size_t>(d.channels * places), 1.0f);
  return b.add("Conv", {b.in[0], b.constant("ones", {d.channels, 1, d.kernel, d.kernel}, ones)},
               {{"kernel_shape", Dims{d.kernel, d.kernel}},
                {"strides", Dims{d.stride, d.stride}},
                {"pads", pads(d)},
                {"group", d.channels}});
}

// Of a sum of codes or reals the average of `count` numbers.
std::string average(const Body& b, std::string sum, i64 most, const std::string& count) {
  const infer::ValueType& x = b.read.in();
  if (b.exact() && x.is_codes()) {
    b.expect_exact(most * std::max(std::abs(x.lo), std::abs(x.hi)));
    sum = b.add("Mul", {sum, b.scalar("step", x.step)});
  }
  return b.add("Div", {sum, count});
}

std::string avg_pool(const Body& b) {
  const kernels::PoolShape d = windows(b);
  if (!b.exact() && !d.count_pad) return pool(b, "AveragePool", d, b.in[0]);
  return average(b, window_sums(b, d), d.kernel * d.kernel, counts(b, d));
}

std::string global_avg_pool(const Body& b) {
  if (!b.exact()) return b.add("GlobalAveragePool", {b.in[0]});
  const infer::ValueType& x = b.read.in();
  const i64 pixels = x.pixels();
  std::string sum;
  if (x.is_codes()) {
    sum = b.add("ReduceSum", {b.in[0], b.constant<i64>("axes", {2}, {2, 3})});
  } else {
    const std::string ones =
        b.constant("ones", {pixels, 1, 1, 1, 1}, std::vector<float>(static_cast<std::size_t>(pixels), 1.0f));
    sum = ordered_sum(b, b.reshape(b.in[0], {0, x.channels(), pixels, 1, 1}), ones, {x.channels(), 1, 1, 1});
    sum = b.reshape(sum, {0, x.channels(), 1, 1});
  }
  return average(b, sum, pixels, b.scalar("count", static_cast<float>(pixels)));
}

}  // namespace

const Emitter max_pool_onnx = max_pool, avg_pool_onnx = avg_pool, global_avg_pool_onnx = global_avg_pool;

}  // namespace tern::onnx
