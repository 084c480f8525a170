#include <algorithm>
#include <limits>

#include "gradcheck.hpp"
#include "tern/error.hpp"

using namespace tern;
using tern::testing::gradcheck;
using tern::testing::random;

namespace {

// Distinct values at least 0.01 apart in random order: no finite difference changes who wins.
Tensor distinct(const Shape& shape, std::uint64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  Rng rng(seed);
  rng.shuffle(order);
  std::vector<double> v;
  for (const std::int64_t i : order) v.push_back(0.01 * static_cast<double>(i) - 0.6);
  return Tensor::from(v, shape);
}

struct Result {
  std::vector<double> max, average;
  Shape shape;
};

// The definition: windows on an image with `pad` cells around, cells outside the image are skipped.
Result pool_by_definition(const Tensor& x, const Pool2dOptions& o) {
  const std::int64_t h = x.size(2), w = x.size(3);
  const auto extent = [&](std::int64_t in) {
    std::int64_t out = 0;
    // Floor: the whole window lies in the padded image. Ceil: it starts in the image or the padding before it.
    while (o.ceil ? out * o.stride - o.pad < in && (out == 0 || (out - 1) * o.stride + o.kernel < in + 2 * o.pad)
                  : out * o.stride + o.kernel <= in + 2 * o.pad) {
      ++out;
    }
    return out;
  };
  Result r{{}, {}, Shape{x.size(0), x.size(1), extent(h), extent(w)}};
  const std::vector<double> v = x.to_vector();
  for (std::int64_t plane = 0; plane < x.size(0) * x.size(1); ++plane) {
    for (std::int64_t p = 0; p < r.shape[2]; ++p) {
      for (std::int64_t q = 0; q < r.shape[3]; ++q) {
        double top = -std::numeric_limits<double>::infinity(), total = 0;
        int inside = 0, padded = 0;
        for (std::int64_t i = p * o.stride - o.pad; i < p * o.stride - o.pad + o.kernel; ++i) {
          for (std::int64_t j = q * o.stride - o.pad; j < q * o.stride - o.pad + o.kernel; ++j) {
            if (i < h + o.pad && j < w + o.pad) ++padded;
            if (i < 0 || i >= h || j < 0 || j >= w) continue;
            const double e = v[static_cast<std::size_t>((plane * h + i) * w + j)];
            top = std::max(top, e);
            total += e;
            ++inside;
          }
        }
        r.max.push_back(top);
        r.average.push_back(total / (o.count_padding ? padded : inside));
      }
    }
  }
  return r;
}

}  // namespace

