#pragma once

#include "kernels/packed/bitsliced/vectors_avx512.hpp"

namespace {

using Ops = ParallelOps<64>;

}  // namespace
