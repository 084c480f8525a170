#include <atomic>
#include <stdexcept>
#include <vector>

#include "catch.hpp"
#include "tern/error.hpp"
#include "tern/parallel.hpp"

TEST_CASE("parallel_for: every chunk once, for any number of threads", "[core]") {
  const int before = tern::num_threads();
  for (const int threads : {1, 2, 3, 5}) {
    tern::set_num_threads(threads);
    CHECK(tern::num_threads() == threads);
    std::vector<std::atomic<int>> hits(1000);
    tern::parallel_for(1000, [&](std::int64_t i) { ++hits[static_cast<std::size_t>(i)]; });
    for (const auto& h : hits) REQUIRE(h == 1);
    std::atomic<std::int64_t> sum{0};
    tern::parallel_ranges(103, 10, [&](std::int64_t a, std::int64_t b) {
      REQUIRE(b - a <= 10);
      sum += b - a;
    });
    CHECK(sum == 103);
  }
  tern::set_num_threads(before);
  CHECK_THROWS_AS(tern::set_num_threads(0), tern::ValueError);
}

TEST_CASE("parallel_for: nests, and rethrows the exception of the lowest chunk", "[core]") {
  std::atomic<int> inner{0};
  tern::parallel_for(8, [&](std::int64_t) { tern::parallel_for(4, [&](std::int64_t) { ++inner; }); });
  CHECK(inner == 32);
  try {
    tern::parallel_for(64, [](std::int64_t i) {
      if (i % 7 == 5) throw std::runtime_error(std::to_string(i));
    });
    FAIL("expected an exception");
  } catch (const std::runtime_error& e) {
    CHECK(std::string(e.what()) == "5");
  }
}
