// The compiler turns (differ & c) | (~differ & a) into one bit select: three instructions an adder.
#pragma once

#include "kernels/packed/bitsliced/ops_portable.hpp"
