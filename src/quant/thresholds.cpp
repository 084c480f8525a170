// The thresholds that follow from an activation quantizer's code().
#include <bit>
#include <limits>

#include "tern/quant.hpp"

namespace tern {
namespace {

// Floats in ascending order as integers: -inf, ..., -0, +0, ..., +inf.
std::int64_t rank_of(float v) {
  const auto bits = static_cast<std::int64_t>(std::bit_cast<std::uint32_t>(v));
  return bits & 0x80000000 ? -(bits & 0x7fffffff) - 1 : bits;
}
float float_at(std::int64_t rank) {
  return std::bit_cast<float>(rank < 0 ? static_cast<std::uint32_t>(0x80000000 + (-rank - 1))
                                       : static_cast<std::uint32_t>(rank));
}

}  // namespace

std::vector<float> ActQuantizer::thresholds() const {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  std::vector<float> out;
  for (int level = lo() + 1; level <= hi(); ++level) {
    if (code(kInf) < level) {
      out.push_back(kInf);
      continue;
    }
    if (code(-kInf) >= level) {
      out.push_back(-kInf);
      continue;
    }
    std::int64_t below = rank_of(-kInf), reached = rank_of(kInf);
    while (reached - below > 1) {
      const std::int64_t middle = below + (reached - below) / 2;
      (code(float_at(middle)) >= level ? reached : below) = middle;
    }
    // -0 and +0 are equal in comparisons.
    out.push_back(float_at(reached) == 0.0f ? 0.0f : float_at(reached));
  }
  return out;
}

}  // namespace tern
