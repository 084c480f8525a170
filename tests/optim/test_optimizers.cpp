#include <cmath>
#include <limits>

#include "catch.hpp"
#include "optim/registry.hpp"
#include "registration.hpp"
#include "tern/error.hpp"
#include "tern/ops.hpp"
#include "tern/optim.hpp"
#include "tern/parallel.hpp"
#include "tern/rng.hpp"

using tern::ParamGroup;
using tern::Shape;
using tern::Tensor;

namespace {

// One parameter of one element, and the same algorithm in plain scalar code beside it.
struct Scalar {
  explicit Scalar(double w0) : w(Tensor::full(Shape{1}, w0, tern::DType::kF64)) { w.set_requires_grad(true); }
  ParamGroup group(double decay) const {
    return {.name = "g", .params = {{"w", w}}, .lr_scale = 1, .weight_decay = decay};
  }
  void gradient(double g) const { w.set_grad(Tensor::full(Shape{1}, g, tern::DType::kF64)); }
  Tensor w;
};

const double kGradients[] = {0.5, -1.0, 2.0, 0.25, -0.125};

}  // namespace

TEST_CASE("sgd: momentum, Nesterov and weight decay against scalar code", "[optim]") {
  for (const bool nesterov : {false, true}) {
    const Scalar p(1.0);
    const auto opt = tern::make_optimizer(nesterov ? "sgd:momentum=0.9,nesterov=1" : "sgd", {p.group(0.01)});
    double w = 1.0, buf = 0;
    for (const double g : kGradients) {
      p.gradient(g);
      opt->step(0.1);
      const double d = g + 0.01 * w;
      buf = 0.9 * buf + d;
      w -= 0.1 * (nesterov ? d + 0.9 * buf : buf);
      CHECK(p.w.item() == Approx(w).epsilon(1e-14));
    }
  }
}

TEST_CASE("adam and adamw: bias correction and the two kinds of decay", "[optim]") {
  for (const bool decoupled : {false, true}) {
    const Scalar p(1.0);
    const auto opt = tern::make_optimizer(decoupled ? "adamw" : "adam", {p.group(0.1)});
    double w = 1.0, m = 0, v = 0;
    int t = 0;
    for (const double g : kGradients) {
      p.gradient(g);
      opt->step(0.01);
      ++t;
      const double d = decoupled ? g : g + 0.1 * w;
      if (decoupled) w *= 1 - 0.01 * 0.1;
      m = 0.9 * m + 0.1 * d;
      v = 0.999 * v + 0.001 * d * d;
      w -= 0.01 * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
      CHECK(p.w.item() == Approx(w).epsilon(1e-12));
    }
  }
  // The first step of Adam moves by lr whatever the gradient's size.
  const Scalar p(1.0);
  const auto opt = tern::make_optimizer("adam", {p.group(0)});
  p.gradient(1234.5);
  opt->step(0.01);
  CHECK(p.w.item() == Approx(0.99));
}

TEST_CASE("optimizers: masks, cleared state, missing gradients, group scales, state round trip", "[optim]") {
  for (const tern::MethodInfo& row : tern::optimizers()) {
    const std::string& name = row.key;
    INFO(name);
    const Tensor w = Tensor::from(std::vector<float>{1, 2, 3, 4}, Shape{4}).set_requires_grad(true);
    const Tensor idle = Tensor::from(std::vector<float>{5}, Shape{1}).set_requires_grad(true);
    ParamGroup group{.name = "g", .params = {{"w", w}, {"idle", idle}}, .lr_scale = 0.5, .weight_decay = 0.1};
    const auto opt = tern::make_optimizer(name, {group});
    const auto gradient = [&] { w.set_grad(Tensor::from(std::vector<float>{1, 1, 1, 1}, Shape{4})); };
    gradient();
    opt->step(0.1);
    CHECK(idle.item() == 5.0);
    opt->set_mask("w", Tensor::from(std::vector<float>{1, 0, 1, 0}, Shape{4}));
    const auto before = w.to_vector();
    const auto state_before = opt->state()[0].value.to_vector();
    gradient();
    opt->step(0.1);
    for (const std::size_t i : {1u, 3u}) {
      CHECK(w.to_vector()[i] == before[i]);
      CHECK(opt->state()[0].value.to_vector()[i] == state_before[i]);
    }
    CHECK(w.to_vector()[0] != before[0]);
    opt->set_mask("w", {});

    // A second optimizer with the same state continues with the same bits.
    const Tensor w2 = w.clone().set_requires_grad(true);
    ParamGroup group2{.name = "g", .params = {{"w", w2}}, .lr_scale = 0.5, .weight_decay = 0.1};
    const auto opt2 = tern::make_optimizer(name, {group2});
    const auto from = opt->state(), to = opt2->state();
    for (std::size_t i = 0; i < to.size(); ++i) {
      CHECK(from[i].name == to[i].name);
      to[i].value.copy_from(from[i].value);
    }
    gradient();
    w2.set_grad(w.grad());
    opt->step(0.1);
    opt2->step(0.1);
    CHECK(w.to_vector() == w2.to_vector());

    opt->clear_state("w");
    for (const double x : opt->state()[0].value.to_vector()) CHECK(x == 0);
    opt->zero_grad();
    CHECK_FALSE(w.grad().defined());
    CHECK_THROWS_WITH(opt->clear_state("v"), ContainsSubstring("no parameter \"v\""));
    CHECK_THROWS_AS(opt->set_mask("w", Tensor::zeros(Shape{3})), tern::ShapeError);
    CHECK_THROWS_WITH(tern::make_optimizer(name, {group, group}), ContainsSubstring("appears twice"));
  }
  CHECK_THROWS_WITH(tern::make_optimizer("sdg", {}), ContainsSubstring("known: sgd, adam, adamw"));
  CHECK_THROWS_WITH(tern::make_optimizer("sgd:momentum=1", {}), ContainsSubstring("momentum"));
  CHECK_THROWS_WITH(tern::make_optimizer("adam:momentum=0.5", {}), ContainsSubstring("unknown option \"momentum\""));
}

