// Which elements pass a gradient, at, just below and just above every threshold and window edge; gradients of learned
// steps against finite differences of the form before rounding.
#include <functional>

#include "golden.hpp"
#include "tern/rng.hpp"

using tern::DType;
using tern::QuantSpec;
using tern::Shape;
using tern::Tensor;

namespace {

constexpr double kStep = 1.0 / 1024;  // exact in float, as are the edges below

struct Edge {
  double at;
  Values q, dv;  // just below, at, just above
};

void fill(std::vector<tern::NamedTensor> tensors, const std::string& name, double value) {
  learnable_of(std::move(tensors), name).fill(value);
}

using Settings = std::vector<std::pair<std::string, double>>;

void check_act(const std::string& spec, const Settings& set, const std::vector<Edge>& edges) {
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    for (const Edge& e : edges) {
      INFO(spec << " around " << e.at << ", " << tern::name_of(dtype));
      const auto quantizer = tern::make_act_quantizer(QuantSpec::parse(spec));
      for (const auto& [name, value] : set) {
        auto all = quantizer->learnables();
        for (const auto& s : quantizer->states()) all.push_back(s);
        fill(all, name, value);
      }
      const Tensor v = leaf({e.at - kStep, e.at, e.at + kStep}, Shape{1, 3}, dtype);
      const Tensor q = quantizer->forward(v, false);
      CHECK(q.to_vector() == e.q);
      tern::backward(q, Tensor::full(v.shape(), 1.0, dtype));
      CHECK(v.grad().to_vector() == e.dv);
    }
  }
}

void check_weight(const std::string& spec, const Settings& set, const Values& w, const Values& q, const Values& dw) {
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    INFO(spec << ", " << tern::name_of(dtype));
    const Shape shape{1, static_cast<std::int64_t>(w.size())};
    const auto quantizer = tern::make_weight_quantizer(QuantSpec::parse(spec), shape);
    for (const auto& [name, value] : set) {
      auto all = quantizer->learnables();
      for (const auto& s : quantizer->states()) all.push_back(s);
      fill(all, name, value);
    }
    const Tensor latent = leaf(w, shape, dtype);
    const Tensor result = quantizer->forward(latent);
    CHECK(result.to_vector() == q);
    tern::backward(result, Tensor::full(shape, 1.0, dtype));
    CHECK(latent.grad().to_vector() == dw);
  }
}

}  // namespace

