// The space of full-precision search, made ternary afterwards: what TAS compares itself with.
// Paper: Liu, Simonyan, Yang, "DARTS: differentiable architecture search", 2019; Zhu et al., "Trained ternary
// quantization", 2017.
#include "tern/nas.hpp"

namespace tern::nas {

SearchSpace make_space_darts() {
  return {
      .key = "darts",
      .help =
          "ternary weights (TTQ), fp32 activations: zero, pools, skip, separable and dilated separable convolutions",
      .ops = {"zero", "max3", "avg3", "skip", "sep3", "sep5", "dil3", "dil5"},
      .weights = "ttq:init=one",
      .acts = "none",
      .cell_template = "darts",
      .allow_zero = false,
      .order = 2,
      .entropy_weight = 0};
}

}  // namespace tern::nas
