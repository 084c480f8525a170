// Masked updates and the certificate.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <set>

#include "begin_step.hpp"
#include "bench.hpp"
#include "catch.hpp"
#include "quant/registry.hpp"
#include "registration.hpp"
#include "tern/autograd.hpp"
#include "tern/error.hpp"
#include "tern/freeze.hpp"
#include "tern/ops.hpp"
#include "tern/parallel.hpp"

using namespace tern;
using tern::testing::Bench;

namespace {

std::vector<float> copy(const Tensor& t) { return {t.span<float>().begin(), t.span<float>().end()}; }

}  // namespace

TEST_CASE("freezing: the worked example of a mask", "[freeze]") {
  Network net(Graph::parse("tern-graph 1\nimage = input() shape=8x1x1\nc = conv2d(image) out=1 kernel=1 "
                           "weights=grid\nb = batch_norm(c)\n"),
              1);
  Layer& c = net.layer(1);
  c.weight().copy_from(
      Tensor::from(std::vector<float>{0.9f, -0.8f, 0.3f, -0.2f, 0.05f, -0.6f, 0.45f, -0.1f}, Shape{1, 8, 1, 1}));
  rescale(net, RescaleGroups::kFilter);
  const double want[8] = {1.309, -1.1636, 0.4363, -0.2909, 0.0727, -0.8727, 0.6545, -0.1454};
  for (std::size_t i = 0; i < 8; ++i) CHECK(c.weight().span<float>()[i] == Approx(want[i]).margin(6e-5));
  CHECK(c.weight_quantizer()->deploy(c.weight()).codes == std::vector<std::int8_t>{1, -1, 0, 0, 0, -1, 1, 0});

  c.set_relaxed(Tensor::from(std::vector<float>{0, 0, 1, 0, 1, 0, 0, 0}, Shape{1, 8, 1, 1}));
  const Tensor we = c.training_weight();
  const double effective[8] = {1, -1, 0.4363, 0, 0.0727, -1, 1, 0};
  for (std::size_t i = 0; i < 8; ++i) CHECK(we.span<float>()[i] == Approx(effective[i]).margin(6e-5));
  const Tensor g =
      Tensor::from(std::vector<float>{0.1f, -0.2f, 0.3f, 0.4f, -0.5f, 0.6f, -0.7f, 0.8f}, Shape{1, 8, 1, 1});
  backward(we, g);
  CHECK(copy(c.weight().grad()) == std::vector<float>{0, 0, 0.3f, 0, -0.5f, 0, 0, 0});
  CHECK_THROWS_AS(c.set_relaxed(Tensor::zeros(Shape{8})), ShapeError);
  CHECK_THROWS_AS(c.set_relaxed(Tensor::zeros(Shape{1, 8, 1, 1}, DType::kF64)), ValueError);
}

TEST_CASE("freezing: constrained weights stay bit for bit, relaxed ones move", "[freeze]") {
  for (const std::string policy : {"rpr", "inq"}) {
    Bench b("grid");
    Freezer freezer(b.net, *b.optimizer, make_freeze_policy(Spec::parse(policy)), 1);
    const FreezeSchedule s = FreezeSchedule::parse("0.8:2x0.01+0.95:1x0.01");
    for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
      freezer.begin_epoch(epoch, s.at(epoch));
      const std::vector<float> before = copy(b.layer("c2").weight());
      b.steps(4);
      const std::vector<float> after = copy(b.layer("c2").weight());
      const auto mask = freezer.state()[0].value.span<float>();
      std::size_t moved = 0, relaxed = 0;
      for (std::size_t i = 0; i < after.size(); ++i) {
        const bool same = std::memcmp(&before[i], &after[i], sizeof(float)) == 0;
        if (mask[i] == 0.0f) REQUIRE(same);
        relaxed += mask[i] != 0.0f;
        moved += !same;
      }
      INFO(policy << ", epoch " << epoch << ": " << moved << " of " << relaxed << " relaxed weights moved");
      CHECK(relaxed == static_cast<std::size_t>(relaxed_count(s.at(epoch).relaxed, 288)));
      CHECK(moved > relaxed / 2);
      CHECK(freezer.weights() == 288 + 576);
    }
  }
}

