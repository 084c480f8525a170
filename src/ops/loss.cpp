// Softmax and the losses on it. Rows are the last dimension; each row is shifted by its maximum, so that exp never
// overflows, and summed in double.
#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/op_util.hpp"
#include "tern/autograd.hpp"
#include "tern/ops.hpp"
#include "tern/parallel.hpp"

namespace tern {
namespace {

using i64 = std::int64_t;

// Calls f(row index, row offset) for all rows of length k of `rows`, in parallel.
template <class F>
void for_each_row(i64 rows, i64 k, F f) {
  parallel_ranges(rows, std::max<i64>(1, 4096 / std::max<i64>(k, 1)), [&](i64 begin, i64 end) {
    for (i64 n = begin; n < end; ++n) f(n, n * k);
  });
}

// log softmax of scale * x: out_k = scale x_k - log sum_j exp(scale x_j)
template <class T>
void log_softmax_row(const T* x, i64 k, double scale, T* out) {
  const double top = scale * static_cast<double>(*std::max_element(x, x + k));
  double total = 0;
  for (i64 j = 0; j < k; ++j) total += std::exp(scale * static_cast<double>(x[j]) - top);
  const double shift = top + std::log(total);
  for (i64 j = 0; j < k; ++j) out[j] = static_cast<T>(scale * static_cast<double>(x[j]) - shift);
}

Tensor log_softmax_of(std::string_view op, const Tensor& x, double scale) {
  ops::check_floating(op, x);
  const int rank = x.shape().rank();
  if (rank < 1 || x.size(-1) < 1) ops::throw_shape(op, "a last dimension of at least one element", x.shape().str());
  const Tensor input = x.contiguous();
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  const i64 k = x.size(-1);
  dispatch(x.dtype(), op, [&](auto zero) {
    using T = decltype(zero);
    const T* from = input.data<T>();
    T* to = y.data<T>();
    for_each_row(x.numel() / k, k, [&](i64, i64 at) { log_softmax_row(from + at, k, scale, to + at); });
  });
  return y;
}

void check_logits(std::string_view op, const Tensor& logits) {
  ops::check_floating(op, logits);
  if (logits.shape().rank() != 2 || logits.size(0) < 1 || logits.size(1) < 1) {
    ops::throw_shape(op, "logits of shape N x K with N, K >= 1", logits.shape().str());
  }
}

}  // namespace

// dx = y (dy - sum_k dy_k y_k)
Tensor softmax(const Tensor& x) {
  Tensor y = log_softmax_of("softmax", x, 1.0);
  const i64 k = x.size(-1);
  dispatch(y.dtype(), "softmax", [&](auto zero) {
    using T = decltype(zero);
    T* p = y.data<T>();
    for_each_row(y.numel() / k, k, [&](i64, i64 at) {
      for (i64 j = 0; j < k; ++j) p[at + j] = std::exp(p[at + j]);
    });
  });
  return record("softmax", y, {x}, [saved = y.detach(), k](const Tensor& dy) {
    const Tensor g = dy.contiguous(), dx = Tensor::empty(dy.shape(), dy.dtype());
    dispatch(dy.dtype(), "softmax", [&](auto zero) {
      using T = decltype(zero);
      const T *p = saved.data<T>(), *q = g.data<T>();
      T* r = dx.data<T>();
      for_each_row(dy.numel() / k, k, [&](i64, i64 at) {
        double dot = 0;
        for (i64 j = at; j < at + k; ++j) dot += static_cast<double>(q[j]) * static_cast<double>(p[j]);
        for (i64 j = at; j < at + k; ++j) r[j] = p[j] * (q[j] - static_cast<T>(dot));
      });
    });
    return std::vector<Tensor>{dx};
  });
}

// dx = dy - softmax(x) sum_k dy_k
Tensor log_softmax(const Tensor& x) {
  Tensor y = log_softmax_of("log_softmax", x, 1.0);
  const i64 k = x.size(-1);
  return record("log_softmax", y, {x}, [saved = y.detach(), k](const Tensor& dy) {
    const Tensor g = dy.contiguous(), dx = Tensor::empty(dy.shape(), dy.dtype());
    dispatch(dy.dtype(), "log_softmax", [&](auto zero) {
      using T = decltype(zero);
      const T *p = saved.data<T>(), *q = g.data<T>();
      T* r = dx.data<T>();
      for_each_row(dy.numel() / k, k, [&](i64, i64 at) {
        double total = 0;
        for (i64 j = at; j < at + k; ++j) total += static_cast<double>(q[j]);
        for (i64 j = at; j < at + k; ++j) r[j] = q[j] - std::exp(p[j]) * static_cast<T>(total);
      });
    });
    return std::vector<Tensor>{dx};
  });
}

// dlogits = dy (softmax(logits) - target) / N
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing) {
  check_logits("cross_entropy", logits);
  const i64 n = logits.size(0), k = logits.size(1);
  if (!labels.defined() || labels.dtype() != DType::kI64) {
    ops::throw_value("cross_entropy", "int64 labels", labels.defined() ? std::string(name_of(labels.dtype())) : "none");
  }
  ops::check_shape("cross_entropy", "labels", labels, Shape{n});
  if (!(label_smoothing >= 0.0 && label_smoothing < 1.0)) {
    ops::throw_value("cross_entropy", "label_smoothing in [0, 1)", std::to_string(label_smoothing));
  }
  const Tensor classes = labels.contiguous();
  const i64* label = classes.data<i64>();
  for (i64 i = 0; i < n; ++i) {
    if (label[i] < 0 || label[i] >= k) {
      ops::throw_value("cross_entropy", "labels in [0, " + std::to_string(k) + ")",
                       std::to_string(label[i]) + " at index " + std::to_string(i));
    }
  }
  const Tensor log_p = log_softmax_of("cross_entropy", logits, 1.0);
  double loss = 0;
  dispatch(logits.dtype(), "cross_entropy", [&](auto zero) {
    using T = decltype(zero);
    const T* p = log_p.data<T>();
    for (i64 i = 0; i < n; ++i) {
      loss -= (1.0 - label_smoothing) * static_cast<double>(p[i * k + label[i]]);
      if (label_smoothing == 0.0) continue;
      for (i64 j = 0; j < k; ++j) loss -= label_smoothing / static_cast<double>(k) * static_cast<double>(p[i * k + j]);
    }
  });
  Tensor y = Tensor::scalar(loss / static_cast<double>(n), logits.dtype());
  return record("cross_entropy", std::move(y), {logits}, [log_p, classes, label_smoothing, n, k](const Tensor& dy) {
    const Tensor dx = Tensor::empty(log_p.shape(), log_p.dtype());
    const double factor = dy.item() / static_cast<double>(n);
    dispatch(dx.dtype(), "cross_entropy", [&](auto zero) {
      using T = decltype(zero);
      const T* p = log_p.data<T>();
      const i64* at_label = classes.data<i64>();
      T* r = dx.data<T>();
      for_each_row(n, k, [&](i64 i, i64 at) {
        for (i64 j = 0; j < k; ++j) {
          const double target =
              (j == at_label[i] ? 1.0 - label_smoothing : 0.0) + label_smoothing / static_cast<double>(k);
          r[at + j] = static_cast<T>(factor * (std::exp(static_cast<double>(p[at + j])) - target));
        }
      });
    });
    return std::vector<Tensor>{dx};
  });
}

