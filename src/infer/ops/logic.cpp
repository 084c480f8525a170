// Logic on codes 0..1: or(a, b); tgap(x), 1 where more than half of a channel's pixels are; mux(y, x, t) = t ? y : y or
// x, where t has one code a channel. The result has the step of the first input.
#include <algorithm>

#include "infer/ops/node_reader.hpp"
#include "infer/ops/op.hpp"

namespace tern::infer {
namespace {

void expect_bits(const NodeReader& node, std::size_t input, const Shape& shape) {
  const ValueType& x = node.in(input);
  node.expect(x.is_codes() && x.lo == 0 && x.hi == 1, "expected codes 0..1 as inputs");
  node.expect(x.shape == shape, "expected an input of shape " + shape.str() + "; got " + x.shape.str());
}

class Or final : public Operation {
 public:
  Or(const NodeReader& node, ValueType& result) {
    node.expect_images();
    for (const std::size_t i : {0u, 1u}) expect_bits(node, i, node.in().shape);
    result = node.in();  // whatever the step of the other
  }
  void run(std::span<const Dense> in, const Dense& out, Scratch&) const override {
    for (i64 i = 0; i < out.type->numel(); ++i) out.codes[i] = in[0].codes[i] | in[1].codes[i];
  }
  PlaneForm planes() const override { return PlaneGate{}; }
};

class Mux final : public Operation {
 public:
  Mux(const NodeReader& node, ValueType& result) {
    node.expect_images();
    for (const std::size_t i : {0u, 1u}) expect_bits(node, i, node.in().shape);
    expect_bits(node, 2, Shape{node.in().channels(), 1, 1});
    result = node.in();
  }
  void run(std::span<const Dense> in, const Dense& out, Scratch&) const override {
    const i64 pixels = out.type->pixels();
    for (i64 c = 0; c < out.type->channels(); ++c) {
      for (i64 i = c * pixels; i < (c + 1) * pixels; ++i)
        out.codes[i] = in[2].codes[c] ? in[0].codes[i] : static_cast<std::int8_t>(in[0].codes[i] | in[1].codes[i]);
    }
  }
  PlaneForm planes() const override { return PlaneGate{}; }
};

class Tgap final : public Operation {
 public:
  Tgap(const NodeReader& node, ValueType& result) {
    node.expect_images();
    expect_bits(node, 0, node.in().shape);
    result.shape = {node.in().channels(), 1, 1};
  }
  void run(std::span<const Dense> in, const Dense& out, Scratch&) const override {
    const i64 pixels = in[0].type->pixels();
    const std::int8_t* x = in[0].codes;
    for (i64 c = 0; c < out.type->channels(); ++c, x += pixels)
      out.codes[c] = 2 * std::count(x, x + pixels, std::int8_t{1}) > pixels;
  }
  PlaneForm planes() const override { return PlaneMajority{}; }
};

}  // namespace

const Meaning or_op{.read = read<Or>, .carries_codes = true}, mux_op{.read = read<Mux>, .carries_codes = true};
const Meaning tgap_op{.read = read<Tgap>, .carries_codes = true};

}  // namespace tern::infer
