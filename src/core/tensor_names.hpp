// What the tensors of layers are called: "<node>.<name>" in a network, a checkpoint and a packed file.
#pragma once

#include <string>
#include <string_view>

namespace tern::tensor_names {

inline constexpr char kWeight[] = "weight";  ///< of convolutions and dense layers: latent ones, in packed files codes
inline constexpr char kBias[] = "bias";
inline constexpr char kGamma[] =
    "gamma";  ///< of batch norm: y = gamma (x - running_mean) / sqrt(running_var + eps) + beta
inline constexpr char kBeta[] = "beta";
inline constexpr char kRunningMean[] = "running_mean";
inline constexpr char kRunningVar[] = "running_var";
inline constexpr char kSlope[] = "slope";                   ///< of prelu
inline constexpr char kWeightQuant[] = "weight_quant";      ///< before the names of a weight quantizer's tensors
inline constexpr char kGridScale[] = "weight_quant.scale";  ///< of weights on fixed levels, one a filter

inline std::string full(std::string_view node, std::string_view name) {
  return std::string(node) + "." + std::string(name);
}
/// Whether the tensor `full_name` is a `name` of some node.
inline bool is_a(std::string_view full_name, std::string_view name) {
  return full_name.ends_with(name) && full_name.size() > name.size() &&
         full_name[full_name.size() - name.size() - 1] == '.';
}

}  // namespace tern::tensor_names
