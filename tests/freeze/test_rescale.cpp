// Rescale: the worked example, exact optima on random filters, and evaluation that stays as it was.
#include <algorithm>
#include <cmath>
#include <limits>

#include "catch.hpp"
#include "tern/error.hpp"
#include "tern/freeze.hpp"
#include "tern/parallel.hpp"

using namespace tern;

namespace {

const std::vector<float> kW{0.9f, -0.8f, 0.3f, -0.2f, 0.05f, -0.6f, 0.45f, -0.1f};

double error_of(const std::vector<float>& w, double s, const LevelSet& levels) {
  double sum = 0;
  for (const float x : w) {
    const double d = static_cast<double>(x) - s * levels.nearest(static_cast<double>(x) / s);
    sum += d * d;
  }
  return std::sqrt(sum);
}

/// Exact ternary optimum: with the k largest |w| at +-1, s = their mean and the error is sum w^2 - (sum of them)^2 / k.
double exact_ternary_error(const std::vector<float>& w) {
  std::vector<double> a;
  for (const float x : w) a.push_back(std::abs(static_cast<double>(x)));
  std::sort(a.rbegin(), a.rend());
  double squares = 0, sum = 0, gain = 0;
  for (const double x : a) squares += x * x;
  for (std::size_t k = 1; k <= a.size(); ++k) {
    sum += a[k - 1];
    gain = std::max(gain, sum * sum / static_cast<double>(k));
  }
  return std::sqrt(std::max(squares - gain, 0.0));
}

std::vector<float> random_filter(std::uint64_t seed) {
  Rng rng(seed, 5);
  std::vector<float> w(8 + rng.below(600));
  const float spread = std::pow(10.0f, -5.0f + 5.0f * rng.uniform());
  const bool heavy_tails = rng.below(3) == 0;
  for (float& x : w) {
    x = spread * rng.normal();
    if (heavy_tails) x *= std::abs(rng.normal());
  }
  return w;
}

const char* kNet =
    "tern-graph 1\n"
    "image = input() shape=2x6x6\n"
    "c1 = conv2d(image) out=4 kernel=3 pad=1\n"
    "b1 = batch_norm(c1)\n"
    "a1 = act(b1) kind=relu\n"
    "c2 = conv2d(a1) out=5 kernel=3 pad=1 bias=1 weights=grid\n"
    "b2 = batch_norm(c2)\n"
    "a2 = act(b2) kind=relu\n"
    "c3 = conv2d(a2) out=6 kernel=1 weights=grid:levels=binary\n"
    "g = global_avg_pool(c3)\n"
    "f = flatten(g)\n"
    "fc = linear(f) out=3\n";

}  // namespace

TEST_CASE("rescale: the worked example", "[freeze]") {
  const ScaleFit ternary = fit_scale(kW, LevelSet::named("ternary"));
  CHECK(ternary.grid_scale == Approx(0.687388).margin(1e-6));
  CHECK(ternary.grid_error == Approx(0.514174).margin(1e-6));
  CHECK(ternary.scale == Approx(0.687522).margin(1e-6));
  const ScaleFit binary = fit_scale(kW, LevelSet::named("binary"));
  CHECK(binary.scale == Approx(0.425).margin(1e-4));
  CHECK(binary.error * binary.error == Approx(0.71).margin(1e-5));
}

TEST_CASE("rescale: exact optima on 1000 random filters", "[freeze]") {
  const LevelSet binary = LevelSet::named("binary"), ternary = LevelSet::named("ternary");
  double worst_binary = 0, worst_ternary = 0, worst_scale = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const std::vector<float> w = random_filter(seed);
    double mean = 0, squares = 0;
    for (const float x : w) {
      mean += std::abs(static_cast<double>(x)) / static_cast<double>(w.size());
      squares += static_cast<double>(x) * static_cast<double>(x);
    }
    const ScaleFit b = fit_scale(w, binary);
    worst_scale = std::max(worst_scale, std::abs(b.scale / mean - 1));
    const double exact_binary = std::sqrt(squares - mean * mean * static_cast<double>(w.size()));
    worst_binary = std::max(worst_binary, b.error / exact_binary - 1);
    const ScaleFit t = fit_scale(w, ternary);
    const double exact = exact_ternary_error(w);
    REQUIRE(t.error >= exact * (1 - 1e-9));
    worst_ternary = std::max(worst_ternary, t.error / exact - 1);
    REQUIRE(t.error == Approx(error_of(w, t.scale, ternary)).epsilon(1e-6));
  }
  INFO("relative excess: binary " << worst_binary << ", ternary " << worst_ternary << "; of s " << worst_scale);
  CHECK(worst_scale < 1e-4);  // where the simplex stops
  CHECK(worst_binary < 1e-8);
  CHECK(worst_ternary < 1e-4);
}

