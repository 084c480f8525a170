// Genotypes: text form, hostile text, discretisation, pictures.
#include <set>

#include "catch.hpp"
#include "tern/error.hpp"
#include "tern/nas.hpp"

using namespace tern;

namespace {

nas::Genotype some() {
  Rng rng(3);
  return nas::random_genotype({}, rng);
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

nas::Mixture uniform(std::int64_t ops) {
  return {Tensor::full(Shape{nas::kEdges, ops}, 1.0 / static_cast<double>(ops)),
          Tensor::full(Shape{nas::kEdges, ops}, 1.0 / static_cast<double>(ops))};
}

void put(const Tensor& p, std::int64_t edge, std::int64_t op, float value) {
  p.data<float>()[edge * p.size(1) + op] = value;
}

}  // namespace

TEST_CASE("genotype: text and back", "[nas]") {
  for (const char* space : {"tas", "darts", "binary"}) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      Rng rng(seed);
      nas::CellOptions o;
      o.space = space;
      const nas::Genotype g = nas::random_genotype(o, rng);
      CHECK(nas::Genotype::parse(g.json(), "test") == g);
    }
  }
  const nas::Genotype plain = nas::Genotype::parse(
      R"({"normal":[["tconv3",1],["tdil3",0],["zero",1],["max3",2],["avg3",0],["zero",3],["zero",3],["zero",4]],
          "normal_concat":[2,3,4,5],
          "reduce":[["max3",0],["zero",1],["max3",0],["zero",2],["zero",3],["zero",2],["zero",3],["zero",4]]})",
      "test");
  CHECK(plain.space == "tas");
  CHECK(plain.cell_template == "tas");
  CHECK(plain.normal[0] == nas::Choice{"tconv3", 1});
}

TEST_CASE("genotype: hostile text is refused with a reason", "[nas]") {
  const std::string good = some().json();
  const auto refused = [](const std::string& text, const std::string& why) {
    INFO(text.substr(0, 200));
    CHECK_THROWS_WITH(nas::Genotype::parse(text, "file.json"),
                      ContainsSubstring("file.json") && ContainsSubstring(why));
    CHECK_THROWS_AS(nas::Genotype::parse(text, "file.json"), FormatError);
  };
  refused("", "not JSON");
  refused("[]", "object");
  refused("{}", "normal");
  refused(std::string(1 << 17, ' '), "bytes");
  refused(std::string(60000, '['), "");
  refused(replaced(good, "\"space\":\"tas\"", "\"space\":\"lego\""), "search space");
  refused(replaced(good, "\"space\":\"tas\"", "\"space\":\"\\u001b[31m\\n\""),
          "search space \"\\x1b[31m\\x0a\"; known");
  refused(replaced(good, "\"template\":\"tas\"", "\"template\":\"\\u001b\""), "unknown template \"\\x1b\"");
  refused(replaced(good, "\"normal\":", "\"nor\\u001bmal\":"), "unknown key \"nor\\x1bmal\"");
  refused(replaced(good, "\"space\":\"tas\"", "\"space\":7"), "text");
  refused(replaced(good, "\"template\":\"tas\"", "\"template\":\"x\""), "template");
  refused(replaced(good, "\"normal\":", "\"normul\":"), "unknown key");
  refused(replaced(good, "[2,3,4,5]", "[2,3,4]"), "normal_concat");
  const std::string rest =
      R"(,"reduce":[["max3",0],["zero",1],["max3",0],["zero",2],["zero",3],["zero",2],["zero",3],["zero",4]]})";
  const auto normal = [&](const std::string& first) {
    return R"({"normal":[)" + first +
           R"(,["tdil3",0],["zero",1],["max3",2],["avg3",0],["zero",3],["zero",3],["zero",4]])" + rest;
  };
  CHECK_NOTHROW(nas::Genotype::parse(normal(R"(["tconv3",1])"), "file.json"));
  refused(normal(R"(["sep3",1])"), "unknown operation");
  refused(normal(R"(["tconv3",2])"), "earlier node");
  refused(normal(R"(["tconv3",-1])"), "earlier node");
  refused(normal(R"(["tconv3",18446744073709551615])"), "earlier node");
  refused(normal(R"(["tconv3",0])"), "two different");
  refused(normal(R"(["tconv3",1.5])"), "[operation, node]");
  refused(normal(R"(["tconv3"])"), "[operation, node]");
  refused(normal(R"(["tconv3",1],["tconv3",0])"), "8 pairs");
  // every truncation is refused, none crashes
  for (std::size_t n = 0; n + 2 < good.size(); ++n)
    CHECK_THROWS_AS(nas::Genotype::parse(good.substr(0, n), "file.json"), FormatError);
}

