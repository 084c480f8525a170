#include "catch.hpp"
#include "tern/error.hpp"
#include "tern/graph.hpp"

using tern::Graph;

TEST_CASE("graph: text round trip", "[core]") {
  const std::string text =
      "tern-graph 1\n"
      "image = input() shape=1x28x28 mean=0.5,0.25\n"
      "conv1 = conv2d(image) out=32 kernel=3 bias=0\n"
      "sum = add(conv1, conv1)\n";
  const Graph g = Graph::parse(text);
  REQUIRE(g.nodes().size() == 3);
  CHECK(g.format() == text);
  CHECK(g.nodes()[1].integer("out") == 32);
  CHECK(g.nodes()[1].integer("stride", 1) == 1);
  CHECK(g.nodes()[1].flag("bias", true) == false);
  CHECK(g.nodes()[0].numbers("mean") == std::vector<float>{0.5f, 0.25f});
  CHECK(g.nodes()[2].inputs == std::vector<std::string>{"conv1", "conv1"});
  CHECK(g.consumers(1) == std::vector<std::size_t>{2});
  CHECK(g.output().name == "sum");
  CHECK(Graph::parse("\n# c\ntern-graph 1 # x\n  a=input()  k=v # t\n").format() == "tern-graph 1\na = input() k=v\n");
}

TEST_CASE("graph: errors name line and reason", "[core]") {
  const auto fails = [](const char* text, const char* reason) {
    INFO(text);
    CHECK_THROWS_WITH(Graph::parse(text), ContainsSubstring(reason));
    CHECK_THROWS_AS(Graph::parse(text), tern::FormatError);
  };
  fails("", "empty");
  fails("tern-graph 2\na = input()", "version 1");
  fails("a = input()", "header");
  fails("tern-graph 1\na = input()\nb = conv(c)", "line 3");
  fails("tern-graph 1\na = input()\na = input()", "used twice");
  fails("tern-graph 1\na = input() k=1 k=2", "appears twice");
  fails("tern-graph 1\na input()", "expected '='");
  fails("tern-graph 1\na = input() k=\x1b[31m",
        "line 2, column 15: a control character in a value; got \"a = input() k=\\x1b[31m\"");
  fails("tern-graph 1\n\x1b]0;title\x07", "got \"\\x1b]0;title\\x07\"");
  fails("tern-graph 1\na = input(", "input name");
  fails("tern-graph 1\na = input() key", "expected '='");
  std::string keys = "tern-graph 1\na = input()";
  for (std::size_t i = 0; i < Graph::kMaxKeys; ++i) keys += " k" + std::to_string(i) + "=1";
  CHECK(Graph::parse(keys).nodes()[0].attrs.size() == Graph::kMaxKeys);
  fails((keys + " more=1").c_str(), "more than 64 keys");
  const Graph g = Graph::parse("tern-graph 1\na = input() k=zz");
  CHECK_THROWS_WITH(g.nodes()[0].integer("k"), ContainsSubstring("\"zz\""));
  CHECK_THROWS_WITH(g.nodes()[0].integer("missing"), ContainsSubstring("missing"));
  const Graph pairs = Graph::parse("tern-graph 1\nx = f() a=3 b=1x5 c=3x d=x3 e=1x2x3 f=3X4\n");
  const tern::GraphNode& n = pairs.nodes()[0];
  CHECK(n.pair("a") == std::pair<std::int64_t, std::int64_t>{3, 3});
  CHECK(n.pair("b") == std::pair<std::int64_t, std::int64_t>{1, 5});
  CHECK(n.pair("g", 2) == std::pair<std::int64_t, std::int64_t>{2, 2});
  for (const char* bad : {"c", "d", "e", "f", "g"}) CHECK_THROWS_AS(n.pair(bad), tern::ValueError);
}