TEST_CASE("freezing: clip keeps relaxed weights within the outermost levels, and touches no other", "[freeze]") {
  for (const std::string weights : {"grid", "grid:levels=binary", "grid:levels=five"}) {
    for (const bool clip : {true, false}) {
      INFO(weights << ", clip " << clip);
      Bench b(weights);
      Freezer freezer(b.net, *b.optimizer, make_freeze_policy(Spec::parse(clip ? "rpr:clip=1" : "rpr")), 1);
      const FreezeSchedule s = FreezeSchedule::parse("0.5:1x0.01");
      freezer.begin_epoch(0, s.at(0));
      const Tensor w = b.layer("c2").weight();
      w.span<float>()[0] = 7.0f;
      w.span<float>()[1] = -7.0f;
      const std::vector<float> before = copy(w);
      const float reach = weights == "grid:levels=five" ? 2.0f : 1.0f;
      freezer.after_step();
      const std::vector<float> after = copy(w);
      const auto mask = freezer.state()[0].value.span<float>();
      std::size_t beyond = 0;
      for (std::size_t i = 0; i < after.size(); ++i) {
        const bool clipped = clip && mask[i] != 0.0f && std::abs(before[i]) > reach;
        REQUIRE(after[i] == (clipped ? std::copysign(reach, before[i]) : before[i]));
        beyond += clipped;
      }
      CHECK((beyond > 0) == clip);
    }
  }
}

TEST_CASE("freezing: a layer that keeps its scale is clipped to the scaled level", "[freeze]") {
  Network net(
      Graph::parse("tern-graph 1\nimage = input() shape=4x1x1\nc = conv2d(image) out=2 kernel=1 weights=grid\n"), 1);
  net.layer(1).weight().copy_from(
      Tensor::from(std::vector<float>{0.9f, -0.5f, 0.1f, -0.4f, 9, -5, 1, -4}, Shape{2, 4, 1, 1}));
  const RescaleReport r = rescale(net, RescaleGroups::kFilter);
  REQUIRE(r.rows.at(0).folded_into.empty());
  auto optimizer = make_optimizer("sgd", {{.name = "all", .params = {{"c.weight", net.layer(1).weight()}}}});
  Freezer freezer(net, *optimizer, make_freeze_policy(Spec::parse("rpr:clip=1")), 1);
  freezer.begin_epoch(0, FreezeSchedule::parse("0:1x0.01").at(0));
  freezer.after_step();
  const WeightCodes codes = net.layer(1).weight_quantizer()->deploy(net.layer(1).weight());
  const auto w = net.layer(1).weight().span<float>();
  CHECK(codes.scale_pos[1] == Approx(10 * codes.scale_pos[0]).epsilon(1e-3));
  CHECK(w[0] == codes.scale_pos[0]);
  CHECK(w[4] == codes.scale_pos[1]);
  CHECK(w[2] == 0.1f);
  CHECK(w[6] == 1.0f);
}

TEST_CASE("freezing: a policy without partitions, and a scale that is none, are refused", "[freeze]") {
  struct Nothing : FreezePolicy {
    bool partition(const PartitionRequest&, std::span<float>) const override { return false; }
    std::int64_t partitions_per_epoch() const override { return 0; }
  };
  Bench b("grid");
  CHECK_THROWS_WITH(Freezer(b.net, *b.optimizer, std::make_unique<Nothing>(), 1),
                    ContainsSubstring("partitions an epoch; got one with 0"));
  // Nothing is left of the refused one: training still sees the levels.
  Bench untouched("grid");
  tern::testing::begin_step(b.net);
  tern::testing::begin_step(untouched.net);
  CHECK(copy(b.net.forward(b.images)) == copy(untouched.net.forward(untouched.images)));
  for (const NamedTensor& t : b.layer("c2").buffers()) {
    if (t.name.ends_with("weight_quant.scale")) t.value.span<float>()[0] = -1.0f;
  }
  Freezer freezer(b.net, *b.optimizer, make_freeze_policy(Spec::parse("rpr:clip=1")), 1);
  CHECK_THROWS_WITH(freezer.after_step(), ContainsSubstring("\"c2\": its levels have a scale of -1"));
}

