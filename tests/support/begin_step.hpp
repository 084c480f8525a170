// What a training loop calls before its first pass (tern/nn.hpp), for tests of one pass.
#pragma once

#include "tern/nn.hpp"

namespace tern::testing {

/// Quantizers stay as they are.
inline void begin_step(Network& network) {
  network.set_training(true);
  network.weights_changed();
  network.on_epoch_begin({});
  network.before_step({});
}

inline void begin_step(Network& network, const Tensor& calibration_images) {
  network.set_training(true);
  network.init_quantizers(calibration_images);
  network.on_epoch_begin({});
  network.before_step({});
}

}  // namespace tern::testing
