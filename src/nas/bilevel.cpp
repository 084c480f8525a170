// Gradients of the architecture parameters, first and second order; see the equations at their declarations.
// Paper: Liu, Simonyan, Yang, "DARTS: differentiable architecture search", 2019, equations 5 to 8.
#include <cmath>

#include "tern/autograd.hpp"
#include "tern/error.hpp"
#include "tern/nas.hpp"

namespace tern::nas {
namespace {

// What backward() is to differentiate by, until the end of the scope; old gradients are dropped.
class Differentiate {
 public:
  Differentiate(const InnerProblem& problem, bool weights, bool alphas) : problem_(problem) { set(weights, alphas); }
  ~Differentiate() { set(true, true); }
  Differentiate(const Differentiate&) = delete;
  Differentiate& operator=(const Differentiate&) = delete;

 private:
  void set(bool weights, bool alphas) {
    for (const InnerWeight& w : problem_.weights) {
      Tensor t = w.value;
      t.set_requires_grad(weights);
    }
    for (Tensor t : problem_.alphas) t.set_requires_grad(alphas);
  }
  const InnerProblem& problem_;
};

void drop_gradients(const InnerProblem& problem) {
  for (const InnerWeight& w : problem.weights) w.value.zero_grad();
  for (const Tensor& a : problem.alphas) a.zero_grad();
}

double differentiate(const InnerProblem& problem, const std::function<Tensor()>& loss, bool weights, bool alphas) {
  const Differentiate by(problem, weights, alphas);
  drop_gradients(problem);
  const Tensor value = loss();
  backward(value);
  return value.item();
}

// y += a x
void add_scaled(const Tensor& y, double a, const Tensor& x) {
  const Tensor in = x.contiguous();
  dispatch(y.dtype(), "bilevel", [&](auto zero) {
    using T = decltype(zero);
    T* to = y.data<T>();
    const T* from = in.data<T>();
    for (std::int64_t i = 0; i < y.numel(); ++i)
      to[i] = static_cast<T>(static_cast<double>(to[i]) + a * static_cast<double>(from[i]));
  });
}

double squared_norm(const Tensor& x) {
  const Tensor in = x.contiguous();
  double total = 0;
  dispatch(x.dtype(), "bilevel", [&](auto zero) {
    using T = decltype(zero);
    for (const T v : in.span<T>()) total += static_cast<double>(v) * static_cast<double>(v);
  });
  return total;
}

std::vector<Tensor> gradients_of_weights(const InnerProblem& problem) {
  std::vector<Tensor> out;
  for (const InnerWeight& w : problem.weights) out.push_back(w.value.grad());
  return out;
}

std::vector<Tensor> gradients_of_alphas(const InnerProblem& problem) {
  std::vector<Tensor> out;
  for (const Tensor& a : problem.alphas) out.push_back(a.grad());
  return out;
}

// The weights' values, given back at the end of the scope.
class Saved {
 public:
  explicit Saved(const InnerProblem& problem) : problem_(problem) {
    for (const InnerWeight& w : problem.weights) values_.push_back(w.value.clone());
  }
  ~Saved() { restore(); }
  Saved(const Saved&) = delete;
  Saved& operator=(const Saved&) = delete;
  void restore() const {
    for (std::size_t i = 0; i < values_.size(); ++i) problem_.weights[i].value.copy_from(values_[i]);
  }

 private:
  const InnerProblem& problem_;
  std::vector<Tensor> values_;
};

// dL_train/dalpha at w + e v.
std::vector<Tensor> gradient_beside(const InnerProblem& problem, const Saved& saved, const std::vector<Tensor>& v,
                                    double e) {
  saved.restore();
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (v[i].defined()) add_scaled(problem.weights[i].value, e, v[i]);
  }
  differentiate(problem, problem.train_loss, false, true);
  return gradients_of_alphas(problem);
}

}  // namespace

double first_order_gradient(const InnerProblem& problem) {
  return differentiate(problem, problem.validation_loss, false, true);
}

double second_order_gradient(const InnerProblem& problem, double xi) {
  const Saved saved(problem);

  differentiate(problem, problem.train_loss, true, false);
  for (const InnerWeight& w : problem.weights) {
    const Tensor g = w.value.grad();
    if (!g.defined()) continue;  // SGD leaves it alone, too
    const Tensor old = w.value.clone();
    add_scaled(w.value, -xi, g);
    if (w.weight_decay != 0) add_scaled(w.value, -xi * w.weight_decay, old);
    if (w.momentum.defined()) add_scaled(w.value, -xi * problem.momentum, w.momentum);
  }

  const double loss = differentiate(problem, problem.validation_loss, true, true);
  const std::vector<Tensor> v = gradients_of_weights(problem);
  const std::vector<Tensor> direct = gradients_of_alphas(problem);
  double squares = 0;
  for (const Tensor& t : v) squares += t.defined() ? squared_norm(t) : 0.0;

  const double norm = std::sqrt(squares);
  if (norm > 0 && std::isfinite(norm)) {
    const double e = 0.01 / norm;
    const std::vector<Tensor> above = gradient_beside(problem, saved, v, e);
    const std::vector<Tensor> below = gradient_beside(problem, saved, v, -e);
    for (std::size_t i = 0; i < direct.size(); ++i) {
      if (!direct[i].defined()) throw ValueError("[bilevel] expected a validation loss that depends on every alpha");
      if (above[i].defined()) add_scaled(direct[i], -xi / (2 * e), above[i]);
      if (below[i].defined()) add_scaled(direct[i], xi / (2 * e), below[i]);
    }
  }
  drop_gradients(problem);
  for (std::size_t i = 0; i < direct.size(); ++i) problem.alphas[i].set_grad(direct[i]);
  return loss;
}

}  // namespace tern::nas
