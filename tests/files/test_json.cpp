#include <string>
#include <vector>

#include "catch.hpp"
#include "files/json.hpp"
#include "requested_bytes.hpp"

using nlohmann::json;
using tern::parse_json;
using tern::testing::requested_bytes;

TEST_CASE("parse_json: what it is, or nothing", "[files]") {
  CHECK(parse_json<json>(R"({"a":[1,2.5,null]})") == json{{"a", {1, 2.5, nullptr}}});
  for (const char* bad : {"", "{", "[1,]", "{} {}", "nan", "\xff"}) {
    CAPTURE(bad);
    CHECK(parse_json<json>(bad).is_discarded());
  }
  CHECK_THROWS_AS(parse_json<json>("{").at("a"), json::exception);
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  CHECK_FALSE(parse_json<json>(nested(32)).is_discarded());
  CHECK(parse_json<json>(nested(40)).is_discarded());
  const auto text = [](std::size_t bytes) { return "\"" + std::string(bytes - 2, 'x') + "\""; };
  CHECK_FALSE(parse_json<json>(text(4 << 20)).is_discarded());
  CHECK(parse_json<json>(text((4 << 20) + 1)).is_discarded());
}

TEST_CASE("parse_json: brackets without end take no memory", "[files]") {
  const std::string brackets(4 << 20, '[');
  const std::uint64_t before = requested_bytes();
  CHECK(parse_json<json>(brackets).is_discarded());
  CHECK(requested_bytes() - before < (1 << 20));
}

TEST_CASE("for_each_json_line: by number, with or without an end behind the last", "[files]") {
  std::vector<std::string> seen;
  const auto lines = [&](const std::string& text) {
    seen.clear();
    tern::for_each_json_line<json>(text, [&](const json& j, int number) {
      seen.push_back(std::to_string(number) + (j.is_discarded() ? "?" : j.dump()));
    });
    return seen;
  };
  CHECK(lines("").empty());
  CHECK(lines("1\n2\n") == std::vector<std::string>{"11", "22"});
  CHECK(lines("1\n\n[3]") == std::vector<std::string>{"11", "2?", "3[3]"});
}
