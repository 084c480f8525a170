// Options, initial values and life cycle: what no worked example shows.
#include <cmath>

#include "golden.hpp"
#include "quant/quant_util.hpp"
#include "quant/registry.hpp"
#include "tern/error.hpp"
#include "tern/parallel.hpp"
#include "tern/rng.hpp"

using tern::DType;
using tern::QuantSpec;
using tern::Rng;
using tern::Shape;
using tern::Tensor;

namespace {

std::unique_ptr<tern::WeightQuantizer> weight(const std::string& spec, const Shape& shape) {
  return tern::make_weight_quantizer(QuantSpec::parse(spec), shape);
}
std::unique_ptr<tern::ActQuantizer> act(const std::string& spec) {
  return tern::make_act_quantizer(QuantSpec::parse(spec));
}

Tensor w8() { return Tensor::from(kW, Shape{1, 8}).to(DType::kF32); }

}  // namespace

TEST_CASE("rne is nearbyint within its range, and never -0", "[quant]") {
  Rng rng(2);
  for (int i = 0; i < 20000; ++i) {
    const float x =
        static_cast<float>(static_cast<int>(rng.below(4096)) - 2048) / 8.0f + (i % 2 ? 0.0f : 0.01f * rng.normal());
    REQUIRE(tern::quant::rne(x) == std::nearbyint(x));
    REQUIRE(tern::quant::rne(static_cast<double>(x)) == std::nearbyint(static_cast<double>(x)));
  }
  CHECK_FALSE(std::signbit(tern::quant::rne(-0.25f)));
}

TEST_CASE("initial values from weights and batches", "[quant]") {
  const auto value = [](auto& q, const char* name) { return learnable_of(q->learnables(), name).to_vector()[0]; };
  const Tensor w = w8();
  auto ttq = weight("ttq", w.shape());
  ttq->init(w);
  CHECK(value(ttq, "wp") == Approx(0.55));  // 0.9, 0.3, 0.45 are above 0.2975
  CHECK(value(ttq, "wn") == Approx(0.7));
  auto one = weight("ttq:init=one", w.shape());
  one->init(w);
  CHECK(value(one, "wp") == 1.0);
  auto tas = weight("tas:delta=1", w.shape());
  tas->init(w);
  CHECK(value(tas, "ap") == Approx(0.675));  // 0.9, 0.45 are above 0.425
  CHECK(value(tas, "delta") == 1.0);
  auto one_sided = weight("tas", Shape{1, 2});
  one_sided->init(Tensor::from(Values{0.5, 0.25}, Shape{1, 2}).to(DType::kF32));
  CHECK(value(one_sided, "an") == Approx(0.375));  // no negative survivor: E|w|
  auto trq = weight("trq", w.shape());
  trq->init(w);
  CHECK(value(trq, "a") == Approx(0.425));
  auto sttn = weight("sttn", w.shape());
  sttn->init(w);
  CHECK(sttn->deploy(w).codes == weight("twn", w.shape())->deploy(w).codes);
  auto lsq = weight("lsq:preset=fatnn", w.shape());
  lsq->init(w);
  CHECK(value(lsq, "step") == 1.0);
  auto lsq3 = weight("lsq:bits=3", w.shape());
  lsq3->init(w);
  CHECK(value(lsq3, "step") == Approx(0.85 / std::sqrt(3.0)));
  auto acts = act("lsq:bits=2");
  acts->init(w);
  CHECK(value(acts, "step") == Approx(0.85 / std::sqrt(3.0)));
  auto tas_act = act("tas:delta=0.5");
  tas_act->init(w);
  CHECK(tas_act->states()[0].value.item() == Approx(0.425));
  auto tas_relu = act("tas:mode=relu01");
  tas_relu->init(w);
  CHECK(tas_relu->states()[0].value.item() == Approx(1.7 / 8));  // of what passes the ReLU
}

TEST_CASE("lsq preset=fatnn: FATNN's normalisation, unit gradient scale", "[quant]") {
  const Tensor w = leaf(kW, Shape{1, 8}, DType::kF64), u = leaf(kW, Shape{1, 8}, DType::kF64);
  const auto lsq = weight("lsq:preset=fatnn", w.shape()), fatnn = weight("fatnn", w.shape());
  const Tensor q = lsq->forward(w), r = fatnn->forward(u);
  CHECK(q.to_vector() == r.to_vector());  // both steps are 1
  tern::backward(q, Tensor::from(kG, w.shape()));
  tern::backward(r, Tensor::from(kG, w.shape()));
  const Values got = w.grad().to_vector(), want = u.grad().to_vector();
  for (std::size_t i = 0; i < 8; ++i) CHECK(got[i] == Approx(want[i]).margin(1e-12));
  const double std = 0.5548487;
  double ds = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    const double x = kW[i] / std;
    ds += kG[i] * (x >= 1 ? 1 : x <= -1 ? -1 : std::nearbyint(x) - x);
  }
  CHECK(learnable_of(lsq->learnables(), "step").grad().item() == Approx(ds).epsilon(1e-5));
}

