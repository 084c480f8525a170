#include <cmath>
#include <map>

#include "begin_step.hpp"
#include "catch.hpp"
#include "random_normal.hpp"
#include "requested_bytes.hpp"
#include "tern/autograd.hpp"
#include "tern/error.hpp"
#include "tern/nn.hpp"
#include "tern/ops.hpp"

using tern::Graph;
using tern::Network;
using tern::Rng;
using tern::Shape;
using tern::Tensor;
using tern::testing::random_normal;

namespace {

const char* kSmall =
    "tern-graph 1\n"
    "image = input() shape=2x6x6\n"
    "c1 = conv2d(image) out=4 kernel=3 pad=1\n"
    "b1 = batch_norm(c1)\n"
    "q1 = quantize(b1) acts=ternary\n"
    "c2 = conv2d(q1) out=4 kernel=3 pad=1 weights=twn\n"
    "b2 = batch_norm(c2)\n"
    "q2 = quantize(b2) acts=ternary\n"
    "p2 = max_pool(q2) kernel=2\n"
    "f = flatten(p2)\n"
    "fc = linear(f) out=3\n";

}  // namespace

TEST_CASE("network: same seed, same weights; another seed, others", "[nn]") {
  Network a(Graph::parse(kSmall), 7), b(Graph::parse(kSmall), 7), c(Graph::parse(kSmall), 8);
  const auto first = [](Network& n) { return n.parameters()[0].value.to_vector(); };
  CHECK(first(a) == first(b));
  CHECK(first(a) != first(c));
  CHECK(a.quantized());
  CHECK(a.output_shape() == Shape{3});
}

TEST_CASE("network: padding behind a quantizer is padding in front of it", "[nn]") {
  const auto text = [](const std::string& acts, int side, int pad) {
    return "tern-graph 1\nimage = input() shape=2x" + std::to_string(side) + "x" + std::to_string(side) +
           "\nq = quantize(image) acts=" + acts + "\nc = conv2d(q) out=3 kernel=3 pad=" + std::to_string(pad) +
           " weights=twn\n";
  };
  const Tensor images = random_normal(Shape{4, 2, 6, 6}, 5);
  const Tensor wide = tern::pad(tern::pad(images, 2, 1, 1), 3, 1, 1);
  for (const std::string acts : {"sign", "heaviside", "ternary", "dorefa", "fatnn:mode=unsigned"}) {
    for (const bool training : {true, false}) {
      INFO(acts << ", training " << training);
      Network inner(Graph::parse(text(acts, 6, 1)), 7), outer(Graph::parse(text(acts, 8, 0)), 7);
      for (Network* net : {&inner, &outer}) {
        if (training)
          tern::testing::begin_step(*net);
        else
          net->set_training(false);
      }
      const auto a = inner.forward(images).to_vector(), b = outer.forward(wide).to_vector();
      REQUIRE(a.size() == b.size());
      for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == Approx(b[i]).margin(1e-6));
    }
  }
}

TEST_CASE("network: a channel shuffle reads the matrix of channels by columns, and its gradient goes back there",
          "[nn]") {
  Network net(Graph::parse("tern-graph 1\nimage = input() shape=6x1x2\ns = channel_shuffle(image) groups=2\n"), 1);
  net.set_training(true);
  Tensor x = Tensor::zeros(Shape{1, 6, 1, 2});
  for (std::size_t i = 0; i < 12; ++i) x.span<float>()[i] = static_cast<float>(i);
  x.set_requires_grad(true);
  const Tensor y = net.forward(x);
  CHECK(y.to_vector() == std::vector<double>{0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11});
  Tensor weights = Tensor::zeros(y.shape());
  weights.span<float>()[2] = 1;  // channel 1 of the result is channel 3
  tern::backward(tern::sum(tern::mul(y, weights)));
  CHECK(x.grad().to_vector() == std::vector<double>{0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0});
}