TEST_CASE("optimizers: what cannot be right is refused before anything changes", "[optim]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor w = Tensor::from(std::vector<float>{1, 2, 3, 4}, Shape{2, 2}).set_requires_grad(true);
  const auto group = [&](double scale, double decay) {
    return ParamGroup{.name = "g", .params = {{"w", w}}, .lr_scale = scale, .weight_decay = decay};
  };
  CHECK_THROWS_AS(tern::make_optimizer("sgd", {group(-1, 0)}), tern::ValueError);
  CHECK_THROWS_AS(tern::make_optimizer("sgd", {group(1, nan)}), tern::ValueError);
  CHECK_THROWS_WITH(tern::make_optimizer("sgd", {{.name = "g", .params = {{"a", w}, {"b", w}}}}),
                    ContainsSubstring("is the tensor of another parameter"));
  CHECK_THROWS_WITH(tern::make_optimizer("sgd", {{.name = "g", .params = {{"w", Tensor::zeros(Shape{1})}}}}),
                    ContainsSubstring("does not require a gradient"));
  CHECK_THROWS_AS(tern::make_optimizer("adam:beta1=1", {group(1, 0)}), tern::ValueError);
  CHECK_THROWS_AS(tern::make_optimizer("adam:eps=0", {group(1, 0)}), tern::ValueError);

  const auto opt = tern::make_optimizer("sgd:momentum=0", {group(1, 0)});
  w.set_grad(Tensor::full(Shape{2, 2}, 1));
  for (const double lr : {-0.1, nan, std::numeric_limits<double>::infinity()})
    CHECK_THROWS_AS(opt->step(lr), tern::ValueError);
  CHECK(w.to_vector() == std::vector<double>{1, 2, 3, 4});
  CHECK_THROWS_AS(opt->set_momentum(1.5), tern::ValueError);
  CHECK_THROWS_AS(tern::clip_grad_norm({w}, 0), tern::ValueError);

  // A gradient that is a transposed view is read by its meaning, not by its memory.
  w.set_grad(tern::transpose(Tensor::from(std::vector<float>{10, 20, 30, 40}, Shape{2, 2})));
  opt->step(1);
  CHECK(w.to_vector() == std::vector<double>{-9, -28, -17, -36});
}