// With p = softmax(student / T), t = softmax(teacher / T): loss = T^2 / N sum t (log t - log p),
// dstudent = dy T (p - t) / N
Tensor distillation_loss(const Tensor& student, const Tensor& teacher, double temperature) {
  check_logits("distillation_loss", student);
  ops::check_same_dtype("distillation_loss", student, teacher);
  ops::check_shape("distillation_loss", "teacher", teacher, student.shape());
  if (!(temperature > 0.0)) ops::throw_value("distillation_loss", "temperature > 0", std::to_string(temperature));
  const Tensor log_p = log_softmax_of("distillation_loss", student, 1.0 / temperature);
  const Tensor log_t = log_softmax_of("distillation_loss", teacher, 1.0 / temperature);
  const double n = static_cast<double>(student.size(0));
  double loss = 0;
  dispatch(student.dtype(), "distillation_loss", [&](auto zero) {
    using T = decltype(zero);
    const T *p = log_p.data<T>(), *t = log_t.data<T>();
    for (i64 i = 0; i < student.numel(); ++i) {
      const double lt = static_cast<double>(t[i]);
      const double weight = std::exp(lt);
      if (weight > 0.0) loss += weight * (lt - static_cast<double>(p[i]));
    }
  });
  Tensor y = Tensor::scalar(loss * temperature * temperature / n, student.dtype());
  return record("distillation_loss", std::move(y), {student}, [log_p, log_t, temperature, n](const Tensor& dy) {
    const Tensor dx = Tensor::empty(log_p.shape(), log_p.dtype());
    const double factor = dy.item() * temperature / n;
    dispatch(dx.dtype(), "distillation_loss", [&](auto zero) {
      using T = decltype(zero);
      const T *p = log_p.data<T>(), *t = log_t.data<T>();
      T* r = dx.data<T>();
      for (i64 i = 0; i < dx.numel(); ++i) {
        r[i] = static_cast<T>(factor * (std::exp(static_cast<double>(p[i])) - std::exp(static_cast<double>(t[i]))));
      }
    });
    return std::vector<Tensor>{dx};
  });
}

}  // namespace tern