TEST_CASE("network: a training step moves every weight and reduces the loss", "[nn]") {
  Network net(Graph::parse(kSmall), 1);
  net.set_training(true);
  const Tensor images = random_normal(Shape{16, 2, 6, 6}, 3);
  std::vector<std::int64_t> labels(16);
  for (std::size_t i = 0; i < 16; ++i) labels[i] = static_cast<std::int64_t>(i % 3);
  const Tensor y = Tensor::from(labels, Shape{16});
  net.init_quantizers(images);
  net.on_epoch_begin({});
  double first = 0, last = 0;
  for (int step = 0; step < 40; ++step) {
    net.before_step({.epoch = 0, .step = step});
    for (const auto& p : net.parameters()) p.value.zero_grad();
    const Tensor loss = tern::cross_entropy(net.forward(images), y);
    tern::backward(loss);
    if (step == 0) first = loss.item();
    last = loss.item();
    for (const auto& p : net.parameters()) {
      INFO(p.name);
      REQUIRE(p.value.grad().defined());
      const auto w = p.value.span<float>();
      const auto g = p.value.grad().span<float>();
      for (std::size_t i = 0; i < w.size(); ++i) w[i] -= 0.05f * g[i];
    }
    net.after_step();
  }
  CHECK(last < 0.7 * first);
}

TEST_CASE("network: ReLU fused into the layer before it changes no bit", "[nn]") {
  tern::ModelOptions options;
  options.input = Shape{3, 8, 8};
  options.classes = 5;
  options.width = 4;
  const Tensor images = random_normal(Shape{6, 3, 8, 8}, 3);
  const Tensor labels = Tensor::from(std::vector<std::int64_t>{0, 1, 2, 3, 4, 0}, Shape{6});
  for (const bool training : {true, false}) {
    Network fused(tern::make_model("resnet20", options), 1), plain(tern::make_model("resnet20", options), 1);
    std::size_t nodes = 0;
    plain.set_tap([&](const tern::GraphNode&, const tern::Value&) { ++nodes; });  // with a listener nothing is fused
    for (Network* net : {&fused, &plain}) net->set_training(training);
    const Tensor a = fused.forward(images), b = plain.forward(images);
    CHECK(nodes == plain.graph().nodes().size());
    CHECK(a.to_vector() == b.to_vector());
    if (!training) continue;
    tern::backward(tern::cross_entropy(a, labels));
    tern::backward(tern::cross_entropy(b, labels));
    const auto p = fused.parameters(), q = plain.parameters();
    for (std::size_t i = 0; i < p.size(); ++i) {
      INFO(p[i].name);
      CHECK(p[i].value.grad().to_vector() == q[i].value.grad().to_vector());
    }
  }
}

TEST_CASE("network: evaluation emits codes, training emits their values, and both agree", "[nn]") {
  Network net(Graph::parse(kSmall), 1);
  net.set_training(true);
  const Tensor images = random_normal(Shape{5, 2, 6, 6}, 3);
  net.init_quantizers(images);
  net.set_training(false);
  bool saw_codes = false;
  net.set_tap([&](const tern::GraphNode& node, const tern::Value& v) {
    if (node.op != "quantize") return;
    saw_codes = true;
    CHECK(v.is_codes());
    CHECK(v.lo == -1);
    CHECK(v.hi == 1);
    for (const double c : v.t.to_vector()) REQUIRE((c == -1 || c == 0 || c == 1));
  });
  const auto a = net.forward(images).to_vector();
  CHECK(saw_codes);
  net.set_tap({});
  CHECK(net.forward(images).to_vector() == a);
  // One image at a time gives the same bits as the batch.
  for (std::int64_t i = 0; i < 5; ++i) {
    const Tensor one = tern::slice(images, 0, i, i + 1).contiguous();
    const auto row = net.forward(one).to_vector();
    for (std::size_t k = 0; k < 3; ++k) CHECK(row[k] == a[static_cast<std::size_t>(i) * 3 + k]);
  }
}

TEST_CASE("network: state copies restore the function", "[nn]") {
  Network a(Graph::parse(kSmall), 1), b(Graph::parse(kSmall), 2);
  const Tensor images = random_normal(Shape{4, 2, 6, 6}, 9);
  tern::testing::begin_step(a, images);
  a.forward(images);  // moves running statistics
  const auto from = a.state(), to = b.state();
  REQUIRE(from.size() == to.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    CHECK(from[i].name == to[i].name);
    to[i].value.copy_from(from[i].value);
  }
  a.set_training(false);
  b.set_training(false);
  CHECK(a.forward(images).to_vector() == b.forward(images).to_vector());
}

