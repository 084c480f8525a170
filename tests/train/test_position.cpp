// Quantizers are told where training stands: weights and activations, in training and in search, through a resume.
#include <algorithm>
#include <map>
#include <tuple>

#include "catch.hpp"
#include "quant/quant_util.hpp"
#include "quant/registry.hpp"
#include "registration.hpp"
#include "temp_dir.hpp"
#include "tern/search.hpp"
#include "tern/train.hpp"
#include "train/runs.hpp"

using tern::Position;
using tern::Shape;
using tern::Tensor;
using tern::testing::values_of;

namespace {

// "begin" or "step", epoch, step, steps an epoch, epochs.
using Told = std::tuple<std::string, std::int64_t, std::int64_t, std::int64_t, std::int64_t>;
std::map<std::string, std::vector<Told>> told_to;  // by "weights" and "acts"; several layers are told the same

void tell(const std::string& whom, const std::string& event, const Position& at) {
  const Told now{event, at.epoch, at.step, at.steps_per_epoch, at.epochs};
  std::vector<Told>& all = told_to[whom];
  if (std::find(all.begin(), all.end(), now) == all.end()) all.push_back(now);
}

std::vector<Told> expected(std::int64_t steps, std::int64_t epochs) {
  std::vector<Told> out;
  for (std::int64_t e = 0; e < epochs; ++e) {
    out.push_back({"begin", e, 0, steps, epochs});
    for (std::int64_t s = 0; s < steps; ++s) out.push_back({"step", e, s, steps, epochs});
  }
  return out;
}

float slope(const Position& at) { return 1.0f / static_cast<float>(1 + at.epoch * at.steps_per_epoch + at.step); }

Tensor sign_with_slope(const Tensor& x, float level, float slope) {
  const Tensor q = tern::quant::map<float>(x.contiguous(), [level](float v) { return v >= 0 ? level : -level; });
  return tern::record("annealed", q, {x}, [slope](const Tensor& dq) {
    return std::vector<Tensor>{tern::quant::map<float>(dq.contiguous(), [slope](float g) { return slope * g; })};
  });
}

// A sign whose gradient falls from step to step.
class AnnealedWeights final : public tern::WeightQuantizer {
 public:
  void on_epoch_begin(const Tensor&, const Position& at) override { tell("weights", "begin", at); }
  void before_step(const Position& at) override {
    tell("weights", "step", at);
    slope_ = slope(at);
  }
  Tensor forward(const Tensor& w) override { return sign_with_slope(w, 0.25f, slope_); }
  tern::WeightCodes deploy(const Tensor& w) const override {
    tern::WeightCodes c;
    c.shape = w.shape();
    c.has_zero = false;
    for (const double x : w.to_vector()) c.codes.push_back(x >= 0 ? 1 : -1);
    c.scale_pos = c.scale_neg = std::vector<float>(static_cast<std::size_t>(w.size(0)), 0.25f);
    return c;
  }

 private:
  float slope_ = 0;
};

class AnnealedActs final : public tern::ActQuantizer {
 public:
  void on_epoch_begin(const Position& at) override { tell("acts", "begin", at); }
  void before_step(const Position& at) override {
    tell("acts", "step", at);
    slope_ = slope(at);
  }
  Tensor forward(const Tensor& v, bool) override { return sign_with_slope(v, 1.0f, slope_); }
  int lo() const override { return -1; }
  int hi() const override { return 1; }
  float step() const override { return 1.0f; }
  int code(float v) const override { return v >= 0 ? 1 : -1; }

 private:
  float slope_ = 0;
};

// once(resume, callbacks) until it is finished, with a stop after every `every` steps; 0: none.
template <class Callbacks, class Once>
void run_with_stops(std::int64_t every, Once once) {
  for (int attempt = 0; attempt < 50; ++attempt) {
    std::int64_t steps = 0;
    Callbacks callbacks;
    callbacks.stop = [&] { return ++steps == every; };
    if (once(attempt > 0, callbacks)) return;
  }
  FAIL("the run never finished");
}

struct Registered {
  Registered() {
    tern::register_weight_quantizer("annealed", "a test", {}, [](const tern::QuantSpec&, const Shape&) {
      return std::make_unique<AnnealedWeights>();
    });
    tern::register_act_quantizer("annealed", "a test", {},
                                 [](const tern::QuantSpec&) { return std::make_unique<AnnealedActs>(); });
    told_to.clear();
  }
  tern::testing::Removal<tern::WeightQuantizerRegistry> weights{tern::weight_quantizer_registry(), "annealed"};
  tern::testing::Removal<tern::ActQuantizerRegistry> acts{tern::act_quantizer_registry(), "annealed"};
};

}  // namespace

TEST_CASE("train: quantizers are told the position, and what follows from it resumes to the same bits", "[train]") {
  tern::TrainConfig c;
  c.data = "fashion-mnist-mini";
  c.width = 4;
  c.weights = c.acts = "annealed";
  c.limit_train = 96;
  c.limit_test = 50;
  c.epochs = 2;
  c.batch = 32;
  c.schedule = "constant:lr=0.05";
  const TempDir dir;
  std::vector<double> values[2];
  for (const std::int64_t every : {0, 2}) {
    const Registered registered;
    const std::string run = dir / std::to_string(every);
    run_with_stops<tern::TrainCallbacks>(every, [&](bool resume, const tern::TrainCallbacks& callbacks) {
      return tern::train(c, run, resume, callbacks).finished;
    });
    CHECK(told_to["weights"] == expected(3, 2));
    CHECK(told_to["acts"] == expected(3, 2));
    values[every > 0] = values_of(run);
  }
  CHECK(values[0] == values[1]);
}

TEST_CASE("search: quantizers are told the position, and what follows from it resumes to the same bits", "[train]") {
  tern::SearchConfig c;
  c.data = "fashion-mnist-mini";
  c.weights = c.acts = "annealed";
  c.limit_train = 64;
  c.image_size = 8;
  c.cells = 3;
  c.width = 4;
  c.epochs = 2;
  c.batch = 16;
  c.eval_limit = 16;
  const TempDir dir;
  std::vector<double> values[2];
  for (const std::int64_t every : {0, 1}) {
    const Registered registered;
    const std::string run = dir / std::to_string(every);
    run_with_stops<tern::SearchCallbacks>(every, [&](bool resume, const tern::SearchCallbacks& callbacks) {
      return tern::search(c, run, resume, callbacks).finished;
    });
    CHECK(told_to["weights"] == expected(2, 2));
    CHECK(told_to["acts"] == expected(2, 2));
    values[every > 0] = values_of(run);
  }
  CHECK(values[0] == values[1]);
}
