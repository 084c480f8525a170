// Several values into one: add, concat.
#include <algorithm>

#include "infer/ops/node_reader.hpp"
#include "infer/ops/op.hpp"

namespace tern::infer {
namespace {

class Add final : public Operation {
 public:
  Add(const NodeReader& node, ValueType&) {
    const Shape& shape = node.in().shape;
    for (std::size_t i = 0; i < node.inputs(); ++i) {
      node.expect(node.in(i).shape == shape,
                  "expected equal shapes; got " + shape.str() + " and " + node.in(i).shape.str());
    }
  }
  void run(std::span<const Dense> in, const Dense& out, Scratch& scratch) const override {
    const i64 n = out.type->numel();
    std::copy_n(real(in[0], scratch), n, out.floats);
    for (const Dense& term : in.subspan(1)) {
      const float* x = real(term, scratch);
      for (i64 i = 0; i < n; ++i) out.floats[i] = out.floats[i] + x[i];
    }
  }
  bool adds() const override { return true; }
};

class Concat final : public Operation {
 public:
  Concat(const NodeReader& node, ValueType& result) {
    node.expect_images();
    const ValueType& first = node.in();
    i64 channels = 0;
    for (std::size_t i = 0; i < node.inputs(); ++i) {
      const ValueType& x = node.in(i);
      node.expect(x.height() == first.height() && x.width() == first.width(),
                  "expected equal heights and widths; got " + first.shape.str() + " and " + x.shape.str());
      channels_.push_back(x.channels());
      channels += x.channels();
    }
    result.shape = first.shape.with(0, channels);
  }
  void run(std::span<const Dense> in, const Dense& out, Scratch& scratch) const override {
    i64 at = 0;
    for (const Dense& part : in) {
      const i64 size = part.type->numel();
      if (out.type->is_codes())
        std::copy_n(part.codes, size, out.codes + at);
      else
        std::copy_n(real(part, scratch), size, out.floats + at);
      at += size;
    }
  }
  PlaneForm planes() const override {
    PlaneChannels form;
    for (std::size_t k = 0; k < channels_.size(); ++k) {
      for (i64 c = 0; c < channels_[k]; ++c) form.order.push_back({k, c});
    }
    return form;
  }

 private:
  std::vector<i64> channels_;  // of each input
};

}  // namespace

const Meaning add_op{.read = read<Add>};
const Meaning concat_op{.read = read<Concat>, .carries_codes = true};

}  // namespace tern::infer
