// Shared by the methods: sums, elementwise loops, codes with their scales. Sums are taken in double, in fixed
// chunks and a fixed order; elementwise work runs in fixed chunks; so results do not depend on the number of threads.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "ops/op_util.hpp"
#include "quant/method.hpp"
#include "tern/autograd.hpp"
#include "tern/error.hpp"
#include "tern/parallel.hpp"
#include "tern/quant.hpp"

namespace tern::quant {

// ---- arithmetic, each branch-free so that loops over it vectorise ----

/// +1 above t, -1 below -t, else 0: strict outward. NaN is -1, the lowest level, as in the packed runtime.
template <class T>
T ternary_sign(T x, T t) {
  return (x > t ? T(1) : T(0)) - (x >= -t ? T(0) : T(1));
}
/// Clipped to [lo, hi]; NaN is lo.
template <class T>
T clip(T x, T lo, T hi) {
  const T above = x > lo ? x : lo;
  return above < hi ? above : hi;
}
/// Round to nearest, ties to even, for |x| < 2^22: adding 1.5 * 2^(mantissa bits) leaves no room for a fraction. Gives
/// +0, never -0. (nearbyint would be a call per element on the base instruction set.)
template <class T>
T rne(T x) {
  constexpr T kShift = sizeof(T) == sizeof(float) ? T(0x1.8p23) : T(0x1.8p52);
  return (x + kShift) - kShift;
}
/// lo < x < hi.
template <class T>
bool inside(T x, T lo, T hi) {
  return static_cast<bool>(static_cast<int>(x > lo) & static_cast<int>(x < hi));
}
/// `value` if `condition`, else +0. A mask, because compilers make `condition ? value : 0` a branch where value is
/// costly, and random data mispredicts it: 20 ns an element instead of 0.4.
template <class T>
T only(bool condition, T value) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  return std::bit_cast<T>(std::bit_cast<Bits>(value) & (Bits{0} - static_cast<Bits>(condition)));
}
/// |x| <= 1, the window of most straight-through estimators.
template <class T>
bool within_one(T x) {
  return std::abs(x) <= T(1);
}
/// To T; finite values too large for T become its largest.
template <class T>
T narrow(double x) {
  constexpr double kMax = static_cast<double>(std::numeric_limits<T>::max());
  return static_cast<T>(clip(x, -kMax, kMax));
}

// ---- sums and loops ----

inline constexpr std::int64_t kChunk = std::int64_t{1} << 14;

/// f(begin) + ... + f(end - 1) in double, in eight interleaved sums.
template <class F>
double sum_range(std::int64_t begin, std::int64_t end, const F& f) {
  std::array<double, 8> lane{};
  std::int64_t i = begin;
  for (; i + 8 <= end; i += 8) {
    for (std::size_t k = 0; k < 8; ++k) lane[k] += static_cast<double>(f(i + static_cast<std::int64_t>(k)));
  }
  for (; i < end; ++i) lane[0] += static_cast<double>(f(i));
  return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}
/// f(0) + ... + f(n - 1) in double, in chunks on all threads, the chunks added in order.
template <class F>
double sum_of(std::int64_t n, const F& f) {
  if (n <= kChunk) return sum_range(0, n, f);
  std::vector<double> partial(static_cast<std::size_t>((n + kChunk - 1) / kChunk));
  parallel_ranges(n, kChunk, [&](std::int64_t begin, std::int64_t end) {
    partial[static_cast<std::size_t>(begin / kChunk)] = sum_range(begin, end, f);
  });
  double sum = 0;
  for (const double p : partial) sum += p;
  return sum;
}
/// E|x|; 0 of nothing.
template <class T>
double mean_abs(const T* x, std::int64_t n) {
  return n > 0 ? sum_of(n, [x](std::int64_t i) { return std::abs(x[i]); }) / static_cast<double>(n) : 0.0;
}

/// y[i] = f(x[i]) for a contiguous x, on all threads.
template <class T, class F>
Tensor map(const Tensor& x, const F& f) {
  const Tensor y = Tensor::empty(x.shape(), x.dtype());
  const T* from = x.data<T>();
  T* to = y.data<T>();
  parallel_ranges(x.numel(), kChunk, [&, from, to](std::int64_t begin, std::int64_t end) {
    const F local = f;  // a local copy cannot alias what is written, so the loop vectorises
    for (std::int64_t i = begin; i < end; ++i) to[i] = local(from[i]);
  });
  return y;
}

