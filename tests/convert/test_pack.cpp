#include <limits>

#include "begin_step.hpp"
#include "catch.hpp"
#include "convert/packing.hpp"
#include "nn/layer_util.hpp"
#include "tern/error.hpp"

using tern::Graph;
using tern::Network;
using tern::Shape;
using tern::Tensor;
using tern::testing::check_identical;
using tern::testing::random_bytes;
using tern::testing::shaken;

namespace {

const std::string kHead = "tern-graph 1\nimage = input() shape=3x10x10 mean=0.5,0.4,0.3 std=0.2,0.25,0.3\n";

}  // namespace

TEST_CASE("pack: folded chains equal the network on every path", "[convert]") {
  for (const std::string weights : {"twn", "twn:group=filter", "bwn", "heq:n=5"}) {
    for (const std::string acts :
         {"ternary", "heaviside", "dorefa:bits=2", "fatnn:mode=unsigned", "lsq:bits=2", "sign"}) {
      INFO(weights << " x " << acts);
      check_identical(
          kHead + "c1 = conv2d(image) out=8 kernel=3 pad=1\nb1 = batch_norm(c1)\nq1 = quantize(b1) acts=" + acts +
              "\nc2 = conv2d(q1) out=9 kernel=3 pad=1 weights=" + weights +
              "\nb2 = batch_norm(c2)\nq2 = quantize(b2) acts=" + acts +
              "\np2 = max_pool(q2) kernel=2\nc3 = conv2d(p2) out=16 kernel=3 stride=2 pad=1 weights=" + weights +
              "\nb3 = batch_norm(c3)\nr3 = act(b3) kind=relu\nq3 = quantize(r3) acts=" + acts +
              "\nf = flatten(q3)\nfc = linear(f) out=5\n",
          3, 10);
    }
  }
}

TEST_CASE("pack: padded pixels behind a sign are +1, in training, evaluation and packed", "[convert]") {
  // One pixel under nine weights: a weight of +0.5 each makes 0.5 (x + 8) with x = sgn(pixel).
  const std::string text =
      "tern-graph 1\nimage = input() shape=1x1x1 mean=0.5 std=1\nq = quantize(image) acts=sign\nc = conv2d(q) out=1 "
      "kernel=3 pad=1";
  for (const std::string weights : {"", " weights=bwn", " weights=ttq"}) {
    INFO(weights);
    Network net(Graph::parse(text + weights + "\n"), 1);
    for (const auto& p : net.parameters()) {
      for (float& x : p.value.span<float>()) x = 0.5f;
    }
    const Tensor images = Tensor::from(std::vector<float>{0.25f, -0.25f}, Shape{2, 1, 1, 1});
    for (const bool training : {true, false}) {
      if (training)
        tern::testing::begin_step(net);
      else
        net.set_training(false);
      const Tensor y = net.forward(images);
      CHECK(y.data<float>()[0] == 4.5f);
      CHECK(y.data<float>()[1] == 3.5f);
    }
    for (const tern::infer::Options& how : tern::infer::every_path()) {
      tern::infer::Session session(tern::packed::decode(tern::packed::encode(tern::pack(net))), how);
      CHECK(session.run(std::vector<std::uint8_t>{192, 64}, 2) == std::vector<float>{4.5f, 3.5f});
    }
  }
}

TEST_CASE("pack: sign activations through pools, joins, float layers and groups", "[convert]") {
  for (const std::string weights : {"bwn", "twn", "ttq", "none"}) {
    INFO(weights);
    check_identical(
        kHead +
            "c1 = conv2d(image) out=16 kernel=3 pad=1\nb1 = batch_norm(c1)\nq1 = quantize(b1) acts=sign"
            "\nd1 = dropout(q1) p=0.5\nn1 = act(d1) kind=none\nc2 = conv2d(n1) out=16 kernel=5 pad=2 groups=2 "
            "weights=" +
            weights +
            "\nb2 = batch_norm(c2)\nq2 = quantize(b2) acts=sign\np1 = max_pool(q1) kernel=2\np2 = max_pool(q2) "
            "kernel=3 stride=2 pad=1"
            "\nk = concat(p1, p2)\nj = channel_shuffle(k) groups=4\nc3 = conv2d(j) out=12 kernel=3 pad=1 stride=2 "
            "dilation=2 weights=" +
            weights + "\nc4 = conv2d(p2) out=6 kernel=5 pad=2 groups=2 stride=2 weights=" + weights +
            "\nb3 = batch_norm(c3)\nq3 = quantize(b3) acts=sign\nf = flatten(q3)\nfc = linear(f) out=5\ng = flatten(c4)"
            "\ng2 = linear(g) out=5\nsum = add(fc, g2)\n",
        3, 10);
  }
}

TEST_CASE("pack: inputs that are padded differently are not joined", "[convert]") {
  Network net(Graph::parse("tern-graph 1\nimage = input() shape=1x4x4\na = quantize(image) acts=sign\nb = "
                           "quantize(image) acts=ternary\nj = concat(a, b)\n"),
              1);
  CHECK_THROWS_WITH(net.forward(Tensor::zeros(Shape{1, 1, 4, 4})), ContainsSubstring("padded with one value"));
}

