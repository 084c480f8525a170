// Whole packed networks: every instruction set and every batching gives what the reference path gives, node by node.
#include <array>
#include <limits>

#include "builder.hpp"
#include "catch.hpp"
#include "paths.hpp"
#include "tern/error.hpp"
#include "tern/parallel.hpp"

using namespace tern;
using test::Builder;
using test::check_everywhere;
using test::same_bits;

namespace {

const test::Attrs kPad1 = {{"pad", "1"}};

}  // namespace

TEST_CASE("session: a small VGG with ternary weights and activations") {
  for (const auto& [lo, hi] : {std::pair{-1, 1}, {0, 2}, {0, 1}, {0, 3}, {0, 15}}) {
    Builder b(11);
    std::string x = b.input("1x28x28");
    x = b.conv(x, 32, 3, 3, {}, kPad1);
    x = b.quantize(b.affine(x), lo, hi);
    x = b.conv(x, 32, 3, 3, {.max_code = 1, .lo = lo, .hi = hi}, kPad1);
    x = b.plain("max_pool", {x}, {{"kernel", "2"}});
    x = b.conv(x, 64, 3, 3, {.max_code = 1, .lo = lo, .hi = hi}, kPad1);
    x = b.plain("max_pool", {x}, {{"kernel", "2"}});
    x = b.conv(x, 64, 3, 3, {.max_code = 1, .lo = lo, .hi = hi}, kPad1);
    x = b.plain("flatten", {x});
    x = b.linear(x, 100, {.max_code = 1, .lo = lo, .hi = hi});
    x = b.linear(x, 10, {.bias = true});
    const std::size_t visible = check_everywhere(b);
    CHECK(visible == b.model.graph.nodes().size() - 2);  // conv1 and its affine are inside the quantizer's step
    // Nothing between the first and the last layer leaves the planes.
    infer::Session fast(b.model, {.isa = Isa::kPortable});
    for (const infer::StepInfo& s : fast.plan()) CHECK(s.kernel != "reference");
  }
}

TEST_CASE("session: residual network, shortcuts with padding and with a convolution") {
  Builder b(12);
  std::string x = b.input("3x17x13");
  x = b.affine(b.conv(x, 16, 3, 3, {.bias = true}, kPad1));
  for (const int stride : {1, 2}) {
    const std::string q = b.quantize(x, -1, 1);
    std::string y =
        b.conv(q, stride == 1 ? 16 : 24, 3, 3, {.max_code = 1}, {{"pad", "1"}, {"stride", std::to_string(stride)}});
    y = b.quantize(b.affine(y), -1, 1);
    y = b.affine(b.conv(y, stride == 1 ? 16 : 24, 3, 3, {.max_code = 1, .scales = 2}, kPad1));
    std::string shortcut = x;
    if (stride == 2) shortcut = b.plain("pad_channels", {x}, {{"front", "4"}, {"back", "4"}, {"stride", "2"}});
    x = b.plain("relu", {b.plain("add", {y, shortcut})});
  }
  const std::string q = b.quantize(x, 0, 3, "0.25");
  const std::string s = b.conv(q, 20, 1, 1, {.max_code = 2}, {{"stride", "2"}});
  const std::string y = b.conv(q, 20, 3, 3, {.max_code = 3, .bias = true}, {{"pad", "1"}, {"stride", "2"}});
  x = b.plain("add", {b.affine(s), y, b.plain("zero", {y})});
  x = b.plain("flatten", {b.plain("global_avg_pool", {b.prelu(x)})});
  b.linear(x, 7, {.bias = true});
  check_everywhere(b);
}

TEST_CASE("session: sums of images narrower and wider than a word of positions") {
  for (const char* shape : {"5x3x1", "5x9x7", "5x4x28", "5x3x57", "5x3x58", "5x2x64", "5x2x150"}) {
    for (const int scales : {1, 2}) {
      Builder b(19);
      const std::string x = b.conv(b.input(shape), 6, 1, 1, {});
      const std::string y = b.affine(b.conv(b.quantize(x, -1, 1), 6, 3, 3, {.max_code = 1, .scales = scales}, kPad1));
      const std::string z = b.quantize(b.plain("add", {x, y}), 0, 3, "0.5");
      const std::string w = b.conv(z, 6, 3, 3, {.max_code = 1}, kPad1);
      b.linear(b.plain("flatten", {b.plain("global_avg_pool", {b.plain("relu", {b.affine(w)})})}), 4, {});
      INFO(shape << ", " << scales << " scales");
      check_everywhere(b);
    }
  }
}