TEST_CASE("network: bad graphs are refused with the node's name", "[nn]") {
  const auto fails = [](const std::string& line, const char* reason) {
    INFO(line);
    const std::string text = "tern-graph 1\nimage = input() shape=2x6x6\n" + line + "\n";
    CHECK_THROWS_WITH(Network(Graph::parse(text), 1), ContainsSubstring(reason));
  };
  fails("x = convolve(image)", "unknown layer \"convolve\"; known: input, conv2d");
  fails("x = conv2d(image) out=4", "node \"x\": expected the key \"kernel\"");
  fails("x = conv2d(image) out=4 kernel=3 padding=1", "unknown key \"padding\"");
  fails("x = conv2d(image) out=4 kernel=9", "9");
  fails("x = conv2d(image) out=4 kernel=3 weights=tnw", "unknown");
  fails("x = conv2d(image) out=4 kernel=3 groups=3", "groups");
  fails("x = linear(image) out=4", "put \"flat = flatten(image)\" before it");
  fails("x = conv2d(image) out=4 kernel=9", "[conv2d] node \"x\"");
  fails("x = conv2d(image) out=4 kernel=5\ny = max_pool(x) kernel=3", "node \"y\"");
  fails("x = act(image) kind=swish", "unknown kind \"swish\"");
  fails("x = add(image)", "at least 2");
  fails("x = channel_shuffle(image) groups=4", "divide 2 channels");
  fails("y = conv2d(image) out=4 kernel=3\nx = add(image, y)", "equal shapes");
  fails("x = max_pool(image) kernel=2 pad=2", "pad");
  // Sizes beyond 2^24, with which the arithmetic of shapes would overflow.
  for (const std::string key : {"pad", "dilation", "stride", "out", "kernel", "groups"}) {
    for (const std::string huge : {"16777217", "4611686018427387904", "9223372036854775807"}) {
      std::string line = "x = conv2d(image)";
      for (const std::string k : {"pad", "dilation", "stride", "out", "kernel", "groups"})
        line += " " + k + "=" + (k == key ? huge : "1");
      fails(
          line,
          ("node \"x\": expected " + key + " in " + (key == "pad" ? "0" : "1") + " .. 16777216; got " + huge).c_str());
    }
  }
  fails("x = max_pool(image) kernel=9223372036854775807 pad=4611686018427387904", "expected kernel in 1 .. 16777216");
  fails("x = avg_pool(image) kernel=2 stride=9223372036854775807 ceil=1", "expected stride in 1 .. 16777216");
  fails("x = pad_channels(image) front=9223372036854775807 back=1", "expected front in 0 .. 16777216");
  fails("x = pad_channels(image) front=1 back=9223372036854775807", "expected back in 0 .. 16777216");
  fails("x = pad_channels(image) front=1 back=1 stride=9223372036854775807", "expected stride in 1 .. 16777216");
  fails("f = flatten(image)\nx = linear(f) out=9223372036854775807", "expected out in 1 .. 16777216");
  fails("x = conv2d(image) out=4 kernel=0", "expected kernel in 1 .. 16777216; got 0");
  fails("p = given() shape=1x2\nx = mix(p, image) row=0 columns=1e30", "expected row and columns within 1x2");
  fails("p = given() shape=1x2\nx = mix(p, image) row=0 columns=1 normed=-1e30",
        "expected normed to be among the columns");
  Network net(Graph::parse(kSmall), 1);
  CHECK_THROWS_WITH(net.forward(Tensor::zeros(Shape{1, 3, 6, 6})),
                    ContainsSubstring("expected images of shape N x 2x6x6"));
}

TEST_CASE("initialize: spread of each rule", "[nn]") {
  const Shape shape{64, 32, 3, 3};
  const double fan_in = 32 * 9, fan_out = 64 * 9;
  const std::pair<const char*, double> rules[] = {{"he_fan_in", std::sqrt(2 / fan_in)},
                                                  {"he_fan_out", std::sqrt(2 / fan_out)},
                                                  {"he_uniform", std::sqrt(2 / fan_in)},
                                                  {"xavier_normal", std::sqrt(2 / (fan_in + fan_out))},
                                                  {"xavier_uniform", std::sqrt(2 / (fan_in + fan_out))},
                                                  {"lecun_normal", std::sqrt(1 / fan_in)},
                                                  {"default_uniform", std::sqrt(1 / (3 * fan_in))}};
  for (const auto& [name, sigma] : rules) {
    INFO(name);
    const Tensor w = Tensor::empty(shape);
    Rng rng(5);
    tern::initialize(w, name, rng);
    double sum = 0;
    for (const double x : w.to_vector()) sum += x * x;
    CHECK(std::sqrt(sum / static_cast<double>(shape.numel())) == Approx(sigma).epsilon(0.02));
  }
  Rng rng(1);
  CHECK_THROWS_WITH(tern::initialize(Tensor::empty(shape), "magic", rng), ContainsSubstring("he_fan_in"));
}

