// What all optimizers share: groups, state, masks.
#include <cmath>
#include <set>

#include "tern/error.hpp"
#include "tern/optim.hpp"

namespace tern {

Optimizer::Optimizer(std::vector<ParamGroup> groups) : groups_(std::move(groups)) {
  std::set<std::string> names;
  std::set<const Tensor::Impl*> tensors;
  const auto good = [](double x) { return x >= 0 && std::isfinite(x); };
  for (const ParamGroup& g : groups_) {
    if (!good(g.lr_scale) || !good(g.weight_decay)) {
      throw ValueError("[optimizer] expected lr_scale and weight_decay >= 0 in group \"" + g.name + "\"; got " +
                       std::to_string(g.lr_scale) + " and " + std::to_string(g.weight_decay));
    }
    for (const NamedTensor& p : g.params) {
      const std::string who = "[optimizer] the parameter \"" + p.name + "\" ";
      if (!names.insert(p.name).second) throw ValueError(who + "appears twice");
      if (!p.value.requires_grad()) throw ValueError(who + "does not require a gradient");
      if (!tensors.insert(p.value.impl()).second) throw ValueError(who + "is the tensor of another parameter");
      if (!p.value.is_contiguous()) throw ValueError(who + "is a strided view; expected a contiguous tensor");
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
  if (!(lr >= 0) || !std::isfinite(lr)) {
    throw ValueError("[optimizer] expected a finite learning rate >= 0; got " + std::to_string(lr));
  }
  prepare();
  for (const std::vector<Slot>& slots : slots_) {
    for (const Slot& s : slots) {
      const Tensor grad = s.value.grad();
      if (!grad.defined()) continue;
      const std::string who = "[optimizer] the gradient of \"" + s.name + "\": expected ";
      if (!(grad.shape() == s.value.shape())) {
        throw ShapeError(who + "shape " + s.value.shape().str() + "; got " + grad.shape().str());
      }
      if (grad.dtype() != s.value.dtype()) {
        throw ValueError(who + std::string(name_of(s.value.dtype())) + "; got " + std::string(name_of(grad.dtype())));
      }
    }
  }
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    for (Slot& s : slots_[g]) {
      const Tensor grad = s.value.grad();
      if (grad.defined()) update(s, grad.contiguous(), lr * groups_[g].lr_scale, groups_[g].weight_decay);
    }
  }
}

void Optimizer::zero_grad() {
  for (const ParamGroup& g : groups_) {
    for (const NamedTensor& p : g.params) p.value.zero_grad();
  }
}

Optimizer::Slot& Optimizer::slot(const std::string& param) {
  prepare();
  for (std::vector<Slot>& slots : slots_) {
    for (Slot& s : slots) {
      if (s.name == param) return s;
    }
  }
  throw ValueError("[optimizer] there is no parameter \"" + param + "\"");
}

void Optimizer::set_mask(const std::string& param, const Tensor& mask) {
  Slot& s = slot(param);
  const std::string who = "[optimizer] the mask of \"" + param + "\": expected ";
  if (mask.defined() && !(mask.shape() == s.value.shape())) {
    throw ShapeError(who + "shape " + s.value.shape().str() + "; got " + mask.shape().str());
  }
  if (mask.defined() && mask.dtype() != s.value.dtype()) {
    throw ValueError(who + std::string(name_of(s.value.dtype())) + "; got " + std::string(name_of(mask.dtype())));
  }
  if (mask.defined() && !mask.is_contiguous()) throw ValueError(who + "a contiguous tensor; got a strided view");
  s.mask = mask;
}

void Optimizer::clear_state(const std::string& param) {
  for (const NamedTensor& t : slot(param).state) t.value.fill(0);
}

std::vector<NamedTensor> Optimizer::state() {
  prepare();
  std::vector<NamedTensor> out;
  for (const std::vector<Slot>& slots : slots_) {
    for (const Slot& s : slots) out.insert(out.end(), s.state.begin(), s.state.end());
  }
  return out;
}

}  // namespace tern