TEST_CASE("pack: two scales, residual sums and concatenation stay exact in floats", "[convert]") {
  for (const std::string weights : {"ttq", "tas"}) {
    INFO(weights);
    check_identical(kHead +
                        "c1 = conv2d(image) out=8 kernel=3 pad=1\nb1 = batch_norm(c1)\nq1 = quantize(b1) acts=ternary"
                        "\nc2 = conv2d(q1) out=8 kernel=3 pad=1 weights=" +
                        weights +
                        "\nb2 = batch_norm(c2)\ns = add(b2, b1)\nr = act(s) kind=relu\nq2 = quantize(r) acts=ternary"
                        "\nj = concat(q1, q2)\nc3 = conv2d(j) out=6 kernel=1 weights=twn\nb3 = batch_norm(c3)"
                        "\ng = global_avg_pool(b3)\nf = flatten(g)\nfc = linear(f) out=5\n",
                    3, 10);
  }
}

TEST_CASE("pack: ternary weights on real activations, and a network without quantizers", "[convert]") {
  for (const std::string weights : {" weights=twn", ""}) {
    INFO(weights);
    check_identical(kHead +
                        "c1 = conv2d(image) out=8 kernel=3 pad=1\nb1 = batch_norm(c1)\nr1 = act(b1) kind=relu"
                        "\nc2 = conv2d(r1) out=8 kernel=3 pad=1" +
                        weights +
                        "\nb2 = batch_norm(c2)\nr2 = act(b2) kind=relu\np = avg_pool(r2) kernel=2\nf = flatten(p)"
                        "\nfc = linear(f) out=5" +
                        weights + "\n",
                    3, 10, false);
  }
}

TEST_CASE("pack: average pools with padding and rounded-up extents", "[convert]") {
  for (const std::string pool : {"kernel=3 stride=2 pad=1 ceil=1 count_pad=1", "kernel=3 stride=2 pad=1 ceil=1",
                                 "kernel=2 stride=3 ceil=1 count_pad=1"}) {
    INFO(pool);
    check_identical(kHead +
                        "c1 = conv2d(image) out=8 kernel=3 pad=1\nb1 = batch_norm(c1)\nq1 = quantize(b1) acts=ternary"
                        "\np1 = avg_pool(q1) " +
                        pool + "\np2 = avg_pool(p1) " + pool + "\nf = flatten(p2)\nfc = linear(f) out=5\n",
                    3, 10);
  }
}

TEST_CASE("pack: one changed threshold is found", "[convert]") {
  Network net = shaken(
      kHead +
          "c1 = conv2d(image) out=8 kernel=3 pad=1\nb1 = batch_norm(c1)\nq1 = quantize(b1) acts=ternary"
          "\nc2 = conv2d(q1) out=8 kernel=3 pad=1 weights=twn\nb2 = batch_norm(c2)\nq2 = quantize(b2) acts=ternary"
          "\nf = flatten(q2)\nfc = linear(f) out=5\n",
      3);
  auto model = tern::pack(net);
  const tern::Images images = random_bytes(3, 10, 20, 6);
  CHECK(tern::verify(net, model, {}, images, 20).identical());
  model.blobs.at("q2.thresholds").i32[3] += 1;
  const auto r = tern::verify(net, model, {}, images, 20);
  CHECK_FALSE(r.identical());
  CHECK(r.different_codes > 0);
}

TEST_CASE("verify: a packed file with another number of classes is refused", "[convert]") {
  for (const auto& [ours, theirs] : {std::pair{2, 5}, {5, 2}}) {
    const auto text = [](int classes) {
      return kHead + "f = flatten(image)\nfc = linear(f) out=" + std::to_string(classes) + "\n";
    };
    Network net(Graph::parse(text(ours)), 1), other(Graph::parse(text(theirs)), 1);
    other.set_training(false);
    const auto model = tern::pack(other);
    const tern::Images images = random_bytes(3, 10, 4, 6);
    const std::string why = "the network has " + std::to_string(ours) + ", the packed file " + std::to_string(theirs);
    CHECK_THROWS_AS(tern::verify(net, model, {}, images, 4), tern::ShapeError);
    CHECK_THROWS_WITH(tern::verify(net, model, {}, images, 4), ContainsSubstring(why));
  }
}

TEST_CASE("pack: a network that is not finite is refused before it is a file", "[convert]") {
  Network net = shaken(
      kHead + "c1 = conv2d(image) out=8 kernel=3\nb1 = batch_norm(c1)\nf = flatten(b1)\nfc = linear(f) out=5\n", 3);
  CHECK_NOTHROW(tern::pack(net));
  for (const auto& t : net.state()) {
    if (t.name == "b1.running_mean") t.value.span<float>()[2] = std::numeric_limits<float>::quiet_NaN();
  }
  CHECK_THROWS_AS(tern::pack(net), tern::ValueError);
  CHECK_THROWS_WITH(tern::pack(net),
                    ContainsSubstring("[pack] no session would load the result: ") && ContainsSubstring("node \"b1\""));
}