TEST_CASE("activation thresholds and windows: below, at, above", "[quant]") {
  check_act("ternary", {},
            {{-1, {-1, -1, -1}, {0, 1, 1}},
             {-0.5, {-1, 0, 0}, {1, 1, 1}},
             {0.5, {0, 0, 1}, {1, 1, 1}},
             {1, {1, 1, 1}, {1, 1, 0}}});
  check_act("ternary:t=0.25,ste=v_le_2d", {},
            {{0.25, {0, 0, 1}, {1, 1, 1}}, {0.5, {1, 1, 1}, {1, 1, 0}}, {-0.5, {-1, -1, -1}, {0, 1, 1}}});
  check_act("ternary:threshold=mean,factor=0.5", {{"mean_abs", 0.5}},
            {{0.25, {0, 0, 1}, {1, 1, 1}}, {-0.25, {-1, 0, 0}, {1, 1, 1}}});
  check_act("tas", {{"delta", 0.5}, {"mean_abs", 1}},
            {{0.5, {0, 0, 1}, {1, 1, 1}},
             {-0.5, {-1, 0, 0}, {1, 1, 1}},
             {1, {1, 1, 1}, {1, 1, 0}},
             {-1, {-1, -1, -1}, {0, 1, 1}}});
  check_act("tas:ste=v_le_2d", {{"delta", 0.25}, {"mean_abs", 1}}, {{0.5, {1, 1, 1}, {1, 1, 0}}});
  check_act(
      "tas:mode=relu01", {{"delta", 0.5}, {"mean_abs", 1}},
      {{0, {0, 0, 0}, {0, 0, 1}}, {0.5, {0, 0, 1}, {1, 1, 1}}, {1, {1, 1, 1}, {1, 1, 0}}, {-1, {0, 0, 0}, {0, 0, 0}}});
  check_act("fatnn", {{"a1", 0.5}, {"a2", 2}},
            {{-0.5, {-1, -1, -1}, {0, 0, 2}},
             {-0.25, {-1, 0, 0}, {2, 2, 2}},
             {0, {0, 0, 0}, {2, 0, 0.5}},
             {1, {0, 0, 1}, {0.5, 0.5, 0.5}},
             {2, {1, 1, 1}, {0.5, 0, 0}}});
  check_act("fatnn:mode=unsigned", {{"a1", 0.5}, {"a2", 2}},
            {{0, {0, 0, 0}, {0, 0, 2}},
             {0.25, {0, 0, 1}, {2, 2, 2}},
             {0.5, {1, 1, 1}, {2, 0, 0.5}},
             {1.5, {1, 1, 2}, {0.5, 0.5, 0.5}},
             {2.5, {2, 2, 2}, {0.5, 0, 0}}});
  check_act("lsq", {{"step", 0.5}},
            {{-0.5, {-0.5, -0.5, -0.5}, {0, 0, 1}},
             {-0.25, {-0.5, 0, 0}, {1, 1, 1}},
             {0.25, {0, 0, 0.5}, {1, 1, 1}},
             {0.5, {0.5, 0.5, 0.5}, {1, 0, 0}}});
  check_act("lsq:bits=uternary", {{"step", 0.5}},
            {{0, {0, 0, 0}, {0, 0, 1}},
             {0.25, {0, 0, 0.5}, {1, 1, 1}},
             {0.75, {0.5, 1, 1}, {1, 1, 1}},
             {1, {1, 1, 1}, {1, 0, 0}}});  // 1.5 ties to 2
  check_act("dorefa:bits=1", {}, {{0, {0, 0, 0}, {0, 1, 1}}, {0.5, {0, 0, 1}, {1, 1, 1}}, {1, {1, 1, 1}, {1, 1, 0}}});
  check_act("heaviside", {}, {{-1, {0, 0, 0}, {0, 1, 1}}, {0, {0, 0, 1}, {1, 1, 1}}, {1, {1, 1, 1}, {1, 1, 0}}});
  check_act("sign", {}, {{-1, {-1, -1, -1}, {0, 0, 1}}, {0, {-1, 1, 1}, {1, 1, 1}}, {1, {1, 1, 1}, {1, 0, 0}}});
}

TEST_CASE("weight thresholds and windows: below, at, above", "[quant]") {
  const double e = kStep;
  check_weight("ttq:t=0.25", {{"wp", 2}, {"wn", 3}}, {4, 1 - e, 1, 1 + e, -1 + e, -1, -1 - e}, {2, 0, 0, 2, 0, 0, -3},
               {2, 1, 1, 2, 1, 1, 3});
  // E|w| = 1, so D = delta = 0.5
  check_weight("tas", {{"ap", 2}, {"an", 3}, {"delta", 0.5}}, {0.5, 0.5 + e, -0.5, -0.5 - e, 2 - e, -2 - e + 2 * e},
               {0, 2, 0, -3, 2, -3}, {1, 2, 1, 3, 2, 3});
  check_weight("heq", {{"step", 1}}, {0.5, 0.5 + e, -0.5, -0.5 - e, 1, 1 + e, -1, -1 - e}, {0, 1, 0, -1, 1, 1, -1, -1},
               {1, 1, 1, 1, 1, 0, 1, 0});
  check_weight("heq:n=5,ste=w_over_s_le_M", {{"step", 0.25}},
               {0.125, 0.125 + e, 0.375, 0.375 - e, 0.5, 0.5 + e, -0.5, -0.5 - e}, {0, 0.5, 1, 0.5, 1, 1, -1, -1},
               {1, 1, 1, 1, 1, 0, 1, 0});
  check_weight("fatnn:norm=0", {{"a1", 0.5}, {"a2", 2}}, {-0.5, -0.5 + e, -0.25, -0.25 - e, 0, 1, 1 + e, 2 - e, 2},
               {-1, -1, 0, -1, 0, 0, 1, 1, 1}, {0, 2, 2, 2, 0, 0.5, 0.5, 0.5, 0});
  check_weight("lsq", {{"step", 0.5}}, {-0.5, -0.5 + e, -0.25, -0.25 - e, 0.25, 0.25 + e, 0.5 - e, 0.5},
               {-0.5, -0.5, 0, -0.5, 0, 0.5, 0.5, 0.5}, {0, 1, 1, 1, 1, 1, 1, 0});
  check_weight("lsq:bits=2", {{"step", 0.5}}, {-1, -1 + e, -0.75, -0.75 + e, 0.5, 0.5 - e},
               {-1, -1, -1, -0.5, 0.5, 0.5}, {0, 1, 1, 1, 0, 1});
  check_weight("trq", {{"a", 0.5}}, {0.5, 0.5 + e, -0.5, -0.5 - e, 0, 1, 1 + e, -1 - e}, {0, 1, 0, -1, 0, 1, 1, -1},
               {1, 1, 1, 1, 1, 1, 0, 0});
  // E|w| = 1 and equal sums of both signs, so that the path through the scale cancels.
  check_weight("bwn", {}, {1, -1, 1 + e, -1 - e, 1 - e, -1 + e}, {1, -1, 1, -1, 1, -1}, {1, 1, 0, 0, 1, 1});
}

