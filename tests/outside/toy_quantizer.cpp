// A quantizer of one's own, in a program of one's own: "median" keeps the half of each filter's weights that is larger
// in size than the filter's median, as +-s with s their mean size. It is registered, trained beside tern's own
// quantizers, packed, and the packed network is compared with the trained one.
//
//   t = median |w_i|;  q_i = s sgn(w_i) 1{|w_i| > t},  s = mean of |w_i| over |w_i| > t;  dw = dq
//
// Usage: toy_quantizer DATA_DIR WORK_DIR
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <string>
#include <tern/autograd.hpp>
#include <tern/convert.hpp>
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
    const std::vector<double> values = w.to_vector();
    const auto filters = static_cast<std::size_t>(w.size(0)), size = values.size() / filters;
    for (std::size_t f = 0; f < filters; ++f) {
      std::vector<double> sizes(size);
      for (std::size_t i = 0; i < size; ++i) sizes[i] = std::fabs(values[f * size + i]);
      std::vector<double> sorted = sizes;
      std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(size / 2), sorted.end());
      const double threshold = sorted[size / 2];
      double sum = 0, count = 0;
      for (std::size_t i = 0; i < size; ++i) {
        const int code = sizes[i] > threshold ? (values[f * size + i] > 0 ? 1 : -1) : 0;
        out.codes.push_back(static_cast<std::int8_t>(code));
        sum += code ? sizes[i] : 0;
        count += code ? 1 : 0;
      }
      out.scale_pos.push_back(static_cast<float>(count > 0 ? sum / count : 1.0));
    }
    out.scale_neg = out.scale_pos;
    return out;
  }

  tern::Tensor forward(const tern::Tensor& w) override {
    const tern::WeightCodes c = deploy(w);
    tern::Tensor q = tern::Tensor::empty(w.shape());
    const auto to = q.span<float>();
    const std::size_t size = to.size() / c.scale_pos.size();
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<float>(c.codes[i]) * c.scale_pos[i / size];
    return tern::record("median", q, {w}, [](const tern::Tensor& dq) { return std::vector<tern::Tensor>{dq}; });
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    tern::register_weight_quantizer("median", "the larger half of each filter",
                                    [](const tern::QuantSpec& spec, const tern::Shape&) {
                                      spec.allow_only({});
                                      return std::make_unique<Median>();
                                    });
    tern::TrainConfig config;
    config.data = "fashion-mnist-mini";
    config.data_dir = argv[1];
    config.width = 4;
    config.weights = "median";
    config.acts = "ternary";
    config.limit_train = 2000;
    config.limit_test = 200;
    config.epochs = 2;
    config.batch = 50;
    config.schedule = "cosine:hi=0.05,lo=0,per=step";
    const std::string run = std::string(argv[2]) + "/run";
    const tern::TrainResult result = tern::train(config, run, false);
    tern::TrainedRun trained = tern::load_run(run);
    const tern::packed::Model model = tern::pack(trained.network);
    const tern::VerifyResult same = tern::verify(trained.network, model, {}, tern::load_data(config).test, 50);
    std::printf("accuracy %.3f, %s\n", result.last.test.accuracy(),
                same.identical() ? "packed equals trained" : "packed differs");
    return result.last.test.accuracy() > 0.3 && same.identical() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