/// What a backward over one tensor gives: dx[i] = rule(x[i], g[i]) with g = dq, and the sum of each term(x[i], g[i]).
template <std::size_t K>
struct Gradients {
  Tensor dx;
  std::array<double, K> sums{};
};
template <class T, class Rule, class... Terms>
Gradients<sizeof...(Terms)> gradients(const Tensor& x, const Tensor& dq, const Rule& rule, const Terms&... terms) {
  constexpr std::size_t kSums = sizeof...(Terms);
  Gradients<kSums> out;
  out.dx = ops::reuse_or_empty(dq);
  const Tensor dense = dq.contiguous();
  const T* p = x.data<T>();
  const T* g = dense.data<T>();
  T* to = out.dx.template data<T>();
  std::vector<std::array<double, kSums>> partial(static_cast<std::size_t>((x.numel() + kChunk - 1) / kChunk));
  parallel_ranges(x.numel(), kChunk, [&, p, g, to](std::int64_t begin, std::int64_t end) {
    // Sums first: the rule may overwrite g.
    partial[static_cast<std::size_t>(begin / kChunk)] = {
        sum_range(begin, end, [p, g, term = terms](std::int64_t i) { return term(p[i], g[i]); })...};
    const Rule local = rule;
    for (std::int64_t i = begin; i < end; ++i) to[i] = local(p[i], g[i]);
  });
  for (const auto& chunk : partial) {
    for (std::size_t k = 0; k < kSums; ++k) out.sums[k] += chunk[k];
  }
  return out;
}

/// The plain straight-through estimator: y = level(x); dx = dy where pass(x), else 0. x is contiguous.
template <class T, class Level, class Pass>
Tensor straight_through(std::string_view op, const Tensor& input, const Level& level, const Pass& pass) {
  const Tensor x = input.contiguous();
  return record(op, map<T>(x, level), {input}, [x, pass](const Tensor& dy) {
    return std::vector<Tensor>{gradients<T>(x, dy, [pass](T v, T g) { return only(pass(v), g); }).dx};
  });
}

// ---- groups, codes, scales ----

/// Weights in groups that share statistics: one group a tensor, or one a filter (output channel).
struct Groups {
  std::int64_t count = 1;
  std::int64_t size = 0;  ///< elements a group, consecutive
};
inline Groups groups_of(const Shape& shape, bool filters) {
  const std::int64_t count = filters ? shape[0] : 1;
  return {count, count > 0 ? shape.numel() / count : 0};
}

/// f(group) for each group, on all threads: groups are many and small, or few and worked on in chunks by f itself.
template <class F>
void for_groups(const Groups& groups, const F& f) {
  const std::int64_t grain = std::max<std::int64_t>(1, kChunk / std::max<std::int64_t>(groups.size, 1));
  parallel_ranges(groups.count, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = begin; g < end; ++g) f(g);
  });
}

/// Integer codes and, a group, what +1 and -1 are worth: values() is what forward() returns, packed() what deploy()
/// does.
template <class T>
struct Levels {
  explicit Levels(Groups g)
      : groups(g),
        codes(static_cast<std::size_t>(g.count * g.size)),
        pos(static_cast<std::size_t>(g.count)),
        neg(static_cast<std::size_t>(g.count)) {}

  std::int8_t* group(std::int64_t g) { return codes.data() + g * groups.size; }
  const std::int8_t* group(std::int64_t g) const { return codes.data() + g * groups.size; }
  void set_scale(std::int64_t g, T scale) {
    pos[static_cast<std::size_t>(g)] = neg[static_cast<std::size_t>(g)] = scale;
  }
  T scale_pos(std::int64_t g) const { return pos[static_cast<std::size_t>(g)]; }
  T scale_neg(std::int64_t g) const { return neg[static_cast<std::size_t>(g)]; }

  Groups groups;
  std::vector<std::int8_t> codes;
  std::vector<T> pos, neg;
};

template <class T>
Tensor values(const Levels<T>& l, const Shape& shape) {
  const Tensor q = Tensor::empty(shape, DTypeOf<T>::value);
  for_groups(l.groups, [&](std::int64_t g) {
    const std::int8_t* code = l.group(g);
    T* to = q.data<T>() + g * l.groups.size;
    const T pos = l.scale_pos(g), neg = l.scale_neg(g);
    parallel_ranges(l.groups.size, kChunk, [code, to, pos, neg](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) to[i] = static_cast<T>(code[i]) * (code[i] > 0 ? pos : neg);
    });
  });
  return q;
}

