#include <cmath>
#include <map>

#include "catch.hpp"
#include "optim/registry.hpp"
#include "option_pages.hpp"
#include "registration.hpp"
#include "tern/error.hpp"
#include "tern/optim.hpp"

using tern::make_schedule;
using tern::Position;

namespace {
Position epoch(std::int64_t e, std::int64_t epochs) {
  return {.epoch = e, .step = 0, .steps_per_epoch = 10, .epochs = epochs};
}
}  // namespace

// Values worked out by hand from the equations.
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
  CHECK_THROWS_WITH(make_schedule("cosin:hi=1"),
                    ContainsSubstring("unknown schedule \"cosin\"; did you mean \"cosine\"? known: constant"));
  CHECK_THROWS_WITH(make_schedule("cosine:lo=1"), "[cosine] expected the option hi in [0, inf); it is missing");
  CHECK_THROWS_WITH(make_schedule("cosine:hi=1,low=2"),
                    ContainsSubstring("unknown option \"low\"; did you mean \"lo\"? known: hi=, lo=0, per=epoch|step"));
  CHECK_THROWS_WITH(make_schedule("cosine:hi=1,per=week"), ContainsSubstring("per=epoch|step"));
  CHECK_THROWS_WITH(make_schedule("cosine:hi=x"), ContainsSubstring("got \"x\""));
  CHECK_THROWS_WITH(make_schedule("warmup:to=1+cosine:hi=1"), ContainsSubstring("for=EPOCHS"));
  CHECK_THROWS_WITH(make_schedule("cosine:hi=1,for=3"), ContainsSubstring("last part"));
  CHECK_THROWS_AS(make_schedule(""), tern::ValueError);
  for (const char* bad :
       {"constant:lr=-1", "constant:lr=nan", "cosine:hi=0.1,lo=0.2", "exponential:lr=1,factor=-1",
        "cosine_restarts:hi=1,period=0", "cosine_restarts:hi=1,period=2,mult=0.5",
        "multi_step:lr=1,at=", "one_cycle:hi=1,lo=0,momentum=0.9;1.5", "one_cycle:hi=1,lo=0,momentum=0.9"}) {
    INFO(bad);
    CHECK_THROWS_AS(make_schedule(bad), tern::ValueError);
  }
  const auto cosine = make_schedule("cosine:hi=1");
  CHECK_THROWS_AS(cosine->lr({.epoch = -1}), tern::ValueError);
  CHECK_THROWS_AS(cosine->lr({.epoch = 0, .step = 0, .steps_per_epoch = 0, .epochs = 1}), tern::ValueError);
}

TEST_CASE("schedules: every row gives rates that are finite, not negative, and end where its page says",
          "[optim][walk]") {
  // A schedule, and its rate at the end of a run of 6 epochs; a new one needs a line here.
  const std::multimap<std::string, std::pair<std::string, double>> samples{
      {"constant", {"constant:lr=0.1", 0.1}},
      {"multi_step", {"multi_step:lr=0.1,at=2;4", 0.001}},
      {"multi_step", {"multi_step:lr=0.1,at=1.5;3,factor=0.5,per=step", 0.025}},
      {"exponential", {"exponential:lr=0.1,factor=0.5", 0.1 / 64}},
      {"exponential", {"exponential:lr=0.1,factor=0.5,hold=2,per=step", 0.1 / 16}},
      {"cosine", {"cosine:hi=0.1,lo=0.01", 0.01}},
      {"cosine", {"cosine:hi=0.1,per=step", 0}},
      {"cosine_restarts", {"cosine_restarts:hi=0.1,lo=0.02,period=2,mult=2", 0.1}},
      {"one_cycle", {"one_cycle:hi=0.1,lo=0.01,momentum=0.95;0.85", 1e-4}},
      {"one_cycle", {"one_cycle:hi=0.1,lo=0.01,per=epoch", 1e-4}},
      {"warmup", {"warmup:to=0.1,from=0.01", 0.1}},
      {"warmup", {"warmup:to=0.1,per=epoch", 0.1}}};
  constexpr std::int64_t kEpochs = 6, kSteps = 7;
  for (const tern::MethodInfo& row : tern::schedules()) {
    const std::string& name = row.key;
    const auto [begin, end] = samples.equal_range(name);
    if (begin == end) FAIL_CHECK("tests/optim/test_schedules.cpp has no sample of the schedule \"" << name << "\"");
    for (auto it = begin; it != end; ++it) {
      const auto& [text, last] = it->second;
      INFO(text);
      const auto schedule = make_schedule(text);
      for (std::int64_t i = 0; i < kEpochs * kSteps; ++i) {
        const Position at{.epoch = i / kSteps, .step = i % kSteps, .steps_per_epoch = kSteps, .epochs = kEpochs};
        CAPTURE(i);
        REQUIRE(std::isfinite(schedule->lr(at)));
        REQUIRE(schedule->lr(at) >= 0);
        REQUIRE(schedule->lr(at) <= 0.1 + 1e-12);
        if (const auto m = schedule->momentum(at)) REQUIRE((*m >= 0 && *m < 1));
      }
      const Position done{.epoch = kEpochs, .step = 0, .steps_per_epoch = kSteps, .epochs = kEpochs};
      CHECK(schedule->lr(done) == Approx(last).margin(1e-12));
    }
  }
}

TEST_CASE("optimizers, schedules: docs/training.md has every row with its options, whose tables can be right",
          "[optim][docs]") {
  const std::vector<std::string> lines =
      tern::testing::lines_of(std::filesystem::path(TERN_SOURCE_DIR) / "docs" / "training.md");
  for (const auto& rows : {tern::optimizers(), tern::schedules()}) {
    for (const tern::MethodInfo& row : rows) {
      REQUIRE(row.options);
      CHECK_NOTHROW(tern::check_options(row.key, *row.options));
      const std::string line =
          "| `" + row.key + "` | " + row.help + " | " + tern::testing::cell(tern::brief(*row.options)) + " |";
      INFO(line);
      CHECK(std::find(lines.begin(), lines.end(), line) != lines.end());
    }
  }
}

TEST_CASE("register_schedule: one from outside, alone and as a part", "[optim][register]") {
  struct Halves final : tern::Schedule {
    explicit Halves(double lr) : lr_(lr) {}
    double lr(const Position& at) const override { return lr_ / std::pow(2, at.epoch); }
    double lr_;
  };
  tern::testing::check_registration(
      tern::schedule_registry(),
      [](const std::string& name, bool whole) {
        tern::register_schedule(
            name, "lr=: half of it each epoch", !whole ? tern::ScheduleFactory() : [](const tern::Spec& spec) {
              spec.allow_only({"lr"});
              return std::make_unique<Halves>(spec.number("lr"));
            });
      },
      tern::schedules, [](const tern::MethodInfo& row) { return row.key; },
      [](const std::string& name) {
        const auto alone = make_schedule(name + ":lr=1");
        CHECK(alone->lr(epoch(2, 9)) == 0.25);
        CHECK(make_schedule("constant:lr=3,for=2+" + name + ":lr=1")->lr(epoch(3, 9)) == 0.5);
        CHECK_THROWS_WITH(make_schedule(name + ":lr=1,rate=2"), ContainsSubstring("unknown option \"rate\""));
      });
}
