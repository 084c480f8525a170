// Models that are wrong are refused when they are loaded, with a message that names the node.
#include "builder.hpp"
#include "catch.hpp"
#include "tern/error.hpp"

using namespace tern;
using test::Builder;

namespace {

packed::Model good() {
  Builder b(1);
  std::string x = b.input("2x6x6");
  x = b.model.graph.nodes().back().name;
  const std::string q = b.quantize(x, -1, 1);
  const std::string c = b.conv(q, 8, 3, 3, {.max_code = 1, .lo = -1, .hi = 1}, {{"pad", "1"}});
  b.linear(b.plain("flatten", {c}), 4, {.bias = true});
  return b.model;
}

void refused(packed::Model m, const std::string& part) {
  CHECK_THROWS_AS(infer::check_model(m), FormatError);
  CHECK_THROWS_WITH(infer::check_model(m), ContainsSubstring(part));
}

packed::Model text(const std::string& lines) {
  packed::Model m;
  m.graph = Graph::parse("tern-graph 1\n" + lines);
  return m;
}

}  // namespace

TEST_CASE("check: a good model passes") { CHECK(infer::check_model(good()).size() == 5); }

TEST_CASE("check: blobs that are missing, or of the wrong kind, shape or content") {
  const auto nodes = good().graph.nodes();
  const std::string q = nodes[1].name, c = nodes[2].name, l = nodes[4].name;
  for (const std::string& name : {q + ".thresholds", c + ".weight", c + ".thresholds", l + ".weight", l + ".bias"}) {
    auto m = good();
    m.blobs.erase(name);
    refused(m, name);
    m = good();
    m.blobs[name] = packed::Blob::of_floats({1}, {0.0f});
    refused(m, name);
  }
  auto m = good();
  m.blobs[l + ".weight"].f32[3] = std::nanf("");
  refused(m, "finite");
  m = good();
  m.blobs[q + ".thresholds"].f32 = {1.0f, 0.5f};
  refused(m, "ascending");
  m = good();
  m.blobs[c + ".thresholds"].i32[0] = 2'000'000'000;
  m.blobs[c + ".thresholds"].i32[1] = 0;
  m.blobs.erase(c + ".flip");
  refused(m, "ascending");
  m = good();
  m.blobs[c + ".weight"].codes[0] = -128;
  refused(m, "-127");
}

TEST_CASE("check: graphs that make no sense") {
  refused(packed::Model{}, "empty");
  refused(text("x = conv2d() out=1\n"), "inputs");
  refused(text("x = input() shape=1x4x4\ny = magic(x)\n"), "unknown op");
  refused(text("x = input() shape=1x4x4 colour=red\n"), "colour");
  refused(text("x = input() shape=4x4\n"), "CxHxW");
  refused(text("x = input() shape=1x4x4 mean=1,2\n"), "mean");
  refused(text("x = input() shape=1x4x4 std=0\n"), "std");
  refused(text("x = input() shape=1x99999999x99999999\n"), "elements");
  refused(text("x = input() shape=188888888888x1x4\n"), "65536 channels");
  refused(text("x = input() shape=65537x1x1\n"), "65536 channels");
  refused(text("x = input() shape=1x4x4\ny = max_pool(x) kernel=9\n"), "fit");
  refused(text("x = input() shape=1x4x4\ny = max_pool(x) kernel=2 pad=2\n"), "pad");
  refused(text("x = input() shape=1x4x4\ny = conv2d(x) out=1 kernel=7\n"), "fit");
  refused(text("x = input() shape=1x4x4\ny = conv2d(x) out=1 kernel=1 pad=9999999999\n"), "pad");
  refused(text("x = input() shape=1x4x4\ny = conv2d(x) out=1 kernel=1 pad=16000000\n"), "large");
  refused(text("x = input() shape=1x4x4\ny = conv2d(x) out=2 kernel=1 groups=2\n"), "divide");
  refused(text("x = input() shape=1x4x4\ny = conv2d(x) out=1 kernel=1 pad_code=0\n"), "pad_code");
  refused(text("x = input() shape=1x4x4\ny = linear(x) out=2\n"), "flatten");
  refused(text("x = input() shape=1x4x4\ny = flatten(x)\nz = add(x, y)\n"), "equal shapes");
  refused(text("x = input() shape=1x4x4\ny = or(x, x)\n"), "codes");
  refused(text("x = input() shape=4x4x4\ny = channel_shuffle(x) groups=3\n"), "divide");
  refused(text("x = input() shape=4x4x4\ny = channel_shuffle(x)\n"), "groups");
  refused(text("x = input() shape=4x4x4\ny = channel_shuffle(x) groups=0\n"), "groups");
  refused(text("x = input() shape=1x4x4\ny = quantize(x) lo=1 hi=1 step=1\n"), "lo < hi");
  refused(text("x = input() shape=1x4x4\ny = quantize(x) lo=0 hi=1 step=0\n"), "step");
  refused(text("x = input() shape=1x4x4\ny = quantize(x) lo=0 hi=one step=1\n"), "hi");
  refused(text("x = input() shape=1x4x4\ny = conv2d(x) out=1 kernel=1 weights=codes epilogue=threshold\n"), "weight");
}

TEST_CASE("check: a shift stays within the image, and its outside is a code") {
  const std::string head = "x = input() shape=1x4x4\n";
  CHECK(infer::check_model(text(head + "y = shift(x) by=4\n"))[1].type.shape == Shape{1, 4, 4});
  refused(text(head + "y = shift(x) by=5\n"), "within the image");
  refused(text(head + "y = shift(x) by=-1\n"), "by");
  refused(text(head + "y = shift(x) by=1 pad_code=0\n"), "pad_code");
  Builder b(3);
  const std::string q = b.quantize(b.input("1x4x4"), 1, 2);
  b.plain("shift", {q}, {{"by", "1"}});
  refused(b.model, "pad_code");
}

TEST_CASE("check: padded pixels hold a code of the input") {
  for (const auto& [code, good_one] :
       {std::pair{"-1", true}, {"1", true}, {"2", false}, {"-2", false}, {"99999999999", false}}) {
    auto m = good();
    m.graph.nodes()[2].set("pad_code", code);
    if (good_one)
      CHECK(infer::check_model(m)[2].operation->multiply()->pad_code == std::stoi(code));
    else
      refused(m, "pad_code");
  }
}

TEST_CASE("check: sums that could overflow 32 bits are refused") {
  Builder b(2);
  const std::string x = b.input("1x1500x1500");
  const std::string q = b.quantize(x, 0, 15);
  const std::string f = b.plain("flatten", {q});
  b.model.graph.add("linear", {f}, {{"out", "1"}, {"weights", "codes"}}, "big");
  b.model.blobs["big.weight"] = packed::Blob::of_codes({1, 2'250'000}, std::vector<std::int8_t>(2'250'000, 127));
  refused(b.model, "overflow");
}
