// Windows of an image: max_pool, avg_pool, global_avg_pool. kernels::PoolShape has the rule of their extents.
#include "infer/ops/node_reader.hpp"
#include "infer/ops/op.hpp"
#include "kernels/exact.hpp"
#include "kernels/packed/reference/dense.hpp"

namespace tern::infer {
namespace {

namespace reference = kernels::reference;

kernels::PoolShape windows(const NodeReader& node, ValueType& result) {
  node.expect_images();
  const ValueType& x = node.in();
  kernels::PoolShape d{x.channels(), x.height(), x.width()};
  d.kernel = node.integer("kernel", 1);
  d.stride = node.integer("stride", 1, d.kernel);
  d.pad = node.integer("pad", 0, 0);
  d.ceil = node.flag("ceil");
  node.expect(2 * d.pad <= d.kernel, "expected pad <= kernel / 2");
  node.expect(d.kernel <= d.height + 2 * d.pad && d.kernel <= d.width + 2 * d.pad,
              "the window does not fit " + x.shape.str());
  result.shape = {d.channels, d.out_height(), d.out_width()};
  return d;
}

double window_work(const kernels::PoolShape& d, const ValueType& result) {
  return static_cast<double>(d.kernel) * static_cast<double>(d.kernel) * static_cast<double>(result.numel());
}

class MaxPool final : public Operation {
 public:
  MaxPool(const NodeReader& node, ValueType& result) : shape_(windows(node, result)), on_codes_(result.is_codes()) {}
  void run(std::span<const Dense> in, const Dense& out, Scratch&) const override {
    if (on_codes_)
      reference::max_pool(shape_, in[0].codes, out.codes);
    else
      reference::max_pool(shape_, in[0].floats, out.floats);
  }
  double work(const ValueType& result) const override { return window_work(shape_, result); }
  const kernels::PoolShape* float_windows() const override { return on_codes_ ? nullptr : &shape_; }
  PlaneForm planes() const override { return PlanePool{shape_}; }

 private:
  kernels::PoolShape shape_;
  bool on_codes_;
};

class AvgPool final : public Operation {
 public:
  AvgPool(const NodeReader& node, ValueType& result) : shape_(windows(node, result)) {
    shape_.count_pad = node.flag("count_pad");
  }
  void run(std::span<const Dense> in, const Dense& out, Scratch&) const override {
    if (in[0].type->is_codes())
      reference::avg_pool(shape_, in[0].codes, in[0].type->step, out.floats);
    else
      reference::avg_pool(shape_, in[0].floats, out.floats);
  }
  double work(const ValueType& result) const override { return window_work(shape_, result); }

 private:
  kernels::PoolShape shape_;
};

class GlobalAvgPool final : public Operation {
 public:
  GlobalAvgPool(const NodeReader& node, ValueType& result) {
    node.expect_images();
    result.shape = {node.in().channels(), 1, 1};
  }
  void run(std::span<const Dense> in, const Dense& out, Scratch&) const override {
    const ValueType& type = *in[0].type;
    const i64 pixels = type.pixels();
    for (i64 c = 0; c < type.channels(); ++c) {
      if (type.is_codes()) {
        i64 sum = 0;
        for (i64 i = c * pixels; i < (c + 1) * pixels; ++i) sum += in[0].codes[i];
        out.floats[c] = exact::average_codes(sum, type.step, pixels);
      } else {
        float sum = 0.0f;
        for (i64 i = c * pixels; i < (c + 1) * pixels; ++i) sum += in[0].floats[i];
        out.floats[c] = exact::average(sum, pixels);
      }
    }
  }
};

}  // namespace

const Meaning max_pool_op{.read = read<MaxPool>, .carries_codes = true};
const Meaning avg_pool_op{.read = read<AvgPool>}, global_avg_pool_op{.read = read<GlobalAvgPool>};

}  // namespace tern::infer
