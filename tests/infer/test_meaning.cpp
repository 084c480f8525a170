// The statements of docs/file-format.md that are easy to get wrong, worked out by hand on small numbers.
#include <cmath>
#include <limits>

#include "catch.hpp"
#include "tern/error.hpp"
#include "tern/infer.hpp"

using namespace tern;
using packed::Blob;

namespace {

using Floats = std::vector<float>;

// Graphs on an image whose bytes are the numbers themselves: `x` is codes 0..15, `r` the same as real numbers.
struct Small {
  packed::Model model;

  Small(const std::string& shape, const std::string& lines) {
    model.graph = Graph::parse("tern-graph 1\nimage = input() shape=" + shape +
                               "\nx = quantize(image) lo=0 hi=15 step=1\nr = relu(x)\n" + lines);
    Floats t;
    for (int i = 0; i < 15; ++i) t.push_back((static_cast<float>(i) + 0.5f) / 255);
    floats("x.thresholds", {15}, t);
  }
  Small& floats(const std::string& name, const Shape& shape, Floats v) {
    model.blobs[name] = Blob::of_floats(shape, std::move(v));
    return *this;
  }
  Small& codes(const std::string& name, const Shape& shape, std::vector<std::int8_t> v) {
    model.blobs[name] = Blob::of_codes(shape, std::move(v));
    return *this;
  }
  // The same on every path, NaN equal to NaN.
  Floats run(const std::vector<std::uint8_t>& image) {
    Floats first;
    for (const infer::Options& how : infer::every_path()) {
      const Floats got = infer::Session(model, how).run(image, 1);
      if (first.empty()) first = got;
      for (std::size_t i = 0; i < got.size(); ++i)
        CHECK((got[i] == first[i] || (std::isnan(got[i]) && std::isnan(first[i]))));
    }
    return first;
  }
};

std::vector<std::uint8_t> all(std::size_t n, std::uint8_t value) { return std::vector<std::uint8_t>(n, value); }

}  // namespace

TEST_CASE("meaning: an image without mean and std is byte / 255") {
  packed::Model m;
  m.graph = Graph::parse("tern-graph 1\nimage = input() shape=1x1x3\ny = relu(image)\n");
  CHECK(infer::Session(m).run(std::vector<std::uint8_t>{0, 51, 255}, 1) == Floats{0, 51.0f / 255, 1});
  m.graph.nodes()[0].set("mean", "0.5").set("std", "0.25");
  CHECK(infer::Session(m).run(std::vector<std::uint8_t>{0, 51, 255}, 1) == Floats{0, 0, 2});
}

TEST_CASE("meaning: extents of convolutions are rounded down, those of pools up if asked") {
  const auto extent = [](std::int64_t size, const std::string& text) {
    const std::string side = std::to_string(size);
    Small s("1x" + side + "x" + side, "y = " + text + "\nz = flatten(y)\n");
    s.floats("y.weight", {1, 1, 3, 3}, Floats(9, 1));
    return std::sqrt(static_cast<double>(infer::Session(s.model).classes()));
  };
  CHECK(extent(6, "conv2d(r) out=1 kernel=3 stride=2") == 2);
  CHECK(extent(6, "conv2d(r) out=1 kernel=3 stride=2 pad=1") == 3);
  CHECK(extent(7, "conv2d(r) out=1 kernel=3 stride=2 dilation=2") == 2);
  CHECK(extent(6, "max_pool(r) kernel=3 stride=2") == 2);
  CHECK(extent(6, "max_pool(r) kernel=3 stride=2 ceil=1") == 3);
  CHECK(extent(6, "max_pool(r) kernel=4") == 1);
  CHECK(extent(3, "max_pool(r) kernel=2 stride=4 pad=1 ceil=1") == 1);  // a second window would begin at 4 = H + pad
  CHECK(extent(4, "max_pool(r) kernel=2 stride=4 pad=1 ceil=1") == 2);
  CHECK(extent(4, "max_pool(r) kernel=2 stride=3 pad=1 ceil=1") == 2);  // a third at 6
  CHECK(extent(5, "pad_channels(r) front=0 back=0 stride=2") == 3);
  CHECK(extent(5, "zero(r) stride=3") == 2);
}

TEST_CASE("meaning: what averages divide by") {
  // Windows of rows -1..1, 1..3 and 3..5 of 4: 2, 3 and 1 lie in the image, 3, 3 and 2 in the image with its padding.
  const std::string pool = "avg_pool(x) kernel=3 stride=2 pad=1 ceil=1";
  CHECK(Small("1x4x4", "y = " + pool + "\n").run(all(16, 1)) == Floats(9, 1));
  const Floats padded = Small("1x4x4", "y = " + pool + " count_pad=1\n").run(all(16, 1));
  CHECK(padded == Small("1x4x4", "y = avg_pool(r) kernel=3 stride=2 pad=1 ceil=1 count_pad=1\n").run(all(16, 1)));
  const float in[] = {2, 3, 1}, counted[] = {3, 3, 2};
  for (std::size_t p = 0; p < 3; ++p) {
    for (std::size_t q = 0; q < 3; ++q) CHECK(padded.at(3 * p + q) == in[p] * in[q] / (counted[p] * counted[q]));
  }
  CHECK(Small("1x1x3", "y = global_avg_pool(x)\n").run({1, 2, 4}) == Floats{7.0f / 3});
}