TEST_CASE("discretize: two best edges a node, their best operation, ties to the lower index", "[nas]") {
  nas::Mixture p = uniform(7);
  const nas::Genotype ties = nas::discretize({}, p);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(ties.normal[2 * i] == nas::Choice{"zero", 0});
    CHECK(ties.normal[2 * i + 1] == nas::Choice{"zero", 1});
  }
  put(p.normal, 4, 3, 0.4f);   // node 3 from 2: tconv3
  put(p.normal, 2, 6, 0.3f);   // node 3 from 0: tdil5
  put(p.normal, 12, 1, 0.5f);  // node 5 from 3: max3
  put(p.normal, 11, 4, 0.5f);  // node 5 from 2: tconv5, as likely: the lower edge first
  const nas::Genotype g = nas::discretize({}, p);
  CHECK(g.normal[2] == nas::Choice{"tconv3", 2});
  CHECK(g.normal[3] == nas::Choice{"tdil5", 0});
  CHECK(g.normal[6] == nas::Choice{"tconv5", 2});
  CHECK(g.normal[7] == nas::Choice{"max3", 3});
  CHECK(g.reduce == ties.reduce);
}

TEST_CASE("discretize: zero may be excluded, or weakened", "[nas]") {
  nas::Mixture p = uniform(7);
  for (std::int64_t e = 0; e < nas::kEdges; ++e) {
    put(p.normal, e, 0, 0.5f);
    put(p.normal, e, 5, 0.3f);
  }
  CHECK(nas::weightless_edges(nas::discretize({}, p).normal) == 8);
  CHECK(nas::discretize({}, p, {.allow_zero = false}).normal[0].op == "tdil3");
  CHECK(nas::discretize({}, p, {.zero_gamma = 1.6}).normal[0].op == "zero");
  CHECK(nas::discretize({}, p, {.zero_gamma = 3}).normal[0].op == "tdil3");
  CHECK_THROWS_AS(nas::discretize({}, p, {.zero_gamma = 0}), ValueError);
  CHECK_THROWS_AS(nas::discretize({}, uniform(6)), ShapeError);
}

TEST_CASE("discretize: a cap on edges without weights replaces the least certain ones", "[nas]") {
  nas::Mixture p = uniform(7);
  for (std::int64_t e = 0; e < nas::kEdges; ++e) {
    put(p.normal, e, 2, 0.5f + 0.01f * static_cast<float>(e));  // avg3 everywhere, later edges more certain
    put(p.normal, e, 6, 0.2f);
  }
  const nas::Genotype g = nas::discretize({}, p, {.most_weightless = 3});
  CHECK(nas::weightless_edges(g.normal) == 3);
  CHECK(g.normal[0].op == "tdil5");
  CHECK(g.normal[6].op == "avg3");
}

TEST_CASE("random genotypes: in the space, two different nodes, all operations occur", "[nas]") {
  std::set<std::string> seen;
  Rng rng(1);
  for (int i = 0; i < 200; ++i) {
    const nas::Genotype g = nas::random_genotype({}, rng);
    for (std::size_t k = 0; k < 8; ++k) {
      seen.insert(g.normal[k].op);
      CHECK(g.normal[k].from < nas::kInputs + static_cast<int>(k / 2));
      if (k % 2) CHECK(g.normal[k].from != g.normal[k - 1].from);
    }
  }
  CHECK(seen.size() == 7);
  nas::CellOptions darts;
  darts.space = "darts";
  for (int i = 0; i < 50; ++i) {
    for (const nas::Choice& c : nas::random_genotype(darts, rng).normal) CHECK(c.op != "zero");
  }
}

TEST_CASE("pictures: every operation but zero is drawn, markup is closed", "[nas]") {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Rng rng(seed);
    const nas::Genotype g = nas::random_genotype({}, rng);
    const std::string dot = nas::genotype_dot(g), svg = nas::genotype_svg(g);
    std::size_t edges = 0, arrows = 0;
    for (const auto* cell : {&g.normal, &g.reduce}) {
      for (const nas::Choice& c : *cell) edges += c.op != "zero";
    }
    for (auto at = svg.find("marker-end"); at != std::string::npos; at = svg.find("marker-end", at + 1)) ++arrows;
    CHECK(arrows == edges);
    CHECK(dot.starts_with("digraph"));
    CHECK(svg.starts_with("<svg"));
    CHECK(svg.ends_with("</svg>\n"));
    CHECK(svg.find("nan") == std::string::npos);
  }
}
