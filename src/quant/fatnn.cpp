// FATNN: non-uniform ternary quantization with a learned step on each side. A1 = |a1|, A2 = |a2|, at least 1e-4.
//
// Weights and signed activations, levels {-1, 0, 1}:
//   u1 = x/A1, u2 = x/A2;   q = rne(clip(u1, -1, 0)) + rne(clip(u2, 0, 1))
//   dx  = dq (1{-1 < u1 < 0}/A1 + 1{0 < u2 < 1}/A2)
//   da1 = sgn(a1) sum dq (-x/A1^2) 1{-1 < u1 < 0},   da2 = sgn(a2) sum dq (-x/A2^2) 1{0 < u2 < 1}
// Weights are first normalised, x = (w - mean(w)) / std(w) (unbiased; constants of the gradient), unless norm=0.
//
// Unsigned activations (mode=unsigned, after a ReLU), levels {0, 1, 2}:
//   u1 = v/A1, u2 = (v - A1)/A2;   q = rne(clip(u1, 0, 1)) + rne(clip(u2, 0, 1))
//   dv  = dq (1{0 < u1 < 1}/A1 + 1{0 < u2 < 1}/A2)
//   da1 = sgn(a1) sum dq (-v/A1^2 1{0 < u1 < 1} - 1/A2 1{0 < u2 < 1}),   da2 = sgn(a2) sum dq (-(v - A1)/A2^2 1{0 < u2 < 1})
// Init a1 = a2 = 1. Paper: FATNN, equations 10 to 13. Differs: absolute values are part of the formula (a negative step
// would switch its side off); the second clip of the unsigned form is that of (v - A1)/A2.
#include <algorithm>

#include "quant/quant_util.hpp"

namespace tern {
namespace {

constexpr double kLeastStep = 1e-4;

struct Steps {
  Tensor a1 = learnable(Shape{1}, 1.0), a2 = learnable(Shape{1}, 1.0);

  template <class T>
  T first() const { return static_cast<T>(std::max(std::abs(static_cast<double>(*a1.data<float>())), kLeastStep)); }
  template <class T>
  T second() const { return static_cast<T>(std::max(std::abs(static_cast<double>(*a2.data<float>())), kLeastStep)); }
  std::vector<NamedTensor> named() const { return {{"a1", a1}, {"a2", a2}}; }
  // Gradients of A1, A2 to those of a1, a2.
  std::vector<Tensor> signed_gradients(double d1, double d2) const {
    const auto sign = [](const Tensor& a) { return *a.data<float>() >= 0 ? 1.0 : -1.0; };
    return {Tensor::full(Shape{1}, sign(a1) * d1), Tensor::full(Shape{1}, sign(a2) * d2)};
  }
};

template <class T>
T signed_code(T x, T s1, T s2) {
  return rne(clip(x / s1, T(-1), T(0))) + rne(clip(x / s2, T(0), T(1)));
}
template <class T>
T unsigned_code(T v, T s1, T s2) {
  return rne(clip(v / s1, T(0), T(1))) + rne(clip((v - s1) / s2, T(0), T(1)));
}

// One element's slopes: of the value, of A1, of A2, each to be multiplied with dq.
struct Slopes {
  double x = 0, s1 = 0, s2 = 0;
};
inline Slopes signed_slopes(double x, double s1, double s2) {
  const double u1 = x / s1, u2 = x / s2;
  if (-1 < u1 && u1 < 0) return {1 / s1, -x / (s1 * s1), 0};
  if (0 < u2 && u2 < 1) return {1 / s2, 0, -x / (s2 * s2)};
  return {};
}
inline Slopes unsigned_slopes(double v, double s1, double s2) {
  const double u1 = v / s1, u2 = (v - s1) / s2;
  Slopes out;
  if (0 < u1 && u1 < 1) {
    out.x += 1 / s1;
    out.s1 -= v / (s1 * s1);
  }
  if (0 < u2 && u2 < 1) {
    out.x += 1 / s2;
    out.s1 -= 1 / s2;
    out.s2 -= (v - s1) / (s2 * s2);
  }
  return out;
}

// dx and the sums over dq of both step slopes: fixed chunks, added in order.
template <class T, class F>
Tensor backward_through(const Tensor& x, const Tensor& dq, T s1, T s2, T dx_factor, F&& slopes, double& d1, double& d2) {
  constexpr std::int64_t kChunk = 1 << 13;
  const std::int64_t n = x.numel(), chunks = (n + kChunk - 1) / kChunk;
  const Tensor dx = Tensor::empty(x.shape(), x.dtype());
  std::vector<std::pair<double, double>> partial(static_cast<std::size_t>(chunks));
  const T *p = x.data<T>(), *g = dq.data<T>();
  T* to = dx.data<T>();
  parallel_for(chunks, [&](std::int64_t c) {
    double sum1 = 0, sum2 = 0;
    for (std::int64_t i = c * kChunk; i < std::min(n, (c + 1) * kChunk); ++i) {
      const Slopes s = slopes(static_cast<double>(p[i]), static_cast<double>(s1), static_cast<double>(s2));
      to[i] = g[i] * static_cast<T>(s.x) * dx_factor;
      sum1 += static_cast<double>(g[i]) * s.s1;
      sum2 += static_cast<double>(g[i]) * s.s2;
    }
    partial[static_cast<std::size_t>(c)] = {sum1, sum2};
  });
  d1 = d2 = 0;
  for (const auto& [a, b] : partial) {
    d1 += a;
    d2 += b;
  }
  return dx;
}

class FatnnWeight final : public WeightQuantizer {
 public:
  explicit FatnnWeight(const QuantSpec& spec) {
    spec.allow_only({"norm"});
    normalise_ = spec.flag("norm", true);
  }
  std::vector<NamedTensor> learnables() override { return steps_.named(); }