TEST_CASE("pack: refuses what it cannot carry", "[convert]") {
  Network net(Graph::parse("tern-graph 1\nimage = input() shape=1x4x4\nx = act(image) kind=tanh\n"), 1);
  net.set_training(true);
  CHECK_THROWS_WITH(tern::pack(net), ContainsSubstring("evaluation mode"));
  net.set_training(false);
  CHECK_THROWS_WITH(tern::pack(net), ContainsSubstring("\"tanh\" has no packed form"));
}

TEST_CASE("pack: what the output does not depend on is left out, so that the last packed node is the output",
          "[convert]") {
  // The output is a dropout of fc; other is behind fc in the graph, and what it reads has no packed form.
  Network net = shaken(kHead +
                           "c1 = conv2d(image) out=8 kernel=3\nq1 = quantize(c1) acts=ternary\nf = flatten(q1)"
                           "\nfc = linear(f) out=5\nt = act(q1) kind=tanh\nft = flatten(t)\nother = linear(ft) out=5"
                           "\ny = dropout(fc)\n",
                       3);
  const auto model = tern::pack(net);
  CHECK(model.graph.output().name == "fc");
  CHECK(model.graph.find("other") < 0);
  CHECK(tern::verify(net, model, {}, random_bytes(3, 10, 20, 6), 20).identical());
}

TEST_CASE("verify: another normalisation, another step and another node are found", "[convert]") {
  Network net = shaken(kHead +
                           "c1 = conv2d(image) out=8 kernel=3\nq1 = quantize(c1) acts=lsq:bits=2\nf = flatten(q1)"
                           "\nfc = linear(f) out=5\n",
                       3);
  const tern::Images images = random_bytes(3, 10, 20, 6);
  const auto differs_at = [&](const std::string& node, const char* key, const std::string& value) {
    auto model = tern::pack(net);
    model.graph.nodes()[static_cast<std::size_t>(model.graph.find(node))].set(key, value);
    return !tern::verify(net, model, {.isa = tern::Isa::kReference}, images, 20).identical();
  };
  CHECK_FALSE(differs_at("image", "mean", "0.5,0.4,0.3"));  // as it is
  CHECK(differs_at("image", "mean", "0.5,0.4,0.31"));
  CHECK(differs_at("q1", "step", "0.75"));
  CHECK(differs_at("q1", "value_of", "q7"));
}

TEST_CASE("verify: a packed file that names no node of the network is compared by its logits", "[convert]") {
  Network net = shaken(kHead + "c1 = conv2d(image) out=8 kernel=3\nf = flatten(c1)\nfc = linear(f) out=5\n", 3);
  auto model = tern::pack(net);
  for (tern::GraphNode& node : model.graph.nodes())
    std::erase_if(node.attrs, [](auto& a) { return a.first == "value_of"; });
  const tern::Images images = random_bytes(3, 10, 20, 6);
  const auto same = tern::verify(net, model, {}, images, 20);
  CHECK(same.identical());
  REQUIRE(same.nodes.size() == 1);
  CHECK(same.nodes[0].values == 20 * 5);
  model.blobs.at("fc.bias").f32[1] += 1e-4f;
  CHECK_FALSE(tern::verify(net, model, {}, images, 20).identical());
}

TEST_CASE("pack: averages of more codes than float sums can count", "[convert]") {
  // 420 x 420 pixels of code 127 are more than 2^24.
  Network net = shaken(
      "tern-graph 1\nimage = input() shape=1x420x420 std=0.125\nq = quantize(image) acts=image\ng = "
      "global_avg_pool(q)\n",
      1);
  tern::Images images = random_bytes(1, 420, 2, 1);
  std::fill(images.pixels.begin(), images.pixels.end(), std::uint8_t{255});
  images.pixels[7] = 3;
  CHECK(tern::verify(net, tern::pack(net), {}, images, 2).identical());
}

TEST_CASE("pack: codes of a quantizer that break its own word are refused", "[convert]") {
  struct Wild final : tern::WeightQuantizer {
    Tensor forward(const Tensor& w) override { return w; }
    tern::WeightCodes deploy(const Tensor&) const override { return codes; }
    tern::WeightCodes codes{.shape = {1, 2}, .codes = {1, -1}, .scale_pos = {1}, .scale_neg = {1}};
  };
  const Tensor w = Tensor::zeros(Shape{1, 2});
  Wild q;
  CHECK_NOTHROW(tern::deployed(q, w));
  q.codes.codes[1] = -2;
  CHECK_THROWS_WITH(tern::deployed(q, w), ContainsSubstring("size max_code = 1 or less; got -2"));
  q.codes.codes = {1, 0, 1};
  CHECK_THROWS_WITH(tern::deployed(q, w),
                    ContainsSubstring("a code for each weight of 1x2") && ContainsSubstring("3 codes"));
  q.codes.codes = {1, 0};
  q.codes.scale_neg = {};
  CHECK_THROWS_AS(tern::deployed(q, w), tern::ValueError);
}