TEST_CASE("session: padded pixels of several codes around one value, and of none") {
  for (const auto& [lo, hi] : {std::pair{-1, 1}, {0, 3}, {1, 2}}) {
    Builder b(17);
    const std::string x = b.quantize(b.affine(b.conv(b.input("2x9x7"), 16, 3, 3, {}, kPad1)), lo, hi, "0.5");
    std::vector<std::string> parts;
    for (const std::string& code : {std::to_string(lo), std::to_string(hi), std::string()}) {
      test::Attrs extra = {{"pad", "1"}};
      if (!code.empty()) extra.emplace_back("pad_code", code);
      parts.push_back(b.conv(x, 8, 3, 3, {.max_code = 1}, extra));
      parts.push_back(b.conv(x, 8, 3, 3, {.max_code = 1, .scales = 2, .bias = true}, extra));
      parts.push_back(b.conv(x, 8, 3, 3, {.bias = true}, extra));
      parts.push_back(b.conv(b.conv(x, 8, 3, 3, {.max_code = 1, .lo = 0, .hi = 1}, extra), 8, 1, 1, {.max_code = 1}));
      extra.emplace_back("groups", "4");
      parts.push_back(b.conv(x, 8, 3, 3, {.max_code = 1}, extra));
    }
    b.linear(b.plain("flatten", {b.plain("add", parts)}), 5, {});
    check_everywhere(b);
  }
}

TEST_CASE("session: infinite values meet zero weights the same way everywhere") {
  Builder b(19);
  const std::string x = b.affine(b.conv(b.input("2x6x6"), 4, 3, 3, {}, kPad1));
  b.model.blobs[x + ".k1"].f32.assign(4, 3e38f);
  const std::string y = b.affine(x);  // beyond the largest float
  b.model.blobs[y + ".k1"].f32.assign(4, 3e38f);
  const std::string c = b.conv(y, 3, 1, 1, {}), d = b.conv(y, 3, 1, 1, {.max_code = 1});
  for (const std::string& node : {c, d}) {
    auto& w = b.model.blobs[node + ".weight"];
    if (!w.f32.empty())
      w.f32[1] = w.f32[6] = 0;
    else
      w.codes[1] = w.codes[6] = 0;
  }
  b.plain("add", {c, d});
  const auto images = b.images(1);
  infer::Session reference(b.model, {.isa = Isa::kReference});
  const auto want = reference.run(images, 1);
  CHECK(std::any_of(want.begin(), want.end(), [](float v) { return std::isnan(v); }));
  for (const Isa isa : available_isas()) {
    infer::Session fast(b.model, {.isa = isa});
    const auto got = fast.run(images, 1);
    REQUIRE(got.size() == want.size());
    for (std::size_t i = 0; i < got.size(); ++i)
      CHECK((got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i]))));
  }
}

TEST_CASE("session: shifts of real values and of codes") {
  Builder b(18);
  const std::string x = b.affine(b.conv(b.input("2x9x7"), 8, 3, 3, {}, kPad1));
  const std::string q = b.quantize(x, -1, 1), y = b.plain("shift", {q}, {{"by", "2"}, {"pad_code", "1"}});
  std::vector<std::string> parts{b.conv(b.plain("shift", {x}, {{"by", "1"}}), 8, 3, 3, {}, kPad1),
                                 b.conv(y, 8, 3, 3, {.max_code = 1}, {{"pad", "1"}, {"pad_code", "-1"}}),
                                 b.conv(b.plain("shift", {q}, {{"by", "7"}}), 8, 3, 3, {.max_code = 1}, kPad1)};
  b.linear(b.plain("flatten", {b.plain("add", parts)}), 5, {});
  check_everywhere(b);
}

TEST_CASE("session: logic-gated residuals") {
  Builder b(13);
  std::string x = b.input("2x12x12");
  x = b.quantize(b.affine(b.conv(x, 24, 3, 3, {}, kPad1)), 0, 1);
  for (const char* op : {"or", "mux"}) {
    std::string y = b.conv(x, 24, 3, 3, {.max_code = 1, .lo = 0, .hi = 1}, kPad1);
    y = b.conv(y, 24, 3, 3, {.max_code = 1, .lo = 0, .hi = 1}, kPad1);
    x = std::string(op) == "or" ? b.plain("or", {x, y}) : b.plain("mux", {y, x, b.plain("tgap", {x})});
  }
  x = b.plain("max_pool", {x}, {{"kernel", "3"}, {"stride", "2"}, {"pad", "1"}, {"ceil", "1"}});
  x = b.plain("avg_pool", {x}, {{"kernel", "3"}, {"stride", "2"}, {"pad", "1"}});
  b.linear(b.plain("flatten", {x}), 5, {});
  check_everywhere(b);
}