TEST_CASE("freezing: several partitions an epoch begin where they should", "[freeze]") {
  for (const int n : {1, 3, 100}) {
    INFO(n << " partitions");
    Bench b("grid");
    Freezer freezer(b.net, *b.optimizer, make_freeze_policy(Spec::parse("rpr:partitions=" + std::to_string(n))), 1);
    const FreezeSchedule s = FreezeSchedule::parse("0.75:1x0.01+1:1x0.01");
    freezer.begin_epoch(0, s.at(0));
    const Tensor mask = freezer.state()[0].value;
    std::set<std::vector<float>> seen{copy(mask)};
    std::vector<std::int64_t> begins;
    for (std::int64_t step = 0; step < 10; ++step) {
      const std::vector<float> before = copy(mask);
      freezer.before_step(0, step, 10, s.at(0));
      if (copy(mask) != before) begins.push_back(step);
      seen.insert(copy(mask));
      CHECK(std::ranges::count(copy(mask), 1.0f) == relaxed_count(0.25, 288));
    }
    CHECK(begins == (n == 1   ? std::vector<std::int64_t>{}
                     : n == 3 ? std::vector<std::int64_t>{4, 7}
                              : std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9}));
    CHECK(seen.size() == begins.size() + 1);
    freezer.begin_epoch(1, s.at(1));
    const std::vector<float> frozen = copy(b.layer("c2").weight());
    for (std::int64_t step = 0; step < 10; ++step) freezer.before_step(1, step, 10, s.at(1));
    CHECK(freezer.relaxed() == 0);
    CHECK(copy(b.layer("c2").weight()) == frozen);
  }
  CHECK_THROWS_WITH(make_freeze_policy(Spec::parse("rpr:partitions=0")),
                    ContainsSubstring("partitions in 1..2147483647"));
  CHECK_THROWS_AS(make_freeze_policy(Spec::parse("inq:partitions=2")), ValueError);
}

TEST_CASE("freezing: clip refuses levels that are learned", "[freeze]") {
  Bench b("ttq");
  Freezer freezer(b.net, *b.optimizer, make_freeze_policy(Spec::parse("rpr:clip=1")), 1);
  CHECK_THROWS_WITH(freezer.check_levels(),
                    ContainsSubstring("\"c2\"") && ContainsSubstring("clip=1 needs levels that stay"));
}

TEST_CASE("freezing: moments are cleared with a new partition, or kept on request", "[freeze]") {
  for (const bool clear : {true, false}) {
    Bench b("grid");
    Freezer freezer(b.net, *b.optimizer, make_freeze_policy(Spec::parse(clear ? "rpr" : "rpr:clear_optimizer_state=0")),
                    1);
    const FreezeSchedule s = FreezeSchedule::parse("0.5:9x0.01");
    freezer.begin_epoch(0, s.at(0));
    b.steps(3);
    freezer.begin_epoch(1, s.at(1));
    const auto state = [&](const std::string& name) {
      for (const NamedTensor& t : b.optimizer->state()) {
        if (t.name == name) return t.value.to_vector();
      }
      FAIL("no state " << name);
      return std::vector<double>{};
    };
    const auto moved = [](const std::vector<double>& v) {
      return std::any_of(v.begin(), v.end(), [](double x) { return x != 0; });
    };
    INFO("clear " << clear);
    CHECK(state("c2.weight.t") == std::vector<double>{clear ? 0.0 : 3.0});
    CHECK(moved(state("c2.weight.m")) != clear);
    CHECK(moved(state("c2.weight.v")) != clear);
    CHECK(state("b2.gamma.t") == std::vector<double>{3});
    CHECK(moved(state("b2.gamma.m")));
    CHECK(moved(state("b2.gamma.v")));
  }
}

TEST_CASE("freezing: with everything frozen a certificate holds, and it can fail", "[freeze]") {
  for (const std::string weights :
       {"grid", "grid:levels=binary", "grid:levels=five", "grid:levels=pow2", "ttq", "lsq", "twn", "bwn"}) {
    INFO(weights);
    Bench b(weights);
    Freezer freezer(b.net, *b.optimizer, make_freeze_policy(Spec::parse("rpr")), 1);
    const FreezeSchedule s = FreezeSchedule::parse("0.75:3x0.01+1:2x0.01");
    for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
      freezer.begin_epoch(epoch, s.at(epoch));
      b.steps(3);
    }
    CHECK_FALSE(certify(b.net).holds());
    freezer.begin_epoch(3, s.at(3));
    const std::vector<float> frozen = copy(b.layer("c3").weight());
    const std::vector<double> gamma = b.layer("b3").parameters()[0].value.to_vector();
    b.steps(3);
    freezer.begin_epoch(4, s.at(4));
    b.steps(3);
    const Certificate c = certify(b.net);
    CHECK(c.holds());
    CHECK(c.layers == 2);
    CHECK(c.weights == 288 + 576);
    CHECK(freezer.relaxed() == 0);
    CHECK(copy(b.layer("c3").weight()) == frozen);
    CHECK(b.layer("b3").parameters()[0].value.to_vector() != gamma);  // continuous parameters train on
    // One weight off its level by one bit.
    float& w = b.layer("c3").weight().span<float>()[17];
    w = w == 0 ? 1e-30f : std::nextafter(w, 0.0f);
    CHECK(certify(b.net).off == 1);
    CHECK(certify(b.net).first.starts_with("c3[17]"));
  }
}

