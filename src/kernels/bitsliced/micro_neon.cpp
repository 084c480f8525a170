// The compiler turns (differ & c) | (~differ & a) of micro_words.hpp into one bit select: three instructions an adder.
#include "kernels/bitsliced/micro_impl.hpp"
#include "kernels/bitsliced/micro_words.hpp"

namespace tern::kernels::bitsliced {
const Micro kMicroNeon = {"neon", 16, nullptr, run_tile, fill_panel, only_add, read_numbers, compare_row};
}  // namespace tern::kernels::bitsliced
