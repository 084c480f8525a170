// An annealed estimator of one's own: binary activations whose gradient goes from wide to narrow in the course of the
// run. It is registered with its options, trained, packed, and the packed network is compared with the trained one.
//
//   q = sgn(v);   dv = dq g'(v),  g(v) = k tanh(t v),  t = t_min (t_max / t_min)^(epoch / epochs),  k = max(1 / t, 1)
//
// Paper: Qin, Gong, Liu, Shen, Wei, Yu, Song, "Forward and backward information retention for accurate binary neural
// networks", 2020: the error decay estimator (EDE), its equations of g and of t and k.
// Usage: annealed_estimator DATA_DIR WORK_DIR
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <tern/autograd.hpp>
#include <tern/ops.hpp>
#include <tern/quant.hpp>
#include <tern/train.hpp>
#include <vector>

static double t_now = 0;  // what the layers were told last

class Ede final : public tern::ActQuantizer {
 public:
  explicit Ede(const tern::QuantSpec& spec) : t_min_(spec.number("t_min")), t_max_(spec.number("t_max")) {}

  void before_step(const tern::Position& at) override {
    const double done = static_cast<double>(at.epoch) / static_cast<double>(at.epochs);
    t_now = t_ = t_min_ * std::pow(t_max_ / t_min_, done);
  }
  tern::Tensor forward(const tern::Tensor& v, bool) override {
    const tern::Tensor x = v.detach();
    return tern::record("ede", tern::sign_ste(x), {v}, [x, t = t_](const tern::Tensor& dq) {
      const tern::Tensor y = tern::tanh(tern::scale(x, t));  // g' = k t (1 - y^2)
      const tern::Tensor slope = tern::scale(tern::add_scalar(tern::neg(tern::mul(y, y)), 1), std::max(1.0, t));
      return std::vector<tern::Tensor>{tern::mul(dq, slope)};
    });
  }
  int lo() const override { return -1; }
  int hi() const override { return 1; }
  float step() const override { return 1; }
  int code(float v) const override { return v >= 0 ? 1 : -1; }

 private:
  double t_min_, t_max_, t_ = 1;
};

int main(int argc, char** argv) try {
  if (argc != 3) return 2;
  tern::register_act_quantizer(
      "ede", "{-1, 1} by the sign, gradient narrowing over the run",
      {{"t_min", "0.1", "(0, 1e3]", "t at the beginning"}, {"t_max", "10", "(0, 1e3]", "t at the end"}},
      [](const tern::QuantSpec& spec) { return std::make_unique<Ede>(spec); });
  tern::TrainConfig config;
  config.width = 8;
  config.weights = "bwn";
  config.acts = "ede:t_max=5";
  config.data = "fashion-mnist-mini";
  config.data_dir = argv[1];
  config.limit_train = 2000;
  config.limit_test = 200;
  config.epochs = 4;
  config.batch = 50;
  config.schedule = "cosine:hi=0.05,lo=0,per=step";
  std::vector<double> t;
  tern::TrainCallbacks callbacks;
  callbacks.epoch = [&](const tern::EpochResult& r) {
    t.push_back(t_now);
    std::printf("t %.3f, test accuracy %.3f\n", t_now, r.test.accuracy());
  };
  const std::string run = std::string(argv[2]) + "/annealed";
  const double accuracy = tern::train(config, run, false, callbacks).last.test.accuracy();
  tern::TrainedRun trained = tern::load_run(run);
  const auto same = tern::verify(trained.network, tern::pack(trained.network), {}, tern::load_data(config).test, 50);
  const bool annealed = t.size() == 4 && std::is_sorted(t.begin(), t.end()) && t.front() == 0.1 && t.back() > 1.8;
  std::printf("estimator %s, packed %s\n", annealed ? "annealed" : "stayed", same.identical() ? "equal" : "differs");
  return annealed && same.identical() && accuracy > 0.3 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
