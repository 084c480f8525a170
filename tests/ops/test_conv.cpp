#include <vector>

#include "gradcheck.hpp"
#include "kernels/float/conv_im2col.hpp"
#include "tern/error.hpp"

using namespace tern;
using tern::testing::gradcheck;
using tern::testing::random;

namespace {

// The definition, seven loops.
std::vector<double> conv_by_definition(const Tensor& x, const Tensor& w, const std::vector<double>& bias,
                                       const Conv2dOptions& o, std::int64_t p_count, std::int64_t q_count) {
  const std::vector<double> xv = x.to_vector(), wv = w.to_vector();
  const std::int64_t channels = x.size(1), height = x.size(2), width = x.size(3);
  const std::int64_t outs = w.size(0), per_group = w.size(1), kernel_h = w.size(2), kernel_w = w.size(3);
  std::vector<double> y;
  for (std::int64_t n = 0; n < x.size(0); ++n) {
    for (std::int64_t k = 0; k < outs; ++k) {
      for (std::int64_t p = 0; p < p_count; ++p) {
        for (std::int64_t q = 0; q < q_count; ++q) {
          double total = bias.empty() ? 0.0 : bias[static_cast<std::size_t>(k)];
          for (std::int64_t c = 0; c < per_group; ++c) {
            const std::int64_t channel = k / (outs / o.groups) * per_group + c;
            for (std::int64_t r = 0; r < kernel_h; ++r) {
              for (std::int64_t s = 0; s < kernel_w; ++s) {
                const std::int64_t i = p * o.stride_h - o.pad_h + r * o.dilation_h,
                                   j = q * o.stride_w - o.pad_w + s * o.dilation_w;
                if (i < 0 || i >= height || j < 0 || j >= width) continue;
                total += xv[static_cast<std::size_t>(((n * channels + channel) * height + i) * width + j)] *
                         wv[static_cast<std::size_t>(((k * per_group + c) * kernel_h + r) * kernel_w + s)];
              }
            }
          }
          y.push_back(total);
        }
      }
    }
  }
  return y;
}

struct ConvCase {
  Shape x, w;
  Conv2dOptions o;
};

// Small enough for finite differences.
const std::vector<ConvCase>& cases() {
  static const std::vector<ConvCase> list = {
      {Shape{2, 3, 5, 5}, Shape{4, 3, 3, 3}, Conv2dOptions::square(1, 1)},
      {Shape{2, 3, 5, 6}, Shape{4, 3, 3, 3}, Conv2dOptions::square(1, 0)},
      {Shape{2, 3, 7, 6}, Shape{4, 3, 3, 3}, Conv2dOptions::square(2, 1)},
      {Shape{2, 4, 6, 6}, Shape{4, 2, 3, 3}, Conv2dOptions::square(1, 1, 1, 2)},
      {Shape{2, 4, 6, 6}, Shape{4, 1, 3, 3}, Conv2dOptions::square(2, 1, 1, 4)},
      {Shape{2, 3, 5, 5}, Shape{6, 1, 3, 3}, Conv2dOptions::square(1, 1, 1, 3)},
      {Shape{2, 2, 7, 7}, Shape{3, 2, 3, 3}, Conv2dOptions::square(1, 2, 2)},
      {Shape{1, 2, 9, 8}, Shape{2, 2, 3, 2}, {2, 1, 3, 1, 2, 3, 1}},
      {Shape{3, 4, 5, 4}, Shape{5, 4, 1, 1}, Conv2dOptions::square(1, 0)},
      {Shape{3, 4, 5, 5}, Shape{5, 4, 1, 1}, Conv2dOptions::square(2, 0)},
      {Shape{2, 4, 4, 4}, Shape{6, 2, 1, 1}, Conv2dOptions::square(1, 0, 1, 2)},
      {Shape{2, 2, 4, 4}, Shape{3, 2, 1, 1}, Conv2dOptions::square(1, 1)},
      {Shape{2, 2, 1, 1}, Shape{3, 2, 3, 3}, Conv2dOptions::square(1, 1)},
      {Shape{2, 2, 2, 2}, Shape{3, 2, 5, 5}, Conv2dOptions::square(1, 2)},
      {Shape{1, 1, 2, 3}, Shape{1, 1, 5, 3}, Conv2dOptions::square(1, 4)},  // whole rows of taps in the padding
      {Shape{1, 2, 1, 9}, Shape{2, 2, 1, 4}, {1, 2, 0, 3, 1, 2, 1}},
  };
  return list;
}

void check_forward(const ConvCase& c, bool with_bias, std::uint64_t seed) {
  INFO(c.x.str() << " with " << c.w.str());
  const Tensor x = random(c.x, seed), w = random(c.w, seed + 1);
  const Tensor bias = with_bias ? random(Shape{c.w[0]}, seed + 2) : Tensor();
  const Tensor y = conv2d(x, w, bias, c.o);
  const std::vector<double> expected =
      conv_by_definition(x, w, with_bias ? bias.to_vector() : std::vector<double>{}, c.o, y.size(2), y.size(3));
  const std::vector<double> got = y.to_vector();
  const std::vector<double> single =
      conv2d(x.to(DType::kF32), w.to(DType::kF32), with_bias ? bias.to(DType::kF32) : Tensor(), c.o).to_vector();
  REQUIRE(got.size() == expected.size());
  const double terms = static_cast<double>(c.w.numel() / c.w[0]);
  double worst = 0, worst_single = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    worst = std::max(worst, std::fabs(got[i] - expected[i]));
    worst_single = std::max(worst_single, std::fabs(single[i] - expected[i]));
  }
  CHECK(worst < 1e-15 * 4 * (terms + 1));        // terms of magnitude at most 4, each rounded once
  CHECK(worst_single < 6e-8 * 4 * (terms + 4));  // the same in float32, inputs rounded too
}

}  // namespace