TEST_CASE("rescale: no scale of a fine scan is better, for every level set", "[freeze]") {
  for (const std::string& name : LevelSet::names()) {
    const LevelSet levels = LevelSet::named(name);
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const std::vector<float> w = random_filter(seed);
      float largest = 0;
      for (const float x : w) largest = std::max(largest, std::abs(x));
      const ScaleFit fit = fit_scale(w, levels);
      INFO(name << ", filter " << seed);
      CHECK(fit.error == Approx(error_of(w, fit.scale, levels)).epsilon(1e-6));
      CHECK(fit.error <= fit.grid_error);
      for (int i = 1; i <= 4000; ++i) {
        REQUIRE(fit.error <= error_of(w, static_cast<double>(largest) * i / 4000, levels) * (1 + 1e-3));
      }
    }
  }
}

TEST_CASE("rescale: corners", "[freeze]") {
  const LevelSet ternary = LevelSet::named("ternary");
  CHECK(fit_scale({}, ternary).scale == 1);
  CHECK(fit_scale(std::vector<float>{0, 0, -0.0f}, ternary).scale == 1);
  CHECK(fit_scale(std::vector<float>{1e-30f, -1e-7f}, ternary).scale == 1e-6);
  CHECK(fit_scale(std::vector<float>{0.25f}, ternary).scale == Approx(0.25).margin(1e-4));
  CHECK(fit_scale(std::vector<float>(9, -0.125f), LevelSet::named("five")).error == Approx(0).margin(1e-3));
  CHECK_THROWS_AS(fit_scale(std::vector<float>{1, std::numeric_limits<float>::quiet_NaN()}, ternary), ValueError);
  CHECK_THROWS_AS(fit_scale(std::vector<float>{1, std::numeric_limits<float>::infinity()}, ternary), ValueError);
}

TEST_CASE("levels: nearest, ties to the lower magnitude, 0 is +1 in binary", "[freeze]") {
  const auto all = [](const char* name, std::vector<double> x) {
    std::vector<int> out;
    for (const double v : x) out.push_back(LevelSet::named(name).nearest(v));
    return out;
  };
  CHECK(all("ternary", {0.5, -0.5, 0.50001, -0.50001, 0, 9, -9}) == std::vector<int>{0, 0, 1, -1, 0, 1, -1});
  CHECK(all("binary", {0, -0.0, -1e-30, 1e-30, -7}) == std::vector<int>{1, 1, -1, 1, -1});
  CHECK(all("five", {0.5, 0.6, 1.5, 1.6, -1.5, -1.6, 8}) == std::vector<int>{0, 1, 1, 2, -1, -2, 2});
  CHECK(all("pow2", {0.5, 1.5, 1.6, 3, 3.1, -3.1, 100}) == std::vector<int>{0, 1, 2, 2, 4, -4, 4});
  CHECK(LevelSet::named("ternary").nearest(std::numeric_limits<double>::quiet_NaN()) == -1);
  CHECK(LevelSet::named("pow2", 7).max() == 64);
  CHECK_FALSE(LevelSet::named("pow2").contains(3));
  CHECK_FALSE(LevelSet::named("binary").contains(0));
  CHECK_THROWS_WITH(LevelSet::named("octal"), ContainsSubstring("known: ternary, binary"));
  CHECK_THROWS_AS(LevelSet::named("pow2", 8), ValueError);
}