inline WeightCodes packed(Levels<float> l, const Shape& shape, int max_code = 1, bool has_zero = true) {
  const auto filters = static_cast<std::size_t>(shape[0]);
  WeightCodes out;
  out.shape = shape;
  out.codes = std::move(l.codes);
  out.max_code = max_code;
  out.has_zero = has_zero;
  out.scale_pos = l.pos.size() == filters ? l.pos : std::vector<float>(filters, l.pos[0]);
  out.scale_neg = l.neg.size() == filters ? l.neg : std::vector<float>(filters, l.neg[0]);
  return out;
}

/// codes[i] = code(x[i]).
template <class T, class F>
void assign_codes(const T* x, std::int64_t n, std::int8_t* codes, const F& code) {
  parallel_ranges(n, kChunk, [&, x, codes](std::int64_t begin, std::int64_t end) {
    const F local = code;
    for (std::int64_t i = begin; i < end; ++i) codes[i] = static_cast<std::int8_t>(local(x[i]));
  });
}

/// deploy() works on dense float32.
inline Tensor dense_float(const Tensor& w) { return w.to(DType::kF32).contiguous(); }

/// wh = (w - mean) / std, with the unbiased deviation; both are constants of the gradient: dw = dwh / std. A tensor
/// without spread (one element, all equal) keeps std = 1.
template <class T>
struct Normalized {
  Tensor wh;
  T std = 1;
};
template <class T>
Normalized<T> normalized(const Tensor& w) {
  const T* p = w.data<T>();
  const std::int64_t n = w.numel();
  if (n == 0) return {w};
  const double mean = sum_of(n, [p](std::int64_t i) { return p[i]; }) / static_cast<double>(n);
  const double squares = sum_of(n, [p, mean](std::int64_t i) {
    const double d = static_cast<double>(p[i]) - mean;
    return d * d;
  });
  T std = n > 1 ? narrow<T>(std::sqrt(squares / static_cast<double>(n - 1))) : T(0);
  if (!(std > 0)) std = 1;
  return {map<T>(w, [m = static_cast<T>(mean), std](T x) { return (x - m) / std; }), std};
}

// ---- learnables ----

/// A leaf that requires a gradient.
inline Tensor learnable(const Shape& shape, double value) { return Tensor::full(shape, value).set_requires_grad(true); }
inline float& at(const Tensor& t, std::int64_t i = 0) { return t.data<float>()[i]; }
inline void project(const Tensor& p, float lo, float hi) {
  for (float& x : p.span<float>()) x = std::clamp(x, lo, hi);
}
/// |x| >= floor; the sign stays.
inline void project_magnitude(const Tensor& p, float floor) {
  for (float& x : p.span<float>()) x = std::abs(x) < floor ? std::copysign(floor, x) : x;
}
/// The gradient of a learnable of one element.
inline Tensor one(double value) { return Tensor::full(Shape{1}, value); }
inline float sign_of(float x) { return x < 0 ? -1.0f : 1.0f; }

/// Scales and codes are bounded so that their products stay finite.
inline constexpr float kLargestScale = 1e30f;

/// Elements a sample: C H W of N C H W.
inline std::int64_t features(const Tensor& v) {
  return v.shape().rank() > 1 && v.size(0) > 0 ? v.numel() / v.size(0) : v.numel();
}

/// E|v| for thresholds: of the batch in training; at inference an exponential average (momentum 0.1) of the training
/// batches, so that what is deployed does not depend on the test batch.
class RunningMeanAbs {
 public:
  RunningMeanAbs() : mean_(Tensor::zeros(Shape{1})) {}
  /// The first batch sets the average, later ones move it.
  void update(double batch) const {
    float& m = at(mean_);
    m = m == 0 ? narrow<float>(batch) : 0.9f * m + 0.1f * narrow<float>(batch);
  }
  void set(double batch) const { at(mean_) = narrow<float>(batch); }
  float value() const { return at(mean_); }
  NamedTensor state() const { return {"mean_abs", mean_}; }

 private:
  Tensor mean_;
};

}  // namespace tern::quant