TEST_CASE("conv2d: forward is the seven-loop definition", "[ops][conv]") {
  for (const ConvCase& c : cases()) {
    check_forward(c, false, 10);
    check_forward(c, true, 20);
  }
}

TEST_CASE("conv2d: shapes that are cut into several tiles", "[ops][conv]") {
  const std::vector<ConvCase> large = {
      {Shape{2, 8, 40, 40}, Shape{8, 8, 3, 3}, Conv2dOptions::square(1, 1)},  // rows of one image
      {Shape{2, 8, 41, 37}, Shape{8, 8, 3, 3}, Conv2dOptions::square(2, 1)},
      {Shape{37, 8, 4, 4}, Shape{8, 8, 3, 3}, Conv2dOptions::square(1, 1)},  // several images, the last tile shorter
      {Shape{37, 8, 4, 4}, Shape{8, 4, 1, 1}, Conv2dOptions::square(1, 0, 1, 2)},
      {Shape{2, 300, 6, 6}, Shape{4, 300, 3, 3}, Conv2dOptions::square(1, 1)},  // long inner products
      {Shape{1, 3, 70, 70}, Shape{4, 3, 7, 7}, Conv2dOptions::square(2, 3)},
  };
  for (const ConvCase& c : large) check_forward(c, true, 30);
}

TEST_CASE("conv2d: gradients", "[ops][conv]") {
  for (const ConvCase& c : cases()) {
    INFO(c.x.str() << " with " << c.w.str());
    const Tensor x = random(c.x, 40), w = random(c.w, 41), bias = random(Shape{c.w[0]}, 42);
    gradcheck([&](const std::vector<Tensor>& v) { return conv2d(v[0], v[1], v[2], c.o); }, {x, w, bias});
    gradcheck([&](const std::vector<Tensor>& v) { return conv2d(v[0], v[1], {}, c.o); }, {x, w});
  }
}

// y is linear in x and in w, so <dy, conv(x, w)> = <x, dx> = <w, dw> ties the gradients of a shape too large for finite
// differences to its forward.
TEST_CASE("conv2d: gradients of shapes that are cut into chunks agree with the forward", "[ops][conv]") {
  const std::vector<ConvCase> large = {
      {Shape{2, 8, 40, 40}, Shape{8, 8, 3, 3}, Conv2dOptions::square(1, 1)},
      {Shape{2, 8, 41, 37}, Shape{8, 8, 3, 3}, Conv2dOptions::square(2, 1)},
      {Shape{37, 8, 4, 4}, Shape{8, 4, 3, 3}, Conv2dOptions::square(1, 1, 1, 2)},
      {Shape{1, 300, 6, 6}, Shape{4, 300, 3, 3}, Conv2dOptions::square(1, 1)},
      {Shape{3, 256, 2, 2}, Shape{40, 256, 3, 3}, Conv2dOptions::square(1, 1)},
  };
  for (const ConvCase& c : large) {
    for (const DType dtype : {DType::kF64, DType::kF32}) {
      INFO(c.x.str() << " with " << c.w.str() << " in " << name_of(dtype));
      const Tensor x = random(c.x, 50).to(dtype).clone().set_requires_grad(true);
      const Tensor w = random(c.w, 51).to(dtype).clone().set_requires_grad(true);
      const Tensor y = conv2d(x, w, {}, c.o);
      const Tensor dy = random(y.shape(), 52).to(dtype);
      backward(y, dy);
      const auto dot = [](const Tensor& a, const Tensor& b) {
        const std::vector<double> p = a.to_vector(), q = b.to_vector();
        double total = 0;
        for (std::size_t i = 0; i < p.size(); ++i) total += p[i] * q[i];
        return total;
      };
      const double scale = std::sqrt(dot(y, y) * dot(dy, dy)), tolerance = dtype == DType::kF64 ? 1e-13 : 1e-5;
      CHECK(std::fabs(dot(x, x.grad()) - dot(y, dy)) < tolerance * scale);
      CHECK(std::fabs(dot(w, w.grad()) - dot(y, dy)) < tolerance * scale);
      // Element by element: dw from a direction that only one filter tap sees, dx from one pixel.
      const Tensor unit = Tensor::zeros(c.w, dtype);
      const std::int64_t tap = c.w.numel() * 2 / 3;
      std::vector<double> one(static_cast<std::size_t>(c.w.numel()), 0.0);
      one[static_cast<std::size_t>(tap)] = 1.0;
      unit.copy_from(Tensor::from(one, c.w).to(dtype));
      const NoGrad no_grad;
      CHECK(std::fabs(dot(conv2d(x, unit, {}, c.o), dy) - w.grad().to_vector()[static_cast<std::size_t>(tap)]) <
            tolerance * scale);
    }
  }
}