  Tensor forward(const Tensor& w) override {
    return dispatch(w.dtype(), "fatnn", [&](auto zero) {
      using T = decltype(zero);
      T inverse_std = 1;
      const Tensor x = normalised<T>(w, inverse_std);
      const T s1 = steps_.first<T>(), s2 = steps_.second<T>();
      const Tensor q = map<T>(x, [=](T v) { return signed_code(v, s1, s2); });
      return record("fatnn", q, {w, steps_.a1, steps_.a2}, [this, x, s1, s2, inverse_std](const Tensor& dq) {
        double d1 = 0, d2 = 0;
        const Tensor dw = backward_through<T>(x, dq.contiguous(), s1, s2, inverse_std, signed_slopes, d1, d2);
        std::vector<Tensor> out = steps_.signed_gradients(d1, d2);
        out.insert(out.begin(), dw);
        return out;
      });
    });
  }

  WeightCodes deploy(const Tensor& w) const override {
    float inverse_std = 1;
    const Tensor x = normalised<float>(w, inverse_std);
    WeightCodes out;
    out.shape = w.shape();
    const float s1 = steps_.first<float>(), s2 = steps_.second<float>();
    for (const float v : x.span<float>()) out.codes.push_back(static_cast<std::int8_t>(signed_code(v, s1, s2)));
    out.scale_pos.assign(static_cast<std::size_t>(w.size(0)), 1.0f);
    out.scale_neg = out.scale_pos;
    return out;
  }

 private:
  template <class T>
  Tensor normalised(const Tensor& w, T& inverse_std) const {
    inverse_std = 1;
    return normalise_ ? normalise_weights<T>(w, inverse_std) : w.contiguous();
  }

  Steps steps_;
  bool normalise_;
};

class FatnnAct final : public ActQuantizer {
 public:
  explicit FatnnAct(const QuantSpec& spec) {
    spec.allow_only({"mode"});
    const std::string mode = spec.text("mode", "signed");
    if (mode != "signed" && mode != "unsigned") {
      throw ValueError("[fatnn] expected mode=signed or mode=unsigned; got \"" + mode + "\"");
    }
    unsigned_ = mode == "unsigned";
  }
  std::vector<NamedTensor> learnables() override { return steps_.named(); }

  Tensor forward(const Tensor& v, bool) override {
    return dispatch(v.dtype(), "fatnn", [&](auto zero) {
      using T = decltype(zero);
      const Tensor x = v.contiguous();
      const T s1 = steps_.first<T>(), s2 = steps_.second<T>();
      const Tensor q = unsigned_ ? map<T>(x, [=](T a) { return unsigned_code(a, s1, s2); })
                                 : map<T>(x, [=](T a) { return signed_code(a, s1, s2); });
      return record("fatnn", q, {v, steps_.a1, steps_.a2}, [this, x, s1, s2](const Tensor& dq) {
        double d1 = 0, d2 = 0;
        const Tensor g = dq.contiguous();
        const Tensor dv = unsigned_ ? backward_through<T>(x, g, s1, s2, T(1), unsigned_slopes, d1, d2)
                                    : backward_through<T>(x, g, s1, s2, T(1), signed_slopes, d1, d2);
        std::vector<Tensor> out = steps_.signed_gradients(d1, d2);
        out.insert(out.begin(), dv);
        return out;
      });
    });
  }

  int lo() const override { return unsigned_ ? 0 : -1; }
  int hi() const override { return unsigned_ ? 2 : 1; }
  float step() const override { return 1.0f; }
  int code(float v) const override {
    const float s1 = steps_.first<float>(), s2 = steps_.second<float>();
    return static_cast<int>(unsigned_ ? unsigned_code(v, s1, s2) : signed_code(v, s1, s2));
  }

 private:
  Steps steps_;
  bool unsigned_;
};

}  // namespace

std::unique_ptr<WeightQuantizer> make_weight_fatnn(const QuantSpec& spec, const Shape&) {
  return std::make_unique<FatnnWeight>(spec);
}
std::unique_ptr<ActQuantizer> make_act_fatnn(const QuantSpec& spec) { return std::make_unique<FatnnAct>(spec); }

}  // namespace tern