TEST_CASE("optimizers: bits do not depend on the number of threads", "[optim]") {
  const int before = tern::num_threads();
  for (const tern::MethodInfo& row : tern::optimizers()) {
    const std::string& name = row.key;
    std::vector<double> first;
    for (const int threads : {1, 2, 3}) {
      tern::set_num_threads(threads);
      tern::Rng rng(3);
      const Tensor w = Tensor::empty(Shape{100'000}).set_requires_grad(true);
      const Tensor g = Tensor::empty(Shape{100'000});
      for (float& x : w.span<float>()) x = rng.normal();
      for (float& x : g.span<float>()) x = rng.normal();
      const auto opt = tern::make_optimizer(name, {{.name = "g", .params = {{"w", w}}, .weight_decay = 1e-3}});
      for (int i = 0; i < 3; ++i) {
        w.set_grad(g);
        tern::clip_grad_norm({w}, 1.0);
        opt->step(0.1);
      }
      if (first.empty()) first = w.to_vector();
      CHECK(w.to_vector() == first);
    }
  }
  tern::set_num_threads(before);
}

TEST_CASE("clip_grad_norm and moving average", "[optim]") {
  const Tensor a = Tensor::zeros(Shape{1}).set_requires_grad(true), b = Tensor::zeros(Shape{1}).set_requires_grad(true);
  a.set_grad(Tensor::full(Shape{1}, 3));
  b.set_grad(Tensor::full(Shape{1}, 4));
  CHECK(tern::clip_grad_norm({a, b}, 10) == Approx(5));
  CHECK(a.grad().item() == 3);
  CHECK(tern::clip_grad_norm({a, b}, 1) == Approx(5));
  CHECK(a.grad().item() == Approx(0.6));
  CHECK(b.grad().item() == Approx(0.8));
  a.set_grad(Tensor::full(Shape{1}, std::numeric_limits<double>::infinity()));
  CHECK(std::isinf(tern::clip_grad_norm({a, b}, 1)));
  CHECK(b.grad().item() == Approx(0.8));

  const Tensor w = Tensor::full(Shape{1}, 1.0, tern::DType::kF64);
  tern::ExponentialMovingAverage ema({{"w", w}}, 0.9);
  w.fill(2.0);
  ema.update();
  ema.swap();
  CHECK(w.item() == Approx(1.1));
  ema.swap();
  CHECK(w.item() == 2.0);
  CHECK_FALSE(ema.swapped());
  ema.swap();
  CHECK_THROWS_AS(ema.update(), tern::ValueError);
  ema.swap();
  CHECK(ema.state()[0].name == "ema.w");
  CHECK_THROWS_AS(tern::ExponentialMovingAverage({}, 1.0), tern::ValueError);
}

TEST_CASE("optimizers: every row descends a quadratic, and from a saved state in the same bits", "[optim][walk]") {
  // f(w) = sum_i a_i (w_i - t_i)^2 / 2, with curvatures a from 0.1 to 1.
  constexpr int kSize = 8, kSteps = 150;
  const auto distance = [](const Tensor& w) {
    double f = 0;
    for (int i = 0; i < kSize; ++i) {
      const double d = static_cast<double>(w.data<float>()[i]) - i;
      f += (0.1 + 0.9 * i / (kSize - 1)) * d * d / 2;
    }
    return f;
  };
  const auto step = [](tern::Optimizer& opt, const Tensor& w) {
    const Tensor g = Tensor::empty(Shape{kSize});
    for (int i = 0; i < kSize; ++i) {
      g.data<float>()[i] =
          static_cast<float>((0.1 + 0.9 * i / (kSize - 1)) * (static_cast<double>(w.data<float>()[i]) - i));
    }
    w.set_grad(g);
    opt.step(0.1);
  };
  for (const tern::MethodInfo& row : tern::optimizers()) {
    const std::string& name = row.key;
    INFO(name);
    const Tensor w = Tensor::zeros(Shape{kSize}).set_requires_grad(true);
    const auto opt = tern::make_optimizer(name, {{.name = "g", .params = {{"w", w}}}});
    const double start = distance(w);
    for (int i = 0; i < kSteps / 2; ++i) step(*opt, w);
    const Tensor w2 = w.clone().set_requires_grad(true);
    const auto opt2 = tern::make_optimizer(name, {{.name = "g", .params = {{"w", w2}}}});
    const auto from = opt->state(), to = opt2->state();
    REQUIRE(from.size() == to.size());
    for (std::size_t i = 0; i < to.size(); ++i) to[i].value.copy_from(from[i].value);
    for (int i = 0; i < kSteps / 2; ++i) {
      step(*opt, w);
      step(*opt2, w2);
    }
    CHECK(w.to_vector() == w2.to_vector());
    CHECK(distance(w) < 0.05 * start);
  }
}

TEST_CASE("register_optimizer: one from outside, with an option of its own", "[optim][register]") {
  struct Signs final : tern::Optimizer {
    Signs(std::vector<ParamGroup> groups, double factor) : Optimizer(std::move(groups)), factor_(factor) {}
    std::vector<tern::NamedTensor> make_state(const Tensor&) const override { return {}; }
    void update(Slot& slot, const Tensor& grad, double lr, double) override {
      for (std::int64_t i = 0; i < grad.numel(); ++i)
        slot.value.data<float>()[i] -= std::copysign(static_cast<float>(factor_ * lr), grad.data<float>()[i]);
    }
    double factor_;
  };
  tern::testing::check_registration(
      tern::optimizer_registry(),
      [](const std::string& name, bool whole) {
        tern::register_optimizer(
            name, "moves by the sign of the gradient", {{"factor", "1", "(0, 9]", "on the rate"}},
            !whole ? tern::OptimizerFactory() : [](const tern::Spec& spec, auto groups) {
              return std::make_unique<Signs>(std::move(groups), spec.number("factor"));
            });
      },
      tern::optimizers, [](const tern::MethodInfo& row) { return row.key; },
      [](const std::string& name) {
        const Tensor w = Tensor::from(std::vector<float>{1, 2}, Shape{2}).set_requires_grad(true);
        const auto opt = tern::make_optimizer(name + ":factor=2", {{.name = "g", .params = {{"w", w}}}});
        w.set_grad(Tensor::from(std::vector<float>{3, -4}, Shape{2}));
        opt->step(0.25);
        CHECK(w.to_vector() == std::vector<double>{0.5, 2.5});
        CHECK_THROWS_WITH(tern::make_optimizer(name + ":factr=2", {}), ContainsSubstring("did you mean \"factor\"?"));
        CHECK_THROWS_WITH(tern::make_optimizer(name + ":factor=10", {}), ContainsSubstring("(0, 9]"));
      });
}
