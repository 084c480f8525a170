// AVX-512 of Ice Lake, Zen 4 and later. A register move costs nothing here, while the wait for the sum does: the carry is
// computed beside it. Measured on Zen 5: vpternlog with three different registers runs two a cycle (four if they share
// operands: the register file has ports for about six reads), so an adder takes one cycle and a ternary weight two; the main
// loop needs 2.2. Sums from two exclusive ors read seven registers instead of six and take 2.5.
#include "kernels/bitsliced/ops_avx512.hpp"

namespace {

struct Ops : Base {
  static void add(V& a, V& b, V c) {
    constexpr int kSum = table([](int x, int y, int z) { return x ^ y ^ z; });
    constexpr int kMajority = table([](int x, int y, int z) { return (x & y) | (x & z) | (y & z); });
    const V sum = _mm512_ternarylogic_epi64(a, b, c, kSum);
    b = _mm512_ternarylogic_epi64(a, b, c, kMajority);
    a = sum;
  }
  static void add_inverse(V& a, V& b, V c) {
    constexpr int kSum = table([](int x, int y, int z) { return 1 ^ x ^ y ^ z; });
    constexpr int kMajority = table([](int x, int y, int z) { return (x & y) | (x & (z ^ 1)) | (y & (z ^ 1)); });
    const V sum = _mm512_ternarylogic_epi64(a, b, c, kSum);
    b = _mm512_ternarylogic_epi64(a, b, c, kMajority);
    a = sum;
  }
  static V shift_in(V low, V high, int n) { return _mm512_shrdv_epi64(low, high, _mm512_set1_epi64(n)); }
};

}  // namespace

#include "kernels/bitsliced/micro_impl.hpp"

namespace tern::kernels::bitsliced {
const Micro kMicroAvx512Vpopcnt = {"avx512vpopcnt", 64, run_tile, fill_panel, only_add};
}  // namespace tern::kernels::bitsliced
