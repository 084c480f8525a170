// A run that is beyond help, and the layer where that shows first.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tern/error.hpp"
#include "tern/train.hpp"

namespace tern {

/// A loss or a value to be kept is not finite. run_epochs() adds where the run was, and what is left of it.
class Diverged : public Error {
 public:
  using Error::Error;
};

/// What a run ends with that is beyond help: it has diverged, or its guard was to stop it.
class LostRun : public Error {
 public:
  using Error::Error;
};

/// Errors: Diverged if `loss`, whose name begins the message, is not finite; with the first layer that computes such a
/// value in `forward`, a pass through the network.
void expect_finite(double loss, const std::string& name, Network& network, const std::function<void()>& forward);

/// evaluate(), of a loss that must be finite. Errors: as expect_finite().
EvalResult evaluate_finite(Network& network, const Images& images, std::int64_t batch, const std::string& name);

}  // namespace tern