namespace {

/// 0.1 above 0.3, else 0: its own levels all lie below its threshold.
class Restless final : public WeightQuantizer {
 public:
  Tensor forward(const Tensor& w) override {
    const WeightCodes c = deploy(w);
    Tensor q = Tensor::empty(w.shape());
    for (std::size_t i = 0; i < c.codes.size(); ++i) q.span<float>()[i] = 0.1f * static_cast<float>(c.codes[i]);
    return q;
  }
  WeightCodes deploy(const Tensor& w) const override {
    WeightCodes c;
    c.shape = w.shape();
    for (const float x : w.span<float>()) c.codes.push_back(x > 0.3f);
    c.scale_pos = c.scale_neg = std::vector<float>(static_cast<std::size_t>(w.size(0)), 0.1f);
    return c;
  }
};

}  // namespace

TEST_CASE("freezing: a quantizer that moves weights off its own levels is refused", "[freeze]") {
  register_weight_quantizer("restless", "for this test",
                            [](const QuantSpec&, const Shape&) { return std::make_unique<Restless>(); });
  const tern::testing::Removal removal(weight_quantizer_registry(), "restless");
  Bench b("restless");
  b.layer("c3").weight().span<float>()[5] = 1.0f;
  Freezer freezer(b.net, *b.optimizer, make_freeze_policy(Spec::parse("rpr")), 1);
  const std::vector<float> before = copy(b.layer("c3").weight());
  CHECK_THROWS_WITH(freezer.check_levels(), ContainsSubstring("cannot be frozen there"));
  CHECK_NOTHROW(freezer.begin_epoch(0, FreezeSchedule::parse("0.5:1x0").at(0)));
  CHECK_THROWS_WITH(freezer.begin_epoch(1, FreezeSchedule::parse("1:1x0").at(0)),
                    ContainsSubstring("cannot be frozen there"));
  CHECK(copy(b.layer("c3").weight()) == before);
}

TEST_CASE("freezing: which of tern's quantizers can be frozen shows before the first epoch", "[freeze]") {
  const auto refused = [](const std::string& weights) {
    Bench b(weights);
    Freezer freezer(b.net, *b.optimizer, make_freeze_policy(Spec::parse("rpr")), 1);
    try {
      freezer.check_levels();
      return false;
    } catch (const ValueError&) {
      return true;
    }
  };
  // The list of docs/freezing.md.
  const std::set<std::string> cannot{"dorefa:bits=4", "dorefa:bits=5", "heq", "heq:n=5", "sttn"};
  std::set<std::string> specs{"dorefa:bits=1",     "dorefa:bits=3",    "dorefa:bits=4",       "dorefa:bits=5",
                              "heq:n=5",           "lsq:bits=4",       "lsq:preset=fatnn",    "fatnn:norm=0",
                              "tas:learn_delta=0", "twn:group=filter", "twn:threshold=exact", "grid:levels=pow2"};
  for (const MethodInfo& q : weight_quantizers()) {
    if (q.key != "restless") specs.insert(q.key);
  }
  for (const std::string& spec : specs) {
    INFO(spec);
    CHECK(refused(spec) == cannot.contains(spec));
  }
}

namespace {

/// Relaxes one weight of every layer, or writes something that is no mask.
class Careless final : public FreezePolicy {
 public:
  explicit Careless(float value) : value_(value) {}
  bool partition(const PartitionRequest&, std::span<float> mask) const override {
    std::fill(mask.begin(), mask.end(), 0.0f);
    mask[3] = value_;
    return true;
  }

 private:
  float value_;
};

}  // namespace

