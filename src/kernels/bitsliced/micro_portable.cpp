#include "kernels/bitsliced/micro_impl.hpp"
#include "kernels/bitsliced/micro_words.hpp"

namespace tern::kernels::bitsliced {
const Micro kMicroPortable = {"portable", 16, nullptr, run_tile, fill_panel, only_add, read_numbers, compare_row};
}  // namespace tern::kernels::bitsliced