TEST_CASE("heq: the step moves at epoch begins only; the median", "[quant]") {
  const Tensor w = w8(), shifted = w8();
  for (float& x : shifted.span<float>()) x += 0.25f;
  const auto q = weight("heq", w.shape());
  q->init(w);
  const double first = q->states()[0].value.item();
  q->forward(shifted);
  q->after_step();
  CHECK(q->states()[0].value.item() == first);
  q->on_epoch_begin(shifted, {.epoch = 1});
  CHECK(q->states()[0].value.item() != first);
  const auto centred = weight("heq:n=5,center_median=1", w.shape()),
             again = weight("heq:n=5,center_median=1", w.shape());
  centred->on_epoch_begin(w, {});
  again->on_epoch_begin(shifted, {});
  CHECK(again->states()[1].value.item() == Approx(centred->states()[1].value.item() + 0.25));
  CHECK(again->states()[0].value.item() == Approx(centred->states()[0].value.item()));
  CHECK(again->deploy(shifted).codes == centred->deploy(w).codes);
}

TEST_CASE("aliases are what they stand for", "[quant]") {
  const Tensor w = w8();
  CHECK(weight("totnet", w.shape())->deploy(w).scale_pos == weight("twn:group=filter", w.shape())->deploy(w).scale_pos);
  CHECK(weight("tbn", w.shape())->deploy(w).scale_pos == weight("bwn", w.shape())->deploy(w).scale_pos);
  CHECK(act("sttn")->thresholds() == act("ternary:t=0.5")->thresholds());
  const auto tas = act("tas:mode=relu012"), fatnn = act("fatnn:mode=unsigned");
  CHECK(tas->thresholds() == fatnn->thresholds());
  CHECK(tas->hi() == 2);
}

TEST_CASE("projection: each learnable into its own range, signs of steps kept", "[quant]") {
  const auto projected = [](auto&& q, const char* name, double value) {
    const Tensor t = learnable_of(q->learnables(), name);
    t.fill(value);
    q->after_step();
    return t.to_vector()[0];
  };
  const Shape shape{2, 8};
  const std::pair<const char*, const char*> scales[] = {
      {"ttq", "wp"}, {"ttq", "wn"}, {"tas", "ap"}, {"tas", "an"}, {"trq", "a"}};
  for (const auto& [spec, name] : scales) {
    CHECK(projected(weight(spec, shape), name, -3) == Approx(1e-4));
    CHECK(projected(weight(spec, shape), name, 3) == 3);
  }
  for (const double sign : {1.0, -1.0}) {
    CHECK(projected(weight("fatnn", shape), "a1", sign * 1e-9) == Approx(sign * 1e-4));
    CHECK(projected(act("fatnn"), "a2", sign * 1e-9) == Approx(sign * 1e-4));
    CHECK(projected(weight("lsq", shape), "step", sign * 1e-9) == Approx(sign * 1e-6));
    CHECK(projected(act("lsq"), "step", sign * 2.0) == sign * 2.0);
  }
  CHECK(projected(weight("tas", shape), "delta", 9) == 2);
  CHECK(projected(weight("tas", shape), "delta", -9) == Approx(0.05));
  CHECK(projected(act("tas"), "delta", 9) == 2);
}

TEST_CASE("a fixed delta is no learnable", "[quant]") {
  const Tensor w = leaf(kW, Shape{1, 8}, DType::kF32);
  const auto q = weight("tas:learn_delta=0", w.shape());
  CHECK(q->learnables().size() == 2);
  tern::backward(q->forward(w), Tensor::full(w.shape(), 1.0));
  CHECK(w.grad().defined());
  const auto a = act("tas:learn_delta=0");
  CHECK(a->learnables().empty());
  tern::backward(a->forward(leaf(kW, Shape{1, 8}, DType::kF32), true), Tensor::full(w.shape(), 1.0));
}

TEST_CASE("backward outlives the quantizer, and uses the learnables of its forward", "[quant]") {
  for (const char* spec : {"bwn", "tas", "fatnn", "lsq", "trq", "sttn", "ttq"}) {
    INFO(spec);
    Values gradients[2];
    for (const bool disturbed : {false, true}) {
      auto q = weight(spec, Shape{1, 8});
      q->init(w8());
      const Tensor w = leaf(kW, Shape{1, 8}, DType::kF32);
      const Tensor y = q->forward(w);
      if (disturbed) {
        for (const auto& t : q->learnables()) t.value.fill(123.0);
        q.reset();
      }
      tern::backward(y, Tensor::from(kG, w.shape()).to(DType::kF32));
      gradients[disturbed] = w.grad().to_vector();
    }
    CHECK(gradients[0] == gradients[1]);
  }
}

