// What all optimizers share: groups, state, masks, clipping, averaging.
#include <cmath>
#include <set>

#include "tern/error.hpp"
#include "tern/optim.hpp"
#include "tern/parallel.hpp"

namespace tern {

Optimizer::Optimizer(std::vector<ParamGroup> groups) : groups_(std::move(groups)) {
  std::set<std::string> names;
  for (const ParamGroup& g : groups_) {
    if (g.lr_scale < 0 || g.weight_decay < 0) {
      throw ValueError("[optimizer] expected lr_scale and weight_decay >= 0 in group \"" + g.name + "\"");
    }
    for (const NamedTensor& p : g.params) {
      if (!names.insert(p.name).second) throw ValueError("[optimizer] the parameter \"" + p.name + "\" appears twice");
      if (!p.value.requires_grad()) throw ValueError("[optimizer] the parameter \"" + p.name + "\" does not require a gradient");
    }
  }
}

void Optimizer::prepare() {
  if (!slots_.empty()) return;
  for (const ParamGroup& g : groups_) {
    std::vector<Slot> slots;
    for (const NamedTensor& p : g.params) {
      Slot s{p.value, {}, p.name, make_state(p.value)};
      for (NamedTensor& t : s.state) t.name = p.name + "." + t.name;
      slots.push_back(std::move(s));
    }
    slots_.push_back(std::move(slots));
  }
}

void Optimizer::step(double lr) {
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    for (Slot& s : slots_[g]) {
      if (s.value.grad().defined()) update(s, lr * groups_[g].lr_scale, groups_[g].weight_decay);
    }
  }
}

void Optimizer::zero_grad() {
  for (const ParamGroup& g : groups_) {
    for (const NamedTensor& p : g.params) p.value.zero_grad();
  }
}

Optimizer::Slot& Optimizer::slot(const std::string& param) {
  for (std::vector<Slot>& slots : slots_) {
    for (Slot& s : slots) {
      if (s.name == param) return s;
    }
  }
  throw ValueError("[optimizer] there is no parameter \"" + param + "\"");
}

void Optimizer::set_mask(const std::string& param, const Tensor& mask) {
  Slot& s = slot(param);
  if (mask.defined() && (!(mask.shape() == s.value.shape()) || mask.dtype() != s.value.dtype())) {
    throw ShapeError("[optimizer] expected a mask of shape " + s.value.shape().str() + " for \"" + param + "\"; got " +
                     mask.shape().str());
  }
  s.mask = mask.defined() ? mask.contiguous() : mask;
}

void Optimizer::clear_state(const std::string& param) {
  for (const NamedTensor& t : slot(param).state) t.value.fill(0);
}

std::vector<NamedTensor> Optimizer::state() const {
  std::vector<NamedTensor> out;
  for (const std::vector<Slot>& slots : slots_) {
    for (const Slot& s : slots) out.insert(out.end(), s.state.begin(), s.state.end());
  }
  return out;
}

double clip_grad_norm(const std::vector<Tensor>& params, double max_norm) {
  double total = 0;
  for (const Tensor& p : params) {
    if (!p.grad().defined()) continue;
    dispatch(p.dtype(), "clip_grad_norm", [&](auto zero) {
      for (const auto g : p.grad().span<decltype(zero)>()) total += static_cast<double>(g) * static_cast<double>(g);
    });
  }
  const double norm = std::sqrt(total);
  if (!std::isfinite(norm) || norm <= max_norm) return norm;
  const double factor = max_norm / norm;
  for (const Tensor& p : params) {
    if (!p.grad().defined()) continue;
    dispatch(p.dtype(), "clip_grad_norm", [&](auto zero) {
      using T = decltype(zero);
      for (T& g : p.grad().span<T>()) g *= static_cast<T>(factor);
    });
  }
  return norm;
}

ExponentialMovingAverage::ExponentialMovingAverage(std::vector<NamedTensor> params, double decay)
    : params_(std::move(params)), decay_(decay) {
  if (decay < 0 || decay >= 1) throw ValueError("[ema] expected decay in [0, 1); got " + std::to_string(decay));
  for (const NamedTensor& p : params_) shadows_.push_back({"ema." + p.name, p.value.clone()});
}

void ExponentialMovingAverage::update() {
  for (std::size_t k = 0; k < params_.size(); ++k) {
    dispatch(params_[k].value.dtype(), "ema", [&](auto zero) {
      using T = decltype(zero);
      const auto from = params_[k].value.span<T>();
      const auto to = shadows_[k].value.span<T>();
      const T keep = static_cast<T>(decay_), take = static_cast<T>(1 - decay_);
      for (std::size_t i = 0; i < to.size(); ++i) to[i] = keep * to[i] + take * from[i];
    });
  }
}

void ExponentialMovingAverage::swap() {
  for (std::size_t k = 0; k < params_.size(); ++k) {
    const Tensor before = params_[k].value.clone();
    params_[k].value.copy_from(shadows_[k].value);
    shadows_[k].value.copy_from(before);
  }
}

std::vector<NamedTensor> ExponentialMovingAverage::state() const { return shadows_; }

}  // namespace tern
