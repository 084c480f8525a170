// Real numbers, one at a time: affine, relu, hardtanh, prelu.
#include <algorithm>

#include "infer/ops/node_reader.hpp"
#include "infer/ops/op.hpp"
#include "kernels/exact.hpp"

namespace tern::infer {
namespace {

using std::span;

class Elementwise final : public Operation {
 public:
  explicit Elementwise(const Lane& lane) : lane_(lane) {}
  void run(span<const Dense> in, const Dense& out, Scratch& scratch) const override {
    const i64 pixels = out.type->pixels();
    std::copy_n(real(in[0], scratch), out.type->numel(), out.floats);
    for (i64 c = 0; c < out.type->channels(); ++c)
      lane_.row(out.floats + c * pixels, pixels, of_channel(lane_.a, c), of_channel(lane_.b, c));
  }
  const Lane* lane() const override { return &lane_; }

 private:
  Lane lane_;
};

using Read = std::unique_ptr<const Operation>;

Read affine(const NodeReader& node, ValueType&) {
  const Shape channels{node.in().channels()};
  const span<const float> k1 = node.floats("k1", channels), k0 = node.floats("k0", channels);
  return std::make_unique<Elementwise>(lane([](float x, float a, float b) { return exact::affine(x, a, b); }, k1, k0));
}

Read relu(const NodeReader&, ValueType&) {
  return std::make_unique<Elementwise>(lane([](float x, float, float) { return exact::relu(x); }));
}

Read hardtanh(const NodeReader&, ValueType&) {
  return std::make_unique<Elementwise>(lane([](float x, float, float) { return exact::hardtanh(x); }));
}

Read prelu(const NodeReader& node, ValueType&) {
  const span<const float> slope =
      node.floats("slope", node.blob_has_shape("slope", Shape{1}) ? Shape{1} : Shape{node.in().channels()});
  return std::make_unique<Elementwise>(lane([](float x, float a, float) { return exact::prelu(x, a); }, slope));
}

}  // namespace

const Meaning affine_op{.read = affine}, relu_op{.read = relu}, hardtanh_op{.read = hardtanh}, prelu_op{.read = prelu};

}  // namespace tern::infer
