// Real numbers to codes: code = lo + #{j : x >= thresholds[j]}; what is no number reaches no threshold.
#include <algorithm>

#include "infer/ops/node_reader.hpp"
#include "infer/ops/op.hpp"
#include "kernels/exact.hpp"

namespace tern::infer {
namespace {

class Quantize final : public Operation {
 public:
  Quantize(const NodeReader& node, ValueType& result) {
    node.code_range(result);
    at_ = {node.floats("thresholds", Shape{result.hi - result.lo}, NodeReader::kMayBeInfinite), result.lo};
    node.expect(std::is_sorted(at_.values.begin(), at_.values.end()), "expected ascending thresholds");
  }
  void run(std::span<const Dense> in, const Dense& out, Scratch& scratch) const override {
    const float* x = real(in[0], scratch);
    for (i64 i = 0; i < out.type->numel(); ++i)
      out.codes[i] = static_cast<std::int8_t>(exact::quantize(x[i], at_.values, at_.lo));
  }
  double work(const ValueType& result) const override {
    return static_cast<double>(at_.values.size()) * static_cast<double>(result.numel());
  }
  const Thresholds* thresholds() const override { return &at_; }

 private:
  Thresholds at_;
};

}  // namespace

const Meaning quantize_op{.read = read<Quantize>};

}  // namespace tern::infer