TEST_CASE("tas: what is kept if nothing survives", "[quant]") {
  check_weight("tas", {{"ap", 2}, {"an", 3}, {"delta", 2}}, {0.5, -0.75, 0.75, 0.5}, {0, -3, 0, 0}, {1, 3, 1, 1});
  check_weight("tas", {{"ap", 2}, {"an", 3}, {"delta", 2}}, {0, 0}, {0, 0}, {1, 1});
}

TEST_CASE("sttn: the whole gradient of both latents", "[quant]") {
  const Values w2{0.5, 0.4, -0.3, -0.2, 0.1, -0.2, -0.1, 0.3};
  const Shape shape{1, 8};
  const auto quantizer = tern::make_weight_quantizer(QuantSpec::parse("sttn"), shape);
  const Tensor second = learnable_of(quantizer->learnables(), "w2"), w = leaf(kW, shape, DType::kF64);
  second.copy_from(Tensor::from(w2, shape).to(DType::kF32));
  tern::backward(quantizer->forward(w), Tensor::from(kG, shape));
  const auto sgn = [](double x) { return x >= 0 ? 1.0 : -1.0; };
  double a = 0, through = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    a += (std::abs(kW[i]) + std::abs(w2[i])) / 16;
    through += kG[i] * (sgn(kW[i]) + sgn(w2[i])) / 16;
  }
  for (std::size_t i = 0; i < 8; ++i) {
    CHECK(w.grad().to_vector()[i] == Approx(a * kG[i] + sgn(kW[i]) * through).epsilon(1e-6));
    CHECK(second.grad().to_vector()[i] == Approx(a * kG[i] + sgn(w2[i]) * through).epsilon(1e-6));
  }
}

TEST_CASE("bwn: the pre-processing of the XNOR code", "[quant]") {
  // One filter of two channels, 1x2: means over channels are 1 and 0 at the two positions.
  const Shape shape{1, 2, 1, 2};
  const Values w{2.5, 0.25, -0.5, -0.25};
  const auto run = [&](const char* spec, const Values& q, const Values& dw) {
    INFO(spec);
    const auto quantizer = tern::make_weight_quantizer(QuantSpec::parse(spec), shape);
    const Tensor latent = leaf(w, shape, DType::kF64);
    const Tensor y = quantizer->forward(latent);
    check_values(y, q, 1e-12);
    tern::backward(y, Tensor::from(Values{1, 2, 3, 5}, shape));
    check_values(latent.grad(), dw, 1e-12);
  };
  // centred: 1.5, 0.25, -1.5, -0.25; E = 0.875; sum sgn g / 4 = -5/4; windows 0 1 0 1
  run("bwn:center=1", {0.875, 0.875, -0.875, -0.875}, {-1.25, 1.75 - 1.25, 1.25, 4.375 + 1.25});
  // clipped to 1, 0.25, -1, -0.25: E = 0.625
  run("bwn:center=1,clamp=1", {0.625, 0.625, -0.625, -0.625}, {-1.25, 1.25 - 1.25, 1.25, 3.125 + 1.25});
  // times n (1 - 1/C) = 4 / 2
  run("bwn:xnor=1", {0.625, 0.625, -0.625, -0.625}, {-2.5, 0, 2.5, 2 * (3.125 + 1.25)});
}

