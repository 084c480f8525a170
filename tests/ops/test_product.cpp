// Float matrix products against sums in double, on every instruction set. Tolerance as in test_conv_kernels.cpp: any
// order of summing k products errs by at most (k + 1) 2^-24 sum |a b|.
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "catch.hpp"
#include "kernels/float/conv/product.hpp"
#include "ops/random_values.hpp"
#include "tern/cpu.hpp"
#include "tern/parallel.hpp"

using tern::testing::random_values;

namespace {

using i64 = std::int64_t;

struct ProductCase {
  i64 m, n, k;
  bool ta, tb;
  i64 gap;  // columns of storage behind each row
};

void check(const ProductCase& t, std::mt19937& rng) {
  INFO("m " << t.m << " n " << t.n << " k " << t.k << " transposed " << t.ta << t.tb << " gap " << t.gap);
  const i64 lda = (t.ta ? t.m : t.k) + t.gap, ldb = (t.tb ? t.k : t.n) + t.gap, ldc = t.n + t.gap;
  const std::vector<float> a = random_values((t.ta ? t.k : t.m) * lda, rng);
  const std::vector<float> b = random_values((t.tb ? t.n : t.k) * ldb, rng);
  const auto at = [](const std::vector<float>& v, i64 i) {
    return static_cast<double>(v[static_cast<std::size_t>(i)]);
  };
  std::vector<double> want, bound;
  for (i64 i = 0; i < t.m; ++i) {
    for (i64 j = 0; j < t.n; ++j) {
      double sum = 0, magnitude = 0;
      for (i64 q = 0; q < t.k; ++q) {
        const double p = at(a, t.ta ? q * lda + i : i * lda + q) * at(b, t.tb ? j * ldb + q : q * ldb + j);
        sum += p;
        magnitude += std::fabs(p);
      }
      want.push_back(sum);
      bound.push_back(static_cast<double>(t.k + 2) * 0x1p-24 * magnitude);
    }
  }
  const int threads = tern::num_threads();
  for (const tern::Isa isa : tern::available_isas()) {
    INFO("isa " << tern::name_of(isa));
    tern::set_active_isa(isa);
    std::vector<float> first;
    for (const int n : {1, 2, 3}) {
      tern::set_num_threads(n);
      std::vector<float> c(static_cast<std::size_t>(t.m * ldc), std::numeric_limits<float>::infinity());
      tern::kernels::conv::product(t.ta, t.tb, t.m, t.n, t.k, a.data(), lda, b.data(), ldb, c.data(), ldc);
      bool near = true, outside_untouched = true;
      for (i64 i = 0; i < t.m * ldc; ++i) {
        const i64 row = i / ldc, column = i % ldc;
        if (column >= t.n) {
          outside_untouched &= std::isinf(c[static_cast<std::size_t>(i)]);
          continue;
        }
        const auto e = static_cast<std::size_t>(row * t.n + column);
        near &= std::fabs(at(c, i) - want[e]) <= bound[e];
      }
      CHECK(near);
      CHECK(outside_untouched);
      if (n == 1) first = c;
      CHECK(c == first);
    }
  }
  tern::reset_active_isa();
  tern::set_num_threads(threads);
}

}  // namespace

TEST_CASE("product: every pair of transpositions, tile and lane edges, slices of k, tasks", "[ops]") {
  std::mt19937 rng(3);
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      check({1, 1, 1, ta, tb, 0}, rng);
      check({13, 15, 7, ta, tb, 1}, rng);
      check({14, 16, 31, ta, tb, 0}, rng);
      check({15, 33, 513, ta, tb, 3}, rng);
      check({64, 10, 1152, ta, tb, 0}, rng);   // narrow, partly filled
      check({150, 200, 180, ta, tb, 0}, rng);  // cut into tasks
      check({3, 5, 0, ta, tb, 1}, rng);        // an empty sum is zero
    }
  }
}

TEST_CASE("product: random extents", "[ops]") {
  std::mt19937 rng(11);
  for (int i = 0; i < 60; ++i) {
    const auto draw = [&](unsigned high) { return static_cast<i64>(1 + rng() % high); };
    check({draw(60), draw(90), draw(i % 5 == 0 ? 1200 : 70), rng() % 2 == 0, rng() % 2 == 0, draw(4) - 1}, rng);
  }
}
