#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "catch.hpp"
#include "tern/error.hpp"
#include "tern/rng.hpp"

using tern::Rng;

// Known-answer values published with the Random123 library (philox 4x32, 10 rounds).
TEST_CASE("philox4x32-10: known answers", "[core]") {
  using B = std::array<std::uint32_t, 4>;
  CHECK(tern::philox4x32({0, 0, 0, 0}, {0, 0}) == B{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(tern::philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        B{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(tern::philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        B{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("rng: position is the whole state", "[core]") {
  Rng a(7, 3);
  for (int i = 0; i < 13; ++i) a.next_u32();
  Rng b(7, 3);
  b.set_position(a.position());
  for (int i = 0; i < 9; ++i) CHECK(a.next_u32() == b.next_u32());
  Rng other_stream(7, 4);
  CHECK(other_stream.next_u64() != Rng(7, 3).next_u64());
}

TEST_CASE("rng: distributions", "[core]") {
  Rng r(1);
  double sum = 0, sum_sq = 0;
  constexpr int n = 20000;
  for (int i = 0; i < n; ++i) {
    const double x = r.normal();
    sum += x;
    sum_sq += x * x;
  }
  CHECK(std::abs(sum / n) < 0.03);
  CHECK(std::abs(sum_sq / n - 1) < 0.05);
  std::vector<int> seen(6);
  for (int i = 0; i < 6000; ++i) ++seen[static_cast<std::size_t>(r.below(6))];
  for (const int c : seen) CHECK(std::abs(c - 1000) < 150);
  CHECK_THROWS_AS(r.below(0), tern::ValueError);
  for (int i = 0; i < 1000; ++i) {
    const float u = r.uniform();
    REQUIRE(u >= 0.0f);
    REQUIRE(u < 1.0f);
  }
}

TEST_CASE("rng: shuffle is a permutation and depends on the seed", "[core]") {
  std::vector<std::int64_t> v(100), w;
  std::iota(v.begin(), v.end(), 0);
  w = v;
  Rng(1).shuffle(v);
  Rng(2).shuffle(w);
  CHECK(v != w);
  std::sort(v.begin(), v.end());
  for (std::int64_t i = 0; i < 100; ++i) CHECK(v[static_cast<std::size_t>(i)] == i);
}
