// inq: weights are frozen from the largest down and never thawed. When a phase begins, of the elements that are still
// relaxed those with the largest |w| join the constrained ones, until floor(r n + 1e-6) are left; within a phase
// nothing changes. Of equal magnitudes the one that comes first in the tensor is frozen first. Paper: Zhou, Yao, Guo,
// Xu, Chen, "Incremental network quantization: towards lossless CNNs with low-precision weights", 2017, section 2.2
// (weight partition by magnitude). Differs: the levels are those of the layer's quantizer, not the paper's powers of
// two with a bound from max|w|.
#include <algorithm>
#include <cmath>

#include "freeze/method.hpp"

namespace tern::freeze {
namespace {

class MagnitudePartition final : public FreezePolicy {
 public:
  explicit MagnitudePartition(const Spec& spec) : clears_(spec.flag("clear_optimizer_state")) {}

  bool partition(const PartitionRequest& r, std::span<float> mask) const override {
    if (!r.phase_begins) return false;
    const auto w = r.latent.span<float>();
    std::vector<std::size_t> relaxed;
    for (std::size_t i = 0; i < mask.size(); ++i) {
      if (mask[i] != 0.0f) relaxed.push_back(i);
    }
    const auto keep = static_cast<std::size_t>(relaxed_count(r.relaxed, static_cast<std::int64_t>(mask.size())));
    if (relaxed.size() <= keep) return true;
    const auto freeze = static_cast<std::ptrdiff_t>(relaxed.size() - keep);
    std::nth_element(relaxed.begin(), relaxed.begin() + (freeze - 1), relaxed.end(), [&](std::size_t a, std::size_t b) {
      return std::abs(w[a]) != std::abs(w[b]) ? std::abs(w[a]) > std::abs(w[b]) : a < b;
    });
    std::for_each(relaxed.begin(), relaxed.begin() + freeze, [&](std::size_t i) { mask[i] = 0.0f; });
    return true;
  }
  bool clears_optimizer_state() const override { return clears_; }

 private:
  bool clears_;
};

}  // namespace

PolicyMethod policy_inq() {
  return {{{"clear_optimizer_state", "1", "0|1", "forget a layer's moments when its partition changes"}},
          make_policy<MagnitudePartition>};
}

}  // namespace tern::freeze
