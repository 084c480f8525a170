// Which instruction set's kernels run: those of tern/cpu.hpp's active one.
#pragma once

#include "kernels/conv/conv.hpp"
#include "kernels/conv/micro.hpp"

namespace tern::kernels::conv {

const Micro& current_micro();

/// A 1x1 convolution at stride 1 without padding sees an image as one row.
ConvShape collapse(const ConvShape& shape);

}  // namespace tern::kernels::conv