TEST_CASE("network: each tensor's name and shape is announced before it is made", "[nn]") {
  const Graph graph = Graph::parse(
      "tern-graph 1\n"
      "image = input() shape=2x6x6\n"
      "p = given() shape=1x2\n"
      "c1 = conv2d(image) out=4 kernel=3 pad=1 bias=1\n"
      "b1 = batch_norm(c1)\n"
      "a1 = act(b1) kind=prelu\n"
      "m = mix(p, b1, a1) row=0 columns=0,1 normed=1\n"
      "f = flatten(m)\n"
      "fc = linear(f) out=3\n");
  std::map<std::string, std::string> announced, made;
  const Network net(graph, 1, [&](const std::string& name, const Shape& shape) {
    CHECK(announced.emplace(name, shape.str()).second);
  });
  for (const tern::NamedTensor& t : net.state()) made.emplace(t.name, t.value.shape().str());
  CHECK(made.size() == 11);
  CHECK(announced == made);
  CHECK_THROWS_WITH(Network(graph, 1,
                            [](const std::string& name, const Shape&) {
                              if (name == "a1.slope") throw tern::ValueError("no slope");
                            }),
                    ContainsSubstring("no slope"));
}

TEST_CASE("network: gradients of few bits for the results of quantized layers", "[nn]") {
  const auto bias_gradient = [](const std::string& weights, int bits) {
    Network net(Graph::parse("tern-graph 1\nimage = input() shape=3x1x1\nf = flatten(image)\nfc = linear(f) out=5" +
                             weights + "\n"),
                1);
    tern::testing::begin_step(net);
    net.set_gradient_bits(bits);
    const Tensor y = net.forward(Tensor::from(std::vector<float>{0.5f, -1.0f, 2.0f}, Shape{1, 3, 1, 1}));
    tern::backward(y, Tensor::from(std::vector<float>{0.1f, -0.4f, 0.02f, 0.3f, -0.05f}, Shape{1, 5}));
    for (const tern::Parameter& p : net.parameters()) {
      if (p.name == "fc.bias") return p.value.grad().to_vector();
    }
    return std::vector<double>{};
  };
  const std::vector<double> full = bias_gradient(" weights=twn", 0);
  REQUIRE(full.size() == 5);
  CHECK(full[0] == Approx(0.1));
  for (const double g : bias_gradient(" weights=twn", 1)) CHECK(std::abs(g) == Approx(0.4));  // of one bit: -X or +X
  CHECK(bias_gradient(" weights=twn", 16)[0] == Approx(0.1).margin(1e-4));
  CHECK(bias_gradient("", 1) == full);  // an fp32 layer's stays
  Network net(Graph::parse(kSmall), 1);
  CHECK_THROWS_WITH(net.set_gradient_bits(17), ContainsSubstring("0 to 16 bits"));
}

TEST_CASE("network: a graph that asks for too much is refused by node", "[nn]") {
  const auto build = [](const std::string& line) {
    return Network(Graph::parse("tern-graph 1\nimage = input() shape=2x6x6\n" + line), 1);
  };
  const std::uint64_t before = tern::testing::requested_bytes();
  CHECK_THROWS_WITH(build("p = given() shape=1048577x1\n"),
                    ContainsSubstring("node \"p\": expected at most 1048576 numbers; got 1048577x1"));
  CHECK_THROWS_WITH(
      build("q = pad_channels(image) front=10000000 back=0\n"),
      ContainsSubstring("node \"q\": expected results of at most 268435456 numbers an image; got 10000002x6x6"));
  CHECK(tern::testing::requested_bytes() - before < (1 << 20));
}

