#include <atomic>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "tern/interrupt.hpp"
#include "tern/parallel.hpp"

TEST_CASE("interrupt: work of a scope is given up between its pieces, on every thread, and of no other scope",
          "[core]") {
  const int before = tern::num_threads();
  for (const int threads : {1, 4}) {
    tern::set_num_threads(threads);
    std::atomic<int> done{0};
    const auto work = [&] {
      done = 0;
      tern::parallel_for(1000, [&](std::int64_t) { ++done; });
    };
    const auto given_up = [&](auto&& f) {
      bool caught = false;
      try {
        f();
      } catch (const tern::Interrupted&) {
        caught = true;
      }
      return caught;
    };
    std::atomic<bool> asked{false};
    {
      const tern::Interruptible outer([&] { return asked.load(); });
      work();
      CHECK(done == 1000);
      asked = true;
      CHECK(given_up(work));
      CHECK(done == 0);
      CHECK(given_up([] { tern::expect_no_interrupt(); }));
      // Chunks that a worker took ask as well.
      asked = false;
      CHECK(given_up([&] {
        tern::parallel_for(1000, [&](std::int64_t) {
          asked = true;
          tern::expect_no_interrupt();
        });
      }));
      {
        const tern::Interruptible whole({});
        work();
        CHECK(done == 1000);
      }
      CHECK(given_up(work));
      std::thread other(work);  // is in no scope
      other.join();
      CHECK(done == 1000);
    }
    work();
    CHECK(done == 1000);
  }
  tern::set_num_threads(before);
}
