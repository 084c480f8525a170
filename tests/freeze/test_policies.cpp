// Policies: which weights are frozen when. Every row of their list, and one from outside.
#include <algorithm>
#include <cmath>
#include <limits>

#include "bench.hpp"
#include "catch.hpp"
#include "freeze/registry.hpp"
#include "option_pages.hpp"
#include "registration.hpp"
#include "tern/error.hpp"

using namespace tern;

namespace {

std::vector<float> draw(const FreezePolicy& policy, const std::string& layer, std::size_t n, double relaxed,
                        std::int64_t epoch, std::uint64_t seed = 1) {
  std::vector<float> mask(n, 1.0f);
  const Tensor w = Tensor::zeros(Shape{static_cast<std::int64_t>(n)});
  policy.partition({layer, w, relaxed, epoch, true, seed}, mask);
  return mask;
}

std::int64_t ones(const std::vector<float>& mask) { return std::count(mask.begin(), mask.end(), 1.0f); }

// Freezes the small network over four phases. Checks that each epoch has at least as many weights on the grid as the
// one before, as many as its phase says, and all of them in the end.
void check_run(const std::string& policy) {
  testing::Bench b("grid");
  Freezer freezer(b.net, *b.optimizer, make_freeze_policy(Spec::parse(policy)), 1);
  const FreezeSchedule schedule = FreezeSchedule::parse("0.25:2x0.01+0.5:2x0.01+0.75:1x0.01+1:2x0.01");
  std::int64_t relaxed = std::numeric_limits<std::int64_t>::max();
  for (std::int64_t epoch = 0; epoch < schedule.epochs(); ++epoch) {
    CAPTURE(epoch);
    freezer.begin_epoch(epoch, schedule.at(epoch));
    CHECK(freezer.relaxed() <= relaxed);
    relaxed = freezer.relaxed();
    const double share = schedule.at(epoch).relaxed;
    CHECK(relaxed == relaxed_count(share, 288) + relaxed_count(share, 576));
    b.steps(2);
  }
  CHECK(relaxed == 0);
  const Certificate c = certify(b.net);
  CHECK(c.holds());
  CHECK(c.weights == 288 + 576);
}

}  // namespace

TEST_CASE("rpr: exact counts, reproducible, another partition each epoch, layer and seed", "[freeze]") {
  const auto rpr = make_freeze_policy(Spec::parse("rpr"));
  for (const auto& [share, count] :
       {std::pair{0.1, 100}, {0.05, 50}, {0.025, 25}, {0.0125, 12}, {0.0, 0}, {1.0, 1000}}) {
    CHECK(ones(draw(*rpr, "a", 1000, share, 3)) == count);
  }
  const auto base = draw(*rpr, "a", 1000, 0.1, 3);
  CHECK(draw(*rpr, "a", 1000, 0.1, 3) == base);
  CHECK(draw(*rpr, "a", 1000, 0.1, 4) != base);
  CHECK(draw(*rpr, "b", 1000, 0.1, 3) != base);
  CHECK(draw(*rpr, "a", 1000, 0.1, 3, 2) != base);
  CHECK(draw(*rpr, "a", 0, 0.1, 3).empty());
  CHECK(ones(draw(*rpr, "a", 9, 0.1, 3)) == 0);
}

TEST_CASE("rpr: every element is relaxed equally often, and pairs are independent", "[freeze]") {
  const auto rpr = make_freeze_policy(Spec::parse("rpr"));
  constexpr std::size_t n = 20;
  constexpr int epochs = 20000;
  std::vector<int> hits(n, 0);
  int first_and_last = 0;
  for (int e = 0; e < epochs; ++e) {
    const auto mask = draw(*rpr, "layer", n, 0.25, e);
    for (std::size_t i = 0; i < n; ++i) hits[i] += mask[i] == 1.0f;
    first_and_last += mask[0] == 1.0f && mask[n - 1] == 1.0f;
  }
  // Standard deviation of a count: sqrt(20000 / 4 * 3 / 4) = 61.
  for (const int h : hits) CHECK(std::abs(h - epochs / 4) < 5 * 61);
  const double pairs = epochs * (5.0 / 20) * (4.0 / 19);  // 1053, deviation 32
  CHECK(std::abs(first_and_last - pairs) < 5 * 32);
}

