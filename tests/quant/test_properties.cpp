// Properties that hold for every row of the registry, and relations between methods.
#include <cmath>
#include <cstring>
#include <limits>

#include "golden.hpp"
#include "tern/error.hpp"
#include "tern/rng.hpp"

using tern::QuantSpec;
using tern::Rng;
using tern::Shape;
using tern::Tensor;

namespace {

Tensor random(const Shape& shape, std::uint64_t seed, float scale) {
  Tensor t = Tensor::empty(shape);
  Rng rng(seed);
  for (float& x : t.span<float>()) x = scale * rng.normal();
  return t;
}

// Every key once with its defaults, and the option variants that change the levels.
std::vector<std::string> weight_specs() {
  std::vector<std::string> out{"twn:threshold=exact",
                               "twn:group=filter",
                               "heq:n=5",
                               "heq:n=7",
                               "heq:n=5,center_median=1",
                               "lsq:bits=2",
                               "lsq:bits=3",
                               "lsq:preset=fatnn",
                               "dorefa:bits=1",
                               "dorefa:bits=3",
                               "bwn:center=1,clamp=1",
                               "bwn:xnor=1",
                               "fatnn:norm=0",
                               "tas:delta_grad=paper",
                               "tas:delta=2",
                               "lsq:bits=7",
                               "dorefa:bits=7",
                               "heq:ste=w_over_s_le_M"};
  for (const auto& info : tern::weight_quantizers()) {
    if (info.key != "toy") out.push_back(info.key);
  }
  return out;
}
std::vector<std::string> act_specs() {
  std::vector<std::string> out{
      "ternary:threshold=mean", "fatnn:mode=unsigned", "lsq:bits=uternary", "lsq:bits=2", "lsq:bits=4",
      "dorefa:bits=1",          "dorefa:bits=3",       "dorefa:bits=7",     "lsq:bits=7", "lsq:preset=fatnn",
      "tas:mode=relu01",        "tas:mode=relu012"};
  for (const auto& info : tern::act_quantizers()) {
    if (info.key != "toy") out.push_back(info.key);
  }
  return out;
}

}  // namespace

TEST_CASE("every weight quantizer: what forward emits is code times scale, bit for bit", "[quant]") {
  const std::pair<Shape, float> inputs[] = {
      {Shape{4, 3, 3, 3}, 0.2f}, {Shape{5, 17}, 1.0f},      {Shape{3, 1}, 0.5f},
      {Shape{4, 3, 3, 3}, 0.0f}, {Shape{2, 4, 1, 1}, 1e6f}, {Shape{6, 2, 3, 3}, 1e-6f},
      {Shape{3, 5}, 1e38f},      {Shape{3, 5}, 1e-38f},     {Shape{3, 5}, 2e-45f}};
  for (const std::string& spec : weight_specs()) {
    for (const auto& [shape, scale] : inputs) {
      INFO(spec << " on " << shape.str() << " of scale " << scale);
      const Tensor w = random(shape, 3, scale);
      const auto q = tern::make_weight_quantizer(QuantSpec::parse(spec), shape);
      q->init(w);
      q->on_epoch_begin(w, {});
      const Tensor values = q->forward(w);
      const tern::WeightCodes c = q->deploy(w);
      REQUIRE(c.shape == shape);
      REQUIRE(c.codes.size() == static_cast<std::size_t>(w.numel()));
      REQUIRE(c.scale_pos.size() == static_cast<std::size_t>(shape[0]));
      REQUIRE(c.scale_neg.size() == c.scale_pos.size());
      const std::size_t per_filter = c.codes.size() / c.scale_pos.size();
      std::size_t different = 0, out_of_range = 0, zeros = 0, not_finite = 0;
      for (std::size_t i = 0; i < c.codes.size(); ++i) {
        const float s = (c.codes[i] > 0 ? c.scale_pos : c.scale_neg)[i / per_filter];
        const float expected = static_cast<float>(c.codes[i]) * s;
        different += std::memcmp(&values.span<float>()[i], &expected, sizeof expected) != 0;
        not_finite += !std::isfinite(values.span<float>()[i]);
        out_of_range += std::abs(c.codes[i]) > c.max_code;
        zeros += c.codes[i] == 0;
      }
      CHECK(different == 0);
      CHECK(out_of_range == 0);
      CHECK(not_finite == 0);
      CHECK(c.single_scale() == (c.scale_pos == c.scale_neg));
      CHECK(q->deploy(w.to(tern::DType::kF64)).codes == c.codes);
      q->after_step();  // changes nothing that is legal already
      CHECK(q->deploy(w).codes == c.codes);
      if (!c.has_zero) CHECK(zeros == 0);
      for (const auto& t : q->learnables()) CHECK(t.value.requires_grad());
    }
  }
}

