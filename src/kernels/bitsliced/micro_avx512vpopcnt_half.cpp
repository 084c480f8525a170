#include "kernels/bitsliced/ops_avx512.hpp"

namespace {
using Ops = ParallelOps<32>;
}  // namespace

#include "kernels/bitsliced/micro_impl.hpp"

namespace tern::kernels::bitsliced {
const Micro kMicroAvx512VpopcntHalf = {"avx512vpopcnt", 32,       nullptr,      run_tile,
                                       fill_panel,      only_add, read_numbers, compare_row};
}  // namespace tern::kernels::bitsliced
