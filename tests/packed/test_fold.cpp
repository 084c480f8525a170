// Threshold folding: a worked example, and exhaustive scans.
#include <cmath>
#include <limits>

#include "catch.hpp"
#include "kernels/exact.hpp"
#include "tern/error.hpp"
#include "tern/packed.hpp"
#include "tern/rng.hpp"

using namespace tern;
using packed::ChannelExpression;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr auto kMin = std::numeric_limits<std::int32_t>::min(), kMax = std::numeric_limits<std::int32_t>::max();

ChannelExpression with_affine(float scale_step, float k1, float k0) {
  ChannelExpression e;
  e.scale_step = scale_step;
  e.has_affine = true;
  e.k1 = k1;
  e.k0 = k0;
  return e;
}

void scan(const ChannelExpression& e, const std::vector<float>& t, std::int32_t reach) {
  const packed::FoldedChannel f = packed::fold_thresholds(e, t, reach);
  for (std::int32_t acc = -reach; acc <= reach; ++acc) {
    REQUIRE(exact::quantize(acc, f.thresholds, f.flip, 0) == exact::quantize(packed::evaluate(e, acc), t, 0));
  }
}

}  // namespace

TEST_CASE("fold: worked example of 6.9") {
  // gamma = +-1.5, mu = 4, var = 24.99, eps = 0.01, beta = 0.1, s = 0.5: k1 s = +-0.15, k0 = -1.1 or 1.3.
  const exact::Affine plus = exact::batch_norm(1.5f, 0.1f, 4.0f, 24.99f, 0.01f);
  CHECK(plus.k1 == Approx(0.3));
  CHECK(plus.k0 == Approx(-1.1));
  // Signed ternary (lo, hi) = (-0.25, 0.45), strict outward: +1 iff y > 0.45, not -1 iff y >= -0.25. As "y >= t":
  const std::vector<float> t = {-0.25f, std::nextafter(0.45f, kInf)};
  const auto up = packed::fold_thresholds(with_affine(0.5f, plus.k1, plus.k0), t, 1000);
  CHECK_FALSE(up.flip);
  CHECK(up.thresholds == std::vector<std::int32_t>{6, 11});  // Tlo = 5: -1 iff acc <= 5

  const exact::Affine minus = exact::batch_norm(-1.5f, 0.1f, 4.0f, 24.99f, 0.01f);
  const auto down = packed::fold_thresholds(with_affine(0.5f, minus.k1, minus.k0), t, 1000);
  CHECK(down.flip);
  CHECK(down.thresholds == std::vector<std::int32_t>{10, 5});  // +1 iff acc <= 5, -1 iff acc >= 11

  // Unsigned, A1 = 0.6, A2 = 1: levels reached at 0.3 and 1.1, both exclusive.
  ChannelExpression e = with_affine(0.15f, 1.0f, -0.5f);
  e.act = ChannelExpression::Act::kRelu;
  const auto u =
      packed::fold_thresholds(e, std::vector<float>{std::nextafter(0.3f, kInf), std::nextafter(1.1f, kInf)}, 1000);
  CHECK(u.thresholds == std::vector<std::int32_t>{6, 11});
}

TEST_CASE("fold: constant channels and unreachable thresholds") {
  const auto constant =
      packed::fold_thresholds(with_affine(1.0f, 0.0f, 0.5f), std::vector<float>{0.2f, 0.5f, 0.7f}, 50);
  CHECK_FALSE(constant.flip);
  CHECK(constant.thresholds == std::vector<std::int32_t>{kMin, kMin, kMax});
  const auto falling = packed::fold_thresholds(with_affine(1.0f, -1.0f, 0.0f),
                                               std::vector<float>{-kInf, -50.0f, 50.0f, 51.0f, kInf}, 50);
  CHECK(falling.flip);
  CHECK(falling.thresholds == std::vector<std::int32_t>{kMax, kMax, -50, kMin, kMin});
}

TEST_CASE("fold: equals direct evaluation at every reachable sum") {
  Rng rng(69);
  for (int round = 0; round < 400; ++round) {
    ChannelExpression e;
    e.scale_step = std::exp2(rng.normal() * 2.0f) * (round % 5 == 0 ? -1.0f : 1.0f);
    e.has_bias = rng.below(2) == 0;
    e.bias = rng.normal();
    e.has_affine = rng.below(4) != 0;
    e.k1 = rng.below(10) == 0 ? 0.0f : rng.normal() * (round % 7 == 0 ? 1e-7f : 0.1f);
    e.k0 = rng.normal();
    e.act = static_cast<ChannelExpression::Act>(rng.below(4));
    e.slope = rng.uniform();
    std::vector<float> t;
    float last = -2.0f;
    for (std::uint64_t j = 0, n = 1 + rng.below(7); j < n; ++j) t.push_back(last += rng.uniform());
    // Thresholds that are hit exactly.
    if (round % 2 == 0) t.push_back(std::max(last, packed::evaluate(e, static_cast<std::int32_t>(rng.below(300)))));
    scan(e, t, 1 + static_cast<std::int32_t>(rng.below(700)));
  }
  scan(with_affine(0.1f, 1e-3f, 0.0f), {0.3f}, 0);
}

TEST_CASE("fold: bad input is refused") {
  const std::vector<float> t = {0.0f, 1.0f};
  CHECK_THROWS_AS(packed::fold_thresholds({}, t, -1), ValueError);
  CHECK_THROWS_AS(packed::fold_thresholds({}, std::vector<float>{1.0f, 0.0f}, 5), ValueError);
  CHECK_THROWS_AS(packed::fold_thresholds({}, std::vector<float>{std::nanf("")}, 5), ValueError);
  CHECK_THROWS_AS(packed::fold_thresholds(with_affine(std::nanf(""), 1, 0), t, 5), ValueError);
  ChannelExpression e;
  e.act = ChannelExpression::Act::kPrelu;
  e.slope = -0.1f;
  CHECK_THROWS_AS(packed::fold_thresholds(e, t, 5), ValueError);
}