TEST_CASE("every activation quantizer: code, thresholds and forward agree on all kinds of floats", "[quant]") {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  for (const std::string& spec : act_specs()) {
    INFO(spec);
    const auto q = tern::make_act_quantizer(QuantSpec::parse(spec));
    const Tensor batch = random(Shape{8, 50}, 5, 1.0f);
    q->init(batch);
    q->forward(batch, true);
    const std::vector<float> t = q->thresholds();
    REQUIRE(t.size() == static_cast<std::size_t>(q->hi() - q->lo()));
    CHECK(std::is_sorted(t.begin(), t.end()));
    CHECK(q->code(std::numeric_limits<float>::quiet_NaN()) == q->lo());
    std::vector<float> probes{0.0f,
                              -0.0f,
                              1e-45f,
                              -1e-45f,
                              1e-39f,
                              -1e-39f,
                              1.0f,
                              -1.0f,
                              0.5f,
                              -0.5f,
                              1e30f,
                              -1e30f,
                              kInf,
                              -kInf,
                              std::numeric_limits<float>::max(),
                              std::numeric_limits<float>::lowest()};
    for (const float x : t) {
      for (const float y : {x, std::nextafter(x, -kInf), std::nextafter(x, kInf)}) probes.push_back(y);
    }
    Rng rng(9);
    for (int i = 0; i < 2000; ++i) probes.push_back(2 * rng.normal());
    const Tensor v = Tensor::from(probes, Shape{1, static_cast<std::int64_t>(probes.size())});
    const Tensor values = q->forward(v, false);
    for (std::size_t i = 0; i < probes.size(); ++i) {
      const float x = probes[i];
      int counted = q->lo();
      for (const float threshold : t) counted += x >= threshold;
      INFO(x);
      REQUIRE(q->code(x) == counted);
      const float expected = q->step() * static_cast<float>(counted);
      REQUIRE(std::memcmp(&values.span<float>()[i], &expected, sizeof expected) == 0);
    }
  }
}

TEST_CASE("every quantizer: state copied into a fresh one gives the same function", "[quant]") {
  const Tensor w = random(Shape{4, 3, 3, 3}, 3, 0.3f), next = random(w.shape(), 7, 0.2f),
               v = random(Shape{4, 30}, 4, 1.0f);
  const auto copy = [](auto& from, auto& to) {
    for (auto [a, b] : {std::pair{from.learnables(), to.learnables()}, std::pair{from.states(), to.states()}}) {
      REQUIRE(a.size() == b.size());
      for (std::size_t i = 0; i < a.size(); ++i) b[i].value.copy_from(a[i].value);
    }
  };
  for (const std::string& spec : weight_specs()) {
    INFO(spec);
    const auto a = tern::make_weight_quantizer(QuantSpec::parse(spec), w.shape());
    const auto b = tern::make_weight_quantizer(QuantSpec::parse(spec), w.shape());
    a->init(w);
    a->on_epoch_begin(w, {});
    copy(*a, *b);
    CHECK(a->forward(w).to_vector() == b->forward(w).to_vector());
    for (const auto& q : {a.get(), b.get()}) {  // and the next epoch
      q->after_step();
      q->on_epoch_begin(next, {.epoch = 1});
    }
    CHECK(a->forward(next).to_vector() == b->forward(next).to_vector());
  }
  for (const std::string& spec : act_specs()) {
    INFO(spec);
    const auto a = tern::make_act_quantizer(QuantSpec::parse(spec)),
               b = tern::make_act_quantizer(QuantSpec::parse(spec));
    a->init(v);
    a->forward(v, true);
    copy(*a, *b);
    CHECK(a->forward(v, true).to_vector() == b->forward(v, true).to_vector());
    CHECK(a->forward(v, false).to_vector() == b->forward(v, false).to_vector());
  }
}

TEST_CASE("every quantizer with learnables: after_step brings them back into range", "[quant]") {
  const Tensor w = random(Shape{4, 9}, 3, 0.3f);
  for (const std::string& spec : weight_specs()) {
    INFO(spec);
    const auto q = tern::make_weight_quantizer(QuantSpec::parse(spec), w.shape());
    for (const auto& t : q->learnables()) t.value.fill(-5.0);
    q->after_step();
    for (const double x : q->forward(w).to_vector()) REQUIRE(std::isfinite(x));
  }
}

