#include <atomic>
#include <functional>
#include <thread>

#include "catch.hpp"
#include "core/registry.hpp"

using tern::ValueError;

namespace {

struct Info {
  std::string key, help;
};
using Maker = std::function<int()>;
using Makers = tern::Registry<tern::FactoryRow<Info, Maker>>;

struct Place {
  std::string name;
  std::vector<int> parts;
};

}  // namespace

TEST_CASE("registry: rows of the list first, then those that are added, in order", "[core]") {
  Makers r({.what = "maker", .adder = "register_maker", .finder = "make"},
           {{{"one", "gives 1"}, [] { return 1; }}, {{"two", "gives 2"}, [] { return 2; }}});
  r.add({{"three_3", "gives 3"}, [] { return 3; }});
  CHECK(r.find("two").make() == 2);
  CHECK(r.find("three_3").make() == 3);
  const std::vector<Info> infos = r.list<Info>();
  REQUIRE(infos.size() == 3);
  CHECK(infos[0].key == "one");
  CHECK(infos[2].help == "gives 3");

  SECTION("removed again, the rows of the list excepted") {
    r.remove("three_3");
    CHECK_THROWS_WITH(r.find("three_3"), ContainsSubstring("unknown maker"));
    CHECK(r.list().size() == 2);
    r.add({{"three_3", "again"}, [] { return 33; }});
    CHECK(r.find("three_3").make() == 33);
    CHECK_THROWS_WITH(r.remove("one"), "[register_maker] expected the name of a row that was added; got \"one\"");
    CHECK_THROWS_WITH(r.remove("four"), ContainsSubstring("got \"four\""));
  }
  SECTION("what is refused") {
    CHECK_THROWS_AS(r.find("x"), ValueError);
    CHECK_THROWS_WITH(r.find("tow"), "[make] unknown maker \"tow\"; did you mean \"two\"? known: one, two, three_3");
    CHECK_THROWS_WITH(r.find("x", "line 3: "), "line 3: unknown maker \"x\"; known: one, two, three_3");
    CHECK_THROWS_WITH(r.add({{"one", ""}, [] { return 0; }}),
                      "[register_maker] expected a new name; got \"one\", which is taken");
    CHECK_THROWS_WITH(r.add({{"four", ""}, nullptr}), "[register_maker] four: expected a factory; got none");
    for (const char* name : {"", "Four", "4", "_four", "four-4", "four 4", "four:4", "f\xc3\xb6r"}) {
      CAPTURE(name);
      CHECK_THROWS_WITH(r.add({{name, ""}, [] { return 0; }}),
                        ContainsSubstring("expected a name of a-z, 0-9 and '_' that begins with a letter"));
    }
    CHECK(r.list().size() == 3);
  }
}

TEST_CASE("registry: names with dashes are found with underscores too", "[core]") {
  tern::Registry<Place, &Place::name, &Place::parts> r({.what = "place",
                                                        .adder = "register_place",
                                                        .finder = "place",
                                                        .needs = "parts",
                                                        .also = ", or a path",
                                                        .separator = '-'},
                                                       {{"old_town", {1}}});
  r.add({"new_town", {2, 3}});
  CHECK(r.list()[0].name == "old-town");
  CHECK(r.list()[1].name == "new-town");
  CHECK(r.find("old_town").parts == r.find("old-town").parts);
  CHECK_THROWS_WITH(r.add({"new-town", {4}}), ContainsSubstring("which is taken"));
  CHECK_THROWS_WITH(r.add({"no-town", {}}), "[register_place] no-town: expected parts; got none");
  CHECK_THROWS_WITH(r.add({"Town", {4}}), ContainsSubstring("a-z, 0-9 and '-'"));
  CHECK_THROWS_WITH(r.find("sea"), "[place] unknown place \"sea\"; known: old-town, new-town, or a path");
  r.remove("new_town");
  CHECK(r.list().size() == 1);
}

TEST_CASE("registry: added to, read and removed from by many threads", "[core]") {
  Makers r({.what = "maker", .adder = "register_maker", .finder = "make"}, {{{"one", ""}, [] { return 1; }}});
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string name = "maker" + std::to_string(t);
      for (int i = 0; i < 200; ++i) {
        r.add({{name, ""}, [t] { return t; }});
        if (r.find(name).make() != t || r.find("one").make() != 1 || r.list().empty()) ++wrong;
        r.remove(name);
      }
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
  CHECK(r.list().size() == 1);
}
