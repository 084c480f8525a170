// The ternary space: seven operations an edge, dense convolutions only, no identity (a skip between cells takes its
// place). Paper: Loni et al., "TAS", 2022, section III-B.
#include "tern/nas.hpp"

namespace tern::nas {

SearchSpace make_space_tas() {
  return {.key = "tas",
          .help = "ternary weights and activations: zero, pools, dense and dilated convolutions",
          .ops = {"zero", "max3", "avg3", "tconv3", "tconv5", "tdil3", "tdil5"},
          .weights = "tas",
          .acts = "tas",
          .cell_template = "tas"};
}

}  // namespace tern::nas