TEST_CASE("relations: TRQ(a) is LSQ(2a); FATNN with equal steps has LSQ's codes; HEQ-3 is a threshold at s/2",
          "[quant]") {
  const Shape shape{1, 200};
  const Tensor w = random(shape, 6, 1.0f);
  const auto make = [&](const char* spec) { return tern::make_weight_quantizer(QuantSpec::parse(spec), shape); };
  const auto trq = make("trq"), lsq = make("lsq"), fatnn = make("fatnn:norm=0"), heq = make("heq");
  learnable_of(trq->learnables(), "a").fill(0.25);
  learnable_of(lsq->learnables(), "step").fill(0.5);
  learnable_of(fatnn->learnables(), "a1").fill(0.5);
  learnable_of(fatnn->learnables(), "a2").fill(0.5);
  CHECK(trq->deploy(w).codes == lsq->deploy(w).codes);
  CHECK(trq->forward(w).to_vector() == lsq->forward(w).to_vector());
  CHECK(fatnn->deploy(w).codes == lsq->deploy(w).codes);
  heq->on_epoch_begin(w, {});
  const double s = heq->states()[0].value.item();
  const auto codes = heq->deploy(w).codes;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const double x = w.to_vector()[i];
    CHECK(codes[i] == (x > s / 2 ? 1 : x < -s / 2 ? -1 : 0));
  }
}

TEST_CASE("shares of zero on Gaussian weights: HEQ 33.3, 21.6, 16.0 %, TWN 42.4 %", "[quant]") {
  const Shape shape{100, 1000};
  const Tensor w = random(shape, 8, 0.05f);
  const std::pair<const char*, double> expected[] = {
      {"heq:n=3", 0.333}, {"heq:n=5", 0.216}, {"heq:n=7", 0.160}, {"twn", 0.424}};
  for (const auto& [spec, share] : expected) {
    const auto q = tern::make_weight_quantizer(QuantSpec::parse(spec), shape);
    q->on_epoch_begin(w, {});
    const auto codes = q->deploy(w).codes;
    const auto zeros =
        static_cast<double>(std::count(codes.begin(), codes.end(), 0)) / static_cast<double>(codes.size());
    INFO(spec);
    CHECK(zeros == Approx(share).margin(0.005));
  }
}

TEST_CASE("gradients of learned steps against finite differences of the un-rounded form", "[quant]") {
  // FATNN: the rounding is dropped, so the output is clip(x/A1, -1, 0) + clip(x/A2, 0, 1).
  const Tensor w = random(Shape{1, 64}, 12, 0.6f), g = random(Shape{1, 64}, 13, 1.0f);
  const auto clipped = [](double x, double lo, double hi) { return std::min(std::max(x, lo), hi); };
  const auto loss = [&](double a1, double a2) {
    double sum = 0;
    for (std::size_t i = 0; i < 64; ++i) {
      const double x = w.to_vector()[i];
      sum += g.to_vector()[i] * (clipped(x / a1, -1, 0) + clipped(x / a2, 0, 1));
    }
    return sum;
  };
  const auto q = tern::make_weight_quantizer(QuantSpec::parse("fatnn:norm=0"), w.shape());
  const Tensor a1 = learnable_of(q->learnables(), "a1"), a2 = learnable_of(q->learnables(), "a2");
  a1.fill(0.75);
  a2.fill(0.5);
  const Tensor leaf_w = leaf(w.to_vector(), w.shape(), tern::DType::kF64);
  tern::backward(q->forward(leaf_w), g.to(tern::DType::kF64));
  const double h = 1e-6;
  CHECK(a1.grad().item() == Approx((loss(0.75 + h, 0.5) - loss(0.75 - h, 0.5)) / (2 * h)).margin(1e-4));
  CHECK(a2.grad().item() == Approx((loss(0.75, 0.5 + h) - loss(0.75, 0.5 - h)) / (2 * h)).margin(1e-4));

  // LSQ: the residual rne(u) - u is held constant, q = s clip(u + residual, -1, 1) = clip(v + s residual, -s, s).
  const auto lsq = tern::make_weight_quantizer(QuantSpec::parse("lsq"), w.shape());
  const Tensor step = learnable_of(lsq->learnables(), "step");
  const double s0 = 0.5;
  step.fill(s0);
  const auto lsq_loss = [&](double s) {
    double sum = 0;
    for (std::size_t i = 0; i < 64; ++i) {
      const double v = w.to_vector()[i], u = v / s0;
      const double residual = std::abs(u) < 1 ? std::nearbyint(u) - u : 0.0;
      sum += g.to_vector()[i] * (std::abs(u) < 1 ? v + s * residual : (u > 0 ? s : -s));
    }
    return sum;
  };
  const Tensor leaf_v = leaf(w.to_vector(), w.shape(), tern::DType::kF64);
  tern::backward(lsq->forward(leaf_v), g.to(tern::DType::kF64));
  CHECK(step.grad().item() == Approx((lsq_loss(s0 + h) - lsq_loss(s0 - h)) / (2 * h) / std::sqrt(64.0)).margin(1e-4));
}
