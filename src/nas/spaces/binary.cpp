// The binary space: the operations of the ternary one with binary weights and sign activations.
// Paper: Kim, Singh, Choi, "Learning architectures for binary networks", 2020.
#include "tern/nas.hpp"

namespace tern::nas {

SearchSpace make_space_binary() {
  return {.key = "binary",
          .help = "binary weights and activations: zero, pools, dense and dilated convolutions",
          .ops = {"zero", "max3", "avg3", "bconv3", "bconv5", "bdil3", "bdil5"},
          .weights = "bwn:xnor=1",
          .acts = "sign",
          .cell_template = "tas",
          .norm_first = true,
          .float_preprocess = true};
}

}  // namespace tern::nas