TEST_CASE("freezing: a policy that writes no mask, or leaves weights relaxed at the end, is refused", "[freeze]") {
  for (const float value : {1.0f, 0.5f, -1.0f, std::numeric_limits<float>::quiet_NaN()}) {
    INFO(value);
    Bench b("grid");
    Freezer freezer(b.net, *b.optimizer, std::make_unique<Careless>(value), 1);
    const auto before_the_end = [&] { freezer.begin_epoch(0, FreezeSchedule::parse("0.9:1x0").at(0)); };
    if (value == 1)
      CHECK_NOTHROW(before_the_end());
    else
      CHECK_THROWS_WITH(before_the_end(), ContainsSubstring("layer \"c2\"") && ContainsSubstring("0 and 1"));
    CHECK_THROWS_AS(freezer.begin_epoch(1, FreezeSchedule::parse("1:1x0").at(0)), ValueError);
    if (value == 1) {
      CHECK_THROWS_WITH(freezer.begin_epoch(1, FreezeSchedule::parse("1:1x0").at(0)),
                        ContainsSubstring("it left 2 of 864 relaxed"));
    }
  }
}

TEST_CASE("freezing: a frozen weight whose code changes with a learned step is found", "[freeze]") {
  Bench b("lsq:bits=2");  // codes -2 .. 1
  Tensor step;
  for (const Parameter& p : b.layer("c3").parameters()) {
    if (p.kind == ParamKind::kQuantizer) step = p.value;
  }
  REQUIRE(step.defined());
  for (float& w : b.layer("c3").weight().span<float>()) w = w < 0 ? -step.span<float>()[0] : 0.0f;
  Freezer freezer(b.net, *b.optimizer, make_freeze_policy(Spec::parse("rpr")), 1);
  CHECK(freezer.state().size() == 2);
  freezer.begin_epoch(0, FreezeSchedule::parse("1:2x0").at(0));
  CHECK(freezer.certify().holds());
  CHECK(freezer.state().size() == 4);
  step.span<float>()[0] /= 2;  // -1 becomes -2: every weight is on a level, but not with its code
  CHECK(certify(b.net).holds());
  const Certificate c = freezer.certify();
  CHECK_FALSE(c.holds());
  CHECK(c.moved > 0);
  CHECK(c.first.starts_with("c3["));
  CHECK(c.first.ends_with("frozen with code -1, now -2"));
}

TEST_CASE("freezing: the mask is lifted at the end; a network without quantized weights is refused", "[freeze]") {
  Bench b("grid");
  {
    Freezer freezer(b.net, *b.optimizer, make_freeze_policy(Spec::parse("rpr")), 1);
    freezer.begin_epoch(0, FreezeSchedule::parse("1:1x0").at(0));
  }
  const std::vector<float> before = copy(b.layer("c2").weight());
  b.steps(2);
  CHECK(copy(b.layer("c2").weight()) != before);
  Bench plain("none");
  CHECK_THROWS_WITH(Freezer(plain.net, *plain.optimizer, make_freeze_policy(Spec::parse("rpr")), 1),
                    ContainsSubstring("quantized weights"));
}

TEST_CASE("freezing: relaxed evaluation is what training computes, on-grid evaluation is not", "[freeze]") {
  Bench b("grid");
  Freezer freezer(b.net, *b.optimizer, make_freeze_policy(Spec::parse("rpr")), 1);
  freezer.begin_epoch(0, FreezeSchedule::parse("0.5:1x0").at(0));
  b.net.set_training(false);
  const auto on_grid = b.net.forward(b.images).to_vector();
  b.net.set_relaxed_evaluation(true);
  const auto relaxed = b.net.forward(b.images).to_vector();
  b.net.set_relaxed_evaluation(false);
  CHECK(relaxed != on_grid);
  CHECK(b.net.forward(b.images).to_vector() == on_grid);
  // The same network with the mixed weights as plain ones.
  Network plain(testing::net_text("none"), 2);
  for (const NamedTensor& t : plain.state()) {
    for (const NamedTensor& from : b.net.state()) {
      if (t.name == from.name) t.value.copy_from(from.value);
    }
  }
  for (const char* name : {"c2", "c3"}) {
    plain.layer(static_cast<std::size_t>(plain.graph().find(name)))
        .weight()
        .copy_from(b.layer(name).training_weight().detach());
  }
  plain.set_training(false);
  plain.set_fake_evaluation(true);
  CHECK(plain.forward(b.images).to_vector() == relaxed);
}
