// Names of convolutions as the layer benchmark has them.
#pragma once

#include <string>

#include "kernels/conv_shape.hpp"

namespace tern::infer {

/// "64x56x128s2"; empty for groups and for extents that are not square.
std::string layer_name(const kernels::ConvShape& shape);

}  // namespace tern::infer
