// What must be as it was for a resumed run to end with the bits of an undisturbed one: its settings, its data, and the
// kernels that add up its sums.
#pragma once

#include <string>
#include <vector>

#include "train/checkpoint.hpp"

namespace tern {

/// The kernels that this process would use, and those that it has used. Packed kernels are not among them: they agree
/// to the bit.
Kernels current_kernels();
Kernels used_kernels();

struct Change {
  std::string name;  ///< of a setting, or "data", "instruction set", "BLAS kernels"
  std::string text;  ///< for people
};
/// From `saved`, whose settings read as `saved_toml`, to `now`, of which no tensors are needed. What changes no bit of
/// the weights (where data lie, how often checkpoints are written) is left out, and so is what `saved` does not tell.
std::vector<Change> changes(const Checkpoint& saved, const std::string& saved_toml, const Checkpoint& now);

}  // namespace tern
