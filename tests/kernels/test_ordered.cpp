// The ordered float kernels give the bits of the plain loops on every instruction set.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "catch.hpp"
#include "kernels/packed/ordered.hpp"
#include "kernels/packed/reference/dense.hpp"
#include "tern/cpu.hpp"
#include "tern/rng.hpp"

using namespace tern;
using namespace tern::kernels;

namespace {

std::vector<float> random_floats(Rng& rng, std::int64_t n) {
  std::vector<float> v(static_cast<std::size_t>(n));
  for (auto& x : v) x = rng.normal() * std::exp2(static_cast<float>(rng.below(20)) - 10.0f);
  return v;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) {
    return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
  });
}

}  // namespace

TEST_CASE("ordered: convolution has the same bits everywhere") {
  Rng rng(7);
  const auto pick = [&](std::int64_t lo, std::int64_t hi) {
    return lo + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(hi - lo + 1)));
  };
  for (int round = 0; round < 40; ++round) {
    ConvShape d;
    d.batch = pick(1, 3);
    d.groups = pick(1, 2);
    d.channels = d.groups * pick(1, 5);
    d.outputs = d.groups * pick(1, 35);
    d.kernel_h = pick(1, 3);
    d.kernel_w = pick(1, 5);
    d.stride_h = pick(1, 2);
    d.stride_w = pick(1, 3);
    d.pad_h = pick(0, 2);
    d.pad_w = pick(0, 2);
    d.dilation_h = pick(1, 2);
    d.dilation_w = pick(1, 2);
    d.height = d.dilation_h * (d.kernel_h - 1) + pick(1, 8);
    d.width = d.dilation_w * (d.kernel_w - 1) + pick(1, 19);
    const auto x = random_floats(rng, d.batch * d.channels * d.height * d.width),
               w = random_floats(rng, d.outputs * d.k());
    const auto bias = random_floats(rng, d.outputs);
    const std::int64_t in = d.channels * d.height * d.width, out = d.outputs * d.out_height() * d.out_width();
    std::vector<float> want(static_cast<std::size_t>(d.batch * out));
    for (std::int64_t n = 0; n < d.batch; ++n) {
      reference::conv_floats(d, x.data() + n * in, w.data(), want.data() + n * out);
    }
    std::vector<float> with_bias = want;
    for (std::size_t i = 0; i < with_bias.size(); ++i) {
      const auto o = static_cast<std::int64_t>(i) % out / (d.out_height() * d.out_width());
      with_bias[i] += bias[static_cast<std::size_t>(o)];
    }
    for (const Isa isa : available_isas()) {
      set_active_isa(isa);
      std::vector<float> got(want.size(), -99.0f);
      ordered_conv2d(d, x.data(), w.data(), nullptr, got.data());
      CHECK(same_bits(got, want));
      ordered_conv2d(d, x.data(), w.data(), bias.data(), got.data());
      CHECK(same_bits(got, with_bias));
    }
    reset_active_isa();
  }
}

TEST_CASE("ordered: dense layer has the same bits everywhere") {
  Rng rng(8);
  for (const auto& [batch, in, out] : {std::array<std::int64_t, 3>{1, 1, 1}, {3, 100, 10}, {130, 37, 33}}) {
    const auto x = random_floats(rng, batch * in), w = random_floats(rng, out * in), bias = random_floats(rng, out);
    std::vector<float> want;
    for (std::int64_t n = 0; n < batch; ++n) {
      for (std::int64_t o = 0; o < out; ++o) {
        float sum = 0.0f;
        for (std::int64_t k = 0; k < in; ++k) {
          const float product = x[static_cast<std::size_t>(n * in + k)] * w[static_cast<std::size_t>(o * in + k)];
          sum += product;
        }
        want.push_back(sum + bias[static_cast<std::size_t>(o)]);
      }
    }
    for (const Isa isa : available_isas()) {
      set_active_isa(isa);
      std::vector<float> got(want.size(), -99.0f);
      ordered_linear(batch, in, out, x.data(), w.data(), bias.data(), got.data());
      CHECK(same_bits(got, want));
    }
    reset_active_isa();
  }
}
