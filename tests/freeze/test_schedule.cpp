// Freezing schedules: text form, epochs, auto runs.
#include <limits>

#include "catch.hpp"
#include "tern/error.hpp"
#include "tern/freeze.hpp"

using namespace tern;

TEST_CASE("freeze schedule: the paper's 112 epochs", "[freeze]") {
  const FreezeSchedule s = FreezeSchedule::parse("paper");
  CHECK(s.epochs() == 112);
  CHECK_FALSE(s.has_auto());
  struct Row {
    std::int64_t epoch;
    double fraction, relaxed, lr;
    bool begins;
  };
  for (const Row& r :
       {Row{0, 0.9, 0.1, 1e-3, true}, Row{26, 0.9, 0.1, 1e-3, false}, Row{27, 0.9, 0.1, 1e-4, false},
        Row{36, 0.9, 0.1, 1e-4, false}, Row{37, 0.95, 0.05, 1e-3, true}, Row{51, 0.95, 0.05, 1e-4, false},
        Row{52, 0.975, 0.025, 1e-3, true}, Row{66, 0.975, 0.025, 1e-4, false}, Row{67, 0.9875, 0.0125, 1e-3, true},
        Row{81, 0.9875, 0.0125, 1e-4, false}, Row{82, 1, 0, 1e-3, true}, Row{92, 1, 0, 1e-4, false},
        Row{111, 1, 0, 1e-5, false}}) {
    INFO("epoch " << r.epoch);
    const FreezeSchedule::At at = s.at(r.epoch);
    CHECK(at.fraction == r.fraction);
    CHECK(at.relaxed == r.relaxed);  // the literals, bit for bit
    CHECK(at.lr == r.lr);
    CHECK(at.phase_begins == r.begins);
  }
  CHECK_THROWS_AS(s.at(112), ValueError);
  CHECK_THROWS_AS(s.at(-1), ValueError);
  CHECK(s.lines().size() == 5);
  CHECK(s.lines()[0].ends_with("learning rate 0.001 for 27, 1e-04 for 10"));
  CHECK(
      s.lines(5)[0].ends_with("learning rate 0.001 (0.005 for the weights that freeze) for 27, 1e-04 (5e-04 for the "
                              "weights that freeze) for 10"));
}

TEST_CASE("freeze schedule: relaxed counts of 1000 weights", "[freeze]") {
  const FreezeSchedule s = FreezeSchedule::parse("paper");
  std::vector<std::int64_t> counts;
  for (const auto& p : s.phases()) counts.push_back(relaxed_count(p.relaxed, 1000));
  CHECK(counts == std::vector<std::int64_t>{100, 50, 25, 12, 0});
}

TEST_CASE("freeze schedule: text survives a round trip", "[freeze]") {
  for (const auto& n : FreezeSchedule::names()) {
    const FreezeSchedule s = FreezeSchedule::parse(n.key);
    CHECK(FreezeSchedule::parse(s.str()).str() == s.str());
    CHECK(s.svg().starts_with("<svg"));
    CHECK(s.svg().find("nan") == std::string::npos);
  }
  CHECK(FreezeSchedule::parse("0.9:auto5x0.01,1x0.001+1:2x0").str() == "0.9:auto5x0.01,1x0.001+1:2x0");
  CHECK(FreezeSchedule::parse("small").epochs() == 105);
  for (const char* text : {"", "papre", "0.9", "0.9:", "0.9:3", "0.9:x1", "0.9:0x1", "0.9:-1x1", "0.9:3x-1",
                           "0.9:3xnan", "2:1x1", "-0.1:1x1", "nan:1x1", "0.9:1x1+0.9:1x1", "0.9:1x1+0.5:1x1",
                           "0.9:1x1,", "0.9:1x1+", "0.9:99999999x1", "0.9:autox1"}) {
    INFO(text);
    CHECK_THROWS_AS(FreezeSchedule::parse(text), ValueError);
  }
  CHECK_THROWS_WITH(FreezeSchedule::parse("papre"), ContainsSubstring("paper, small, auto, inq"));
}

TEST_CASE("freeze schedule: an auto run that ends moves what follows", "[freeze]") {
  const FreezeSchedule s = FreezeSchedule::parse("0.9:auto20x0.1,2x0.01+1:3x0.001");
  CHECK(s.has_auto());
  CHECK(s.epochs() == 25);
  CHECK(s.at(19).until_stable);
  CHECK_FALSE(s.at(20).until_stable);
  const std::vector<std::int64_t> ended{7};
  CHECK(s.epochs(ended) == 12);
  CHECK(s.at(6, ended).lr == 0.1);
  CHECK(s.at(7, ended).lr == 0.01);
  CHECK(s.at(9, ended).fraction == 1);
  CHECK(s.at(9, ended).phase_begins);
}

TEST_CASE("freeze schedule: when a metric is stable", "[freeze]") {
  CHECK_FALSE(is_stable({}));
  CHECK_FALSE(is_stable(std::vector<double>{0.5, 0.5, 0.5, 0.5, 0.5}));
  CHECK(is_stable(std::vector<double>{0.5, 0.5, 0.5, 0.5, 0.5, 0.5}));
  CHECK(is_stable(std::vector<double>{0.1, 0.7, 0.69, 0.7, 0.68, 0.7005, 0.6}));
  CHECK_FALSE(is_stable(std::vector<double>{0.1, 0.7, 0.69, 0.7, 0.68, 0.702, 0.6}));
  CHECK_FALSE(is_stable(std::vector<double>{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7}));
}
