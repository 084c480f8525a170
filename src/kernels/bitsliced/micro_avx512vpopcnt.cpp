#include "kernels/bitsliced/ops_avx512.hpp"

namespace {
using Ops = ParallelOps<64>;
}  // namespace

#include "kernels/bitsliced/micro_impl.hpp"

namespace tern::kernels::bitsliced {
const Micro kMicroAvx512Vpopcnt = {
    "avx512vpopcnt", 64, &kMicroAvx512VpopcntHalf, run_tile, fill_panel, only_add, read_numbers, compare_row};
}  // namespace tern::kernels::bitsliced