TEST_CASE("large tensors: the same bits for one, two and three threads", "[quant]") {
  const int before = tern::num_threads();
  Rng rng(4);
  const Tensor v = Tensor::empty(Shape{3, 7, 45, 67});
  for (float& x : v.span<float>()) x = rng.normal();
  const Tensor g = v.clone();
  const auto run = [&](auto& q, auto&& forward) {
    const Tensor x = v.clone().set_requires_grad(true);
    q->init(v);
    const Tensor y = forward(x);
    tern::backward(y, g);
    std::vector<Values> out{y.to_vector(), x.grad().to_vector()};
    for (const auto& t : q->learnables()) out.push_back(t.value.grad().to_vector());
    return out;
  };
  for (const char* spec : {"ternary:threshold=mean", "tas", "fatnn:mode=unsigned", "lsq:bits=2", "dorefa"}) {
    INFO(spec);
    std::vector<std::vector<Values>> results;
    for (const int threads : {1, 2, 3}) {
      tern::set_num_threads(threads);
      auto q = act(spec);
      results.push_back(run(q, [&](const Tensor& x) { return q->forward(x, true); }));
    }
    CHECK((results[0] == results[1] && results[0] == results[2]));
  }
  for (const auto& info : tern::weight_quantizers()) {
    if (info.key == "toy") continue;
    INFO(info.key);
    std::vector<std::vector<Values>> results;
    for (const int threads : {1, 2, 3}) {
      tern::set_num_threads(threads);
      auto q = weight(info.key, v.shape());
      results.push_back(run(q, [&](const Tensor& x) { return q->forward(x); }));
    }
    CHECK((results[0] == results[1] && results[0] == results[2]));
  }
  tern::set_num_threads(before);
}

TEST_CASE("gradients that arrive strided, and shared, are read and left as they are", "[quant]") {
  for (const char* spec : {"ternary", "lsq", "fatnn", "tas"}) {
    INFO(spec);
    const auto q = act(spec);
    const Tensor wide = Tensor::from(Values{1, -9, 2, -9, 3, -9, 4, -9}, Shape{4, 2}).to(DType::kF32);
    const std::int64_t strides[] = {2};
    const Tensor strided = wide.strided_view(Shape{4}, strides);
    const Values v{-0.9, -0.2, 0.3, 0.8};
    const Tensor a = leaf(v, Shape{4}, DType::kF32), b = leaf(v, Shape{4}, DType::kF32);
    tern::backward(q->forward(a, true), strided);
    tern::backward(q->forward(b, true), strided.contiguous());
    CHECK(a.grad().to_vector() == b.grad().to_vector());
    CHECK(strided.to_vector() == Values{1, 2, 3, 4});
  }
}

TEST_CASE("quantize_gradient: numbers are set aside at the forward, each element has its own", "[quant]") {
  const Tensor d = Tensor::from(Values{0.3, -0.7, 1.0, 0.2, 0.6, -0.1}, Shape{2, 3});
  const auto run = [&](std::uint64_t position, int threads) {
    tern::set_num_threads(threads);
    const Tensor x = leaf(Values(6, 0.0), Shape{2, 3}, DType::kF64);
    Tensor y;
    {
      Rng rng(5);
      rng.set_position(position);
      y = tern::quantize_gradient(x, 3, &rng);
      CHECK(rng.position() == position + 6);
    }  // the generator is gone
    tern::backward(y, d);
    return x.grad().to_vector();
  };
  const int before = tern::num_threads();
  CHECK(run(0, 1) == run(0, 3));
  bool differ = false;
  for (std::uint64_t p = 1; p < 20; ++p) differ = differ || run(6 * p, 1) != run(0, 1);
  CHECK(differ);
  tern::set_num_threads(before);

  // By definition, with the same numbers.
  const Values got = run(12, 1);
  Rng rng(5);
  rng.set_position(12);
  for (std::size_t i = 0; i < 6; ++i) {
    const double largest = i < 3 ? 1.0 : 0.6, noise = (static_cast<double>(rng.uniform()) - 0.5) / 7;
    const double z = std::min(std::max(d.to_vector()[i] / (2 * largest) + 0.5 + noise, 0.0), 1.0);
    CHECK(got[i] == Approx(2 * largest * (std::nearbyint(z * 7) / 7 - 0.5)).margin(1e-12));
  }
  tern::set_num_threads(before);

  const tern::NoGrad off;
  Rng untouched(5);
  tern::quantize_gradient(leaf({1}, Shape{1}, DType::kF64), 2, &untouched);
  CHECK(untouched.position() == 0);
}

