// What every public register_*() promises (tern/registry.hpp), checked for one list.
#pragma once

#include <string>
#include <vector>

#include "catch.hpp"
#include "tern/error.hpp"

namespace tern::testing {

inline constexpr char kNewName[] = "for_a_test";  // data sets list it with dashes

/// add(name, whole) registers a row, which lacks its factory if not `whole`; list() gives the public list; name_of(row)
/// its names; use(name) makes something of the row, which throws where there is none, and tries it. The row is gone
/// afterwards.
template <class Registry, class Add, class List, class NameOf, class Use>
void check_registration(Registry& registry, Add add, List list, NameOf name_of, Use use) {
  const std::size_t before = list().size();
  REQUIRE(before > 0);
  const std::string taken = name_of(list().front());
  CHECK_THROWS_WITH(add(taken, true), ContainsSubstring("expected a new name; got \"" + taken + "\""));
  for (const char* bad : {"", "For_a_test", "4_a_test", "for a test", "for:a=test"}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH(add(bad, true), ContainsSubstring("expected a name of a-z"));
  }
  CHECK_THROWS_WITH(add(kNewName, false), ContainsSubstring("got none"));
  CHECK_THROWS_AS(use(kNewName), ValueError);
  CHECK(list().size() == before);

  add(kNewName, true);
  REQUIRE(list().size() == before + 1);
  CHECK(name_of(list().back()).substr(0, 3) == "for");
  CHECK_THROWS_WITH(add(kNewName, true), ContainsSubstring("expected a new name"));
  use(kNewName);
  registry.remove(kNewName);
  CHECK(list().size() == before);
  CHECK_THROWS_WITH(use(kNewName), ContainsSubstring("unknown"));
}

/// Takes a row that a test added out of its registry.
template <class Registry>
class Removal {
 public:
  Removal(Registry& registry, std::string name) : registry_(registry), name_(std::move(name)) {}
  ~Removal() { registry_.remove(name_); }
  Removal(const Removal&) = delete;
  Removal& operator=(const Removal&) = delete;

 private:
  Registry& registry_;
  std::string name_;
};

}  // namespace tern::testing
