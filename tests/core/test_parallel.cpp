#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "child.hpp"
#include "tern/error.hpp"
#include "tern/parallel.hpp"

namespace {

bool threads_work() {
  std::atomic<int> sum{0};
  tern::parallel_for(100, [&](std::int64_t i) { sum += static_cast<int>(i); });
  return sum == 4950;
}

// Uses the threads at exit, when most static objects are gone: made before main, destroyed after what main made.
struct LastUser {
  bool asked = false;
  ~LastUser() {
    if (asked) _exit(threads_work() ? 7 : 1);
  }
} last_user;

}  // namespace

TEST_CASE("parallel_for: every chunk once, for any number of threads", "[core]") {
  const int before = tern::num_threads();
  for (const int threads : {1, 2, 3, 5}) {
    tern::set_num_threads(threads);
    CHECK(tern::num_threads() == threads);
    std::vector<std::atomic<int>> hits(1000);
    tern::parallel_for(1000, [&](std::int64_t i) { ++hits[static_cast<std::size_t>(i)]; });
    for (const auto& h : hits) REQUIRE(h == 1);
    std::atomic<std::int64_t> sum{0};
    std::atomic<bool> small{true};
    tern::parallel_ranges(103, 10, [&](std::int64_t a, std::int64_t b) {
      if (b - a > 10) small = false;
      sum += b - a;
    });
    CHECK(small);
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

TEST_CASE("parallel_for: a forked process has threads of its own and can end", "[core]") {
  const int before = tern::num_threads();
  tern::set_num_threads(3);
  REQUIRE(threads_work());
  CHECK(in_child([] { _exit(threads_work() && tern::num_threads() == 3 ? 0 : 1); }) == 0);
  CHECK(in_child([] {
          tern::set_num_threads(2);
          _exit(threads_work() && tern::num_threads() == 2 ? 0 : 1);
        }) == 0);
  CHECK(in_child([] {
          last_user.asked = true;
          std::exit(0);
        }) == 7);
  CHECK(in_child([] {
          last_user.asked = threads_work();
          std::exit(0);
        }) == 7);
  CHECK(threads_work());
  tern::set_num_threads(before);
}

TEST_CASE("parallel_for: the system refuses threads", "[core]") {
  if (kAddressChecks) return;  // they map terabytes
  const int before = tern::num_threads();
  tern::set_num_threads(3);
  CHECK(in_child([] {
          limit_memory(rlim_t{600} << 20);
          std::string said;
          try {
            tern::set_num_threads(2000);
          } catch (const tern::Error& error) {
            said = error.what();
          }
#if defined(__linux__)
          if (said.find("[set_num_threads] expected 2000 threads; got") != 0) _exit(2);
#endif
          _exit(threads_work() ? 0 : 1);
        }) == 0);
  CHECK(in_child([] {
          // None at all, once the stacks of ended threads are in use again: parallel_for then does with the caller.
          for (int i = 0; i < 16; ++i) std::thread([] { pause(); }).detach();
          limit_memory(rlim_t{1} << 20);
          _exit(threads_work() ? 0 : 1);
        }) == 0);
  tern::set_num_threads(before);
}
