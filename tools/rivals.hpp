// What the layer benchmark measures the packed kernels against: floats by OpenBLAS and by tern itself, floats and int8
// by oneDNN where the build found it. All on one thread.
#pragma once

#include <vector>

#include "tern/layer_bench.hpp"

namespace tern::cli {

/// "openblas": sgemm on the im2col matrix, whose making counts as packing. "tern/fp32": the trainer's own convolution.
std::vector<infer::Contender> float_rivals(const infer::LayerProblem& problem);

/// "onednn/fp32" and "onednn/int8": unsigned input, signed weights, 8-bit output, each in the layout that oneDNN
/// chooses; packing is the reorder from a dense image. Empty in a build without oneDNN.
std::vector<infer::Contender> onednn_rivals(const infer::LayerProblem& problem);

}  // namespace tern::cli