TEST_CASE("learned steps of activations against finite differences before rounding", "[quant]") {
  const Shape shape{1, 256};
  tern::Rng rng(21);
  Values v(256), g(256);
  for (double& x : v) x = 1.2 * static_cast<double>(rng.normal());
  for (double& x : g) x = static_cast<double>(rng.normal());
  const auto clip = [](double x, double lo, double hi) { return std::min(std::max(x, lo), hi); };
  for (const bool from_zero : {false, true}) {
    const auto loss = [&](double a1, double a2) {
      double sum = 0;
      for (std::size_t i = 0; i < v.size(); ++i) {
        sum += g[i] * (from_zero ? clip(v[i] / a1, 0, 1) + clip((v[i] - a1) / a2, 0, 1)
                                 : clip(v[i] / a1, -1, 0) + clip(v[i] / a2, 0, 1));
      }
      return sum;
    };
    const auto q = tern::make_act_quantizer(QuantSpec::parse(from_zero ? "fatnn:mode=unsigned" : "fatnn"));
    const Tensor a1 = learnable_of(q->learnables(), "a1"), a2 = learnable_of(q->learnables(), "a2");
    a1.fill(0.75);
    a2.fill(-1.25);  // enters by magnitude
    const Tensor x = leaf(v, shape, DType::kF64);
    tern::backward(q->forward(x, true), Tensor::from(g, shape));
    const double h = 1e-6;
    CHECK(a1.grad().item() == Approx((loss(0.75 + h, 1.25) - loss(0.75 - h, 1.25)) / (2 * h)).epsilon(1e-5));
    CHECK(a2.grad().item() == Approx(-(loss(0.75, 1.25 + h) - loss(0.75, 1.25 - h)) / (2 * h)).epsilon(1e-5));
  }
  // LSQ: the rounding residual is held constant; all three pieces (below, inside, above) occur.
  struct Range {
    const char* spec;
    double qn, qp;
  };
  for (const Range& r : {Range{"lsq", 1, 1}, Range{"lsq:bits=uternary", 0, 2}, Range{"lsq:bits=2", 0, 3}}) {
    const double qn = r.qn, qp = r.qp;
    INFO(r.spec);
    const auto q = tern::make_act_quantizer(QuantSpec::parse(r.spec));
    const Tensor step = learnable_of(q->learnables(), "step");
    step.fill(0.5);
    int pieces[3] = {0, 0, 0};
    const auto loss = [&](double s) {
      double sum = 0;
      for (std::size_t i = 0; i < v.size(); ++i) {
        const double u = v[i] / 0.5;
        const int piece = u <= -qn ? 0 : (u >= qp ? 2 : 1);
        ++pieces[piece];
        sum += g[i] * (piece == 0 ? -qn * s : piece == 2 ? qp * s : v[i] + s * (std::nearbyint(u) - u));
      }
      return sum;
    };
    const Tensor x = leaf(v, shape, DType::kF64);
    tern::backward(q->forward(x, true), Tensor::from(g, shape));
    const double h = 1e-6, c = 1 / std::sqrt(256 * qp);
    CHECK(step.grad().item() == Approx(c * (loss(0.5 + h) - loss(0.5 - h)) / (2 * h)).epsilon(1e-5));
    for (const int n : pieces) CHECK(n > 0);
  }
}

TEST_CASE("tas activations: the window estimator by its definition, and its scale", "[quant]") {
  const Values v{0.375, 0.376, 0.5, 0.625, 0.626, -0.5, -0.4, -0.7, 0.1, 1.0}, g{1, 2, 3, 5, 7, 11, 13, 17, 19, 23};
  // D = 0.5, half-width 0.125: 0.376, 0.5 and the edges 0.375, 0.625 count, negatives with the other sign
  const double raw = (-(1.0 + 2 + 3 + 5) + 11 + 13) / (2 * 0.25 * 0.5);
  const auto run = [&](const std::string& spec, const Shape& shape) {
    const auto q = tern::make_act_quantizer(QuantSpec::parse(spec));
    learnable_of(q->learnables(), "delta").fill(0.5);
    learnable_of(q->states(), "mean_abs").fill(1.0);
    const Tensor x = leaf(v, shape, DType::kF64);
    tern::backward(q->forward(x, false), Tensor::from(g, shape));
    return learnable_of(q->learnables(), "delta").grad().item();
  };
  CHECK(run("tas:delta_grad_scale=0", Shape{1, 10}) == Approx(raw).epsilon(1e-6));
  CHECK(run("tas", Shape{1, 10}) == Approx(raw / std::sqrt(10.0)).epsilon(1e-6));
  CHECK(run("tas", Shape{2, 5}) ==
        Approx(raw / std::sqrt(5.0)).epsilon(1e-6));  // features of a sample, summed over samples
  CHECK(run("tas:mode=relu01,delta_grad_scale=0", Shape{1, 10}) == Approx(-11 / (2 * 0.25 * 0.5)).epsilon(1e-6));
}
