// Folding what stands between an integer sum and the next quantizer into integer thresholds.
//
// The chain acc -> float -> scale -> bias -> batch norm -> activation is a composition of monotone functions, each also
// monotone after rounding. So for a threshold t the set {acc : evaluate(acc) >= t} is an interval that reaches one end
// of the range, and bisection on evaluate() itself finds its border exactly, with no analysis of rounding errors.
// Dividing (t - k0) / k1 instead would be off by one wherever the quotient falls near an integer.
#include <cmath>
#include <limits>
#include <string>

#include "kernels/exact.hpp"
#include "tern/error.hpp"
#include "tern/packed.hpp"

namespace tern::packed {
namespace {

constexpr auto kMin = std::numeric_limits<std::int32_t>::min(), kMax = std::numeric_limits<std::int32_t>::max();

void check(const ChannelExpression& e, std::span<const float> t, std::int32_t reach) {
  const auto refuse = [](const std::string& what) { throw ValueError("[fold_thresholds] " + what); };
  if (reach < 0) refuse("expected reach >= 0; got " + std::to_string(reach));
  for (const float c : {e.scale_step, e.bias, e.k1, e.k0, e.slope}) {
    if (!std::isfinite(c)) refuse("expected finite coefficients; got " + std::to_string(c));
  }
  if (e.act == ChannelExpression::Act::kPrelu && e.slope < 0) {
    refuse("expected a slope >= 0, else prelu is not monotone; got " + std::to_string(e.slope));
  }
  for (std::size_t j = 0; j < t.size(); ++j) {
    if (std::isnan(t[j])) refuse("expected thresholds that are numbers; got NaN");
    if (j > 0 && t[j] < t[j - 1]) refuse("expected ascending thresholds");
  }
  if (std::isnan(evaluate(e, -reach)) || std::isnan(evaluate(e, reach))) {
    refuse("the coefficients overflow: the value at the largest sum is not a number");
  }
}

}  // namespace

float evaluate(const ChannelExpression& e, std::int32_t acc) {
  float y = exact::scaled(e.scale_step, acc);
  if (e.has_bias) y = y + e.bias;
  if (e.has_affine) y = exact::affine(y, e.k1, e.k0);
  switch (e.act) {
    case ChannelExpression::Act::kNone:
      break;
    case ChannelExpression::Act::kRelu:
      return exact::relu(y);
    case ChannelExpression::Act::kPrelu:
      return exact::prelu(y, e.slope);
    case ChannelExpression::Act::kHardtanh:
      return exact::hardtanh(y);
  }
  return y;
}

FoldedChannel fold_thresholds(const ChannelExpression& e, std::span<const float> thresholds, std::int32_t reach) {
  check(e, thresholds, reach);
  FoldedChannel folded;
  folded.flip = evaluate(e, -reach) > evaluate(e, reach);
  // `near` is the end where the value is largest, `far` the other one.
  const std::int32_t near = folded.flip ? -reach : reach, far = -near;
  const std::int32_t never = folded.flip ? kMin : kMax, always = folded.flip ? kMax : kMin;
  for (const float t : thresholds) {
    if (evaluate(e, far) >= t) {
      folded.thresholds.push_back(always);
    } else if (!(evaluate(e, near) >= t)) {
      folded.thresholds.push_back(never);
    } else {
      std::int64_t out = far, in = near;  // evaluate(out) < t <= evaluate(in)
      while (std::abs(in - out) > 1) {
        const std::int64_t middle = (in + out) / 2;
        (evaluate(e, static_cast<std::int32_t>(middle)) >= t ? in : out) = middle;
      }
      folded.thresholds.push_back(static_cast<std::int32_t>(in));
    }
  }
  return folded;
}

}  // namespace tern::packed
