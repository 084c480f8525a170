// Specs: their text, and tables of options that complete and check them.
#include "catch.hpp"
#include "tern/error.hpp"
#include "tern/spec.hpp"

using tern::OptionTable;
using tern::Spec;
using tern::ValueError;

namespace {

const OptionTable kTable{
    {"t", "0.05", "[0, 1)", "a share"},          {"h", "0.25", "(0, 1e30]", "a width", "init=twn"},
    {"init", "twn", "twn|one", "a start"},       {"bits", "ternary", "ternary|2..7", "of a code"},
    {"all", "0", "0|1", "both below"},           {"first", "=all", "0|1", "one"},
    {"at", "1;2", "[0, inf);...", "milestones"}, {"momentum", "none", "none|[0, 1);[0, 1)", "high and low"}};

Spec completed(const std::string& text) { return Spec::parse(text).completed(kTable); }

}  // namespace

TEST_CASE("spec: text, and what is none", "[spec]") {
  const Spec s = Spec::parse("twn:threshold=exact,group=filter");
  CHECK(s.key == "twn");
  CHECK(s.text("group") == "filter");
  CHECK(s.str() == "twn:threshold=exact,group=filter");
  for (const char* text : {"", ":a=1", "a:", "a:b", "a:=1", "a:b=1,b=2", "a: b=1", "a:b=1,"})
    CHECK_THROWS_AS(Spec::parse(text), ValueError);
  CHECK_THROWS_WITH(s.number("x"), "[twn] expected the option \"x\"; it is missing");
  CHECK_THROWS_AS(s.flag("group"), ValueError);
  CHECK_THROWS_AS(s.integer("x"), ValueError);
  CHECK_THROWS_AS(s.text("x"), ValueError);
}

TEST_CASE("options: defaults in the order of the table, an option that follows another", "[spec]") {
  CHECK(completed("m").str() == "m:t=0.05,h=0.25,init=twn,bits=ternary,all=0,first=0,at=1;2,momentum=none");
  const Spec s = completed("m:bits=3,all=true,t=0");
  CHECK(s.integer("bits") == 3);
  CHECK(s.flag("first"));
  CHECK(s.number("t") == 0);
  CHECK_FALSE(completed("m:all=1,first=0").flag("first"));
  CHECK(completed("m:at=0.5").numbers("at") == std::vector<double>{0.5});
  CHECK(completed("m:momentum=0.95;0.85").numbers("momentum") == std::vector<double>{0.95, 0.85});
  CHECK_THROWS_WITH(Spec::parse("m").completed({{"lr", "", "[0, inf)", "rate"}}),
                    "[m] expected the option lr in [0, inf); it is missing");
}

TEST_CASE("options: ranges have their ends", "[spec]") {
  for (const char* good :
       {"t=0", "t=0.999", "h=1e30", "h=1e-30", "bits=2", "bits=7", "all=false", "at=0;0;0", "momentum=0;0.5"}) {
    INFO(good);
    CHECK_NOTHROW(completed("m:" + std::string(good)));
  }
  for (const char* bad : {"t=1",
                          "t=-0.001",
                          "t=nan",
                          "t=inf",
                          "t=",
                          "t=x",
                          "t=0.5x",
                          "t=0;0",
                          "h=0",
                          "h=2e30",
                          "bits=1",
                          "bits=8",
                          "bits=2.5",
                          "bits=-2",
                          "bits=99999999999",
                          "all=2",
                          "all=yes",
                          "at=",
                          "at=1;",
                          "at=-1",
                          "at=1;-1",
                          "at=inf",
                          "momentum=0.5",
                          "momentum=0.5;1",
                          "momentum=0;0;0",
                          "init=on"}) {
    INFO(bad);
    CHECK_THROWS_AS(completed("m:" + std::string(bad)), ValueError);
  }
}

TEST_CASE("options: errors name the option, its range, its default and what was meant", "[spec]") {
  CHECK_THROWS_WITH(completed("m:t=1"), "[m] expected t in [0, 1) (default 0.05); got \"1\"");
  CHECK_THROWS_WITH(completed("m:bits=9"), "[m] expected bits=ternary|2..7 (default ternary); got \"9\"");
  CHECK_THROWS_WITH(completed("m:init=tnw"),
                    "[m] expected init=twn|one (default twn); got \"tnw\"; did you mean \"twn\"?");
  CHECK_THROWS_WITH(completed("m:inti=one"),
                    "[m] unknown option \"inti\"; did you mean \"init\"? known: t=0.05, h=0.25, init=twn|one, "
                    "bits=ternary|2..7, all=0, first=all, at=1;2, momentum=none|[0, 1);[0, 1)");
  CHECK_THROWS_WITH(Spec::parse("m:x=1").completed({}), "[m] unknown option \"x\"; known: none");
  CHECK_THROWS_WITH(completed("m:x\x1b=1"), ContainsSubstring("\"x\\x1b\""));
}

TEST_CASE("options: one without effect is refused", "[spec]") {
  CHECK_NOTHROW(completed("m:h=0.5"));
  CHECK_NOTHROW(completed("m:init=one"));
  CHECK_THROWS_WITH(completed("m:h=0.5,init=one"), "[m] \"h\" has no effect with init=one; it counts with init=twn");
}

TEST_CASE("options: a table that cannot be right", "[spec]") {
  CHECK_NOTHROW(tern::check_options("m", kTable));
  CHECK_NOTHROW(tern::check_options("m", {}));
  const std::vector<OptionTable> bad{
      {{"", "1", "0|1", ""}},
      {{"a b", "1", "0|1", ""}},
      {{"a", "1", "0|1", ""}, {"a", "1", "0|1", ""}},
      {{"a", "2", "0|1", ""}},
      {{"a", "1", "", ""}},
      {{"a", "1", "[0, 1", ""}},
      {{"a", "1", "[0,1]", ""}},
      {{"a", "1", "[1, 0]", ""}},
      {{"a", "1", "5..2", ""}},
      {{"a", "1", "0..x", ""}},
      {{"a", "1", "[0, 1];...;...", ""}},
      {{"a", "=b", "0|1", ""}},
      {{"a", "=b", "0|1", ""}, {"b", "1", "0|1", ""}},  // below, not above
      {{"b", "1", "0..5", ""}, {"a", "=b", "0|1", ""}},
      {{"a", "1", "0|1", "", "c=1"}},
      {{"a", "1", "0|1", ""}, {"b", "1", "0|1", "", "a=2"}},
  };
  for (const OptionTable& table : bad) {
    INFO(table[0].name << " " << table[0].range);
    CHECK_THROWS_AS(tern::check_options("m", table), ValueError);
  }
  CHECK_THROWS_WITH(tern::check_options("m", {{"a", "2", "0|1", ""}}),
                    "[m] option \"a\": expected a default in 0|1; got \"2\"");
}
