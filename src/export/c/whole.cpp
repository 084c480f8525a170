#include "export/c/whole.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace tern::c99 {
namespace {

constexpr int kDigits = std::numeric_limits<float>::digits;  // 24

// The exponent of its last binary digit that is not 0.
int last_digit(float v) {
  int exponent = 0;
  auto digits = static_cast<i64>(std::ldexp(std::frexp(v, &exponent), kDigits));
  for (exponent -= kDigits; digits % 2 == 0; digits /= 2) ++exponent;
  return exponent;
}

std::vector<float> factors(std::span<const float> scale, float step) {
  if (scale.empty()) return {step};
  std::vector<float> out(scale.begin(), scale.end());
  for (float& s : out) s = s * step;
  return out;
}

double largest(const std::vector<float>& values) {
  double most = 0;
  for (const float v : values) most = std::max(most, std::abs(static_cast<double>(v)));
  return most;
}

i64 largest_code(const infer::ValueType& codes) { return std::max(std::abs(codes.lo), std::abs(codes.hi)); }

}  // namespace

bool on_codes(const infer::Multiply& layer, const infer::ValueType& in) {
  return in.is_codes() && !layer.codes.empty();
}

Scaling scaling(const infer::Multiply& layer, const infer::ValueType& in) {
  Scaling out;
  out.bias.assign(layer.bias.begin(), layer.bias.end());
  if (!on_codes(layer, in)) {
    out.factor.assign(layer.scale_pos.begin(), layer.scale_pos.end());
    if (layer.two_scales()) out.negative_factor.assign(layer.scale_neg.begin(), layer.scale_neg.end());
    return out;
  }
  out.factor = factors(layer.scale_pos, in.step);
  if (layer.two_scales()) out.negative_factor = factors(layer.scale_neg, in.step);
  const auto k = static_cast<std::size_t>(layer.shape.k());
  for (std::size_t at = 0; at < layer.codes.size(); at += k) {
    i64 sum = 0;
    for (const std::int8_t w : layer.codes.subspan(at, k)) sum += std::abs(static_cast<i64>(w));
    out.reach = std::max(out.reach, sum * largest_code(in));
  }
  return out;
}

Scaling scaling(const infer::ValueType& codes) { return {{codes.step}, {}, {}, largest_code(codes)}; }

std::optional<int> unit_of(const Scaling& s) {
  constexpr int kMostDigits = 61;
  if (s.reach > i64{1} << kDigits) return std::nullopt;
  int unit = std::numeric_limits<int>::max();
  for (const auto* list : {&s.factor, &s.negative_factor, &s.bias}) {
    for (const float v : *list) {
      if (!std::isfinite(v) || (std::signbit(v) && list != &s.bias)) return std::nullopt;
      if (v != 0) unit = std::min(unit, last_digit(v));
    }
  }
  if (unit == std::numeric_limits<int>::max()) return 0;
  const double most = (largest(s.factor) + largest(s.negative_factor)) * static_cast<double>(s.reach) + largest(s.bias);
  if (most >= std::ldexp(1.0, std::min(kMostDigits + unit, std::numeric_limits<float>::max_exponent - 1)))
    return std::nullopt;
  return unit;
}

std::vector<i64> in_units(const std::vector<float>& values, int unit) {
  std::vector<i64> out;
  for (const float v : values) out.push_back(static_cast<i64>(std::ldexp(static_cast<double>(v), -unit)));
  return out;
}

}  // namespace tern::c99