TEST_CASE("pooling: values and gradients for every kind of window", "[ops][pool]") {
  for (const std::int64_t kernel : {1, 2, 3}) {
    for (const std::int64_t stride : {1, 2, 3}) {
      for (const std::int64_t pad : {0, 1}) {
        if (2 * pad > kernel) continue;
        for (const bool ceil : {false, true}) {
          for (const bool count_padding : {false, true}) {
            const Pool2dOptions o{
                .kernel = kernel, .stride = stride, .pad = pad, .ceil = ceil, .count_padding = count_padding};
            INFO("kernel " << kernel << " stride " << stride << " pad " << pad << " ceil " << ceil << " count "
                           << count_padding);
            const Tensor x = distinct(Shape{2, 2, 5, 6}, 1);
            const Result expected = pool_by_definition(x, o);
            const Tensor top = max_pool2d(x, o), average = avg_pool2d(x, o);
            REQUIRE(top.shape() == expected.shape);
            REQUIRE(average.shape() == expected.shape);
            CHECK(top.to_vector() == expected.max);
            const std::vector<double> a = average.to_vector();
            for (std::size_t i = 0; i < a.size(); ++i)
              CHECK(a[i] == Approx(expected.average[i]).epsilon(1e-14).margin(1e-15));
            gradcheck([&](const std::vector<Tensor>& v) { return avg_pool2d(v[0], o); }, {x});
            const Tensor wide = distinct(Shape{2, 3, 9, 37}, 2);
            const auto gradient = [&](const Tensor& input) {
              Tensor leaf = input.clone();
              leaf.set_requires_grad(true);
              const Tensor y = avg_pool2d(leaf, o);
              backward(sum(mul(y, y)));
              std::vector<double> both = y.to_vector();
              for (const double d : leaf.grad().to_vector()) both.push_back(d);
              return both;
            };
            const std::vector<double> exact = gradient(wide), fast = gradient(wide.to(DType::kF32));
            REQUIRE(exact.size() == fast.size());
            for (std::size_t i = 0; i < fast.size(); ++i) CHECK(fast[i] == Approx(exact[i]).epsilon(1e-5).margin(1e-4));
            // Small integers: everything is exact in both, ties and windows of -inf and NaN included.
            Tensor coarse = Tensor::zeros(Shape{2, 3, 9, 37}, DType::kF64);
            Rng rng(3);
            for (double& v : coarse.span<double>()) {
              const auto pick = rng.below(40);
              v = pick < 12    ? -std::numeric_limits<double>::infinity()
                  : pick == 12 ? std::nan("")
                               : static_cast<double>(pick % 5);
            }
            const auto maxima = [&](const Tensor& input) {
              Tensor leaf = input.clone();
              leaf.set_requires_grad(true);
              const Tensor y = max_pool2d(leaf, o);
              Tensor seed = Tensor::zeros(y.shape(), y.dtype());
              for (std::int64_t i = 0; i < seed.numel(); ++i) {
                if (seed.dtype() == DType::kF64)
                  seed.span<double>()[static_cast<std::size_t>(i)] = static_cast<double>(i % 7);
                else
                  seed.span<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i % 7);
              }
              backward(y, seed);
              std::vector<double> both = y.to_vector();
              for (double& d : both) d = std::isnan(d) ? 77 : d;
              for (const double d : leaf.grad().to_vector()) both.push_back(d);
              return both;
            };
            CHECK(maxima(coarse) == maxima(coarse.to(DType::kF32)));
            if (!count_padding) gradcheck([&](const std::vector<Tensor>& v) { return max_pool2d(v[0], o); }, {x});
          }
        }
      }
    }
  }
  gradcheck([](const std::vector<Tensor>& v) { return global_avg_pool(v[0]); }, {random(Shape{2, 3, 4, 5}, 2)});
  const Tensor ones = global_avg_pool(Tensor::full(Shape{2, 3, 4, 5}, 2.5));
  CHECK(ones.shape() == Shape{2, 3, 1, 1});
  CHECK(ones.to_vector() == std::vector<double>(6, 2.5));
}

TEST_CASE("max_pool2d: ties go to the lowest index, negative images beat the padding, NaN is seen", "[ops][pool]") {
  const Tensor x = Tensor::full(Shape{1, 1, 2, 2}, -3.0).set_requires_grad(true);
  const Tensor y = max_pool2d(x, {.kernel = 2, .stride = 2});
  backward(y);
  CHECK(x.grad().to_vector() == std::vector<double>{1, 0, 0, 0});
  CHECK(max_pool2d(x.detach(), {.kernel = 3, .stride = 2, .pad = 1}).to_vector() == std::vector<double>{-3});
  const Tensor nan =
      Tensor::from(std::vector<double>{1, std::numeric_limits<double>::quiet_NaN(), 5, 2}, Shape{1, 1, 2, 2});
  CHECK(std::isnan(max_pool2d(nan, {}).item()));
}

TEST_CASE("pooling: errors", "[ops][pool]") {
  const Tensor x = Tensor::zeros(Shape{1, 1, 4, 4});
  CHECK_THROWS_WITH(max_pool2d(x, {.kernel = 5, .stride = 1}),
                    ContainsSubstring("[max_pool2d] expected a window that fits"));
  CHECK_THROWS_AS(max_pool2d(x, {.kernel = 2, .stride = 1, .pad = 2}), ValueError);
  CHECK_THROWS_AS(avg_pool2d(x, {.kernel = 2, .stride = 0}), ValueError);
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  CHECK_THROWS_AS(max_pool2d(x, {.kernel = 2 * (kHuge - 1), .stride = 1, .pad = kHuge - 1}), ValueError);
  CHECK_THROWS_AS(avg_pool2d(x, {.kernel = 2, .stride = kHuge, .ceil = true}), ValueError);
  CHECK_THROWS_AS(avg_pool2d(Tensor::zeros(Shape{4, 4}), {}), ShapeError);
  CHECK_THROWS_AS(global_avg_pool(Tensor::zeros(Shape{4, 4})), ShapeError);
}