TEST_CASE("meaning: padding never wins a maximum") {
  Small s("1x2x2", "a = affine(r)\nq = quantize(a) lo=-3 hi=-1 step=1\np = max_pool(q) kernel=3 stride=1 pad=1\n");
  s.floats("a.k1", {1}, {-1}).floats("a.k0", {1}, {0}).floats("q.thresholds", {2}, {-2.5f, -1.5f});
  CHECK(s.run({1, 2, 3, 3}) == Floats(4, -1));
  CHECK(s.run({3, 3, 3, 3}) == Floats(4, -3));
  s.model.graph.nodes().back().inputs = {"a"};
  CHECK(s.run({7, 6, 9, 8}) == Floats(4, -6));
}

TEST_CASE("meaning: pixels outside the image") {
  const auto conv = [](const std::string& input, const std::string& keys, bool codes) {
    Small s("1x1x1", "q = quantize(r) lo=1 hi=2 step=0.5\ny = conv2d(" + input + ") out=1 kernel=1x3 pad=1 " + keys +
                         "\np = max_pool(y) kernel=3 pad=1\n");
    s.floats("q.thresholds", {1}, {9});
    if (codes)
      s.codes("y.weight", {1, 1, 1, 3}, {1, 1, 1});
    else
      s.floats("y.weight", {1, 1, 1, 3}, {1, 1, 1});
    return s.run({3}).at(0);
  };
  // One pixel: 3, or code 1 of step 0.5. Rows above and below are padding alone.
  CHECK(conv("r", "weights=f32", false) == 3);
  CHECK(conv("q", "weights=f32", false) == 0.5f);
  CHECK(conv("q", "weights=codes", true) == 0.5f);  // padding holds 0, which is no code
  CHECK(conv("q", "weights=codes pad_code=1", true) == 1.5f);
  CHECK(conv("q", "weights=f32 pad_code=2", false) == 3);  // 3 * 0.5 * 2 in a row of padding
}

TEST_CASE("meaning: two scales") {
  Small s("1x1x2", "f = flatten(r)\ny = linear(f) out=1 weights=codes\n");
  s.codes("y.weight", {1, 2}, {1, -2}).floats("y.scale_pos", {1}, {0.1f}).floats("y.scale_neg", {1}, {0.3f});
  CHECK(s.run({3, 7}) == Floats{0.1f * 3 - 0.3f * 14});
  s.model.graph.nodes()[3].inputs = {"x"};
  CHECK(s.run({3, 7}) == Floats{0.1f * 3 - 0.3f * 14});
  s.floats("y.scale_neg", {1}, {0.1f});  // as good as one
  CHECK(s.run({3, 7}) == Floats{0.1f * -11});
  s.model.blobs.erase("y.scale_pos");
  s.model.blobs.erase("y.scale_neg");
  CHECK(s.run({3, 7}) == Floats{-11});
}

TEST_CASE("meaning: sums go from left to right") {
  Small s("1x1x1", "a = affine(r)\nb = affine(r)\ny = add(a, r, b)\n");
  s.floats("a.k1", {1}, {1e8f}).floats("a.k0", {1}, {0}).floats("b.k1", {1}, {-1e8f}).floats("b.k0", {1}, {0});
  CHECK(s.run({1}) == Floats{0});
  s.model.graph.nodes().back().inputs = {"a", "b", "r"};
  CHECK(s.run({1}) == Floats{1});
}

TEST_CASE("meaning: what is no number") {
  const auto nan = [](const std::string& line) {
    Small s("1x1x1", "a = affine(r)\nb = affine(a)\nc = affine(b)\nn = add(b, c)\n" + line);
    for (const std::string node : {"a", "b", "c"})
      s.floats(node + ".k1", {1}, {node == "c" ? -1 : 3e38f}).floats(node + ".k0", {1}, {0});
    s.floats("y.thresholds", {2}, {-std::numeric_limits<float>::infinity(), 0}).floats("y.slope", {1}, {0.5f});
    return s.run({1}).at(0);
  };
  CHECK(nan("y = relu(n)\n") == 0);
  CHECK(nan("y = quantize(n) lo=-1 hi=1 step=1\n") == -1);
  CHECK(nan("y = quantize(c) lo=-1 hi=1 step=1\n") == 0);  // minus infinity reaches itself
  CHECK(std::isnan(nan("y = hardtanh(n)\n")));
  CHECK(std::isnan(nan("y = prelu(n)\n")));
}

TEST_CASE("meaning: thresholds at the ends of 32 bits") {
  constexpr std::int32_t kMin = std::numeric_limits<std::int32_t>::min(),
                         kMax = std::numeric_limits<std::int32_t>::max();
  Small s("1x1x1", "f = flatten(x)\ny = linear(f) out=4 weights=codes epilogue=threshold lo=0 hi=2 step=1\n");
  s.codes("y.weight", {4, 1}, {1, 1, 1, 1}).codes("y.flip", {4}, {0, 0, 1, 1});
  s.model.blobs["y.thresholds"] = Blob::of_ints({4, 2}, {kMin, kMax, 5, 6, kMax, kMin, 6, 5});
  CHECK(s.run({5}) == Floats{1, 1, 1, 2});
  CHECK(s.run({6}) == Floats{1, 2, 1, 1});
}

TEST_CASE("meaning: concatenation keeps codes only of one step") {
  const auto nodes = [](const std::string& step) {
    Small s("1x1x1", "q = quantize(r) lo=0 hi=15 step=" + step + "\ny = concat(x, q)\n");
    s.model.blobs["q.thresholds"] = s.model.blobs["x.thresholds"];
    for (float& t : s.model.blobs["q.thresholds"].f32) t *= 255;
    return s.run({3});
  };
  CHECK(nodes("1") == Floats{3, 3});
  CHECK(nodes("0.5") == Floats{3, 1.5f});
}
