// AVX-512 F/BW (Skylake-SP, Cascade Lake): four instructions a cycle at most, so none may be wasted on moving registers.
#include "kernels/bitsliced/ops_avx512.hpp"

namespace {

struct Ops : Base {
  // vpternlog overwrites an operand and an adder needs all three twice. So the sum goes first, over a, and the carry is
  // computed from b, c and that sum: a is b ^ c ^ sum. No register is moved.
  static void add(V& a, V& b, V c) {
    constexpr int kSum = table([](int x, int y, int z) { return x ^ y ^ z; });
    constexpr int kCarry = table([](int y, int z, int sum) {
      const int x = y ^ z ^ sum;
      return (x & y) | (x & z) | (y & z);
    });
    a = _mm512_ternarylogic_epi64(a, b, c, kSum);
    b = _mm512_ternarylogic_epi64(b, c, a, kCarry);
  }
  static void add_inverse(V& a, V& b, V c) { add(a, b, invert(c)); }
  static V shift_in(V low, V high, int n) {
    return _mm512_or_si512(_mm512_srl_epi64(low, _mm_cvtsi32_si128(n)), _mm512_sll_epi64(high, _mm_cvtsi32_si128(64 - n)));
  }
};

}  // namespace

#include "kernels/bitsliced/micro_impl.hpp"

namespace tern::kernels::bitsliced {
const Micro kMicroAvx512 = {"avx512", 64, run_tile, fill_panel, only_add};
}  // namespace tern::kernels::bitsliced
