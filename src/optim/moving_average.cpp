// Exponential moving average of weights.
#include <algorithm>

#include "optim/update_loop.hpp"
#include "tern/error.hpp"
#include "tern/optim.hpp"

namespace tern {

ExponentialMovingAverage::ExponentialMovingAverage(std::vector<NamedTensor> params, double decay)
    : params_(std::move(params)), decay_(decay) {
  if (!(decay >= 0 && decay < 1)) throw ValueError("[ema] expected decay in [0, 1); got " + std::to_string(decay));
  for (const NamedTensor& p : params_) {
    if (p.value.dtype() == DType::kI64 || !p.value.is_contiguous()) {
      throw ValueError("[ema] expected contiguous floating parameters; \"" + p.name + "\" is not");
    }
    shadows_.push_back({"ema." + p.name, p.value.clone()});
  }
}

void ExponentialMovingAverage::update() {
  if (swapped_) throw ValueError("[ema] update() while values and averages are swapped");
  for (std::size_t k = 0; k < params_.size(); ++k) {
    dispatch(params_[k].value.dtype(), "ema", [&](auto zero) {
      using T = decltype(zero);
      const T* value = params_[k].value.data<T>();
      T* shadow = shadows_[k].value.data<T>();
      const T share = static_cast<T>(1 - decay_);
      parallel_ranges(params_[k].value.numel(), kUpdateGrain, [=](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) shadow[i] += share * (value[i] - shadow[i]);
      });
    });
  }
}

void ExponentialMovingAverage::swap() {
  for (std::size_t k = 0; k < params_.size(); ++k) {
    dispatch(params_[k].value.dtype(), "ema", [&](auto zero) {
      using T = decltype(zero);
      const auto value = params_[k].value.span<T>();
      std::swap_ranges(value.begin(), value.end(), shadows_[k].value.span<T>().begin());
    });
  }
  swapped_ = !swapped_;
}

std::vector<NamedTensor> ExponentialMovingAverage::state() const { return shadows_; }

}  // namespace tern