TEST_CASE("network: a few bytes of a graph take no memory before they are refused", "[nn]") {
  const auto refuses = [](const std::string& nodes, const char* why) {
    CAPTURE(nodes);
    tern::trim_memory_pool();
    const std::uint64_t before = tern::testing::requested_bytes();
    CHECK_THROWS_WITH(Network(Graph::parse("tern-graph 1\nimage = input() shape=3x8x8\n" + nodes), 1),
                      ContainsSubstring(why));
    CHECK(tern::testing::requested_bytes() - before < (1 << 20));
  };
  refuses("c = conv2d(image) out=16777216 kernel=1\n",
          "node \"c\": expected results of at most 268435456 numbers an image; got 16777216x8x8");
  refuses("c = conv2d(image) out=100000 kernel=8 weights=nonsense\n", "nonsense");
  refuses("c = conv2d(image) out=2000000 kernel=8\n",
          "expected at most 268435456 parameters in all; \"c.weight\" of shape 2000000x3x8x8");
  refuses("f = flatten(image)\nl = linear(f) out=1500000\n", "parameters in all; \"l.weight\" of shape 1500000x192");
}

TEST_CASE("network: a call of training that is left out is an error that names it", "[nn]") {
  const tern::Graph graph = tern::make_model(
      "vgg_small", {.input = Shape{1, 16, 16}, .classes = 3, .weights = "lsq", .acts = "lsq", .width = 4, .extra = {}});
  const Tensor images = Tensor::full(Shape{2, 1, 16, 16}, 0.5);
  tern::Network net(graph, 1);
  net.set_training(true);
  const tern::Position first, second{.epoch = 0, .step = 1};
  CHECK_THROWS_AS(net.forward(images), tern::ValueError);
  CHECK_THROWS_WITH(net.forward(images), ContainsSubstring("expected init_quantizers(images), or weights_changed()"));
  net.init_quantizers(images);
  CHECK_THROWS_WITH(net.forward(images), ContainsSubstring("expected before_step(at) before the forward pass"));
  CHECK_THROWS_WITH(net.after_step(), ContainsSubstring("expected before_step(at)"));
  CHECK_THROWS_WITH(net.before_step(first),
                    ContainsSubstring("expected on_epoch_begin(at) before the first step of epoch 0"));
  net.on_epoch_begin(first);
  net.before_step(first);
  net.forward(images);
  net.forward(images);  // a step may take several passes
  CHECK_THROWS_WITH(net.before_step(second), ContainsSubstring("expected after_step() behind the step before"));
  net.after_step();
  CHECK_THROWS_WITH(net.forward(images),
                    ContainsSubstring("expected before_step(at)") && ContainsSubstring("or set_training(false)"));
  net.before_step(second);
  net.forward(images);
  net.set_training(false);  // gives the step up
  net.forward(images);
  CHECK_THROWS_WITH(net.before_step(second), ContainsSubstring("expected set_training(true)"));
  net.set_training(true);
  net.before_step({.epoch = 0, .step = 2});
  net.after_step();
  CHECK_THROWS_WITH(net.before_step({.epoch = 1}), ContainsSubstring("the first step of epoch 1"));

  // Restored instead of set up, in the middle of an epoch.
  tern::Network restored(graph, 2);
  const auto from = net.state(), to = restored.state();
  for (std::size_t i = 0; i < to.size(); ++i) to[i].value.copy_from(from[i].value);
  restored.set_training(true);
  restored.before_step(second);
  CHECK_THROWS_WITH(restored.forward(images), ContainsSubstring("weights_changed()"));
  restored.weights_changed();
  restored.forward(images);

  // Without quantizers there is nothing to be told.
  tern::Network plain(tern::make_model("mlp", {.input = Shape{1, 4, 4}, .classes = 3, .width = 4, .extra = {}}), 1);
  plain.set_training(true);
  plain.forward(Tensor::full(Shape{2, 1, 4, 4}, 0.5));
  CHECK(plain.least_batch().images == 2);
  CHECK(plain.least_batch().node == "bn1");
  CHECK_THROWS_WITH(plain.forward(Tensor::full(Shape{1, 1, 4, 4}, 0.5)),
                    ContainsSubstring("node \"bn1\" takes statistics over the images: expected at least 2"));
  plain.set_training(false);
  plain.forward(Tensor::full(Shape{1, 1, 4, 4}, 0.5));
  CHECK(net.least_batch().images == 1);
}