TEST_CASE("session: weights as codes on real inputs, concatenation, depthwise and grouped convolution") {
  Builder b(14);
  std::string x = b.input("3x11x9");
  x = b.conv(x, 12, 3, 3, {.max_code = 1, .scales = 2, .bias = true}, kPad1);
  const std::string h = b.plain("hardtanh", {x});
  const std::string q1 = b.quantize(h, -1, 1), q2 = b.quantize(x, -1, 1), q3 = b.quantize(x, -1, 1, "0.5");
  const std::string c = b.plain("concat", {q1, q2});
  const std::string d = b.plain("concat", {q1, q3});
  const std::string depthwise = b.conv(c, 24, 3, 3, {.max_code = 1, .scales = 0}, {{"pad", "1"}, {"groups", "24"}});
  const std::string grouped = b.conv(b.quantize(b.plain("relu", {d}), 0, 2), 16, 3, 3, {.max_code = 1},
                                     {{"groups", "1"}, {"pad", "2"}, {"dilation", "2"}});
  const std::string codes = b.conv(c, 16, 1, 1, {.max_code = 1, .lo = -3, .hi = 3});
  const std::string grouped2 =
      b.conv(codes, 32, 3, 3, {.max_code = 1, .binary = true, .lo = -1, .hi = 1}, {{"groups", "2"}, {"pad", "1"}});
  const std::string pooled = b.plain("max_pool", {grouped}, {{"kernel", "2"}});
  std::string y = b.plain("concat", {depthwise, grouped, grouped2});
  y = b.plain("avg_pool", {y}, {{"kernel", "2"}, {"stride", "2"}, {"ceil", "1"}, {"count_pad", "1"}});
  y = b.plain("flatten", {y});
  const std::string z = b.linear(b.plain("flatten", {pooled}), 9, {.max_code = 1, .scales = 1});
  y = b.plain("relu", {b.linear(y, 9, {})});
  b.plain("add", {y, z});
  check_everywhere(b);
}

TEST_CASE("session: joined and shuffled channels stay on planes between layers") {
  for (const int levels : {1, 2, 5}) {
    INFO(levels);
    Builder b(static_cast<std::uint64_t>(30 + levels));
    const Builder::Weights w{.max_code = 1, .lo = 0, .hi = levels};
    const std::string x = b.quantize(b.conv(b.input("3x12x9"), 20, 3, 3, {}, kPad1), 0, levels, "0.5");
    const std::string pooled = b.plain("max_pool", {x}, {{"kernel", "3"}, {"stride", "1"}, {"pad", "1"}});
    std::string y = b.plain(
        "concat", {b.conv(x, 12, 1, 1, w), b.conv(x, 16, 5, 5, w, {{"pad", "2"}}), b.conv(pooled, 7, 1, 1, w), x});
    y = b.conv(b.plain("channel_shuffle", {y}, {{"groups", "5"}}), 40, 3, 3, w, {{"pad", "1"}, {"groups", "5"}});
    y = b.conv(b.plain("channel_shuffle", {y}, {{"groups", "8"}}), 9, 3, 3, w, {{"stride", "2"}});
    b.linear(b.plain("flatten", {y}), 5, {});
    for (const char* kernel : {"kpacked", "bitsliced", ""}) {
      int moved = 0;
      for (const auto& step : infer::Session(b.model, {.isa = Isa::kPortable, .kernel = kernel}).plan()) {
        moved += step.nodes.find("concat") != std::string::npos || step.nodes.find("shuffle") != std::string::npos;
        if (step.nodes.find("concat") != std::string::npos) CHECK(step.kernel.starts_with("planes/"));
      }
      CHECK(moved >= 3);
    }
    check_everywhere(b);
  }
}

