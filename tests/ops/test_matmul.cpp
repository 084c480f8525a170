#include "gradcheck.hpp"
#include "kernels/float/blas.hpp"
#include "tern/error.hpp"

using namespace tern;
using tern::testing::gradcheck;
using tern::testing::random;

namespace {

std::vector<double> matmul_by_definition(const Tensor& a, const Tensor& b) {
  const std::vector<double> p = a.to_vector(), q = b.to_vector();
  const auto m = static_cast<std::size_t>(a.size(0)), k = static_cast<std::size_t>(a.size(1)),
             n = static_cast<std::size_t>(b.size(1));
  std::vector<double> c(m * n, 0.0);
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t l = 0; l < k; ++l) {
      for (std::size_t j = 0; j < n; ++j) c[i * n + j] += p[i * k + l] * q[l * n + j];
    }
  }
  return c;
}

void check_close(const Tensor& got, const std::vector<double>& expected, double tolerance) {
  const std::vector<double> v = got.to_vector();
  REQUIRE(v.size() == expected.size());
  double worst = 0;
  for (std::size_t i = 0; i < v.size(); ++i) worst = std::max(worst, std::fabs(v[i] - expected[i]));
  CHECK(worst < tolerance);
}

}  // namespace

TEST_CASE("matmul and linear: values, also of products that are cut into blocks", "[ops][matmul]") {
  for (const auto& [m, k, n] : std::vector<std::array<std::int64_t, 3>>{{1, 1, 1},
                                                                        {3, 4, 5},
                                                                        {130, 70, 300},
                                                                        {300, 200, 10},
                                                                        {1, 500, 700},
                                                                        {700, 300, 1},
                                                                        {5, 0, 3},
                                                                        {0, 4, 3},
                                                                        {5, 3, 0},
                                                                        {0, 4, 0},
                                                                        {0, 0, 0}}) {
    INFO(m << " " << k << " " << n);
    const Tensor a = random(Shape{m, k}, 1), b = random(Shape{k, n}, 2), bias = random(Shape{n}, 3);
    std::vector<double> expected = matmul_by_definition(a, b);
    check_close(matmul(a, b), expected, 1e-15 * 4 * static_cast<double>(k + 1));
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += bias.to_vector()[i % static_cast<std::size_t>(n)];
    check_close(linear(a, transpose(b), bias), expected, 1e-15 * 4 * static_cast<double>(k + 2));
    check_close(linear(a.to(DType::kF32), transpose(b).to(DType::kF32), bias.to(DType::kF32)), expected,
                6e-8 * 4 * static_cast<double>(k + 4));
  }
}

TEST_CASE("matmul and linear: gradients", "[ops][matmul]") {
  gradcheck([](const std::vector<Tensor>& v) { return matmul(v[0], v[1]); },
            {random(Shape{3, 4}, 4), random(Shape{4, 5}, 5)});
  gradcheck([](const std::vector<Tensor>& v) { return linear(v[0], v[1], v[2]); },
            {random(Shape{3, 4}, 6), random(Shape{5, 4}, 7), random(Shape{5}, 8)});
  gradcheck([](const std::vector<Tensor>& v) { return linear(v[0], v[1]); },
            {random(Shape{3, 4}, 9), random(Shape{5, 4}, 10)});
  // The gradients of a sum over nothing are empty, those of no results zero.
  for (const auto& [m, k, n] : std::vector<std::array<std::int64_t, 3>>{{5, 0, 4}, {5, 3, 0}, {0, 3, 4}}) {
    INFO(m << " " << k << " " << n);
    gradcheck([](const std::vector<Tensor>& v) { return matmul(v[0], v[1]); },
              {random(Shape{m, k}, 11), random(Shape{k, n}, 12)});
    gradcheck([](const std::vector<Tensor>& v) { return linear(v[0], v[1], v[2]); },
              {random(Shape{m, k}, 13), random(Shape{n, k}, 14), random(Shape{n}, 15)});
  }
}

TEST_CASE("gemm: beta 0 never reads the result, k = 0 scales it", "[kernels]") {
  const std::vector<double> a{1, 2}, b{3, 4};
  double c = std::nan("");
  kernels::gemm(false, false, 1, 1, 2, 1.0, a.data(), 2, b.data(), 1, 0.0, &c, 1);
  CHECK(c == 11.0);
  kernels::gemm(false, false, 1, 1, 0, 1.0, a.data(), 2, b.data(), 1, 2.0, &c, 1);
  CHECK(c == 22.0);
  CHECK_THROWS_AS(kernels::gemm(false, false, std::int64_t{1} << 40, 1, 1, 1.0, a.data(), 1, b.data(), 1, 0.0, &c, 1),
                  ValueError);
}

TEST_CASE("matmul and linear: errors", "[ops][matmul]") {
  const Tensor a = Tensor::zeros(Shape{2, 3});
  CHECK_THROWS_WITH(matmul(a, a), ContainsSubstring("[matmul] expected M x K and K x N; got 2x3 and 2x3"));
  CHECK_THROWS_WITH(linear(a, Tensor::zeros(Shape{4, 2})),
                    ContainsSubstring("[linear] expected x N x K and w O x K; got 2x3 and 4x2"));
  CHECK_THROWS_AS(linear(a, Tensor::zeros(Shape{4, 3}), Tensor::zeros(Shape{3})), ShapeError);
  CHECK_THROWS_AS(matmul(a, Tensor::zeros(Shape{3, 2}, DType::kF64)), ValueError);
}
