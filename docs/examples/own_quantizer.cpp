// A quantizer of one's own: "median" keeps the half of each filter's weights that is larger in size than the filter's
// median, as +-s with s their mean size. Registered, trained beside tern's own quantizers, packed, compared.
//
//   t = median |w_i|;  q_i = s sgn(w_i) 1{|w_i| > t},  s = mean of |w_i| over |w_i| > t;  dw = dq
//
// Usage: own_quantizer DATA_FOLDER WORK_FOLDER
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <string>
#include <tern/autograd.hpp>
#include <tern/quant.hpp>
#include <tern/train.hpp>
#include <vector>

namespace {

class Median final : public tern::WeightQuantizer {
 public:
  // The codes are the one definition; training multiplies them out, packing stores them.
  tern::WeightCodes deploy(const tern::Tensor& w) const override {
    tern::WeightCodes out;
    out.shape = w.shape();
    const std::vector<double> all = w.to_vector();
    const std::size_t size = all.size() / static_cast<std::size_t>(w.size(0));
    for (std::size_t begin = 0; begin < all.size(); begin += size) {
      std::vector<double> sizes;
      for (std::size_t i = 0; i < size; ++i) sizes.push_back(std::fabs(all[begin + i]));
      std::sort(sizes.begin(), sizes.end());
      const double threshold = sizes[size / 2];
      double sum = 0, count = 0;
      for (std::size_t i = begin; i < begin + size; ++i) {
        const int code = std::fabs(all[i]) > threshold ? (all[i] > 0 ? 1 : -1) : 0;
        out.codes.push_back(static_cast<std::int8_t>(code));
        sum += code * all[i];
        count += std::abs(code);
      }
      out.scale_pos.push_back(static_cast<float>(count > 0 ? sum / count : 1.0));
    }
    out.scale_neg = out.scale_pos;
    return out;
  }

  tern::Tensor forward(const tern::Tensor& w) override {
    const tern::WeightCodes c = deploy(w);
    const tern::Tensor q = tern::Tensor::empty(w.shape());
    const auto to = q.span<float>();
    const std::size_t size = to.size() / c.scale_pos.size();
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<float>(c.codes[i]) * c.scale_pos[i / size];
    return tern::record("median", q, {w}, [](const tern::Tensor& dq) { return std::vector<tern::Tensor>{dq}; });
  }
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) return 2;
  tern::register_weight_quantizer("median", "the larger half of each filter",
                                  [](auto&, auto&) { return std::make_unique<Median>(); });
  tern::TrainConfig config;
  config.data = "fashion-mnist-mini";
  config.data_dir = argv[1];
  config.width = 4;
  config.weights = "median";
  config.acts = "ternary";
  config.limit_train = 2000;
  config.epochs = 2;
  config.batch = 50;
  config.schedule = "cosine:hi=0.05,lo=0,per=step";
  const std::string run = std::string(argv[2]) + "/own_quantizer";
  const double accuracy = tern::train(config, run, false).last.test.accuracy();
  tern::TrainedRun trained = tern::load_run(run);
  const auto same = tern::verify(trained.network, tern::pack(trained.network), {}, tern::load_data(config).test, 50);
  std::printf("accuracy %.3f, packed %s trained\n", accuracy, same.identical() ? "equals" : "differs from");
  return accuracy > 0.3 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
