#include "catch.hpp"
#include "core/names.hpp"

using tern::join;
using tern::nearest_name;
using tern::unknown_name;

TEST_CASE("join: nothing, one, several, by a function", "[core]") {
  CHECK(join(std::vector<std::string>{}) == "");
  CHECK(join(std::vector<std::string>{"", "b"}) == ", b");
  CHECK(join(std::initializer_list<std::string_view>{"a"}) == "a");
  CHECK(join(std::vector<const char*>{"a", "b", "c"}, " or ") == "a or b or c");
  CHECK(join(std::vector<int>{1, 2}, "x", [](int i) { return std::to_string(i); }) == "1x2");
}

TEST_CASE("nearest_name: slips of the hand and beginnings", "[core]") {
  const std::vector<std::string> known{"--model", "--momentum", "cosine", "conv2d", "sgd"};
  CHECK(nearest_name("--modle", known) == "--model");
  CHECK(nearest_name("-model", known) == "--model");
  CHECK(nearest_name("moment", known) == "--momentum");
  CHECK(nearest_name("cosin", known) == "cosine");
  CHECK(nearest_name("sdg", known) == "sgd");
  CHECK(nearest_name("cosine_restarts", known) == "cosine");
  CHECK(nearest_name("linear", known) == "");
  CHECK(nearest_name("", known) == "");
  CHECK(nearest_name("--", known) == "");
  CHECK(nearest_name("cosine" + std::string(1 << 20, 'x'), known) == "");
}

TEST_CASE("unknown_name: what was meant, and what there is", "[core]") {
  const std::vector<std::string> known{"sgd", "adam"};
  CHECK(unknown_name("optimizer", "adma", known) ==
        "unknown optimizer \"adma\"; did you mean \"adam\"? known: sgd, adam");
  CHECK(unknown_name("optimizer", "lion\n", known) == "unknown optimizer \"lion\\x0a\"; known: sgd, adam");
  CHECK(unknown_name("optimizer", "lion", std::vector<std::string>{}) == "unknown optimizer \"lion\"; known: none");
}
