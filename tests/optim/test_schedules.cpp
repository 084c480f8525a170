#include "catch.hpp"
#include "tern/error.hpp"
#include "tern/optim.hpp"

using tern::make_schedule;
using tern::Position;

namespace {
Position epoch(std::int64_t e, std::int64_t epochs) {
  return {.epoch = e, .step = 0, .steps_per_epoch = 10, .epochs = epochs};
}
}  // namespace

// The check values of algorithms.md, section 8.
TEST_CASE("schedules: published check values", "[optim]") {
  const auto multi = make_schedule("multi_step:lr=0.1,at=82;123");
  CHECK(multi->lr(epoch(81, 200)) == Approx(0.1));
  CHECK(multi->lr(epoch(82, 200)) == Approx(0.01));
  CHECK(multi->lr(epoch(123, 200)) == Approx(0.001));

  const auto cosine = make_schedule("cosine:hi=0.025,lo=0.001");
  CHECK(cosine->lr(epoch(1, 50)) == Approx(0.024976).epsilon(1e-4));
  CHECK(cosine->lr(epoch(25, 50)) == Approx(0.013));
  CHECK(cosine->lr(epoch(49, 50)) == Approx(0.001024).epsilon(1e-3));

  const auto restarts = make_schedule("cosine_restarts:hi=0.1,period=10,mult=2");
  CHECK(restarts->lr(epoch(0, 100)) == Approx(0.1));
  CHECK(restarts->lr(epoch(5, 100)) == Approx(0.05));
  CHECK(restarts->lr(epoch(9, 100)) == Approx(0.002447).epsilon(1e-3));
  CHECK(restarts->lr(epoch(10, 100)) == Approx(0.1));
  CHECK(restarts->lr(epoch(20, 100)) == Approx(0.05));

  const auto cycle = make_schedule("one_cycle:hi=5e-2,lo=4e-4,momentum=0.95;0.85");
  const auto at = [](std::int64_t k) {
    return Position{.epoch = k / 391, .step = k % 391, .steps_per_epoch = 391, .epochs = 600};
  };
  CHECK(cycle->lr(at(0)) == Approx(0.0004));
  CHECK(cycle->lr(at(58650)) == Approx(0.02795556).epsilon(1e-6));
  CHECK(cycle->lr(at(105570)) == Approx(0.05));
  CHECK(cycle->lr(at(211140)) == Approx(0.0004));
  CHECK(cycle->lr(at(234600)) == Approx(4e-6));
  CHECK(cycle->momentum(at(0)) == Approx(0.95));
  CHECK(cycle->momentum(at(105570)) == Approx(0.85));
  CHECK(cycle->momentum(at(234600)) == Approx(0.95));
  CHECK_FALSE(make_schedule("one_cycle:hi=1,lo=0.1")->momentum(at(5)).has_value());

  const auto heq = make_schedule("exponential:lr=1e-3,factor=0.9,hold=49");
  CHECK(heq->lr(epoch(49, 101)) == Approx(1e-3));
  CHECK(heq->lr(epoch(50, 101)) == Approx(9e-4));
  CHECK(heq->lr(epoch(99, 101)) == Approx(5.154e-6).epsilon(1e-3));
}

TEST_CASE("schedules: per step, constant, warm-up and sequences", "[optim]") {
  const auto per_step = make_schedule("cosine:hi=1,per=step");
  CHECK(per_step->lr({.epoch = 0, .step = 5, .steps_per_epoch = 10, .epochs = 1}) == Approx(0.5));
  CHECK(make_schedule("cosine:hi=1")->lr({.epoch = 0, .step = 5, .steps_per_epoch = 10, .epochs = 1}) == Approx(1.0));
  CHECK(make_schedule("constant:lr=0.3")->lr(epoch(7, 9)) == 0.3);

  const auto sequence = make_schedule("warmup:to=0.1,for=2+constant:lr=0.1,for=3+cosine:hi=0.1,lo=0");
  CHECK(sequence->lr({.epoch = 0, .step = 0, .steps_per_epoch = 10, .epochs = 15}) == Approx(0.005));
  CHECK(sequence->lr({.epoch = 1, .step = 9, .steps_per_epoch = 10, .epochs = 15}) == Approx(0.1));
  CHECK(sequence->lr(epoch(4, 15)) == Approx(0.1));
  CHECK(sequence->lr(epoch(5, 15)) == Approx(0.1));
  CHECK(sequence->lr(epoch(10, 15)) == Approx(0.05));
}

TEST_CASE("schedules: numbers with an exponent's plus, steps inside an epoch, and the time after the end", "[optim]") {
  CHECK(make_schedule("constant:lr=1e+1")->lr(epoch(0, 1)) == 10);
  CHECK(make_schedule("constant:lr=1e+1,for=1+constant:lr=2e+0")->lr(epoch(1, 2)) == 2);
  const Position half{.epoch = 1, .step = 5, .steps_per_epoch = 10, .epochs = 4};
  CHECK(make_schedule("multi_step:lr=1,at=1.5,per=step")->lr(half) == Approx(0.1));
  CHECK(make_schedule("multi_step:lr=1,at=1.5")->lr(half) == 1);
  CHECK(make_schedule("exponential:lr=1,factor=0.25,per=step")->lr(half) == Approx(0.125));
  for (const char* text : {"cosine:hi=1,lo=0.25", "one_cycle:hi=1,lo=0.25", "warmup:to=1,for=1+cosine:hi=1,lo=0.25"}) {
    INFO(text);
    const auto schedule = make_schedule(text);
    CHECK(schedule->lr(epoch(9, 4)) == schedule->lr(epoch(4, 4)));
  }
}

TEST_CASE("schedules: errors name what is known", "[optim]") {
  CHECK_THROWS_WITH(make_schedule("cosin:hi=1"), ContainsSubstring("unknown schedule \"cosin\"; known: constant"));
  CHECK_THROWS_WITH(make_schedule("cosine:high=1"), ContainsSubstring("\"hi\"; it is missing"));
  CHECK_THROWS_WITH(make_schedule("cosine:hi=1,low=2"),
                    ContainsSubstring("unknown option \"low\"; known: hi, lo, per"));
  CHECK_THROWS_WITH(make_schedule("cosine:hi=1,per=week"), ContainsSubstring("per=step or per=epoch"));
  CHECK_THROWS_WITH(make_schedule("cosine:hi=x"), ContainsSubstring("got \"x\""));
  CHECK_THROWS_WITH(make_schedule("warmup:to=1+cosine:hi=1"), ContainsSubstring("for=EPOCHS"));
  CHECK_THROWS_WITH(make_schedule("cosine:hi=1,for=3"), ContainsSubstring("last part"));
  CHECK_THROWS_AS(make_schedule(""), tern::ValueError);
  for (const char* bad : {"constant:lr=-1", "constant:lr=nan", "cosine:hi=0.1,lo=0.2", "exponential:lr=1,factor=-1",
                          "cosine_restarts:hi=1,period=0", "one_cycle:hi=1,lo=0,momentum=0.9;1.5"}) {
    INFO(bad);
    CHECK_THROWS_AS(make_schedule(bad), tern::ValueError);
  }
  const auto cosine = make_schedule("cosine:hi=1");
  CHECK_THROWS_AS(cosine->lr({.epoch = -1}), tern::ValueError);
  CHECK_THROWS_AS(cosine->lr({.epoch = 0, .step = 0, .steps_per_epoch = 0, .epochs = 1}), tern::ValueError);
}