TEST_CASE("conv2d: keeps only what backward needs", "[ops][conv]") {
  const Tensor x = Tensor::zeros(Shape{4, 8, 16, 16});
  const Tensor w = Tensor::zeros(Shape{8, 8, 3, 3}).set_requires_grad(true);
  const Tensor y = conv2d(x, w, {}, Conv2dOptions::square(1, 1));
  backward(y, y);
  CHECK(w.grad().defined());
  CHECK_FALSE(x.grad().defined());
  // A frozen filter: the input may go.
  Tensor h = scale(Tensor::zeros(Shape{4, 8, 16, 16}).set_requires_grad(true), 2.0);
  const Tensor frozen = conv2d(h, w.detach(), {}, Conv2dOptions::square(1, 1));
  const std::int64_t before = memory_stats().live_bytes;
  h = Tensor();
  CHECK(before - memory_stats().live_bytes >= 4 * 8 * 16 * 16 * 4);
}

TEST_CASE("conv2d: empty batch", "[ops][conv]") {
  const Tensor x = Tensor::zeros(Shape{0, 2, 4, 4}, DType::kF64).set_requires_grad(true);
  const Tensor w = random(Shape{3, 2, 3, 3}, 60).set_requires_grad(true);
  const Tensor y = conv2d(x, w, {}, Conv2dOptions::square(1, 1));
  CHECK(y.shape() == Shape{0, 3, 4, 4});
  backward(y, y.detach());
  CHECK(w.grad().to_vector() == std::vector<double>(54, 0.0));
}

TEST_CASE("conv2d: errors", "[ops][conv]") {
  const Tensor x = Tensor::zeros(Shape{1, 4, 5, 5}), w = Tensor::zeros(Shape{6, 4, 3, 3});
  CHECK_THROWS_WITH(conv2d(x, Tensor::zeros(Shape{6, 3, 3, 3})),
                    ContainsSubstring("got 6x3x3x3") && ContainsSubstring("1x4x5x5"));
  CHECK_THROWS_AS(conv2d(x, w, {}, Conv2dOptions::square(1, 0, 1, 3)), ShapeError);
  CHECK_THROWS_AS(conv2d(x, w, Tensor::zeros(Shape{5})), ShapeError);
  CHECK_THROWS_AS(conv2d(Tensor::zeros(Shape{4, 5, 5}), w), ShapeError);
  CHECK_THROWS_AS(conv2d(x, w.to(DType::kF64)), ValueError);
  CHECK_THROWS_WITH(conv2d(x, w, {}, Conv2dOptions::square(0, 0)), ContainsSubstring("[conv2d] expected stride"));
  CHECK_THROWS_AS(conv2d(x, w, {}, Conv2dOptions::square(1, 0, 3)), ShapeError);
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  CHECK_THROWS_AS(conv_out_extent(5, 3, 1, kHuge, 1), ValueError);
  CHECK_THROWS_AS(conv_out_extent(5, 3, 1, 1, kHuge), ValueError);
  CHECK_THROWS_AS(conv_out_extent(5, 3, kHuge, 1, 1, true), ValueError);
  CHECK_THROWS_WITH(conv_out_extent(5, kHuge, 1, 1, 1), ContainsSubstring("at most 16777216"));
  CHECK_THROWS_AS(conv2d(x, w, {}, Conv2dOptions::square(1, kHuge)), ValueError);
  CHECK(conv_out_extent(112, 3, 2, 0, 1, true) == 56);
  CHECK(conv_out_extent(32, 3, 2, 1, 1) == 16);
  CHECK(conv_out_extent(5, 2, 2, 1, 1, true) == 3);  // a fourth window would start behind the image
}