TEST_CASE("session: networks of random ops") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Builder b(1000 + seed);
    const std::array<const char*, 4> shapes = {"1x9x9", "3x8x10", "2x5x14", "4x16x16"};
    std::vector<std::string> values = {b.input(shapes[seed % 4])};
    for (int step = 0; step < 9; ++step) {
      const std::string x = values[values.size() - 1 - b.rng().below(std::min<std::size_t>(values.size(), 3))];
      const infer::ValueType t = b.type(x);
      const bool image = t.shape.rank() == 3;
      const std::string stride = std::to_string(b.pick(1, 2)), pad = std::to_string(b.pick(0, 2));
      const auto kernel = b.pick(1, 3);
      const bool fits = image && t.height() >= kernel && t.width() >= kernel;
      Builder::Weights w{.max_code = static_cast<int>(b.pick(0, 3)),
                         .scales = static_cast<int>(b.pick(0, 2)),
                         .bias = b.pick(0, 1) == 1};
      if (t.is_codes() && w.max_code > 0 && w.scales < 2 && b.pick(0, 1) == 0) {
        const auto levels = b.pick(1, 8);
        w.lo = static_cast<int>(-b.pick(0, levels));
        w.hi = static_cast<int>(w.lo + levels);
        w.bias = false;
      }
      switch (b.rng().below(11)) {
        case 0:
        case 1:
        case 2:
          if (fits)
            values.push_back(
                b.conv(x, b.pick(1, 40), kernel, b.pick(1, kernel), w, {{"stride", stride}, {"pad", pad}}));
          break;
        case 3:
          if (!image) values.push_back(b.linear(x, b.pick(1, 30), w));
          break;
        case 4:
          values.push_back(b.affine(x));
          break;
        case 5:
        case 6: {
          const auto levels = static_cast<int>(b.pick(1, 9));
          const int lo = static_cast<int>(-b.pick(0, levels));
          values.push_back(b.quantize(x, lo, lo + levels, "0.5"));
          break;
        }
        case 7:
          if (fits)
            values.push_back(b.plain(b.pick(0, 1) ? "max_pool" : "avg_pool", {x},
                                     {{"kernel", std::to_string(kernel)}, {"stride", stride}}));
          break;
        case 8: {
          for (const std::string& other : values) {
            if (b.type(other).shape == t.shape) {
              values.push_back(b.plain(image && b.pick(0, 1) ? "concat" : "add", {x, other}));
              break;
            }
          }
          break;
        }
        case 9:
          if (image)
            values.push_back(b.plain("channel_shuffle", {x},
                                     {{"groups", std::to_string(t.channels() % 3 == 0 ? 3 : t.channels())}}));
          break;
        default:
          if (t.numel() < 600)
            values.push_back(b.plain("flatten", {x}));
          else
            values.push_back(b.plain("relu", {x}));
      }
    }
    INFO("seed " << seed);
    check_everywhere(b, 2);
  }
}

TEST_CASE("session: results do not depend on the number of threads or on the batch") {
  Builder b(15);
  std::string x = b.input("1x40x40");
  x = b.quantize(b.conv(x, 32, 5, 5, {}, kPad1), -1, 1);
  x = b.conv(x, 64, 3, 3, {.max_code = 1, .lo = -1, .hi = 1}, kPad1);
  x = b.affine(b.conv(x, 64, 3, 3, {.max_code = 1}, kPad1));
  b.linear(b.plain("flatten", {x}), 10, {});
  const int before = num_threads();
  const auto images = b.images(7);
  std::vector<float> want;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    for (const int limit : {0, 1, 2, 5}) {
      for (const std::string kernel : {"kpacked", "bitsliced", ""}) {
        infer::Session s(b.model, {.threads = limit, .kernel = kernel});
        if (want.empty()) want = s.run(images, 7);
        CHECK(same_bits(s.run(images, 7), want));
        CHECK(same_bits(s.run(std::span(images).first(1600), 1), {want.begin(), want.begin() + 10}));
      }
    }
  }
  set_num_threads(before);
}

TEST_CASE("session: images of a batch share vectors where they are small") {
  Builder b(21);
  std::string x = b.input("2x7x7");
  x = b.quantize(b.conv(x, 16, 3, 3, {}, kPad1), -1, 1);
  for (int i = 0; i < 3; ++i) x = b.conv(x, 16, 3, 3, {.max_code = 1, .lo = -1, .hi = 1}, kPad1);
  b.linear(b.plain("flatten", {x}), 3, {});
  infer::Session s(b.model, {.isa = available_isas().back(), .kernel = "bitsliced"});
  double one = 0, eight = 0;
  for (const auto& step : s.plan()) one += step.kernel.starts_with("bitsliced") ? step.predicted_seconds : 0;
  for (const auto& step : s.plan(8)) eight += step.kernel.starts_with("bitsliced") ? step.predicted_seconds : 0;
  CHECK(one > 0);
  CHECK(eight > 0);
  CHECK(eight <= one);
  if (available_isas().back() >= Isa::kAvx512) CHECK(eight < 0.2 * one);  // 512 positions hold 8 images
  check_everywhere(b, 2);
}

TEST_CASE("session: arg max takes the lowest index on ties and never NaN") {
  const float nan = std::nanf("");
  CHECK(infer::arg_max(std::vector<float>{1, 3, 3, 2}) == 1);
  CHECK(infer::arg_max(std::vector<float>{nan, -1, nan, 0}) == 3);
  CHECK(infer::arg_max(std::vector<float>{nan, nan}) == 0);
}