TEST_CASE("bad options of every kind are named", "[quant]") {
  const Shape shape{1, 8};
  CHECK_THROWS_WITH(weight("ttq:t=1", shape), "[ttq] expected t in [0, 1) (default 0.05); got \"1\"");
  CHECK_THROWS_WITH(weight("tas:delta=3", shape), ContainsSubstring("delta in [0.05, 2]"));
  CHECK_THROWS_WITH(weight("tas:h=0", shape), ContainsSubstring("h in (0, 1e30]"));
  CHECK_THROWS_WITH(weight("totnet:group=row", shape),
                    "[totnet] expected group=layer|filter (default filter); got \"row\"");
  CHECK_THROWS_WITH(weight("dorefa:bits=8", shape), ContainsSubstring("bits in 1..7"));
  CHECK_THROWS_WITH(weight("lsq:bits=1", shape), ContainsSubstring("bits=ternary|2..7"));
  CHECK_THROWS_WITH(weight("lsq:bits=uternary", shape), ContainsSubstring("did you mean \"ternary\"?"));
  CHECK_THROWS_WITH(weight("bwn:xnor=yes", shape), ContainsSubstring("xnor=0|1"));
  CHECK_THROWS_WITH(weight("trq:a=1", shape), ContainsSubstring("known: none"));
  CHECK_THROWS_WITH(act("lsq:bits=-2"), ContainsSubstring("bits=ternary|uternary|1..7"));
  CHECK_THROWS_WITH(act("tas:mode=relu"), ContainsSubstring("mode=signed|relu01|relu012"));
  CHECK_THROWS_WITH(act("tas:mode=relu012,h=1"), ContainsSubstring("\"h\" has no effect with mode=relu012"));
  CHECK_THROWS_WITH(act("ternary:factor=0.3"), ContainsSubstring("it counts with threshold=mean"));
  CHECK_THROWS_WITH(act("tbn:factor=nan"), ContainsSubstring("factor"));
}

TEST_CASE("every row has a table that can be right, and every word of it makes a quantizer", "[quant]") {
  const auto words = [](const tern::SpecOption& o) {
    std::vector<std::string> out{o.shown_default()};
    for (std::size_t begin = 0; begin <= o.range.size(); begin = o.range.find('|', begin) + 1) {
      const std::string alternative = o.range.substr(begin, o.range.find('|', begin) - begin);
      if (alternative.find_first_of("[(.") == std::string::npos) out.push_back(alternative);
      if (o.range.find('|', begin) == std::string::npos) break;
    }
    return out;
  };
  const auto check = [&](const std::vector<tern::MethodInfo>& all, const auto& make) {
    for (const auto& info : all) {
      if (info.key == "toy") continue;
      INFO(info.key);
      REQUIRE(info.options);
      CHECK_NOTHROW(tern::check_options(info.key, *info.options));
      for (const tern::SpecOption& o : *info.options) {
        CHECK_FALSE(o.help.empty());
        CHECK(o.help.size() + o.when.size() < 120);
        if (!o.when.empty() || o.fallback.starts_with('=')) continue;
        for (const std::string& word : words(o)) CHECK_NOTHROW(make(info.key + ":" + o.name + "=" + word));
      }
    }
  };
  check(tern::weight_quantizers(), [](const std::string& spec) { weight(spec, Shape{2, 4}); });
  check(tern::act_quantizers(), [](const std::string& spec) { act(spec); });
}

TEST_CASE("a method from outside with a table gets specs that have every option", "[quant]") {
  std::string seen;
  tern::register_weight_quantizer(
      "with_table", "a test", {{"t", "0.05", "[0, 1)", "a share"}, {"init", "twn", "twn|one", "a start"}},
      [&](const QuantSpec& spec, const Shape&) { return seen = spec.str(), std::unique_ptr<tern::WeightQuantizer>(); });
  weight("with_table:init=one", Shape{1, 1});
  CHECK(seen == "with_table:t=0.05,init=one");
  CHECK_THROWS_WITH(weight("with_table:t=2", Shape{1, 1}), ContainsSubstring("[with_table] expected t in [0, 1)"));
  tern::weight_quantizer_registry().remove("with_table");
  CHECK_THROWS_WITH(
      tern::register_act_quantizer("wrong", "a test", {{"t", "2", "[0, 1)", "a share"}},
                                   [](const QuantSpec&) { return std::unique_ptr<tern::ActQuantizer>(); }),
      ContainsSubstring("[wrong] option \"t\""));
  std::string raw;
  tern::register_act_quantizer("no_table", "a test", [&](const QuantSpec& spec) {
    return raw = spec.str(), std::unique_ptr<tern::ActQuantizer>();
  });
  act("no_table:anything=1");
  CHECK(raw == "no_table:anything=1");
  tern::act_quantizer_registry().remove("no_table");
}
