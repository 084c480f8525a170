// The layer benchmark: every family answers, names of shapes go both ways, bad problems are refused.
#include "catch.hpp"
#include "tern/error.hpp"
#include "tern/layer_bench.hpp"

using namespace tern;

TEST_CASE("layer benchmark: every family answers, bad problems are refused") {
  const infer::LayerProblem small{.channels = 9, .outputs = 5, .size = 8, .kernel = 3, .stride = 2};
  for (const Isa isa : available_isas()) {
    const auto rows = infer::time_layer(small, isa, 2, 0.0);
    REQUIRE(rows.size() == 2);
    for (const auto& r : rows) CHECK((r.best_us > 0 && r.median_us >= r.best_us));
  }
  CHECK_THROWS_AS(infer::time_layer({.channels = 0}, Isa::kPortable), ValueError);
  CHECK_THROWS_AS(infer::time_layer({.size = 3, .pad = 0, .dilation = 2}, Isa::kPortable), ValueError);
  CHECK_THROWS_AS(infer::time_layer(small, Isa::kPortable, 0), ValueError);
}

TEST_CASE("layer benchmark: words of interleaved codes, for ternary problems") {
  for (const Isa isa : available_isas()) {
    const auto rows =
        infer::race(infer::codec_contenders({.channels = 9, .outputs = 16, .size = 8, .stride = 2}, isa), 2, 0.0);
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].kernel.starts_with("codec-D/"));
    CHECK(rows[1].kernel.starts_with("codec-P/"));
  }
  CHECK(infer::codec_contenders({.outputs = 5, .size = 8}, Isa::kPortable).empty());
  CHECK(infer::codec_contenders({.size = 8, .lo = 0}, Isa::kPortable).empty());
}

TEST_CASE("layer benchmark: others take their turns") {
  int packs = 0, runs = 0;
  const auto rows =
      infer::race({{"mine", [&] { ++packs; }, [&] { ++runs; }}, {"dense", {}, [&] { ++runs; }, 2.5}}, 3, 0);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].kernel == "mine");
  CHECK(rows[1].ceiling_us == 2.5);
  CHECK(rows[1].pack_median_us == 0);
  CHECK(packs == 4);  // one to warm up
  CHECK(runs == 8);
}

TEST_CASE("layer benchmark: shapes have names") {
  CHECK(infer::standard_layers().size() == 7);
  CHECK(infer::standard_layers()[5].macs() == 1849688064);
  for (const auto& list : {infer::standard_layers(), infer::odd_layers()}) {
    for (const auto& p : list) {
      const infer::LayerProblem q = infer::parse_layer(infer::name_of(p));
      CHECK(infer::name_of(q) == infer::name_of(p));
      CHECK(q.macs() == p.macs());
      CHECK(q.dilation == p.dilation);
      CHECK(q.pad == p.pad);
    }
  }
  const infer::LayerProblem p = infer::parse_layer("36x14x64k5s2p0");
  CHECK(p.channels == 36);
  CHECK(p.outputs == 64);
  CHECK(p.out_size() == 5);
  CHECK(infer::parse_layer("64x56d2").pad == 2);
  CHECK(infer::parse_layer("64x7k1").pad == 0);
  for (const char* bad :
       {"", "64", "64x", "x56", "64x56q3", "64x56k", "64x56x1x1", "64x56k3k3", "0x5", "64x56k99999999999"}) {
    CHECK_THROWS_AS(infer::parse_layer(bad), ValueError);
  }
}