TEST_CASE("inq: the largest are frozen, none is ever thawed", "[freeze]") {
  const auto inq = make_freeze_policy(Spec::parse("inq"));
  Tensor w = Tensor::from(std::vector<float>{0.1f, -0.9f, 0.3f, 0.7f, -0.7f, 0.2f, 0.0f, -0.4f}, Shape{8});
  std::vector<float> mask(8, 1.0f);
  CHECK(inq->partition({"a", w, 0.5, 0, true, 1}, mask));
  CHECK(mask == std::vector<float>{1, 0, 1, 0, 0, 1, 1, 0});
  CHECK_FALSE(inq->partition({"a", w, 0.5, 1, false, 1}, mask));
  w.span<float>()[1] = 0;  // frozen ones stay, whatever they are now
  w.span<float>()[6] = 5.0f;
  CHECK(inq->partition({"a", w, 0.25, 2, true, 1}, mask));
  CHECK(mask == std::vector<float>{1, 0, 0, 0, 0, 1, 0, 0});
  CHECK(inq->partition({"a", w, 0.0, 3, true, 1}, mask));
  CHECK(mask == std::vector<float>(8, 0.0f));
  // Of equals the first is frozen first.
  std::vector<float> same(4, 1.0f);
  inq->partition({"a", Tensor::full(Shape{4}, 1.0), 0.5, 0, true, 1}, same);
  CHECK(same == std::vector<float>{0, 0, 1, 1});
}

TEST_CASE("policies: unknown names and options", "[freeze]") {
  CHECK_THROWS_WITH(make_freeze_policy(Spec::parse("nope")), ContainsSubstring("known: rpr, inq"));
  CHECK_THROWS_AS(make_freeze_policy(Spec::parse("rpr:x=1")), ValueError);
  CHECK_FALSE(make_freeze_policy(Spec::parse("rpr:clear_optimizer_state=0"))->clears_optimizer_state());
  CHECK_FALSE(make_freeze_policy(Spec::parse("rpr"))->clips());
  CHECK(make_freeze_policy(Spec::parse("rpr:clip=1"))->clips());
  CHECK_THROWS_AS(make_freeze_policy(Spec::parse("inq:clip=1")), ValueError);
}

TEST_CASE("policies: docs/freezing.md has the options of every row, whose tables can be right", "[freeze][docs]") {
  for (const MethodInfo& row : freeze_policies()) {
    INFO(row.key);
    REQUIRE(row.options);
    CHECK_NOTHROW(check_options(row.key, *row.options));
    CHECK(testing::table_in_pages({std::filesystem::path(TERN_SOURCE_DIR) / "docs" / "freezing.md"}, "policy",
                                  row.key) == testing::option_table(*row.options));
  }
}

TEST_CASE("policies: every row freezes more and more, and all in the end", "[freeze][walk]") {
  for (const MethodInfo& row : freeze_policies()) {
    INFO(row.key);
    check_run(row.key);
  }
}

TEST_CASE("register_freeze_policy: one from outside", "[freeze][register]") {
  // The last ones are relaxed.
  struct Tail final : FreezePolicy {
    bool partition(const PartitionRequest& request, std::span<float> mask) const override {
      const auto n = static_cast<std::ptrdiff_t>(relaxed_count(request.relaxed, std::ssize(mask)));
      std::fill(mask.begin(), mask.end() - n, 0.0f);
      std::fill(mask.end() - n, mask.end(), 1.0f);
      return true;
    }
  };
  testing::check_registration(
      freeze_policy_registry(),
      [](const std::string& name, bool whole) {
        register_freeze_policy(
            name, "from the front", !whole ? FreezePolicyFactory() : [](const Spec& spec) {
              spec.allow_only({});
              return std::make_unique<Tail>();
            });
      },
      freeze_policies, [](const MethodInfo& row) { return row.key; },
      [](const std::string& name) {
        const auto policy = make_freeze_policy(Spec::parse(name));
        CHECK(draw(*policy, "a", 4, 0.25, 0) == std::vector<float>{0, 0, 0, 1});
        check_run(name);
      });
}
