#pragma once

#include "kernels/packed/bitsliced/vectors_avx512.hpp"

namespace {

using Ops = OverwritingOps<64>;

}  // namespace