TEST_CASE("rescale: folded into batch norm, evaluation stays as it was", "[freeze]") {
  Network net(Graph::parse(kNet), 3);
  Rng rng(9);
  for (const NamedTensor& t : net.state()) {
    const bool var = t.name.ends_with("running_var");
    const bool statistic = var || t.name.ends_with("running_mean") || t.name.ends_with("bias");
    // Variances from far above eps to far below.
    for (float& x : t.value.span<float>())
      x = statistic ? (var ? std::pow(10.0f, -8.0f * rng.uniform()) : rng.normal()) : x;
  }
  Tensor images = Tensor::empty(Shape{5, 2, 6, 6});
  for (float& x : images.span<float>()) x = rng.normal();
  // All relaxed: the continuous weights in evaluation.
  const auto relaxed_logits = [&] {
    for (const std::string name : {"c2", "c3"}) {
      Layer& layer = net.layer(static_cast<std::size_t>(net.graph().find(name)));
      layer.set_relaxed(Tensor::full(layer.weight().shape(), 1.0));
    }
    net.set_training(false);
    net.set_relaxed_evaluation(true);
    return net.forward(images).to_vector();
  };
  const std::vector<double> before = relaxed_logits();
  const Tensor w2 = net.layer(static_cast<std::size_t>(net.graph().find("c2"))).weight().clone();

  const RescaleReport report = rescale(net, RescaleGroups::kFilter);
  REQUIRE(report.rows.size() == 2);
  CHECK(report.groups == 11);
  CHECK(report.rows[0].folded_into == "b2");
  CHECK(report.rows[1].folded_into.empty());
  const std::vector<double> after = relaxed_logits();
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(after[i] == Approx(before[i]).epsilon(1e-4).margin(1e-5));

  // The layer without a batch norm behind it keeps its weights and has s = E|w| of each filter as its scale.
  Layer& c3 = net.layer(static_cast<std::size_t>(net.graph().find("c3")));
  const WeightCodes codes = c3.weight_quantizer()->deploy(c3.weight());
  for (std::size_t f = 0; f < 6; ++f) {
    double mean = 0;
    for (std::size_t k = 0; k < 5; ++k) mean += std::abs(static_cast<double>(c3.weight().span<float>()[f * 5 + k])) / 5;
    CHECK(codes.scale_pos[f] == Approx(mean).margin(1e-3));
  }
  // The other one has w / s, at scale 1.
  Layer& c2 = net.layer(static_cast<std::size_t>(net.graph().find("c2")));
  CHECK(c2.weight_quantizer()->deploy(c2.weight()).scale_pos == std::vector<float>(5, 1.0f));
  const double s0 = fit_scale(w2.span<float>().subspan(0, 36), LevelSet::named("ternary")).scale;
  // Weights out of the outermost levels' reach: those of c2 are now above 1, those of c3 above their scale.
  const auto c2_weights = c2.weight().to_vector(), c3_weights = c3.weight().to_vector();
  const auto out = std::count_if(c2_weights.begin(), c2_weights.end(), [](double w) { return std::abs(w) > 1; });
  CHECK((out > 0 && out < 180));
  CHECK(report.rows[0].beyond == out);
  std::int64_t above = 0;
  for (std::size_t k = 0; k < 30; ++k)
    above += std::abs(c3_weights[k]) > static_cast<double>(codes.scale_pos[k / 5]) ? 1 : 0;
  CHECK(report.rows[1].beyond == above);
  CHECK(report.beyond == out + above);
  CHECK(c2.weight().span<float>()[7] == Approx(static_cast<double>(w2.span<float>()[7]) / s0).epsilon(1e-6));
}

TEST_CASE("rescale: by layer, and the same bits for any number of threads", "[freeze]") {
  const int before = num_threads();
  std::vector<std::vector<double>> first;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    Network net(Graph::parse(kNet), 3);
    rescale(net, RescaleGroups::kFilter);
    Network whole(Graph::parse(kNet), 3);
    CHECK(rescale(whole, RescaleGroups::kLayer).groups == 2);
    std::vector<std::vector<double>> all;
    for (const NamedTensor& t : net.state()) all.push_back(t.value.to_vector());
    for (const NamedTensor& t : whole.state()) all.push_back(t.value.to_vector());
    if (first.empty()) first = all;
    CHECK(all == first);
  }
  set_num_threads(before);
}