TEST_CASE("session: bad options and sizes") {
  Builder b(16);
  b.linear(b.plain("flatten", {b.input("1x4x4")}), 3, {});
  CHECK_THROWS_AS(infer::Session(b.model, {.threads = -1}), ValueError);
  CHECK_THROWS_WITH(infer::Session(b.model, {.kernel = "fast"}), ContainsSubstring("kpacked"));
  infer::Session s(b.model);
  std::vector<std::uint8_t> image(16);
  std::vector<float> logits(4);
  CHECK_THROWS_AS(s.profile(image, 0), ValueError);
  CHECK_THROWS_AS(s.profile({}, 1), ShapeError);
  const auto before = s.run(image, 1);
  const auto times = s.profile(image, 3);
  REQUIRE(times.size() == s.plan().size());
  for (const auto& t : times) CHECK((t.best_seconds >= 0 && t.median_seconds >= t.best_seconds));
  CHECK(s.run(image, 1) == before);
  CHECK(s.arena_bytes() > 0);
  CHECK_THROWS_AS(s.run(image, 2), ShapeError);
  CHECK_THROWS_AS(s.run(image, 1, logits), ShapeError);
  CHECK(s.run({}, 0).empty());
  // 16 and 3 times these counts are 0 in 64 bits, or just a little.
  constexpr std::int64_t kOne = 1, kMax = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t n : {kOne << 60, kOne << 62, kMax, -kOne}) {
    INFO(n);
    CHECK_THROWS_AS(s.run({}, n, std::span<float>()), ShapeError);
    CHECK_THROWS_AS(s.run({}, n), ShapeError);
    CHECK_THROWS_AS(s.predict({}, n), ShapeError);
  }
  // Images whose number fits, of results that would not.
  Builder wide(17);
  wide.linear(wide.plain("flatten", {wide.input("1x1x1")}), 16, {});
  infer::Session results(wide.model);
  const std::span<const std::uint8_t> claimed(image.data(), std::size_t{1} << 60);
  CHECK_THROWS_AS(results.run(claimed, std::int64_t{1} << 60, std::span<float>()), ShapeError);
  CHECK_THROWS_AS(results.run(claimed, std::int64_t{1} << 60), ShapeError);
  CHECK_THROWS_AS(infer::Session::load("/nonexistent.tern"), IoError);
}

TEST_CASE("session: a small file may not ask for days of work") {
  packed::Model m;
  m.graph = Graph::parse(
      "tern-graph 1\nx = input() shape=1x4096x4096\nbig = max_pool(x) kernel=4001 stride=1 pad=2000\ny = relu(big)\n");
  CHECK_THROWS_AS(infer::Session(m), FormatError);
  CHECK_THROWS_WITH(infer::Session(m),
                    ContainsSubstring("\"big\"") && ContainsSubstring("2.7e+14") && ContainsSubstring("--max-work"));
  CHECK_NOTHROW(infer::check_model(m));
  for (const char* line : {"y = avg_pool(x) kernel=4001 stride=1 pad=2000\n",
                           "y = conv2d(x) out=4 kernel=4001 pad=2000\n", "y = quantize(x) lo=-128 hi=127 step=1\n"}) {
    m.graph = Graph::parse("tern-graph 1\nx = input() shape=1x4096x4096\n" + std::string(line));
    m.blobs["y.weight"] = packed::Blob::of_floats({4, 1, 4001, 4001}, std::vector<float>(4 * 4001 * 4001));
    m.blobs["y.thresholds"] = packed::Blob::of_floats({255}, std::vector<float>(255));
    INFO(line);
    CHECK_THROWS_WITH(infer::Session(m, {.max_work = 4e9}), ContainsSubstring("\"y\""));
  }
}

TEST_CASE("session: the limit of work can be raised and lifted") {
  Builder b(16);
  b.linear(b.plain("flatten", {b.input("1x4x4")}), 3, {});
  // The image 16, flatten 32, the dense layer 16 + 3 and 48 products.
  CHECK_NOTHROW(infer::Session(b.model, {.max_work = 115}));
  CHECK_THROWS_WITH(infer::Session(b.model, {.max_work = 114}), ContainsSubstring("linear"));
  CHECK_NOTHROW(infer::Session(b.model, {.max_work = std::numeric_limits<double>::infinity()}));
  for (const double bad : {0.0, -1.0, std::nan("")})
    CHECK_THROWS_AS(infer::Session(b.model, {.max_work = bad}), ValueError);
}
