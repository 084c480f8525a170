#include <cstring>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "kernels/packed/float_pool.hpp"
#include "kernels/packed/reference/dense.hpp"
#include "tern/rng.hpp"

using namespace tern;

TEST_CASE("float pool: the bits of the definition, for any window, with zeros of both signs and NaN") {
  Rng rng(11);
  const auto pick = [&](std::int64_t lo, std::int64_t hi) {
    return lo + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(hi - lo + 1)));
  };
  constexpr float kOdd[] = {0.0f, -0.0f, std::numeric_limits<float>::quiet_NaN(),
                            -std::numeric_limits<float>::infinity()};
  for (int round = 0; round < 300; ++round) {
    kernels::PoolShape d;
    d.channels = 1;
    d.kernel = pick(1, 4);
    d.stride = pick(1, 4);
    d.pad = d.kernel > 1 ? pick(0, d.kernel / 2) : 0;
    d.ceil = round % 2 == 1;
    d.height = d.kernel + pick(0, 9);
    d.width = d.kernel + pick(0, 40);
    std::vector<float> x(static_cast<std::size_t>(d.height * d.width));
    for (float& v : x)
      v = round % 3 == 0 && rng.below(2) == 0 ? kOdd[rng.below(4)] : static_cast<float>(rng.uniform()) - 0.5f;
    std::vector<float> want(static_cast<std::size_t>(d.out_height() * d.out_width())), got(want);
    kernels::reference::max_pool(d, x.data(), want.data());
    kernels::max_pool_plane(d, x.data(), got.data());
    CAPTURE(d.kernel, d.stride, d.pad, d.ceil, d.height, d.width);
    REQUIRE(std::memcmp(want.data(), got.data(), want.size() * sizeof(float)) == 0);
  }
}
